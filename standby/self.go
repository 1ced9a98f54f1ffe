package standby

import (
	"fmt"
	"net/netip"
	"time"

	"failoverd/alerts/incident"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/monitor/probe"
)

// self is what the standby knows about itself: whether it may trust what it
// sees. Owned by the loop.
type self struct {
	link       string
	up         bool
	settledAt  time.Time
	unsettled  string // why nothing is decided before settledAt
	isolated   bool
	since      time.Time // of the isolation
	reason     string
	incident   string
	thawAt     time.Time // the standby is connected again and settles until then
	lastHeard  time.Time // any primary's answer
	unwritable string
	intent     intent             // the last takeover that was about to begin
	reported   string             // the local day of the last daily report
	unready    map[string]unready // servers that could not be taken over; never changed, only replaced

	incidents map[string]incident.Incident // that are open; never changed, only replaced
}

// revert puts back what was not written down. What was heard stays heard, and
// what puts off a decision goes on doing so.
func (s *self) revert(was self) {
	was.lastHeard, was.unwritable = s.lastHeard, s.unwritable
	was.settledAt, was.unsettled = s.settledAt, s.unsettled
	*s = was
}

// heard notes that somebody answered.
func (s *self) heard(at time.Time) {
	if at.After(s.lastHeard) {
		s.lastHeard = at
	}
}

// witness is an address whose answer proves that the standby is connected.
type witness struct {
	addr       netip.Addr
	kind       string // gateway, configured
	lastAnswer time.Time
	last       probe.Outcome
}

// witnessServer is the name under which witnesses are pinged; no server can
// have it, since a name begins with a letter or a digit.
const witnessServer = "\x00witness"

// witnessed takes the result of a witness's ping.
func (t *turn) witnessed(r probe.Result) {
	w, ok := t.s.witnesses[r.Addr]
	if !ok || r.Late {
		return
	}
	w.last = r.Outcome
	if r.Outcome == probe.Answered {
		w.lastAnswer = r.At
	}
}

// witnessedByARP counts an answer by ARP like one to a ping: a gateway that is
// told not to answer pings is a gateway all the same.
func (t *turn) witnessedByARP(ip netip.Addr, at time.Time) {
	if w, ok := t.s.witnesses[ip]; ok && at.After(w.lastAnswer) {
		w.lastAnswer = at
	}
}

// heard is when anybody last answered: a witness, or a primary.
func (s *Standby) heard() time.Time {
	last := s.self.lastHeard
	for _, w := range s.witnesses {
		if w.lastAnswer.After(last) {
			last = w.lastAnswer
		}
	}
	return last
}

// findWitnesses brings the set of witnesses up to date: the configured ones,
// or the default gateways. It reports whether the set has changed.
func (s *Standby) findWitnesses() (changed bool) {
	want := map[netip.Addr]string{}
	for _, a := range s.config.Standby.Witnesses {
		want[a] = "configured"
	}
	if s.config.Standby.DefaultWitness {
		state := s.deps.Net.State()
		for _, a := range []netip.Addr{state.Gateway4, state.Gateway6} {
			if a.IsValid() {
				want[a] = "gateway"
			}
		}
	}
	for a := range s.witnesses {
		if _, ok := want[a]; !ok {
			delete(s.witnesses, a)
			changed = true
		}
	}
	for a, kind := range want {
		if w, ok := s.witnesses[a]; ok {
			w.kind = kind
			continue
		}
		s.witnesses[a] = &witness{addr: a, kind: kind}
		changed = true
	}
	return changed
}

// witnessesOff reports whether the operator turned the witnesses off.
func (s *Standby) witnessesOff() bool {
	return !s.config.Standby.DefaultWitness && len(s.config.Standby.Witnesses) == 0
}

// link looks at the standby's own link: a link that came up has to settle
// before anything is decided on what it carries.
func (t *turn) link() {
	s := t.s
	name := s.ownLink()
	up, _ := s.own.Link(name)
	switch {
	case name != s.self.link:
		s.self.link, s.self.up = name, up
	case up && !s.self.up:
		s.self.up = true
		t.settle("link " + name + " came up")
		t.note(journal.Event{
			Kind: "standby.link_up", Severity: "info", Actor: actor(automatic("links")),
			Message: "link " + name + " is up", Reason: fmt.Sprintf("nothing is decided for %s", s.config.Standby.Settle),
		}, false)
	case !up && s.self.up:
		s.self.up = false
		t.note(journal.Event{
			Kind: "standby.link_down", Severity: "critical", Actor: actor(automatic("links")),
			Message: "link " + name + " is down", Reason: "no carrier, or switched off",
		}, false)
	}
	if !up && len(s.order) > 0 {
		t.isolate("the standby's own link " + name + " is down")
	}
}

// ownLink is the link that the standby's own connection is judged by.
func (s *Standby) ownLink() string {
	if s.config.Standby.Interface != "" {
		return s.config.Standby.Interface
	}
	if link := s.deps.Net.State().DefaultLink; link != "" {
		return link
	}
	return s.self.link
}

// settle puts off every decision for the configured time.
func (t *turn) settle(why string) {
	until := t.now.Add(t.s.config.Standby.Settle)
	if until.After(t.s.self.settledAt) {
		t.s.self.settledAt, t.s.self.unsettled = until, why
	}
}

// isolate takes in that the standby itself is cut off: counters are frozen,
// nothing is taken over, and one alert says so for all servers.
func (t *turn) isolate(reason string) {
	s := t.s
	if s.self.isolated {
		s.self.thawAt = time.Time{}
		return
	}
	s.self.isolated, s.self.since, s.self.reason = true, t.now, reason
	s.self.thawAt = time.Time{}
	s.self.incident = "standby-" + t.now.UTC().Format("20060102-150405")
	t.note(journal.Event{
		Kind: "standby.isolated", Severity: "critical", Incident: s.self.incident, Actor: actor(automatic("isolation")),
		Message: fmt.Sprintf("the standby is isolated: %d servers cannot be judged, nothing is taken over", len(s.order)),
		Reason:  reason,
	}, true)
	for _, name := range s.order {
		t.step(s.servers[name], monitor.Event{Kind: monitor.Froze, Reason: "the standby is isolated: " + reason}, automatic("isolation"))
	}
}

// connection looks whether an isolation is over: the link is up and somebody
// has answered since it began. What follows is time to settle, and then
// counting starts afresh.
func (t *turn) connection() {
	s := t.s
	if !s.self.isolated || !s.self.up {
		return
	}
	who := ""
	for _, w := range s.witnesses {
		if w.lastAnswer.After(s.self.since) {
			who = w.kind + " " + w.addr.String()
		}
	}
	if who == "" && s.self.lastHeard.After(s.self.since) {
		who = "a primary"
	}
	if who == "" && s.witnessesOff() {
		who = "the link is up, witnesses are turned off: nobody"
	}
	switch {
	case who == "":
	case s.self.thawAt.IsZero():
		s.self.thawAt = t.now.Add(s.config.Standby.Settle)
		s.self.reason = who + " has answered; settling until " + s.self.thawAt.Format("15:04:05")
	case !t.now.Before(s.self.thawAt):
		s.self.isolated = false
		lasted := t.now.Sub(s.self.since).Round(time.Second)
		t.note(journal.Event{
			Kind: "standby.connected", Severity: "info", Incident: s.self.incident, Actor: actor(automatic("isolation")),
			Message: fmt.Sprintf("the standby is connected again after %s; counting starts afresh", lasted),
			Reason:  who + " has answered",
		}, true)
		for _, name := range s.order {
			t.step(s.servers[name], monitor.Event{Kind: monitor.Thawed, Reason: "the standby is connected again"}, automatic("isolation"))
		}
	}
}

// stalledFor is how long nothing is decided after the standby was stopped.
const stalledFor = 30 * time.Second

// stalled is called by the pinger when the process, or the whole host, did not
// run for a while.
func (s *Standby) stalled(gap time.Duration) {
	s.box.put(func(t *turn) {
		t.doubt(fmt.Sprintf("the standby itself was stopped for %s", gap.Round(100*time.Millisecond)),
			"the probes' loop ran that much later than it should have: paused virtual machine, suspended host, starved process")
	})
}

// deaf takes in that answers and misses were lost, because the loop waited for
// the disk longer than there was room for them. Which of them were answers is
// not known, so every count begins afresh.
func (t *turn) deaf(lost int) {
	for _, name := range t.s.order {
		t.step(t.s.servers[name], monitor.Event{Kind: monitor.Started}, automatic("loop guard"))
	}
	t.doubt(fmt.Sprintf("the standby itself waited for its disk, and lost %d results of probes", lost),
		"the journal did not take anything for that long; every count begins afresh")
}

// doubt puts off every decision, because the standby itself did not look.
func (t *turn) doubt(what, reason string) {
	if until := t.now.Add(stalledFor); until.After(t.s.self.settledAt) {
		t.s.self.settledAt, t.s.self.unsettled = until, what
	}
	e := journal.Event{
		Time: t.now, Kind: "standby.stalled", Severity: "warning", Actor: actor(automatic("loop guard")),
		Message: fmt.Sprintf("%s; nothing is decided for %s", what, stalledFor), Reason: reason,
	}
	t.note(e, false)
	t.again(func(t *turn) { t.note(e, false) })
}
