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

// view makes the snapshot of a scene.
func (s *Standby) view(c scene) status.Snapshot {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.standby.Mail = s.mail(ctx, c.standby.Mail.Configured)
	out := status.Snapshot{
		GeneratedAt: c.now, Seq: c.seq, Standby: c.standby,
		Servers: make([]status.Server, 0, len(c.servers)), Attention: []status.Notice{}, Incidents: incidentViews(c.incidents),
	}
	var waiting []*sight
	for i := range c.servers {
		v := &c.servers[i]
		out.Servers = append(out.Servers, s.server(&c, v))
		if v.facts.Role != monitor.StandingBy {
			out.Standby.StandingIn = append(out.Standby.StandingIn, v.config.Name)
		}
		if v.facts.Hold.Code == monitor.Waiting && v.facts.State() == monitor.StateFailure {
			waiting = append(waiting, v)
		}
	}
	slices.SortStableFunc(waiting, func(a, b *sight) int {
		if a.policy.Priority != b.policy.Priority {
			return b.policy.Priority - a.policy.Priority
		}
		return a.facts.FailedAt.Compare(b.facts.FailedAt)
	})
	for _, v := range waiting {
		out.Standby.Waiting = append(out.Standby.Waiting, v.config.Name)
	}
	conclude(&out)
	return out
}

// server is one server as people see it.
func (s *Standby) server(c *scene, v *sight) status.Server {
	f := &v.facts
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
	for i, a := range v.asked {
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
	if v.busy {
		out.Operation = v.operation
	}
	out.Copies, out.Replication = v.views(c.now), v.replication
	out.Trees = v.treeViews(s.deps.Trees.Status, c.now)
	out.Drills = v.drillView(c.now)
	out.Readiness = s.readiness(c, v, out.Trees)
	out.Summary, out.Next = v.sentence()
	if f.Role != monitor.StandingBy {
		out.WayBack = v.wayBack()
	}
	out.Actions = v.actions()
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
	mails, err := s.deps.Journal.Mails(ctx, journal.MailQuery{Limit: recentMails})
	if err != nil {
		m.OK, m.Error = false, err.Error()
		return m
	}
	judgeMails(&m, mails, s.deps.Recipients())
	return m
}

// recentMails is how far the look at the outbox goes back.
const recentMails = 50

// judgeMails tells by the last mails, the newest first, whether everybody gets what goes to them. Each recipient is judged by
// the newest mail of which something is known: that another one gets theirs is no comfort.
func judgeMails(m *status.Mail, mails []journal.Mail, recipients []string) {
	judged := map[string]bool{}
	for _, one := range mails {
		known := one.State == journal.MailSent || one.State == journal.MailFailed || one.State == journal.MailPending && one.Attempts > 0
		if one.State == journal.MailSent && (m.LastSent == nil || one.Done.After(*m.LastSent)) {
			at := one.Done
			m.LastSent = &at
		}
		if !known || judged[one.Recipient] || !slices.Contains(recipients, one.Recipient) {
			continue
		}
		judged[one.Recipient] = true
		if one.State != journal.MailSent {
			m.OK = false
			if m.Error == "" {
				m.Error = fmt.Sprintf("%s: %s", one.Recipient, one.Answer)
			}
		}
	}
}
