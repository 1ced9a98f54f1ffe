package takeover

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/plan"
)

// TestOnward: what becomes of a failback that a crash has interrupted, by where its record says that it stood.
func TestOnward(t *testing.T) {
	steps := []string{StepBack, "look", StepTurn, StepStop, StepSeal, "check", "copy calls", "verify calls", "swap calls", StepDrop, StepApplication}
	at := func(last string, as, state plan.State) plan.Record {
		r := plan.Record{State: state}
		begun := plan.Succeeded
		for _, name := range steps {
			d := plan.Done{Name: name, State: begun}
			if name == last {
				d.State, begun = as, plan.Queued
			}
			r.Steps = append(r.Steps, d)
		}
		return r
	}
	for _, test := range []struct {
		last   string
		as     plan.State
		state  plan.State
		whole  bool // the data can be put in service at the primary, or is
		onward bool
	}{
		{StepStop, plan.Running, plan.Running, false, false},
		{StepStop, plan.Succeeded, plan.Unknown, false, false},
		{"copy calls", plan.Running, plan.Running, false, false},
		{"copy calls", plan.Unknown, plan.Unknown, false, false},
		{"verify calls", plan.Succeeded, plan.Running, false, false},
		{"swap calls", plan.Running, plan.Running, true, true},
		{"swap calls", plan.Running, plan.Cancelling, true, false},
		{"swap calls", plan.Running, plan.Running, false, false}, // the configuration has changed
		{StepDrop, plan.Running, plan.Running, true, true},
		{StepDrop, plan.Running, plan.Running, false, true},
		{StepDrop, plan.Running, plan.Cancelling, true, false},
		{StepDrop, plan.Succeeded, plan.Running, false, true},
		{StepApplication, plan.Running, plan.Running, false, true},
		{StepApplication, plan.Failed, plan.Unknown, true, true},
		{StepApplication, plan.Running, plan.Cancelling, true, true},
	} {
		if got := Onward(at(test.last, test.as, test.state), test.whole); got != test.onward {
			t.Errorf("%s %s, %s, whole %v: onward %v", test.last, test.as, test.state, test.whole, got)
		}
	}
}

// remote is the primary's application in a test.
type remote struct{ h *host }

func (r remote) Running(context.Context) (string, bool, error) { return "ct.service", false, nil }
func (r remote) Start(context.Context) (string, error) {
	return "ct.service runs", r.h.act("start there", func() {})
}

func (r remote) Stop(context.Context) (string, error) {
	return "ct.service is stopped", r.h.act("stop there", func() {})
}

// homeOf is a way home whose data steps are noted.
func homeOf(h *host) Home {
	return Home{
		Back:  func(context.Context) (string, error) { return "it answers", h.fail["back"] },
		Ahead: []plan.Step{{Name: "ahead", Do: func(context.Context) (string, error) { return "", h.act("ahead", func() {}) }}},
		Turn:  func(context.Context) error { return h.act("turn", func() {}) },
		Data: []plan.Step{{
			Name: "swap", Do: func(context.Context) (string, error) { return "", h.act("swap", func() {}) },
			Undo: func(context.Context) error { return h.act("swap back", func() {}) },
		}},
		Application: remote{h},
	}
}

// TestFailbackInOrder: what fails before the application is started is taken back, last first, and the stand-in is started
// again; nothing is stopped before everything was asked; nothing is taken back after the point of no return.
func TestFailbackInOrder(t *testing.T) {
	whole := []string{"ahead", "turn", "stop", "swap", "drop 192.168.11.1", "drop 192.168.11.3", "start there"}
	for failing, test := range map[string]struct {
		done  []string
		state plan.State
	}{
		"":            {whole, plan.Succeeded},
		"back":        {nil, plan.Undone},
		"ahead":       {whole[:1], plan.Undone},
		"turn":        {whole[:2], plan.Undone},
		"stop":        {[]string{"ahead", "turn", "stop", "start"}, plan.Undone},
		"swap":        {[]string{"ahead", "turn", "stop", "swap", "swap back", "start"}, plan.Undone},
		"start there": {whole, plan.Partial},
	} {
		t.Run(failing, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := newHost(), newWire(t)
				if _, err := carryOut(t, Takeover(subject(), h.parts(w.q))); err != nil {
					t.Fatal(err)
				}
				h.done()
				if failing != "" {
					h.fail[failing] = errors.New("broken")
				}
				r, _ := carryOut(t, Failback(subject(), h.parts(w.q), homeOf(h)))
				if diff := cmp.Diff(test.done, h.done()); diff != "" || r.State != test.state {
					t.Errorf("%s %s, done (-want +got):\n%s", r.State, r.Error, diff)
				}
			})
		})
	}
}

// TestAnAddressGivenBackIsTakenAgainOnlyIfNobodyHasIt: undoing asks first.
func TestAnAddressGivenBackIsTakenAgainOnlyIfNobodyHasIt(t *testing.T) {
	for _, taken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h, w := newHost(), newWire(t)
			p := Failback(subject(), h.parts(w.q), homeOf(h))
			for _, step := range p.Steps {
				if step.Name != StepDrop {
					continue
				}
				if taken {
					w.set(func() { w.answers[subject().Addresses[0].Addr()] = "52:54:00:00:00:01" })
				}
				err := step.Undo(t.Context())
				if refused := err != nil && strings.Contains(err.Error(), "52:54:00:00:00:01"); refused != taken {
					t.Errorf("taken %v: %v", taken, err)
				}
				if got := h.done(); (len(got) > 0) == taken {
					t.Errorf("taken %v: done %v", taken, got)
				}
			}
		})
	}
}

// TestTheStandInDoesNotWaitForADeadPrimary: what cannot be taken back at the primary is given up soon.
func TestTheStandInDoesNotWaitForADeadPrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		home := homeOf(h)
		home.Data[0].Undo = func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		s := subject()
		s.Assume = false
		h.fail["swap"] = errors.New("the primary has died")
		began := time.Now()
		r, _ := carryOut(t, Failback(s, h.parts(nil), home))
		if took := time.Since(began); r.State != plan.Failed || took > 10*time.Second {
			t.Errorf("%s after %s", r.State, took)
		}
		if got := h.done(); got[len(got)-1] != "start" {
			t.Errorf("done %v", got)
		}
	})
}
