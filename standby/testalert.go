package standby

import (
	"context"
	"fmt"

	"failoverd/journal"
	"failoverd/status"
)

// TestAlert sends a real mail to every recipient and shows the dialogue.
func (s *Standby) TestAlert(ctx context.Context, o status.Order) ([]status.TestMail, error) {
	to, err := consult(ctx, s, func(*turn) ([]string, error) {
		if e := s.config.Alerts.Email; e != nil && len(e.To) > 0 {
			return e.To, nil
		}
		return nil, &status.Refusal{
			Code: status.NotAvailable, Detail: "no alerts.email is configured: nobody would be told of a failure",
			Try: "failoverd config check",
		}
	})
	if err != nil {
		return nil, err
	}
	results := make([]status.TestMail, 0, len(to))
	failed := 0
	for _, one := range to {
		transcript, likely, err := s.deps.TestMail(ctx, one)
		m := status.TestMail{OK: err == nil, Recipient: one, Transcript: nonNil(transcript), Likely: likely}
		if err != nil {
			m.Error = err.Error()
			failed++
		}
		results = append(results, m)
	}
	s.box.put(func(t *turn) {
		e := journal.Event{
			Time: t.now, Kind: "alert.test", Severity: "info", Actor: actor(o.By),
			Message: fmt.Sprintf("a test alert was sent to %d recipients, %d failed", len(results), failed), Reason: o.Reason,
		}
		t.note(e, false)
		t.again(func(t *turn) { t.note(e, false) })
	})
	return results, nil
}
