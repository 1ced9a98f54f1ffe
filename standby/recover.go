package standby

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/takeover"
)

// Names of the values that the journal keeps for the standby as a whole.
const (
	valueBoot  = "boot_id" // of the boot in which the journal was last written
	valueClean = "clean"   // "yes" once the daemon has stopped on purpose
)

// memory is what the journal holds at a start, before anything is done.
type memory struct {
	bootID string
	clean  bool
	empty  bool // the first start ever
	open   []plan.Record
}

// recall reads the facts of every server from the journal. Servers that are
// not configured any more keep their facts there; one that is standing in
// cannot be removed, so it is an error if it is gone from the configuration.
func (s *Standby) recall(ctx context.Context) error {
	facts, err := s.deps.Journal.Facts(ctx)
	if err != nil {
		return err
	}
	for name, body := range facts {
		var kept monitor.Kept
		if err := json.Unmarshal(body, &kept); err != nil {
			return fmt.Errorf("facts of %q: %w", name, err)
		}
		v, ok := s.servers[name]
		if !ok {
			if kept.Role != monitor.StandingBy {
				return fmt.Errorf("the standby is %s for %q, which is not in the configuration: put it back, then release it", kept.Role, name)
			}
			continue
		}
		v.facts.Kept = kept
	}
	return nil
}

// remembered reads what was being done when the daemon last ran.
func (s *Standby) remembered(ctx context.Context) (memory, error) {
	values, err := s.deps.Journal.Values(ctx)
	if err != nil {
		return memory{}, err
	}
	m := memory{bootID: values[valueBoot], clean: values[valueClean] == "yes", empty: values[valueBoot] == ""}
	open := true
	ops, err := s.deps.Journal.Operations(ctx, journal.OperationQuery{Open: &open, Limit: 1000})
	if err != nil {
		return m, err
	}
	for _, op := range ops {
		r, err := decode(op)
		if err != nil {
			return m, err
		}
		m.open = append(m.open, r)
	}
	return m, nil
}

// recover answers what every start has to answer: what was I doing, what does
// the kernel hold, what has to be finished, what has to be undone. It says
// which.
func (s *Standby) recover(ctx context.Context) error {
	m, err := s.remembered(ctx)
	if err != nil {
		return fmt.Errorf("read what was being done: %w", err)
	}
	rebooted := !m.empty && m.bootID != s.deps.BootID
	s.self.link = s.ownLink()
	s.self.up, _ = s.own.Link(s.self.link)
	if !s.deps.BootAt.IsZero() {
		if until := s.deps.BootAt.Add(s.config.Standby.Settle); until.After(s.started) {
			s.self.settledAt, s.self.unsettled = until, "the host has booted"
		}
	}
	s.findWitnesses()
	s.openSegments()
	for _, v := range s.servers {
		if v.facts.Role == monitor.StandingBy {
			continue
		}
		for _, a := range v.service() {
			s.own.mark(a)
		}
	}

	t := s.begin()
	t.rebooted = rebooted
	t.batch.Values = map[string]string{valueBoot: s.deps.BootID, valueClean: "no"}
	kind, severity, message, reason := "daemon.started", "info", "failoverd has started", "version "+s.deps.Version
	switch {
	case rebooted:
		reason += "; the host has rebooted"
	case !m.clean && !m.empty:
		kind, severity, message = "daemon.started_after_crash", "warning", "failoverd has started after a crash"
		reason += "; the last run did not end on purpose"
	}
	t.note(journal.Event{Kind: kind, Severity: severity, Actor: actor(automatic("daemon")), Message: message, Reason: reason},
		kind == "daemon.started_after_crash")
	if err := t.strays(ctx); err != nil {
		return err
	}
	for _, name := range s.order {
		t.start(s.servers[name], m, rebooted)
	}
	if err := t.commit(ctx); err != nil {
		return fmt.Errorf("write down that failoverd has started: %w", err)
	}
	s.retarget()
	return nil
}

// start takes one server up where the journal says that it was left.
func (t *turn) start(v *server, m memory, rebooted bool) {
	var open *plan.Record
	for i := range m.open {
		if m.open[i].Server == v.config.Name {
			open = &m.open[i]
		}
	}
	role := v.facts.Role
	t.step(v, monitor.Event{Kind: monitor.Started, Rebooted: rebooted}, automatic("recovery"))
	switch role {
	case monitor.StandingBy:
	case monitor.TakingOver, monitor.Releasing:
		t.goOn(v, open, role)
	case monitor.StandingIn:
		if rebooted {
			return // the machine has ordered the takeover to be resumed
		}
		t.note(journal.Event{
			Kind: "takeover.adopted", Severity: "info", Server: v.config.Name, Incident: v.facts.Incident,
			Actor: actor(automatic("recovery")), Message: "the standby still stands in for " + v.config.Name,
			Reason: "failoverd was restarted; the address and the stand-in were left alone",
		}, false)
		t.after(func() { t.s.beginWatch(v, plan.Record{ID: v.operation, Started: t.now}) })
	}
	if v.facts.Role == monitor.StandingBy && v.facts.Health == monitor.Failure {
		t.after(func() { t.s.beginAsking(v) })
	}
}

// goOn finishes or undoes the operation that a crash interrupted.
func (t *turn) goOn(v *server, open *plan.Record, role monitor.Role) {
	if open == nil {
		// The transition is written down together with its operation, so this
		// is a journal that somebody else has written.
		kind := monitor.TakeoverFailed
		if role == monitor.Releasing {
			kind = monitor.ReleaseFailed
		}
		t.step(v, monitor.Event{Kind: kind, Step: "the beginning", Reason: "interrupted, and the journal has no operation for it"}, automatic("recovery"))
		return
	}
	r := *open
	parts, err := t.s.parts(v, v.facts.Incident)
	if err != nil {
		t.fail(v, "recovery", err)
		return
	}
	o := ownOrder("recovery", r.Reason)
	o.Accept = r.Accept
	server := v.plans(o, r.By.Kind != "automatic")
	p := takeover.Takeover(server, parts)
	if r.Kind == "release" {
		p = takeover.Release(server, parts)
	}
	if !sameSteps(p, r) {
		// The configuration has changed since: what it describes now is not
		// what was begun. The plan as it is now is idempotent, so it is run
		// from its beginning.
		fresh := plan.New(p, r.ID, r.By, r.Reason, r.Accept, r.Started)
		fresh.Resumed, fresh.State = r.Resumed, r.State
		r = fresh
	}
	r.Resumed++
	back := r.State == plan.Cancelling
	for i := range r.Steps {
		d := &r.Steps[i]
		switch {
		case back:
		case d.Name == takeover.StepProbe, d.Name == takeover.StepAnnounce, d.Name == takeover.StepReady:
			// What was true before the crash is asked again.
			d.State = plan.Queued
		case d.State == plan.Running, d.State == plan.Unknown:
			d.State = plan.Unknown
		}
	}
	t.begin(v, p, r, back)
}

// sameSteps reports whether a plan has the steps that are on record.
func sameSteps(p plan.Plan, r plan.Record) bool {
	return slices.EqualFunc(p.Steps, r.Steps, func(s plan.Step, d plan.Done) bool { return s.Name == d.Name })
}

// strays drops every address that carries the standby's label and that the
// journal knows no reason for. Addresses that the journal has a reason for are
// left alone.
func (t *turn) strays(ctx context.Context) error {
	s := t.s
	held, err := s.deps.Holder.Held(ctx)
	if err != nil {
		return fmt.Errorf("ask the kernel which addresses it holds: %w", err)
	}
	wanted := map[netip.Addr]bool{}
	for _, v := range s.servers {
		if v.facts.Role != monitor.StandingBy {
			for _, a := range v.service() {
				wanted[a] = true
			}
		}
	}
	for _, h := range held {
		if wanted[h.Prefix.Addr()] {
			continue
		}
		err := s.deps.Holder.Drop(ctx, h.Link, h.Prefix.Addr())
		e := journal.Event{
			Kind: "address.stray", Severity: "warning", Actor: actor(automatic("recovery")),
			Message: fmt.Sprintf("%s was left on %s and is dropped", h.Prefix.Addr(), h.Link),
			Reason:  "it carries failoverd's label, and the journal knows no takeover for it",
		}
		if err != nil {
			e.Severity, e.Message = "critical", fmt.Sprintf("%s was left on %s and cannot be dropped", h.Prefix.Addr(), h.Link)
			e.Reason = err.Error()
		}
		t.note(e, err != nil)
	}
	return nil
}
