package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// during runs a plan whose context ends with a cause while step i is at work.
func during(t *testing.T, w *world, p Plan, i int, cause error) (Record, error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	do := p.Steps[i].Do
	p.Steps[i].Do = func(ctx context.Context) (string, error) {
		note, err := do(ctx)
		cancel(cause)
		return note, errors.Join(err, ctx.Err())
	}
	return Run(ctx, p, w.begin(p), w)
}

func TestCancelled(t *testing.T) {
	for _, onFailure := range []OnFailure{Undo, Keep} {
		for _, optional := range []bool{false, true} {
			eachStep(t, func(t *testing.T, w *world, p Plan, i int) {
				p.OnFailure, p.Steps[i].Optional = onFailure, optional
				r, err := during(t, w, p, i, fmt.Errorf("%w by anna", ErrCancelled))
				if !errors.Is(err, ErrCancelled) || r.State != Undone || !strings.Contains(r.Error, "cancelled by anna") {
					t.Fatalf("%s, %q, %v", r.State, r.Error, err)
				}
				if len(w.things) > 0 {
					t.Errorf("left: %v", w.things)
				}
				if err := w.takenBack(p); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestCancelledBetweenTwoSteps(t *testing.T) {
	eachStep(t, func(t *testing.T, w *world, p Plan, i int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		do := p.Steps[i].Do
		p.Steps[i].Do = func(ctx context.Context) (string, error) {
			note, err := do(ctx)
			cancel(ErrCancelled)
			return note, err // it had its way before it noticed
		}
		r, err := Run(ctx, p, w.begin(p), w)
		if i == len(p.Steps)-1 {
			if err != nil || r.State != Succeeded {
				t.Errorf("cancelled after the end: %s, %v", r.State, err)
			}
			return
		}
		if !errors.Is(err, ErrCancelled) || r.State != Undone || len(w.things) > 0 {
			t.Errorf("%s, %v, left: %v", r.State, err, w.things)
		}
	})
}

func TestInterrupted(t *testing.T) {
	for _, onFailure := range []OnFailure{Undo, Keep} {
		for _, optional := range []bool{false, true} {
			eachStep(t, func(t *testing.T, w *world, p Plan, i int) {
				p.OnFailure, p.Steps[i].Optional = onFailure, optional
				again := w.takeover()
				r, err := during(t, w, p, i, ErrInterrupted)
				if !errors.Is(err, ErrInterrupted) || r.State != Unknown || !r.State.Open() || r.Ended != nil {
					t.Fatalf("%s, %v", r.State, err)
				}
				if strings.Contains(strings.Join(w.log, ","), "undo") {
					t.Errorf("undone: %v", w.log)
				}
				last := w.last()
				if last.State != Unknown || last.Steps[i].State != Unknown || !last.Begun(p.Steps[i].Name) {
					t.Errorf("on disk: %s: %s", last.State, states(last))
				}
				// Taken up at the next start, nothing that is known to be done is done again.
				w.log = nil
				r, err = Run(t.Context(), again, last, w)
				if err != nil || r.State != Succeeded {
					t.Fatalf("resumed: %s, %v", r.State, err)
				}
				if len(w.log) != len(p.Steps)-i || w.log[0] != "do "+p.Steps[i].Name {
					t.Errorf("resumed: %v", w.log)
				}
				if all, _ := w.whole(p); !all {
					t.Errorf("the world has %v", w.things)
				}
			})
		}
	}
}

func TestInterruptedBeforeItBegan(t *testing.T) {
	w := newWorld(t)
	p := w.takeover()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrInterrupted)
	r, err := Run(ctx, p, w.begin(p), w)
	if !errors.Is(err, ErrInterrupted) || r.State != Unknown || len(w.log) > 0 || r.Begun("fence") {
		t.Errorf("%s, %v, %v", r.State, err, w.log)
	}
}

// TestTheJournalFails lets each write fail, once and for good. What cannot be
// remembered is not done, and what was done is taken back all the same.
func TestTheJournalFails(t *testing.T) {
	for _, forGood := range []bool{false, true} {
		for n, next := range map[int]string{1: "fence", 2: "assume", 3: "start"} {
			w := newWorld(t)
			w.journalFails, w.forGood = n, forGood
			p := w.takeover()
			r, err := Run(t.Context(), p, w.begin(p), w)
			if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), next+": write the step down before doing it") || r.State != Undone {
				t.Errorf("write %d: %s, %v", n, r.State, err)
			}
			if strings.Contains(strings.Join(w.log, ","), "do "+next) || len(w.things) > 0 || r.Begun(next) {
				t.Errorf("write %d: %v, left: %v, %s", n, w.log, w.things, states(r))
			}
		}
		// The last write: everything is done, and the end is not on disk.
		w := newWorld(t)
		w.journalFails, w.forGood = 4, forGood
		p := w.takeover()
		r, err := Run(t.Context(), p, w.begin(p), w)
		if !errors.Is(err, errDisk) || r.State != Succeeded || !w.last().State.Open() {
			t.Errorf("the end: %s, %v, on disk %s", r.State, err, w.last().State)
		}
	}
	// The write before the undoing: it is undone, and said.
	w := newWorld(t)
	w.fail["ready"], w.journalFails = errBroken, 4
	p := w.takeover()
	r, err := Run(t.Context(), p, w.begin(p), w)
	if !errors.Is(err, errDisk) || !errors.Is(err, errBroken) || r.State != Undone || len(w.things) > 0 {
		t.Errorf("%s, %v, left: %v", r.State, err, w.things)
	}
}

func TestBackGoesToItsEnd(t *testing.T) {
	w := newWorld(t)
	p := w.takeover()
	w.crashAt = 11
	if alive(func() { _, _ = Run(t.Context(), p, w.begin(p), w) }) {
		t.Fatal("it was meant to die")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrInterrupted)
	w.crashAt = -1
	for i := range p.Steps {
		undo := p.Steps[i].Undo
		if undo == nil {
			continue
		}
		p.Steps[i].Undo = func(ctx context.Context) error { return errors.Join(undo(ctx), ctx.Err()) }
	}
	r, err := Back(ctx, p, w.last(), errBroken, w)
	if !errors.Is(err, errBroken) || r.State != Undone || len(w.things) > 0 || w.last().State != Undone {
		t.Errorf("%s, %v, left: %v", r.State, err, w.things)
	}
}

func TestOtherRecordsAreRefused(t *testing.T) {
	w := newWorld(t)
	p := w.takeover()
	short, renamed, ended := w.begin(p), w.begin(p), w.begin(p)
	short.Steps = short.Steps[:3]
	renamed.Steps[2].Name = "grab"
	ended.State = Undone
	for _, r := range []Record{short, renamed, ended} {
		if _, err := Run(t.Context(), p, r, w); err == nil {
			t.Errorf("run: %s: %s", r.State, states(r))
		}
		if _, err := Back(t.Context(), p, r, errBroken, w); err == nil || errors.Is(err, errBroken) {
			t.Errorf("back: %s: %s", r.State, states(r))
		}
	}
	if len(w.log) > 0 {
		t.Errorf("done: %v", w.log)
	}
}

func TestRecord(t *testing.T) {
	w := newWorld(t)
	r := w.begin(w.takeover())
	if r.Step("nothing") != nil || r.Begun("nothing") || r.Begun("fence") {
		t.Error("nothing has begun")
	}
	for s, open := range map[State]bool{Queued: true, Running: true, Cancelling: true, Unknown: true, Succeeded: false, Partial: false, Failed: false, Cancelled: false, Undone: false, Skipped: false} {
		r.Steps[0].State = s
		if begun := s != Queued && s != Skipped; r.Begun("fence") != begun {
			t.Errorf("%s: begun %t", s, r.Begun("fence"))
		}
		if s.Open() != open {
			t.Errorf("%s: open %t", s, s.Open())
		}
	}
	at := time.Now()
	later := at.Add(time.Second)
	if (Done{Started: &at, Ended: &later}).Duration() != time.Second || (Done{Started: &at}).Duration() != 0 || (Done{Ended: &at}).Duration() != 0 {
		t.Error("durations")
	}
}
