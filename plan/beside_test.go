package plan

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shelf keeps the durable records of plans whose steps are done beside each other.
type shelf struct {
	mu    sync.Mutex
	disk  []Record
	fails error
}

func (s *shelf) Record(_ context.Context, r Record, durable bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	if durable {
		s.disk = append(s.disk, r.clone())
	}
	return nil
}

// last is the last durable record.
func (s *shelf) last() Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk[len(s.disk)-1]
}

// party is a plan of which two steps are done beside two others. Each takes a second or what it is told, and fails then if
// it is told to.
type party struct {
	mu     sync.Mutex
	log    []string
	shelf  shelf
	takes  map[string]time.Duration
	fail   string
	onDisk []string // what the steps are on disk when those of the row are done
}

func (p *party) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, what)
}

func (p *party) step(name string, beside int) Step {
	return Step{
		Name: name, Title: name, Beside: beside,
		Do: func(ctx context.Context) (string, error) {
			if name == "copy" || name == "verify" {
				p.onDisk = append(p.onDisk, states(p.shelf.last()))
			}
			takes, said := p.takes[name]
			if !said {
				takes = time.Second
			}
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
			if name == p.fail {
				return "", errBroken
			}
			Measure(ctx, int64(len(name)), 1)
			p.note(name)
			return name + " is done", nil
		},
		Undo: func(context.Context) error {
			p.note("undo " + name)
			return nil
		},
	}
}

func (p *party) plan() Plan {
	return Plan{Kind: "party", Server: "a", Steps: []Step{
		p.step("check", 0), p.step("copy", 0), p.step("verify", 0), p.step("files", 2), p.step("more", 3), p.step("swap", 0),
	}}
}

// TestBeside: steps that are done beside each other are on disk as begun before one of them is done, take the time of the
// longest, and what comes after waits for all of them.
func TestBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := party{takes: map[string]time.Duration{"files": 1500 * time.Millisecond, "more": 500 * time.Millisecond}}
		began := time.Now()
		r, err := Run(t.Context(), p.plan(), New(p.plan(), "1", Actor{}, "", nil, began), &p.shelf)
		if err != nil || r.State != Succeeded {
			t.Fatalf("%s, %v", r.State, err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("it took %s", took)
		}
		want := []string{
			"check succeeded, copy running, verify queued, files running, more running, swap queued",
			"check succeeded, copy succeeded, verify running, files running, more succeeded, swap queued",
		}
		if diff := cmp.Diff(want, p.onDisk); diff != "" {
			t.Errorf("on disk (-want +got):\n%s", diff)
		}
		if got := strings.Join(p.log, ", "); got != "check, more, copy, files, verify, swap" {
			t.Errorf("done: %s", got)
		}
		for _, d := range r.Steps {
			if d.Bytes != int64(len(d.Name)) || d.Note != d.Name+" is done" {
				t.Errorf("%s: %d bytes, %q", d.Name, d.Bytes, d.Note)
			}
		}
	})
}

// TestBesideFails: one that fails ends the others at once; its error is the operation's, and all that was begun is taken back.
func TestBesideFails(t *testing.T) {
	for failing, test := range map[string]struct{ done, ended string }{
		"copy":   {"check, undo more, undo files, undo copy, undo check", "files"},
		"verify": {"check, more, copy, undo more, undo files, undo verify, undo copy, undo check", "files"},
		"files":  {"check, undo more, undo files, undo copy, undo check", "copy"},
		"more":   {"check, undo more, undo files, undo copy, undo check", "copy"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := party{fail: failing, takes: map[string]time.Duration{"files": time.Hour, "more": 500 * time.Millisecond}}
			p.takes[failing] = time.Millisecond
			r, err := Run(t.Context(), p.plan(), New(p.plan(), "1", Actor{}, "", nil, time.Now()), &p.shelf)
			if r.State != Undone || !errors.Is(err, errBroken) || r.Error != failing+": "+errBroken.Error() {
				t.Errorf("%s: %s, %v, %q", failing, r.State, err, r.Error)
			}
			if got := strings.Join(p.log, ", "); got != test.done {
				t.Errorf("%s: done %s, want %s", failing, got, test.done)
			}
			if d := r.Step(test.ended); d.Error != errBeside.Error() {
				t.Errorf("%s: %s says %q", failing, d.Name, d.Error)
			}
		})
	}
}

// TestBesideCancelled: who cancels ends all of them; a stop of the daemon leaves all that were not done for the next start,
// which does these and no other.
func TestBesideCancelled(t *testing.T) {
	for cause, want := range map[error]State{ErrCancelled: Undone, ErrInterrupted: Unknown} {
		synctest.Test(t, func(t *testing.T) {
			p := party{takes: map[string]time.Duration{"copy": time.Hour, "files": time.Hour, "more": 500 * time.Millisecond}}
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(2*time.Second, func() { cancel(cause) })
			r, err := Run(ctx, p.plan(), New(p.plan(), "1", Actor{}, "", nil, time.Now()), &p.shelf)
			if r.State != want || !errors.Is(err, cause) {
				t.Fatalf("%v: %s, %v", cause, r.State, err)
			}
			if want != Unknown {
				if got := strings.Join(p.log, ", "); got != "check, more, undo more, undo files, undo copy, undo check" {
					t.Errorf("done %s", got)
				}
				return
			}
			if got := states(r); got != "check succeeded, copy unknown, verify queued, files unknown, more succeeded, swap queued" {
				t.Errorf("left: %s", got)
			}
			p.takes, p.log = map[string]time.Duration{"files": 1500 * time.Millisecond}, nil
			r, err = Run(t.Context(), p.plan(), p.shelf.last(), &p.shelf)
			if done := strings.Join(p.log, ", "); err != nil || r.State != Succeeded || done != "copy, files, verify, swap" {
				t.Errorf("taken up: %s, %v, done %s", r.State, err, done)
			}
		})
	}
}

// TestBesideNotWrittenDown: if the disk does not take that they begin, none of them begins.
func TestBesideNotWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p party
		steps := p.plan().Steps
		steps[0].Do = func(context.Context) (string, error) {
			p.shelf.fails = errDisk
			return "", nil
		}
		r, err := Run(t.Context(), Plan{Kind: "party", Server: "a", Steps: steps}, New(p.plan(), "1", Actor{}, "", nil, time.Now()), &p.shelf)
		if !errors.Is(err, errDisk) || !strings.Contains(r.Error, "copy: write the step down before doing it") {
			t.Errorf("%s, %v", r.State, err)
		}
		if got := strings.Join(p.log, ", "); got != "undo check" {
			t.Errorf("done %s", got)
		}
	})
}
