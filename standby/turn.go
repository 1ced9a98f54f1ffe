package standby

import (
	"context"
	"encoding/json"
	"runtime"
	"slices"
	"time"

	"failoverd/alerts/incident"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/status"
)

// turn is one pass of the loop: everything that had come in by then, what it
// changed, and what has to be done because of it. A turn is one transaction:
// what it changed is durable before any of its effects is carried out, and if
// it cannot be written down, it has not happened.
type turn struct {
	s   *Standby
	now time.Time

	before    map[*server]former // the servers that changed, as they were
	self      self               // what the standby knew about itself
	batch     journal.Batch
	incidents map[string]incident.Incident // that changed, as they are now
	timeouts  []time.Time                  // of the pings that were missed
	acts      []func()                     // carried out once the batch is durable
	fails     []func(error)                // carried out instead when it could not be written
	looks     []func()                     // carried out at the end in any case
	aim       bool                         // whom to ask has changed
	rebooted  bool                         // recovery after a reboot of the host
	order     status.Order                 // of the operator whose order is being carried out
}

// former is what is put back when a turn could not be written down.
type former struct {
	facts     monitor.Facts
	task      *task
	watch     *task
	operation string
	defended  time.Time

	copies      map[string]replicate.Copy
	job         *job
	replication string
	treeFacts   map[string]treeFacts
	drill       *drill
	drills      replicate.Drills
}

// begin starts a turn.
func (s *Standby) begin() *turn {
	return &turn{s: s, now: time.Now(), before: map[*server]former{}, self: s.self}
}

// step takes an event to the machine and gathers what follows.
func (t *turn) step(v *server, e monitor.Event, by plan.Actor) {
	if e.At.IsZero() {
		e.At = t.now
	}
	was := v.facts
	next, effects := monitor.Step(was, e, v.policy)
	if monitor.Changed(was, next) || len(effects) > 0 {
		t.remember(v)
	}
	v.facts = next
	t.diverge(v, was, e)
	if was.Role != next.Role || was.Mode != next.Mode {
		t.aim = true
	}
	incident := next.Incident
	if incident == "" {
		incident = was.Incident
	}
	for _, effect := range effects {
		t.effect(v, effect, incident, by)
	}
	t.makeRoom(v)
}

// remember notes that the server changed, and how it was before.
func (t *turn) remember(v *server) {
	if _, ok := t.before[v]; !ok {
		t.before[v] = former{facts: v.facts, task: v.task, watch: v.watch, operation: v.operation, defended: v.defended, copies: v.copies, job: v.job, replication: v.replication, treeFacts: v.treeFacts, drill: v.drill, drills: v.drills}
	}
}

// note adds an event to the history, and tells people if it is an alert.
func (t *turn) note(e journal.Event, mail bool) {
	if e.Time.IsZero() {
		e.Time = t.now
	}
	if mail {
		e = t.tell(e)
	}
	t.say(e, mail)
}

// say is note of what is no news of an incident itself.
func (t *turn) say(e journal.Event, mail bool) {
	if e.Time.IsZero() {
		e.Time = t.now
	}
	t.batch.Events = append(t.batch.Events, e)
	if mail {
		t.batch.Alerts = append(t.batch.Alerts, journal.Alert{
			Kind: e.Kind, Server: e.Server, Incident: e.Incident, Event: len(t.batch.Events) - 1, Reminder: e.Kind == kindReminder || e.Kind == kindSuspended,
		})
	}
}

// after adds something to do once the turn is durable.
func (t *turn) after(f func()) { t.acts = append(t.acts, f) }

// again has f done in a later turn if this one cannot be written down: f takes
// in what will not be said a second time.
func (t *turn) again(f func(*turn)) {
	t.fails = append(t.fails, func(error) {
		s := t.s
		s.retry = append(s.retry, func(t *turn) {
			f(t)
			t.again(f)
		})
		if n := len(s.retry) - patient; n > 0 {
			s.log.Error("what could not be written down for long is forgotten", "count", n)
			s.retry = s.retry[n:]
		}
	})
}

// patient is how much is kept that could not be written down.
const patient = 1000

// commit writes the turn down and carries its effects out. If it cannot be
// written, the servers are put back as they were and nothing is done; what the
// pings said is said again by the next ones.
func (t *turn) commit(ctx context.Context) error {
	for v := range t.before {
		body, err := json.Marshal(v.kept())
		if err != nil {
			return t.revert(err)
		}
		if t.batch.Facts == nil {
			t.batch.Facts = map[string]json.RawMessage{}
		}
		t.batch.Facts[v.config.Name] = body
	}
	for _, i := range t.incidents {
		kept, err := keptIncident(i)
		if err != nil {
			return t.revert(err)
		}
		t.batch.Incidents = append(t.batch.Incidents, kept)
	}
	var events []journal.Event
	if len(t.batch.Incidents)+len(t.batch.Events)+len(t.batch.Facts)+len(t.batch.Operations)+len(t.batch.Values) > 0 {
		t.clearIntent()
		var err error
		events, err = t.s.deps.Journal.Commit(ctx, t.batch)
		t.s.written(err)
		if err != nil {
			return t.revert(err)
		}
		if n := len(events); n > 0 {
			t.s.seq.Store(events[n-1].Seq)
		}
	}
	for _, act := range t.acts {
		act()
	}
	for _, timeout := range t.timeouts {
		t.s.deps.Metrics.ObserveDecision(time.Since(timeout))
	}
	for v := range t.before {
		if len(v.trees) > 0 {
			t.s.follow(v)
		}
	}
	if t.aim {
		t.s.retarget()
	}
	if t.s.ran {
		// What was begun goes first. Where nothing was, the next turn would wait behind all readers of a storm.
		t.s.ran = false
		runtime.Gosched()
	}
	t.s.scribe.write(events)
	return nil
}

// revert undoes a turn that could not be written down. The counters stay: the
// primary has been silent all the same. But what was said in this turn was not
// said, and has to be said again.
func (t *turn) revert(err error) error {
	for v, was := range t.before {
		v.facts.Kept = was.facts.Kept
		v.facts.Warned, v.facts.UnknownAlerted, v.facts.LateNoted = was.facts.Warned, was.facts.UnknownAlerted, was.facts.LateNoted
		v.facts.Claim, v.facts.Frozen = was.facts.Claim, was.facts.Frozen
		v.facts.Paths = slices.Clone(v.facts.Paths) // a snapshot may look at the others
		for i := range min(len(v.facts.Paths), len(was.facts.Paths)) {
			v.facts.Paths[i].Dead = was.facts.Paths[i].Dead
		}
		v.facts.Probes = slices.Clone(v.facts.Probes)
		for i := range v.facts.Probes {
			v.facts.Probes[i].Told = i < len(was.facts.Probes) && was.facts.Probes[i].Told
		}
		v.task, v.watch, v.operation, v.defended = was.task, was.watch, was.operation, was.defended
		v.copies, v.job, v.replication, v.treeFacts = was.copies, was.job, was.replication, was.treeFacts
		v.drill, v.drills = was.drill, was.drills
	}
	t.s.self.revert(t.self)
	for _, fail := range t.fails {
		fail(err)
	}
	return err
}
