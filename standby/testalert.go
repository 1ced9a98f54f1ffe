package standby

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"failoverd/journal"
	"failoverd/status"
)

// TestAlert sends a real alert to everybody, by every way out, and shows the dialogues. The mails go one after the other;
// no other way waits for them, or for another one.
func (s *Standby) TestAlert(ctx context.Context, o status.Order) ([]status.TestMail, error) {
	to := s.deps.Recipients()
	if len(to) == 0 {
		return nil, &status.Refusal{
			Code: status.NotAvailable, Detail: "no alerts are configured: nobody would be told of a failure",
			Try: "failoverd config check",
		}
	}
	results := make([]status.TestMail, len(to))
	var tests sync.WaitGroup
	var mails []int
	for i, one := range to {
		if strings.Contains(one, "@") {
			mails = append(mails, i)
			continue
		}
		tests.Go(func() { results[i] = s.tryOut(ctx, one) })
	}
	for _, i := range mails {
		results[i] = s.tryOut(ctx, to[i])
	}
	tests.Wait()
	failed := 0
	for _, r := range results {
		if !r.OK {
			failed++
		}
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

// tryOut sends a test alert to one recipient.
func (s *Standby) tryOut(ctx context.Context, to string) status.TestMail {
	return tested(to, func() ([]string, string, error) { return s.deps.TestAlert(ctx, to) })
}

// tested is what came of a test.
func tested(to string, send func() (transcript []string, likely string, err error)) status.TestMail {
	transcript, likely, err := send()
	m := status.TestMail{OK: err == nil, Recipient: to, Transcript: nonNil(transcript), Likely: likely}
	if err != nil {
		m.Error = err.Error()
	}
	return m
}
