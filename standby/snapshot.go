package standby

import (
	"context"
	"fmt"
	"slices"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/status"
)

// patience is how long a reader waits for the loop. The loop may wait for a
// slow disk; then people see the last snapshot, and the loop's age on it.
const patience = 2 * time.Second

// Snapshot is what people see, computed here and nowhere else.
func (s *Standby) Snapshot() status.Snapshot {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	result := make(chan status.Snapshot, 1)
	s.box.put(func(t *turn) { result <- s.compute(t.now) })
	select {
	case snapshot := <-result:
		snapshot.Standby.Mail = s.mail(ctx, snapshot.Standby.Mail.Configured)
		s.conclude(&snapshot)
		s.last.Store(&snapshot)
		return snapshot
	case <-ctx.Done():
		if last := s.last.Load(); last != nil {
			old := *last
			old.Standby.LoopAge = s.LoopAge().Seconds()
			return old
		}
		return status.Snapshot{GeneratedAt: time.Now(), Verdict: status.Attention, Servers: []status.Server{},
			Attention: []status.Notice{{Severity: "critical", Text: "the decision loop does not answer", Help: "systemctl status failoverd"}}}
	}
}

// one is the snapshot of one server.
func (s *Standby) one(name string) (status.Server, error) {
	for _, v := range s.Snapshot().Servers {
		if v.Name == name {
			return v, nil
		}
	}
	return status.Server{}, s.unknown(name)
}

// compute gathers the snapshot in the loop.
func (s *Standby) compute(now time.Time) status.Snapshot {
	out := status.Snapshot{GeneratedAt: now, Seq: s.seq.Load(), Servers: []status.Server{}, Attention: []status.Notice{}}
	out.Standby = s.ourselves(now)
	for _, name := range s.order {
		v := s.servers[name]
		one := s.server(v, now)
		out.Servers = append(out.Servers, one)
		if v.facts.Role != monitor.StandingBy {
			out.Standby.StandingIn = append(out.Standby.StandingIn, name)
		}
		if v.facts.Hold.Code == monitor.Waiting && v.facts.State() == monitor.StateFailure {
			out.Standby.Waiting = append(out.Standby.Waiting, name)
		}
	}
	slices.SortStableFunc(out.Standby.Waiting, func(a, b string) int {
		x, y := s.servers[a], s.servers[b]
		if x.policy.Priority != y.policy.Priority {
			return y.policy.Priority - x.policy.Priority
		}
		return x.facts.FailedAt.Compare(y.facts.FailedAt)
	})
	return out
}

// ourselves is the standby itself.
func (s *Standby) ourselves(now time.Time) status.Standby {
	up, mac := s.own.Link(s.self.link)
	state := s.deps.Net.State()
	gateway := ""
	if state.Gateway4.IsValid() {
		gateway = state.Gateway4.String()
	} else if state.Gateway6.IsValid() {
		gateway = state.Gateway6.String()
	}
	c := s.config.Standby
	out := status.Standby{
		Name: c.Name, Version: s.deps.Version, StartedAt: s.started, Capacity: c.Capacity,
		StandingIn: []string{}, Waiting: []string{}, Witnesses: []status.Witness{},
		Interface: status.Interface{Name: s.self.link, Up: up, MAC: mac, Gateway: gateway},
		Journal:   status.Health{OK: s.self.unwritable == "", Error: s.self.unwritable},
		Mail:      status.Mail{Configured: s.config.Alerts.Email != nil},
		Config:    s.reload.view(s.config),
		LoopAge:   s.LoopAge().Seconds(),
	}
	if s.self.isolated {
		out.Isolated = &status.Isolated{Since: s.self.since, Reason: s.self.reason}
	}
	if now.Before(s.self.settledAt) {
		out.Inhibited = &status.Inhibit{Until: s.self.settledAt, Reason: s.self.unsettled}
	}
	for _, w := range s.witnesses {
		one := status.Witness{Address: w.addr.String(), Kind: w.kind, Answering: w.last == probe.Answered}
		if !w.lastAnswer.IsZero() {
			at := w.lastAnswer
			one.LastAnswer = &at
		}
		out.Witnesses = append(out.Witnesses, one)
	}
	slices.SortFunc(out.Witnesses, func(a, b status.Witness) int {
		if a.Address < b.Address {
			return -1
		}
		return 1
	})
	return out
}

// server is one server as people see it.
func (s *Standby) server(v *server, now time.Time) status.Server {
	f := v.facts
	out := status.Server{
		Name: v.config.Name, Address: v.config.Address.String(), ServiceAddresses: []string{},
		AssumeAddress: v.config.Takeover.AssumeAddress, Priority: v.config.Priority, Takeover: v.config.Takeover.Mode,
		State: f.State().String(), StateSince: f.StateSince, Mode: f.Mode.String(), Health: f.Health.String(),
		Activity: f.Activity.String(), Role: f.Role.String(), Misses: f.Misses, FailAfter: f.Limit(v.policy),
		Paths: []status.Path{}, Probes: []status.Probe{}, Beats: v.beats.list(),
		Epoch: f.Epoch, Diverged: f.Diverged, OutOfDate: f.OutOfDate, Incident: f.Incident,
	}
	if f.StateSince.IsZero() {
		out.StateSince = s.started
	}
	if v.config.ManagementAddress.IsValid() {
		out.ManagementAddress = v.config.ManagementAddress.String()
	}
	for _, a := range v.config.Takeover.ServiceAddresses {
		out.ServiceAddresses = append(out.ServiceAddresses, a.String())
	}
	if !f.RoleSince.IsZero() {
		at := f.RoleSince
		out.RoleSince = &at
	}
	if !f.LastAnswer.IsZero() {
		at, rtt := f.LastAnswer, f.RTT.Seconds()
		out.LastAnswer, out.RTT = &at, &rtt
	}
	if f.Hold.Code != monitor.NoHold {
		out.Hold = &status.Hold{Code: string(f.Hold.Code), Reason: f.Hold.Reason}
	}
	if f.Mode != monitor.Active {
		out.Suspension = &status.Suspension{By: f.Wish.By, Reason: f.Wish.Reason, Since: f.Wish.Since}
		if !f.Wish.Until.IsZero() {
			until := f.Wish.Until
			out.Suspension.Until = &until
		}
	}
	for i, a := range v.paths() {
		p := status.Path{Address: a.String(), Outcome: "none"}
		if i < len(f.Paths) && i < len(v.outcomes) && !v.outcomes[i].At.IsZero() {
			r := v.outcomes[i]
			p.Outcome, p.Misses, p.Detail = r.Outcome.String(), f.Paths[i].Misses, r.Evidence
			if r.Outcome == probe.Answered {
				rtt := r.RTT.Seconds()
				p.RTT = &rtt
			}
		}
		out.Paths = append(out.Paths, p)
	}
	for _, c := range v.config.Probes {
		p := status.Probe{Name: c.Name, Kind: c.Kind, Counts: c.Failure, Outcome: "none"}
		if r, ok := v.detail[c.Name]; ok {
			p.Outcome, p.Detail = r.Outcome.String(), r.Evidence
		}
		for _, count := range f.Probes {
			if count.Name == c.Name {
				p.Failed = count.Failed
			}
		}
		out.Probes = append(out.Probes, p)
	}
	if r, ok := s.operations.open(v.operation); ok {
		out.Operation = r.ID
	}
	out.Readiness = s.readiness(v, now)
	out.Summary, out.Next = sentence(v, out)
	out.Actions = actions(v, out)
	return out
}

// mail asks the journal how the alerts fare, away from the loop.
func (s *Standby) mail(ctx context.Context, configured bool) status.Mail {
	m := status.Mail{Configured: configured, OK: configured}
	pending, oldest, err := s.deps.Journal.Pending(ctx)
	if err != nil {
		m.OK, m.Error = false, err.Error()
		return m
	}
	m.Pending = pending
	if pending > 0 {
		m.Oldest = &oldest
		m.OK = time.Since(oldest) < time.Minute
	}
	mails, err := s.deps.Journal.Mails(ctx, journal.MailQuery{Limit: 20})
	if err != nil {
		m.OK, m.Error = false, err.Error()
		return m
	}
	for _, one := range mails {
		switch {
		case one.State == "sent" && (m.LastSent == nil || one.Done.After(*m.LastSent)):
			at := one.Done
			m.LastSent = &at
		case one.State == "failed" && m.Error == "" && m.LastSent == nil:
			m.OK, m.Error = false, fmt.Sprintf("%s: %s", one.Recipient, one.Answer)
		case one.State == "pending" && one.Attempts > 0 && m.Error == "":
			m.OK, m.Error = false, fmt.Sprintf("%s: %s", one.Recipient, one.Answer)
		}
	}
	return m
}
