package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/plan"
	"failoverd/status"
)

// The two roles at rest, and what else a server may be.
const (
	standingBy = "standing by"
	standingIn = "standing in"
	suspended  = "suspended"
	failure    = "Failure"
	wellStated = "OK"
)

// Uneasy says what of a look at a standby is not as it is when it is at rest, empty if all is: no operation is open, an
// address is in the kernel for exactly those servers that the standby stands in for, and one stand-in works for each.
func Uneasy(r Rest) string {
	var what []string
	say := func(format string, args ...any) { what = append(what, fmt.Sprintf(format, args...)) }
	for _, s := range r.Status.Servers {
		if s.Operation != "" || s.Replication != "" || s.Role != standingBy && s.Role != standingIn {
			say("%s is %s, operation %q, replication %q", s.Name, s.Role, s.Operation, s.Replication)
			continue
		}
		switch held := slices.Contains(r.Held, s.Address); {
		case s.Role == standingBy && held:
			say(saidForgotten, s.Address, s.Name)
		case s.Role == standingIn && !held && r.Plugged:
			say(saidUnheld, s.Name, s.Address)
		}
		switch n := r.Working[s.Name]; {
		case s.Role == standingBy && n > 0:
			say(saidWorking, n, s.Name)
		case n > 1:
			say(saidTwice, n, s.Name)
		case s.Role == standingIn && n == 0 && r.Roomy && r.Plugged:
			say(saidIdle, s.Name)
		}
	}
	return strings.Join(what, "; ")
}

// What a look says that is more than waiting.
const (
	saidForgotten = "%s is in the kernel, and the standby stands by for %s"
	saidUnheld    = "the standby stands in for %s, and %s is not in the kernel"
	saidWorking   = "%d stand-ins work for %s, and the standby stands by for it"
	saidTwice     = "%d stand-ins work for %s"
	saidIdle      = "the standby stands in for %s, and no stand-in works"
)

// uneasy goes through the looks of a standby that was given time enough.
func uneasy(h *History, complain complaint, wants ...string) {
	for _, r := range h.Rests {
		if r.Uneasy == "" || !r.Alive || !h.awake(r.At.Add(-patience), r.At) {
			continue
		}
		for _, part := range strings.Split(r.Uneasy, "; ") {
			if slices.ContainsFunc(wants, func(want string) bool { return strings.Contains(part, want) }) {
				complain(r.At, "after %v: %s", r.Waited.Round(time.Second), part)
			}
		}
	}
}

// restReached: an operation does not come to an end.
func restReached(h *History, complain complaint) { uneasy(h, complain, ", operation ") }

// addressesDropped: an address is in the standby's kernel that it has no reason for.
func addressesDropped(h *History, complain complaint) {
	uneasy(h, complain, "is in the kernel, and the standby")
}

// standInsStopped: a stand-in works for a server that the standby stands by for, or two do.
func standInsStopped(h *History, complain complaint) { uneasy(h, complain, " stand-ins work for ") }

// standingInWorks: the standby says that it stands in, without the address; or without a stand-in, and nobody was told.
func standingInWorks(h *History, complain complaint) {
	uneasy(h, complain, "is not in the kernel")
	for _, r := range h.Rests {
		if r.Uneasy == "" || !r.Alive || !h.awake(r.At.Add(-patience), r.At) {
			continue
		}
		for _, s := range r.Status.Servers {
			told := h.happened(s.Name, "standin.failed", h.Began, r.At) || h.happened(s.Name, "standin.died", h.Began, r.At) || h.happened(s.Name, "takeover.failed", h.Began, r.At)
			if strings.Contains(r.Uneasy, fmt.Sprintf(saidIdle, s.Name)) && !told {
				complain(r.At, "the standby stands in for %s, no stand-in works, and nobody was told", s.Name)
			}
		}
	}
}

// wishesKept: a server is not suspended any more although nobody has resumed it, or its epoch has gone back.
func wishesKept(h *History, complain complaint) {
	epochs := map[string]uint64{}
	for _, r := range h.Rests {
		if !r.Alive {
			continue
		}
		for _, s := range r.Status.Servers {
			if s.Epoch < epochs[s.Name] {
				complain(r.At, "the epoch of %s was %d and is %d", s.Name, epochs[s.Name], s.Epoch)
			}
			epochs[s.Name] = s.Epoch
			if wished, known := h.suspended(s.Name, r.At); known && wished != (s.Mode == suspended) {
				complain(r.At, "%s is %s, and what was last ordered is suspended: %t", s.Name, s.Mode, wished)
			}
		}
	}
}

// suspended says whether the last order about it that was carried out before a moment suspended a server. It is not known
// while one is being carried out, or if it is not known of one whether it was.
func (h *History) suspended(server string, at time.Time) (wished, known bool) {
	known = true
	for _, d := range h.Done {
		if d.Step.Of != server || d.Error != "" || d.From.After(at) {
			continue
		}
		over := !d.Until.IsZero() && d.Until.Before(at)
		switch d.Step.Verb {
		case "suspend", "resume":
			if over && d.Exit == 0 {
				wished, known = d.Step.Verb == "suspend", true
			} else {
				known = false
			}
		case "home", "failover": // These resume it as well, where that is needed.
			known = false
		}
	}
	return wished, known
}

// daemonLives: the daemon has ended without anybody asking it to.
func daemonLives(h *History, complain complaint) {
	for _, l := range h.Lives {
		if l.How == "by itself" {
			complain(l.Until, "the daemon has ended by itself")
		}
	}
}

// broughtHome: with everything mended, the operators could not bring the company home, or the standby is not at rest.
func broughtHome(h *History, complain complaint) {
	if h.EndError != "" {
		complain(h.Ended, "%s", h.EndError)
	}
}

// suspendedLeftAlone: failoverd has taken a server over by itself that an operator had suspended. A suspended server that the
// standby stands in for is still stood in for, and so it is after a reboot of the standby's host.
func suspendedLeftAlone(h *History, complain complaint) {
	for _, o := range h.Operations {
		if o.Kind != takeoverKind || !automatic(o) || h.resumed(o) && h.stoodIn(o.Server, o.Started) {
			continue
		}
		if wished, known := h.suspended(o.Server, o.Started); known && wished {
			complain(o.Started, "%s was suspended, and was taken over by itself", o.Server)
		}
	}
}

// takenOverOnce: two takeovers of a server run at once; or one begins while the standby stands in already; or a second
// one is decided on within the hour although nobody has acknowledged the first.
func takenOverOnce(h *History, complain complaint) {
	last := map[string]plan.Record{} // the last takeover that was not taken back
	for _, o := range h.Operations {
		if o.Kind != takeoverKind {
			continue
		}
		before, seen := last[o.Server]
		if o.State != plan.Undone && o.State != plan.Failed && o.State != plan.Cancelled {
			last[o.Server] = o
		}
		if !seen {
			continue
		}
		if o.Started.Before(h.ended(before)) {
			complain(o.Started, "a takeover of %s begins while another one runs", o.Server)
			continue
		}
		gaveBack := slices.ContainsFunc(h.Operations, func(r plan.Record) bool {
			return r.Server == o.Server && (r.Kind == releaseKind || r.Kind == status.Failback || r.Kind == takeoverKind && r.State == plan.Undone) && !r.Started.Before(before.Started) && r.Started.Before(o.Started)
		})
		again := h.resumed(o)
		if !gaveBack && !again && before.State == plan.Succeeded {
			complain(o.Started, "%s is taken over although the standby stands in for it since %s", o.Server, h.ended(before).Format("15:04:05.000"))
			continue
		}
		if automatic(o) && !again && !h.acknowledged(o.Server, before.Started, o.Started) {
			complain(o.Started, "%s is taken over by itself again after %v, and nobody has acknowledged the takeover before", o.Server, o.Started.Sub(before.Started).Round(time.Second))
		}
	}
}

// resumed says whether a takeover is one that was taken up again: after a reboot of its host the standby takes up what it
// held, if it is free.
func (h *History) resumed(o plan.Record) bool {
	return h.happened(o.Server, "takeover.resumed", o.Started.Add(-time.Second/2), o.Started.Add(time.Second/2))
}

// stoodIn says whether the standby stood in for a server at a moment: the last operation on its role that had ended by then is
// a takeover that succeeded.
func (h *History) stoodIn(server string, at time.Time) (standsIn bool) {
	for _, o := range h.Operations {
		if o.Server != server || o.Ended == nil || !o.Ended.Before(at) || o.State != plan.Succeeded {
			continue
		}
		switch o.Kind {
		case takeoverKind:
			standsIn = true
		case releaseKind, status.Failback:
			standsIn = false
		}
	}
	return standsIn
}

// acknowledged says whether an operator has released or resumed a server, or ordered anything of it, between two moments.
func (h *History) acknowledged(server string, from, until time.Time) bool {
	byOperator := func(r plan.Record) bool {
		return r.Server == server && r.By.Kind == "user" && r.Kind != status.FromLive && (Span{r.Started, h.ended(r)}).meets(from, until)
	}
	return slices.ContainsFunc(h.Operations, byOperator) || h.happened(server, "server.resumed", from, until) || h.happened(server, "server.acknowledged", from, until)
}

// capacityKept: the standby has the addresses of two servers, and nobody has ordered that.
func capacityKept(h *History, complain complaint) {
	mine := h.held()
	for i, a := range mine {
		for _, b := range mine[i+1:] {
			from, until := common(h.Ended, a.Span, b.Span)
			if a.Address == b.Address || until.Sub(from) < 2*time.Second {
				continue
			}
			if !slices.ContainsFunc(h.Operations, func(o plan.Record) bool { return o.Kind == takeoverKind && !automatic(o) && o.Started.Before(until) }) {
				complain(from, "the standby has %s and %s for %v, and its capacity is 1", a.Address, b.Address, until.Sub(from).Round(time.Second))
			}
		}
	}
}

// unconfirmedRefused: a dangerous order without a confirmation was not refused.
func unconfirmedRefused(h *History, complain complaint) {
	for _, d := range h.Done {
		if d.Step.Verb == "unconfirmed" && d.Error == "" && !d.Until.IsZero() && d.Exit == 0 {
			complain(d.Until, "%q was done without --yes", d.Step.Of)
		}
	}
}
