package plan

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestPastThePointOfNoReturn: once a final step has begun, nothing is taken back: not when it fails, not when a later one
// does, not by a cancel, and not by a start after a crash.
func TestPastThePointOfNoReturn(t *testing.T) {
	for _, failing := range []string{"", "assume", "start", "ready"} {
		for edge := -1; ; edge++ {
			w := newWorld(t)
			p := w.takeover()
			for i := range p.Steps {
				p.Steps[i].Final = p.Steps[i].Name == "start"
			}
			if failing != "" {
				w.fail[failing] = errBroken
			}
			w.crashAt = edge
			r := w.begin(p)
			died := !alive(func() { r, _ = Run(t.Context(), p, r, w) })
			if edge >= 0 && !died {
				break
			}
			if died {
				past := Past(p, w.last())
				w.crashAt = -1
				r = w.last()
				if r.State.Open() {
					r, _ = Run(t.Context(), p, r, w)
				}
				if past && strings.Contains(strings.Join(w.log, ","), "undo") {
					t.Errorf("failing %q, crash at %d: %v", failing, edge, w.log)
				}
			}
			want := map[string]State{"": Succeeded, "assume": Undone, "start": Partial, "ready": Partial}[failing]
			if r.State != want || r.State == Partial && !w.things["assume"] {
				t.Errorf("failing %q, crash at %d: %s, want %s; there is %v", failing, edge, r.State, want, w.things)
			}
		}
	}
}

// TestCancelledPastThePointOfNoReturn: who cancels then ends the operation, and takes nothing back.
func TestCancelledPastThePointOfNoReturn(t *testing.T) {
	for name, want := range map[string]State{"assume": Undone, "start": Partial} {
		w := newWorld(t)
		p := w.takeover()
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		for i := range p.Steps {
			p.Steps[i].Final = p.Steps[i].Name == "start"
			if do := p.Steps[i].Do; p.Steps[i].Name == name {
				p.Steps[i].Do = func(ctx context.Context) (string, error) {
					cancel(ErrCancelled)
					return do(ctx)
				}
			}
		}
		r, err := Run(ctx, p, w.begin(p), w)
		if r.State != want || !errors.Is(err, ErrCancelled) {
			t.Errorf("cancelled in %s: %s, %v; want %s", name, r.State, err, want)
		}
	}
}

// TestSettled: a step that settles can be taken back while it is being done and when it fails, and not once it is done: not
// when a later one fails, and not when somebody cancels in its last instant.
func TestSettled(t *testing.T) {
	for failing, want := range map[string]State{"": Succeeded, "assume": Undone, "start": Undone, "ready": Partial, "cancelled": Partial} {
		w := newWorld(t)
		p := w.takeover()
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		for i := range p.Steps {
			p.Steps[i].Settles = p.Steps[i].Name == "start"
			if do := p.Steps[i].Do; failing == "cancelled" && p.Steps[i].Settles {
				p.Steps[i].Do = func(ctx context.Context) (string, error) {
					note, err := do(ctx)
					cancel(ErrCancelled)
					return note, err
				}
			}
		}
		if failing != "" {
			w.fail[failing] = errBroken
		}
		if r, _ := Run(ctx, p, w.begin(p), w); r.State != want || w.things["start"] != (want == Succeeded || want == Partial) {
			t.Errorf("failing %q: %s, want %s; there is %v", failing, r.State, want, w.things)
		}
	}
}
