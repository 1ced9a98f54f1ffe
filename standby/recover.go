package standby

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/status"
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
	empty  bool                   // the first start ever
	open   map[string]plan.Record // by server: what was being done
	jobs   map[string]plan.Record // by server: replications that were open
	drills map[string]plan.Record // by server: drills that were open
	loose  []plan.Record          // left open, and nothing is known to be done
	intent string                 // a takeover that was about to begin
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
		var k kept
		if err := json.Unmarshal(body, &k); err != nil {
			return fmt.Errorf("facts of %q: %w", name, err)
		}
		v, ok := s.servers[name]
		if !ok {
			if k.Role != monitor.StandingBy {
				return fmt.Errorf("the standby is %s for %q, which is not in the configuration: put it back, then release it", k.Role, name)
			}
			s.absent[name] = k
			continue
		}
		if k.Role != monitor.StandingBy && k.Link != "" && !slices.Equal(k.Addresses, held(*v.config)) {
			return fmt.Errorf("the standby is %s for %q with the addresses %v, and the configuration has %v: put them back, then release it",
				k.Role, name, k.Addresses, held(*v.config))
		}
		v.facts.Kept, v.treeFacts, v.drills = k.Kept, k.Trees, k.Drills
		if k.Role != monitor.StandingBy && k.Link != "" {
			v.link = k.Link
		}
	}
	return nil
}

// remembered reads what was being done when the daemon last ran.
func (s *Standby) remembered(ctx context.Context) (memory, error) {
	values, err := s.deps.Journal.Values(ctx)
	if err != nil {
		return memory{}, err
	}
	s.self.reported, s.self.unready = values[valueReported], recallUnready(values[valueUnready])
	m := memory{
		bootID: values[valueBoot], clean: values[valueClean] == "yes", empty: values[valueBoot] == "",
		open: map[string]plan.Record{}, jobs: map[string]plan.Record{}, drills: map[string]plan.Record{}, intent: values[valueIntent],
	}
	open := true
	ops, err := s.deps.Journal.Operations(ctx, journal.OperationQuery{Open: &open})
	if err != nil {
		return m, err
	}
	for _, op := range ops { // newest first
		r, err := decode(op)
		if err != nil {
			return m, err
		}
		v, known := s.servers[r.Server]
		if _, newer := m.drills[r.Server]; known && !newer && r.Kind == status.Drill {
			m.drills[r.Server] = r
			continue
		}
		_, newer := m.open[r.Server]
		if _, newer := m.jobs[r.Server]; known && !newer && copying(r.Kind) {
			m.jobs[r.Server] = r
			continue
		}
		final := known && (v.facts.Role == monitor.Releasing && r.Kind == status.Failback || v.facts.Role == monitor.TakingOver && r.Kind == status.Handover)
		if known && !newer && (final || r.Kind == kindOf(v.facts.Role)) {
			m.open[r.Server] = r
		} else {
			m.loose = append(m.loose, r)
		}
	}
	return m, nil
}

// kindOf is the kind of the operation that a role is about, empty if there is
// none.
func kindOf(r monitor.Role) string {
	switch r {
	case monitor.TakingOver:
		return "takeover"
	case monitor.Releasing:
		return "release"
	case monitor.StandingBy, monitor.StandingIn:
		return ""
	}
	panic(fmt.Sprintf("role %d", r))
}

// recover answers what every start has to answer: what was I doing, what does
// the kernel hold, what has to be finished, what has to be undone. It says
// which.
func (s *Standby) recover(ctx context.Context) error {
	m, err := s.remembered(ctx)
	if err != nil {
		return fmt.Errorf("read what was being done: %w", err)
	}
	for _, v := range s.servers {
		for _, tree := range v.trees {
			if err := s.deps.Trees.Recall(tree); err != nil {
				// It will be known again when the copy is complete, and nothing is decided by it.
				s.log.Warn("when the copy was last complete is not known", "server", tree.Server, "tree", tree.Name, "err", err)
			}
		}
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
	if rebooted {
		// The kernel has forgotten what was held where.
		for _, v := range s.servers {
			if link := s.linkOf(*v.config); link != "" {
				v.link = link
			}
		}
	}
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
	if s.unreadable != "" {
		t.forgetful(ctx)
	} else if err := t.strays(ctx); err != nil {
		return err
	}
	for _, name := range s.order {
		t.start(s.servers[name], m, rebooted)
	}
	for _, r := range m.loose {
		if copying(r.Kind) || r.Kind == status.Drill {
			t.closeJob(r)
			continue
		}
		t.closeLoose(r)
	}
	t.interrupted(m.intent, func(id string) bool {
		_, err := s.operations.get(ctx, id)
		return err == nil
	})
	t.aim = true
	if err := t.commit(ctx); err != nil {
		return fmt.Errorf("write down that failoverd has started: %w", err)
	}
	return nil
}

// closeLoose ends an operation that was left open although nothing is being
// done for its server: a journal that was put back from a copy may hold one.
func (t *turn) closeLoose(r plan.Record) {
	r.State, r.Error, r.Ended = plan.Failed, "left open, and nothing is known to be done for this server", &t.now
	if r.Kind == status.Failback || r.Kind == status.Handover {
		t.closeEarly(r)
		return
	}
	t.record(r)
	t.note(journal.Event{
		Kind: r.Kind + ".closed", Severity: "warning", Server: r.Server, Operation: r.ID, Actor: actor(automatic("recovery")),
		Message: fmt.Sprintf("a %s of %s was left open and is closed", r.Kind, r.Server), Reason: r.Error,
	}, false)
}

// closeEarly ends a failback or a hand-over that was interrupted before its final stop: nobody's work was interrupted.
func (t *turn) closeEarly(r plan.Record) {
	r.State, r.Error = plan.Undone, "interrupted before its final stop: failoverd ended"
	t.record(r)
	incident := ""
	if v, ok := t.s.servers[r.Server]; ok {
		incident = v.facts.Incident
	}
	t.note(journal.Event{
		Kind: r.Kind + ".failed", Severity: "warning", Server: r.Server, Incident: incident, Operation: r.ID, Actor: actor(automatic("recovery")),
		Message: fmt.Sprintf("the %s of %s was interrupted before anything was stopped: order it again", r.Kind, r.Server), Reason: r.Error,
	}, true)
}

// start takes one server up where the journal says that it was left.
func (t *turn) start(v *server, m memory, rebooted bool) {
	role := v.facts.Role
	if r, open := m.jobs[v.config.Name]; open {
		t.takeUp(v, r) // before a takeover that goes on, which waits for it
	}
	if r, open := m.drills[v.config.Name]; open {
		t.clearDrill(v, r)
	}
	t.idle(v)
	t.step(v, monitor.Event{Kind: monitor.Started, Rebooted: rebooted}, automatic("recovery"))
	switch role {
	case monitor.StandingBy:
		if v.facts.Health == monitor.Failure && v.facts.Mode == monitor.Active {
			t.after(func() { t.s.beginAsking(v) })
		}
	case monitor.TakingOver, monitor.Releasing:
		r, ok := m.open[v.config.Name]
		if !ok {
			r = t.unknown(v, role)
		}
		t.goOn(v, r)
	case monitor.StandingIn:
		if rebooted {
			return // the machine has ordered the takeover to be resumed
		}
		t.note(journal.Event{
			Kind: "takeover.adopted", Severity: "info", Server: v.config.Name, Incident: v.facts.Incident,
			Actor: actor(automatic("recovery")), Message: "the standby still stands in for " + v.config.Name,
			Reason: "failoverd was restarted; the address and the stand-in were left alone",
		}, false)
		t.after(func() { t.s.beginWatch(v, t.now) })
	}
}

// unknown is the record of an operation that the journal does not have. The
// transition is written down together with its operation, so this is a journal
// that was mended by hand. What may have been done is undone, or released.
func (t *turn) unknown(v *server, role monitor.Role) plan.Record {
	r := plan.Record{
		ID: newID(kindOf(role), t.now), Kind: kindOf(role), Server: v.config.Name, State: plan.Unknown,
		By: automatic("recovery"), Reason: "interrupted, and the journal has no operation for it", Accept: []string{}, Started: t.now,
	}
	if role == monitor.TakingOver {
		r.State, r.Error = plan.Cancelling, r.Reason
	}
	return r
}

// goOn finishes or undoes the operation that a crash interrupted.
func (t *turn) goOn(v *server, r plan.Record) {
	switch r.Kind {
	case status.Failback:
		t.goHome(v, r)
		return
	case status.Handover:
		t.goAway(v, r)
		return
	}
	o := ownOrder("recovery", r.Reason)
	o.Accept = r.Accept
	k := t.s.sketch(v, v.plans(o, r.By.Kind != "automatic"))
	p, err := t.s.draw(r.Kind, k)
	back := r.State == plan.Cancelling
	if err != nil && !t.rebooted && !back {
		// It cannot be finished on this interface, but it can be undone.
		r.State, r.Error, back = plan.Cancelling, err.Error(), true
	}
	if !sameSteps(p, r) {
		// The configuration has changed since: what it describes now is not
		// what was begun. The plan as it is now is idempotent: every step of it
		// may have been done, and is done again, or undone.
		fresh := plan.New(p, r.ID, r.By, r.Reason, r.Accept, r.Started)
		fresh.Resumed, fresh.State, fresh.Error, fresh.OrderKey = r.Resumed, r.State, r.Error, r.OrderKey
		for i := range fresh.Steps {
			fresh.Steps[i].State = plan.Unknown
		}
		r = fresh
	}
	r.Steps = slices.Clone(r.Steps)
	r.Resumed++
	for i := range r.Steps {
		d := &r.Steps[i]
		switch {
		case back && d.State != plan.Running:
		case d.State == plan.Queued, d.State == plan.Undone, d.State == plan.Skipped:
		case d.Name == takeover.StepProbe, d.Name == takeover.StepAnnounce, d.Name == takeover.StepReady:
			// What was true before the crash is asked again.
			d.State = plan.Queued
		case d.State == plan.Running, d.Name == takeover.StepAssume, t.rebooted && d.Name != takeover.StepFence:
			// It was begun, or what it did may be gone.
			d.State = plan.Unknown
		}
	}
	t.begin(v, p, k, r)
}

// sameSteps reports whether a plan has the steps that are on record.
func sameSteps(p plan.Plan, r plan.Record) bool {
	return slices.EqualFunc(p.Steps, r.Steps, func(s plan.Step, d plan.Done) bool { return s.Name == d.Name })
}
