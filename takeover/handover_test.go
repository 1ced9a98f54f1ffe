package takeover

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/plan"
)

// departureOf is a way to the standby whose data steps are noted.
func departureOf(h *host) Departure {
	return Departure{
		Live:  func(context.Context) (string, error) { return "it answers", h.fail["live"] },
		Ahead: []plan.Step{{Name: "ahead", Do: func(context.Context) (string, error) { return "", h.act("ahead", func() {}) }}},
		Turn:  func(context.Context) error { return h.act("turn", func() {}) },
		Data: []plan.Step{{
			Name: "swap", Do: func(context.Context) (string, error) { return "", h.act("swap", func() {}) },
			Undo: func(context.Context) error { return h.act("swap back", func() {}) },
		}},
		Rest:        func(context.Context) error { return h.act("rest", func() {}) },
		Application: remote{h},
	}
}

// TestHandoverInOrder: nothing is stopped before everything was asked; what fails before the stand-in runs is taken back, last
// first, and the primary's application is started again; nothing is taken back afterwards.
func TestHandoverInOrder(t *testing.T) {
	there := []string{"ahead", "turn", "stop there", "swap", "rest", "quiesce", "release true"}
	held := slices.Concat(there, []string{
		"assume 192.168.11.1", "assume 192.168.11.3", "announce 192.168.11.1", "announce 192.168.11.3", "verify 192.168.11.1", "verify 192.168.11.3", "start",
	})
	dropped := []string{"drop 192.168.11.1", "drop 192.168.11.3", "release false", "swap back", "start there"}
	for failing, test := range map[string]struct {
		done  []string
		state plan.State
	}{
		"":                    {append(slices.Clone(held), "ready"), plan.Succeeded},
		"live":                {nil, plan.Undone},
		"ahead":               {there[:1], plan.Undone},
		"turn":                {there[:2], plan.Undone},
		"stop there":          {append(slices.Clone(there[:3]), "start there"), plan.Undone},
		"swap":                {append(slices.Clone(there[:4]), "swap back", "start there"), plan.Undone},
		"rest":                {append(slices.Clone(there[:5]), "swap back", "start there"), plan.Undone},
		"release true":        {append(slices.Clone(there), "release false", "swap back", "start there"), plan.Undone},
		"assume 192.168.11.3": {slices.Concat(held[:9], dropped[:2], dropped), plan.Undone},
		"start":               {slices.Concat(held, []string{"stop"}, dropped), plan.Undone},
		"ready":               {append(slices.Clone(held), "ready"), plan.Partial},
	} {
		t.Run(failing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := newHost(), newWire(t)
				p := h.parts(w.q)
				p.Copies = copies{h}
				if failing != "" {
					h.fail[failing] = errors.New("broken")
				}
				r, _ := carryOut(t, Handover(subject(), p, departureOf(h)))
				if diff := cmp.Diff(test.done, h.done()); diff != "" || r.State != test.state {
					t.Errorf("%s %s, done (-want +got):\n%s", r.State, r.Error, diff)
				}
			})
		})
	}
}

// TestNothingIsTakenBeforeItIsGivenUp: the standby waits until nobody answers for the address, and gives up in time.
func TestNothingIsTakenBeforeItIsGivenUp(t *testing.T) {
	for _, given := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			h, w := newHost(), newWire(t)
			s := subject()
			s.Seize = true // which is not meant for an address that is given up
			w.set(func() { w.answers[second] = "52:54:00:00:00:01" })
			began := time.Now()
			if given {
				go func() {
					<-time.After(5 * time.Minute)
					w.set(func() { delete(w.answers, second) })
				}()
			}
			r, err := carryOut(t, Handover(s, h.parts(w.q), departureOf(h)))
			took := time.Since(began)
			acts := h.done()
			if given {
				if r.State != plan.Succeeded || took < 5*time.Minute || took > 6*time.Minute {
					t.Errorf("%s after %s: %v", r.State, took, err)
				}
				return
			}
			if r.State != plan.Undone || took < byHand || took > byHand+time.Minute || slices.Contains(acts, "assume 192.168.11.1") || slices.Contains(acts, "swap") {
				t.Errorf("%s after %s: %v; done %v", r.State, took, err, acts)
			}
			if !strings.Contains(r.Error, "52:54:00:00:00:01") || acts[len(acts)-1] != "start there" {
				t.Errorf("%s; done %v", r.Error, acts)
			}
		})
	}
}

// TestOnwardAway: which hand-overs a crash leaves to be finished.
func TestOnwardAway(t *testing.T) {
	at := func(last string, as, state plan.State) plan.Record {
		r := plan.Record{State: state}
		reached := false
		for _, name := range []string{StepLive, StepTurn, StepLeave, StepGone, "check", "copy calls", "swap calls", StepQuiesce, StepProbe, StepAssume, StepAnnounce, StepStart, StepReady} {
			d := plan.Done{Name: name, State: plan.Succeeded}
			switch {
			case name == last:
				d.State, reached = as, true
			case reached:
				d.State = plan.Queued
			}
			r.Steps = append(r.Steps, d)
		}
		return r
	}
	for _, test := range []struct {
		last      string
		as, state plan.State
		whole     bool
		onward    bool
	}{
		{StepLeave, plan.Running, plan.Running, false, false},
		{StepGone, plan.Succeeded, plan.Unknown, false, false},
		{"copy calls", plan.Running, plan.Running, false, false},
		{"swap calls", plan.Running, plan.Running, true, true},
		{"swap calls", plan.Running, plan.Cancelling, true, false},
		{"swap calls", plan.Running, plan.Running, false, false}, // the configuration has changed
		{StepProbe, plan.Running, plan.Running, true, true},
		{StepAssume, plan.Running, plan.Running, false, true},
		{StepAssume, plan.Running, plan.Cancelling, true, false},
		{StepStart, plan.Running, plan.Running, false, true},
		{StepStart, plan.Running, plan.Cancelling, true, false},
		{StepReady, plan.Unknown, plan.Unknown, false, true},
	} {
		if got := OnwardAway(at(test.last, test.as, test.state), test.whole); got != test.onward {
			t.Errorf("%s %s, %s, whole %v: onward %v", test.last, test.as, test.state, test.whole, got)
		}
	}
}
