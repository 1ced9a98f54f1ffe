package standby

import (
	"context"
	"fmt"
	"time"

	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/status"
)

// primaryAlive is the word by which an operator accepts that the primary
// answers pings while it is taken over.
const primaryAlive = "primary-alive"

// shown is what a preview takes from the loop.
type shown struct {
	plan   plan.Plan
	checks []status.Check
	skips  []string
}

// Preview shows what a takeover, a release, a replication or a drill would do now, and whether the
// order as it stands would be refused. It changes nothing.
func (s *Standby) Preview(ctx context.Context, name, kind string, o status.Order) (status.Preview, error) {
	if err := s.unknowing(); err != nil {
		return status.Preview{}, err
	}
	if kind == status.Drill {
		return s.previewDrill(ctx, name)
	}
	if copying(kind) {
		return s.previewCopy(ctx, name, kind, o)
	}
	if kind == status.Failback || kind == status.Handover {
		return s.previewGuided(ctx, name, kind, o)
	}
	out := status.Preview{
		Kind: kind, Server: name, At: time.Now(), Skips: []string{}, Checks: []status.Check{}, Steps: []plan.Shown{}, Crossings: []status.Crossing{}, Trees: []status.TreeCrossing{},
	}
	got, err := consult(ctx, s, func(t *turn) (shown, error) {
		v, err := s.find(name)
		if err != nil {
			return shown{}, err
		}
		p, err := s.draw(kind, s.sketch(v, v.plans(o, true)))
		if err != nil {
			return shown{}, refuse(status.NotAvailable, err.Error())
		}
		if kind == "release" {
			return shown{p, outOfPlace(s.mayRelease(v)), nil}, nil
		}
		situation := s.situation(v, t.now)
		checks := append(outOfPlace(s.mayFailover(v)), alive(v, t.now)...)
		return shown{p, append(checks, unfit(situation)...), skips(situation)}, nil
	})
	if err != nil {
		return out, err
	}
	out.Checks, out.Skips = append(out.Checks, got.checks...), append(out.Skips, got.skips...)
	out.Steps = plan.Show(ctx, got.plan)
	for _, step := range out.Steps {
		if step.Blocked {
			out.Checks = append(out.Checks, status.Check{
				Name: step.Name, Result: "critical", Value: step.Value, Limit: step.Limit, Accept: step.Accept,
				Help: "failoverd explain " + name,
			})
		}
	}
	out.Refused = refusing(out.Checks, o)
	return out, nil
}

// outOfPlace is the check that an order fails because of what the standby is
// doing for the server.
func outOfPlace(err error) []status.Check {
	r, ok := err.(*status.Refusal) //nolint:errorlint // it is made here and wrapped by nobody
	if !ok {
		return nil
	}
	limit := "the standby stands by"
	switch r.Code {
	case status.OperationRunning:
		limit = "no operation runs"
	case status.WrongState:
		limit = "another role"
	}
	return []status.Check{{Name: "role", Result: "critical", Value: r.Detail, Limit: limit, Help: r.Try}}
}

// alive refuses an operator's takeover of a primary that answers.
func alive(v *server, now time.Time) []status.Check {
	f := v.facts
	if f.Role != monitor.StandingBy || f.LastAnswer.IsZero() || f.Misses > 0 || now.Sub(f.LastAnswer) > v.policy.Window(2) {
		return nil
	}
	return []status.Check{{
		Name: primaryAlive, Result: "critical",
		Value: fmt.Sprintf("%s answers pings (last %s, %s ago)", v.config.Address, f.RTT.Round(10*time.Microsecond), now.Sub(f.LastAnswer).Round(10*time.Millisecond)),
		Limit: "no answer", Accept: primaryAlive, Help: "failoverd show " + v.config.Name,
	}}
}

// skips says what the automatic decision would have answered to its four
// questions, which an operator's order skips.
func skips(m monitor.Situation) []string {
	var said []string
	for _, a := range monitor.Decide(m).Steps {
		switch {
		case !a.Asked:
			said = append(said, a.Question+" not asked")
		case a.Passed:
			said = append(said, a.Question+" yes: "+a.Reason)
		default:
			said = append(said, a.Question+" no: "+a.Reason)
		}
	}
	return said
}
