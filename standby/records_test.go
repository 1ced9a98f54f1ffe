package standby

import (
	"testing"
	"testing/synctest"
	"time"

	"failoverd/plan"
)

// TestAnUndoneStepIsToldWhenItIsUndone: in the history a step is undone after what it was undone for, and not when it
// had been done.
func TestAnUndoneStepIsToldWhenItIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		began := time.Now()
		time.Sleep(time.Second)
		done := time.Now()
		time.Sleep(time.Minute)
		for state, want := range map[plan.State]time.Time{plan.Succeeded: done, plan.Undone: time.Now()} {
			e, _ := r.event(plan.Record{Kind: "takeover"}, plan.Done{Name: "promote", State: state, Started: &began, Ended: &done})
			if !e.Time.Equal(want) {
				t.Errorf("%s: at %v, want %v", state, e.Time, want)
			}
		}
	})
}
