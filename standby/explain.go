package standby

import (
	"context"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// Explain says why the last decision about a server was taken.
func (s *Standby) Explain(ctx context.Context, name string) (status.Explanation, error) {
	operation, err := consult(ctx, s, func(*turn) (string, error) {
		v, err := s.find(name)
		if err != nil {
			return "", err
		}
		return v.operation, nil
	})
	if err != nil {
		return status.Explanation{}, err
	}
	var record *plan.Record
	if operation == "" {
		ops, err := s.Operations(ctx, journal.OperationQuery{Server: name, Limit: 1})
		if err != nil {
			return status.Explanation{}, err
		}
		if len(ops) > 0 {
			record = &ops[0]
		}
	} else {
		r, err := s.operations.get(ctx, operation)
		if err != nil {
			return status.Explanation{}, err
		}
		record = &r
	}
	return consult(ctx, s, func(*turn) (status.Explanation, error) {
		v, err := s.find(name)
		if err != nil {
			return status.Explanation{}, err
		}
		return v.explanation(record), nil
	})
}

// explanation is the last decision as people read it.
func (v *server) explanation(operation *plan.Record) status.Explanation {
	e := status.Explanation{Server: v.config.Name, Verdict: "none", Steps: []status.Reason{}, Evidence: []status.Fact{}, Timing: []status.Fact{}, Plan: []status.Fact{}}
	if v.decision != nil {
		at := v.decided
		e.At, e.Evidence = &at, append(e.Evidence, v.evidence...)
		e.Verdict = "hold"
		if v.decision.TakeOver {
			e.Verdict = "take over"
		} else {
			e.Hold = &status.Hold{Code: string(v.decision.Hold.Code), Reason: v.decision.Hold.Reason}
		}
		for _, a := range v.decision.Steps {
			r := status.Reason{Question: a.Question, Answer: a.Reason}
			if a.Asked {
				passed := a.Passed
				r.Passed = &passed
			}
			e.Steps = append(e.Steps, r)
		}
	}
	if operation != nil {
		r := operation
		e.Timing = append(e.Timing, status.Fact{Name: r.Kind + " began", Value: stamp(r.Started)})
		if v.decision != nil && !v.decided.IsZero() && r.By.Kind == "automatic" {
			e.Timing = append(e.Timing, status.Fact{Name: "decided", Value: stamp(v.decided)})
		}
		if r.Ended != nil {
			e.Timing = append(e.Timing, status.Fact{Name: r.Kind + " took", Value: r.Ended.Sub(r.Started).Round(time.Microsecond).String()})
		}
		for _, d := range r.Steps {
			parts := []string{string(d.State)}
			if took := d.Duration(); took > 0 {
				parts = append(parts, took.Round(time.Microsecond).String())
			}
			if d.Note != "" {
				parts = append(parts, d.Note)
			}
			if d.Error != "" {
				parts = append(parts, d.Error)
			}
			e.Plan = append(e.Plan, status.Fact{Name: d.Name, Value: strings.Join(parts, ", ")})
		}
	}
	return e
}

// stamp is a point in time as an explanation shows it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("2006-01-02 15:04:05.000 -07:00")
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
