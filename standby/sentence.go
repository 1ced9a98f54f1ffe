package standby

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"failoverd/monitor"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// sentence says in one line who serves this server's users and why, and which
// command helps.
func (v *sight) sentence() (summary, next string) {
	f, name := &v.facts, v.config.Name
	switch {
	case f.Role == monitor.StandingIn && f.Incomplete != "":
		return fmt.Sprintf("the takeover stopped at %s; what was done is kept", f.Incomplete), "failoverd failover " + name
	case f.Role == monitor.StandingIn && f.Claim != "":
		return fmt.Sprintf("the standby stands in since %s; %s claims the address", hm(f.RoleSince), f.Claim), "failoverd explain " + name
	case f.Role == monitor.StandingIn && v.busy && goesHome(v.operation):
		return fmt.Sprintf("the standby stands in since %s; the failback is being prepared", hm(f.RoleSince)), "failoverd operation watch " + v.operation
	case f.Role == monitor.Releasing && goesHome(v.operation):
		return "nobody serves: the final stop of the failback, since " + hm(f.RoleSince), "failoverd operation watch " + v.operation
	case f.Role == monitor.TakingOver && handsOver(v.operation):
		return "nobody serves: the final stop of the hand-over, since " + hm(f.RoleSince), "failoverd operation watch " + v.operation
	case f.Role == monitor.StandingIn && f.Health == monitor.OK && !f.LastAnswer.IsZero():
		return fmt.Sprintf("the standby stands in since %s; the primary answers again", hm(f.RoleSince)), v.wayBack()
	case f.Role == monitor.StandingIn:
		return "the standby stands in since " + hm(f.RoleSince), v.wayBack()
	case f.Role == monitor.TakingOver:
		return "the standby is taking over", "failoverd operation watch " + v.operation
	case f.Role == monitor.Releasing:
		return "the standby is releasing", "failoverd operation watch " + v.operation
	case f.Mode != monitor.Active:
		text := fmt.Sprintf("%s by %s since %s", f.Mode, f.Wish.By, hm(f.Wish.Since))
		if !f.Wish.Until.IsZero() {
			text += " until " + hm(f.Wish.Until)
		}
		if f.Wish.Reason != "" {
			text += fmt.Sprintf(": %q", f.Wish.Reason)
		}
		return text + "; no takeover will happen", "failoverd resume " + name
	case f.State() == monitor.StateFailure && f.Hold.Code == monitor.Released:
		return "released: waiting for the primary to answer", "failoverd show " + name
	case f.State() == monitor.StateFailure:
		why := "not decided yet"
		if f.Hold.Code != monitor.NoHold {
			why = f.Hold.Reason
		}
		return "DOWN, and nobody serves: " + why, helpFor(f.Hold.Code, name)
	case f.Hold.Code == monitor.Isolated:
		return f.Hold.Reason, "failoverd events --since 1h"
	case f.UnknownAlerted:
		return "it cannot be asked: nothing is decided about it", "failoverd show " + name
	case f.Health == monitor.Suspect && f.Misses > 0:
		return fmt.Sprintf("%d of %d pings missed", f.Misses, f.Limit(v.policy)), "failoverd show " + name
	case f.Health == monitor.Suspect:
		return "suspect: a probe fails, or nothing could be asked", "failoverd show " + name
	case f.LastAnswer.IsZero():
		return "not asked yet", ""
	case v.busy && handsOver(v.operation):
		return "the primary serves; the hand-over is being prepared", "failoverd operation watch " + v.operation
	case v.replication == "" && len(uncopied(v.catalogs, v.copies)) > 0:
		return "the primary serves; there is no copy of " + strings.Join(uncopied(v.catalogs, v.copies), ", ") + " yet", firstCopy(name)
	}
	return "the primary serves", ""
}

// wayBack is the command that gives a server's role back: a failback where the stand-in has written what has to go back with it,
// and the primary is asked at an address that the standby does not hold meanwhile; and else a release.
func (v *sight) wayBack() string {
	moves := v.facts.Diverged && len(v.catalogs) > 0 || slices.ContainsFunc(v.trees, func(t trees.Tree) bool { return t.Agent != "" && v.treeFacts[t.Name].Diverged })
	held := func(a netip.Addr) bool {
		return v.config.Takeover.AssumeAddress && slices.ContainsFunc(v.config.Takeover.ServiceAddresses, func(p netip.Prefix) bool { return p.Addr() == a })
	}
	agent := v.config.Agent.Address.Addr()
	reached := agent.IsValid() && !held(agent) || slices.ContainsFunc(v.asked, func(a netip.Addr) bool { return !held(a) })
	if moves && reached {
		return "failoverd failback " + v.config.Name
	}
	return "failoverd release " + v.config.Name
}

// goesHome reports whether an operation is a failback.
func goesHome(operation string) bool { return strings.HasPrefix(operation, status.Failback+"-") }

// handsOver reports whether an operation is a hand-over.
func handsOver(operation string) bool { return strings.HasPrefix(operation, status.Handover+"-") }

// helpFor is the command that helps against a hold.
func helpFor(c monitor.Code, name string) string {
	switch c {
	case monitor.Manual, monitor.GaveUp:
		return "failoverd failover " + name
	case monitor.Unstable:
		return "failoverd resume " + name
	case monitor.AddressInUse, monitor.Conflict:
		return "failoverd failover " + name + " --accept address-in-use"
	}
	return "failoverd explain " + name
}

// actions says what can be ordered of a server, and why not the rest.
func (v *sight) actions() []status.Action {
	f := &v.facts
	busy := ""
	if v.busy {
		busy = "operation " + v.operation + " is running"
	}
	list := []status.Action{}
	add := func(name string, reasons ...string) {
		why := ""
		for _, r := range reasons {
			if r != "" && why == "" {
				why = r
			}
		}
		list = append(list, status.Action{Name: name, Allowed: why == "", WhyNot: why})
	}
	when := func(b bool, why string) string {
		if b {
			return why
		}
		return ""
	}
	add("suspend", when(f.Mode == monitor.Suspended, "it is suspended already"), busy)
	add("resume", when(f.Mode == monitor.Active && f.Acknowledged && f.Hold.Code == monitor.NoHold, "it is watched, and nothing waits to be acknowledged"))
	add("stop", when(f.Mode == monitor.Stopped, "it is stopped already"), when(f.Role != monitor.StandingBy, "release it first"), busy)
	add("failover", when(f.Role == monitor.StandingIn && f.Incomplete == "", "the standby stands in already"), busy)
	add(status.Handover, when(f.Role != monitor.StandingBy, "the standby is "+f.Role.String()), busy, when(v.replication != "", v.replication+" is running or waits"),
		when(v.drill != "", v.drill+" is running"), when(f.Mode != monitor.Active, "it is not watched"), when(f.Health != monitor.OK || f.LastAnswer.IsZero(), "it does not answer as it should"),
		when(f.Diverged, "the standby's data is newer (diverged)"))
	copies := when(len(v.catalogs) == 0, "no database is configured")
	if v.replication != "" {
		copies = v.replication + " is running or waits"
	}
	away := when(f.Role != monitor.StandingBy, "the standby is "+f.Role.String())
	add(status.FromLive, copies, away, busy, when(f.Mode == monitor.Stopped, "it is stopped"),
		when(f.State() == monitor.StateFailure, "it has failed"), when(f.Diverged, "the standby's data is newer (diverged): accept discard-diverged"))
	back := copies
	if v.replication == "" && slices.ContainsFunc(v.trees, func(t trees.Tree) bool { return t.Agent != "" && v.treeFacts[t.Name].Diverged }) {
		back = ""
	}
	add(status.ToLive, back, away, busy)
	if v.config.Rehearsable() {
		add(status.Drill, away, busy, when(v.replication != "", v.replication+" is running or waits"), when(v.drill != "", v.drill+" is running"),
			when(f.State() == monitor.StateFailure, "it has failed"))
	}
	add(status.Failback, when(f.Role != monitor.StandingIn, "the standby does not stand in"), when(f.Incomplete != "", "the takeover is incomplete"), busy)
	add("release", when(f.Role != monitor.StandingIn, "the standby does not stand in"), busy)
	return list
}
