package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errBroken = errors.New("broken")

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.takeover()
		slow := p.Steps[2].Do
		p.Steps[2].Do = func(ctx context.Context) (string, error) {
			time.Sleep(3 * time.Millisecond)
			return slow(ctx)
		}
		began := time.Now()
		r, err := Run(t.Context(), p, w.begin(p), w)
		if err != nil || r.State != Succeeded || r.Error != "" {
			t.Fatalf("%s, %q, %v", r.State, r.Error, err)
		}
		if all, _ := w.whole(p); !all {
			t.Errorf("the world has %v", w.things)
		}
		if got := strings.Join(w.log, ", "); got != "do fence, do probe, do assume, do announce, do start, do ready" {
			t.Errorf("what was done: %s", got)
		}
		if r.Ended == nil || r.Ended.Sub(began) != 3*time.Millisecond || r.Step("assume").Duration() != 3*time.Millisecond {
			t.Errorf("ended %v, assume took %s", r.Ended, r.Step("assume").Duration())
		}
		if n := r.Step("assume").Note; n != "assume is made" {
			t.Errorf("note %q", n)
		}
		// Begun, three durable steps, the end: not a write more on the way.
		if len(w.disk) != 5 || w.last().State != Succeeded || w.last().Ended == nil {
			t.Errorf("%d durable records, the last: %s", len(w.disk), w.last().State)
		}
		for i, want := range []string{
			"fence queued, probe queued, assume queued, announce queued, start queued, ready queued",
			"fence running, probe queued, assume queued, announce queued, start queued, ready queued",
			"fence succeeded, probe succeeded, assume running, announce queued, start queued, ready queued",
			"fence succeeded, probe succeeded, assume succeeded, announce succeeded, start running, ready queued",
			"fence succeeded, probe succeeded, assume succeeded, announce succeeded, start succeeded, ready succeeded",
		} {
			if got := states(w.disk[i]); got != want {
				t.Errorf("record %d: %s", i, got)
			}
		}
	})
}

func TestRunDoesNotChangeWhatItWasGiven(t *testing.T) {
	w := newWorld(t)
	p := w.takeover()
	r := w.begin(p)
	accept := []string{"address-in-use"}
	r = New(p, r.ID, r.By, r.Reason, accept, r.Started)
	accept[0] = "something else"
	if r.Accept[0] != "address-in-use" {
		t.Error("the record shares what was accepted with its maker")
	}
	var kept []Record
	rec := recorderFunc(func(_ context.Context, r Record, durable bool) error {
		kept = append(kept, r)
		return w.Record(t.Context(), r, durable)
	})
	if _, err := Run(t.Context(), p, r, rec); err != nil {
		t.Fatal(err)
	}
	if states(r) != states(New(p, "", Actor{}, "", nil, time.Time{})) || r.State != Queued {
		t.Errorf("the record that was given became %s: %s", r.State, states(r))
	}
	if got := states(kept[0]); !strings.HasPrefix(got, "fence running, probe queued") {
		t.Errorf("a record that was written down changed afterwards: %s", got)
	}
}

// recorderFunc is a Recorder that is a function.
type recorderFunc func(context.Context, Record, bool) error

func (f recorderFunc) Record(ctx context.Context, r Record, durable bool) error {
	return f(ctx, r, durable)
}

// eachStep runs a test for every step of the takeover.
func eachStep(t *testing.T, f func(t *testing.T, w *world, p Plan, i int)) {
	for i, s := range newWorld(t).takeover().Steps {
		t.Run(s.Name, func(t *testing.T) {
			w := newWorld(t)
			f(t, w, w.takeover(), i)
		})
	}
}

func TestAFailedStepIsUndoneWithAllBefore(t *testing.T) {
	eachStep(t, func(t *testing.T, w *world, p Plan, i int) {
		name := p.Steps[i].Name
		w.fail[name] = errBroken
		r, err := Run(t.Context(), p, w.begin(p), w)
		if !errors.Is(err, errBroken) || r.State != Undone || !strings.HasPrefix(r.Error, name+": broken") {
			t.Fatalf("%s, %q, %v", r.State, r.Error, err)
		}
		if len(w.things) > 0 {
			t.Errorf("left: %v", w.things)
		}
		if err := w.takenBack(p); err != nil {
			t.Error(err)
		}
		if d := r.Step(name); d.Error != "broken" {
			t.Errorf("the step's error is %q", d.Error)
		}
		for j, d := range r.Steps {
			if j > i && (d.State != Queued || d.Started != nil) {
				t.Errorf("%s is %s", d.Name, d.State)
			}
		}
		if last := w.last(); last.State != Undone || last.Ended == nil || states(last) != states(r) {
			t.Errorf("on disk: %s: %s", last.State, states(last))
		}
		// That it is being undone was on disk before anything was.
		if before := w.disk[len(w.disk)-2]; before.State != Cancelling || !strings.Contains(before.Error, "broken") {
			t.Errorf("before the undoing: %s, %q", before.State, before.Error)
		}
	})
}

func TestAFailedStepIsKept(t *testing.T) {
	eachStep(t, func(t *testing.T, w *world, p Plan, i int) {
		p.OnFailure = Keep
		w.fail[p.Steps[i].Name] = errBroken
		r, err := Run(t.Context(), p, w.begin(p), w)
		if !errors.Is(err, errBroken) || r.State != Failed || w.last().State != Failed || r.Ended == nil {
			t.Fatalf("%s, %v", r.State, err)
		}
		for j, s := range p.Steps {
			if s.Undo != nil && w.things[s.Name] != (j <= i) {
				t.Errorf("%s is in the world: %t", s.Name, w.things[s.Name])
			}
		}
		if strings.Contains(strings.Join(w.log, ","), "undo") || r.Steps[i].State != Failed {
			t.Errorf("%v, %s", w.log, states(r))
		}
	})
}

func TestAnOptionalStepMayFail(t *testing.T) {
	eachStep(t, func(t *testing.T, w *world, p Plan, i int) {
		p.Steps[i].Optional = true
		w.fail[p.Steps[i].Name] = errBroken
		r, err := Run(t.Context(), p, w.begin(p), w)
		if err != nil || r.State != Partial || r.Steps[i].State != Failed || r.Steps[i].Error != "broken" {
			t.Fatalf("%s, %v: %s", r.State, err, states(r))
		}
		if all, _ := w.whole(p); !all {
			t.Errorf("the world has %v", w.things)
		}
	})
}

func TestAnUndoThatFailsDoesNotStopTheOthers(t *testing.T) {
	w := newWorld(t)
	p := w.takeover()
	w.fail["start"], w.unable["assume"] = errBroken, errors.New("the link is gone")
	r, err := Run(t.Context(), p, w.begin(p), w)
	if r.State != Failed || !strings.Contains(err.Error(), "undo assume: the link is gone") || !errors.Is(err, errBroken) {
		t.Fatalf("%s, %v", r.State, err)
	}
	if len(w.things) != 1 || !w.things["assume"] || r.Step("fence").State != Undone || r.Step("assume").State != Failed {
		t.Errorf("left: %v: %s", w.things, states(r))
	}
	if !strings.Contains(r.Step("assume").Error, "undo: the link is gone") || !strings.Contains(w.last().Error, "the link is gone") {
		t.Errorf("%q, %q", r.Step("assume").Error, w.last().Error)
	}
}

// waits is a step that waits for its context and says how long it took.
func waits(name string, timeout time.Duration, took *time.Duration) Step {
	wait := func(ctx context.Context) error {
		began := time.Now()
		<-ctx.Done()
		*took = time.Since(began)
		return ctx.Err()
	}
	return Step{
		Name: name, Timeout: timeout, Durable: true,
		Do:   func(ctx context.Context) (string, error) { return "", wait(ctx) },
		Undo: wait,
	}
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct{ timeout, want time.Duration }{
		{0, DefaultTimeout}, {3 * time.Second, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			var took time.Duration
			p := Plan{Kind: "takeover", Steps: []Step{w.step("fence", true), waits("start", c.timeout, &took)}}
			began := time.Now()
			r, err := Run(t.Context(), p, w.begin(p), w)
			if took != c.want || time.Since(began) != 2*c.want {
				t.Errorf("undo took %s, all %s", took, time.Since(began))
			}
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), fmt.Sprintf("start: not done within %s", c.want)) {
				t.Errorf("%v", err)
			}
			if r.State != Failed || len(w.things) > 0 {
				t.Errorf("%s, left: %v", r.State, w.things)
			}
		})
	}
}

func TestRunBegun(t *testing.T) {
	w := newWorld(t)
	p := w.takeover()
	p.Steps = p.Steps[1:] // no fence: a question comes first
	r := w.beginAtOnce(p)
	if got := states(r); got != "probe running, assume running, announce queued, start queued, ready queued" {
		t.Fatal(got)
	}
	r, err := RunBegun(t.Context(), p, r, w)
	if err != nil || r.State != Succeeded {
		t.Fatalf("%s, %v", r.State, err)
	}
	// Begun, start, the end: the first durable step costs no write of its own.
	if len(w.disk) != 3 {
		t.Errorf("%d durable records", len(w.disk))
	}
}

// TestWhatWasOnlyNotedAsBegunIsNotUndone stops before the steps that Begin has
// noted as begun.
func TestWhatWasOnlyNotedAsBegunIsNotUndone(t *testing.T) {
	for _, c := range []struct {
		name, want string
		cause      error
		state      State
	}{
		{"refused", "probe failed, assume queued, announce queued, start queued, ready queued", nil, Undone},
		{"cancelled", "probe queued, assume queued, announce queued, start queued, ready queued", ErrCancelled, Undone},
		{"interrupted", "probe queued, assume queued, announce queued, start queued, ready queued", ErrInterrupted, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.takeover()
			p.Steps = p.Steps[1:]
			w.fail["probe"] = errBroken
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if c.cause != nil {
				cancel(c.cause)
			}
			r, err := RunBegun(ctx, p, w.beginAtOnce(p), w)
			if err == nil || r.State != c.state || states(r) != c.want || states(w.last()) != c.want {
				t.Errorf("%s, %v: %s", r.State, err, states(r))
			}
			if r.Begun("assume") || len(w.things) > 0 || strings.Contains(strings.Join(w.log, ","), "assume") {
				t.Errorf("assume was touched: %v", w.log)
			}
		})
	}
}
