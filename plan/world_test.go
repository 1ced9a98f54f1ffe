package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A world is what a plan changes, and the memory that a crash leaves: what is
// done, and what was on disk.
type world struct {
	t      testing.TB
	things map[string]bool // what is done
	log    []string        // every Do and Undo that was called, in order
	disk   []Record        // every durable record
	fail   map[string]error
	unable map[string]error // undo fails

	// crashAt counts down at every edge: before and after each durable write, and
	// before and after each change of the world. At zero the daemon dies.
	crashAt int
	edges   int

	// journal fails at this write, counted from one; all the following ones do
	// too if forGood.
	journalFails int
	forGood      bool
	writes       int
}

// died is what a crash panics with.
type died struct{}

func newWorld(t testing.TB) *world {
	return &world{t: t, things: map[string]bool{}, fail: map[string]error{}, unable: map[string]error{}, crashAt: -1}
}

// edge is an instant at which the daemon may die.
func (w *world) edge() {
	w.edges++
	if w.crashAt == 0 {
		panic(died{})
	}
	w.crashAt--
}

var errDisk = errors.New("disk full")

// Record satisfies Recorder. The record goes through JSON, as it does on its
// way to the journal.
func (w *world) Record(_ context.Context, r Record, durable bool) error {
	if !durable {
		return nil
	}
	w.writes++
	if w.journalFails > 0 && (w.writes == w.journalFails || w.forGood && w.writes > w.journalFails) {
		return errDisk
	}
	w.edge()
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var copied Record
	if err := json.Unmarshal(body, &copied); err != nil {
		return err
	}
	w.disk = append(w.disk, copied)
	w.edge()
	return nil
}

// last is the last durable record.
func (w *world) last() Record { return w.disk[len(w.disk)-1].clone() }

// step makes a step that puts a thing into the world, and takes it out again.
func (w *world) step(name string, durable bool) Step {
	return Step{
		Name: name, Title: "make " + name, Durable: durable,
		Do: func(ctx context.Context) (string, error) {
			w.log = append(w.log, "do "+name)
			if err := context.Cause(ctx); err != nil {
				return "", err
			}
			last := w.last()
			if d := last.Step(name); d.State != Running {
				w.t.Errorf("%s is done, and the disk says that it is %s", name, d.State)
			}
			w.edge()
			w.things[name] = true
			w.edge()
			return name + " is made", w.fail[name]
		},
		Undo: func(context.Context) error {
			w.log = append(w.log, "undo "+name)
			if err := w.unable[name]; err != nil {
				return err
			}
			w.edge()
			delete(w.things, name)
			w.edge()
			return nil
		},
	}
}

// ask makes a step that only asks a question: it is not durable and leaves
// nothing.
func (w *world) ask(name string) Step {
	return Step{Name: name, Title: "ask " + name, Do: func(ctx context.Context) (string, error) {
		w.log = append(w.log, "do "+name)
		return "asked", errors.Join(context.Cause(ctx), w.fail[name])
	}}
}

// takeover is a plan like the real one.
func (w *world) takeover() Plan {
	return Plan{Kind: "takeover", Server: "a", Steps: []Step{
		w.step("fence", true), w.ask("probe"), w.step("assume", false), w.ask("announce"), w.step("start", true), w.ask("ready"),
	}}
}

// begin writes a plan down as the standby does, in the transaction that decides.
func (w *world) begin(p Plan) Record {
	r := New(p, "op-1", Actor{Kind: "automatic", Name: "decision"}, "it failed", nil, time.Now())
	w.disk = append(w.disk, r.clone())
	return r
}

// beginAtOnce writes a plan down with its first steps noted as begun.
func (w *world) beginAtOnce(p Plan) Record {
	r := Begin(p, New(p, "op-1", Actor{Kind: "automatic", Name: "decision"}, "it failed", nil, time.Now()))
	w.disk = append(w.disk, r.clone())
	return r
}

// alive runs f and reports whether the daemon lived through it.
func alive(f func()) (lived bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(died); !ok {
				panic(r)
			}
			lived = false
		}
	}()
	f()
	return true
}

// whole reports whether everything, or nothing, of the plan's is in the world.
func (w *world) whole(p Plan) (all, none bool) {
	n := 0
	for _, s := range p.Steps {
		if s.Undo != nil {
			n++
		}
	}
	return len(w.things) == n, len(w.things) == 0
}

// states lists the steps of a record with where they stand.
func states(r Record) string {
	var list []string
	for _, d := range r.Steps {
		list = append(list, d.Name+" "+string(d.State))
	}
	return strings.Join(list, ", ")
}

// takenBack checks that what was done last is undone first, and that each step
// that was begun and can be undone is.
func (w *world) takenBack(p Plan) error {
	var done, undone []string
	for _, line := range w.log {
		verb, name, _ := strings.Cut(line, " ")
		i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Name == name })
		switch {
		case verb == "do" && p.Steps[i].Undo != nil:
			done = append(done, name)
		case verb == "undo":
			undone = append(undone, name)
		}
	}
	slices.Reverse(done)
	if !slices.Equal(done, undone) {
		return fmt.Errorf("done, last first: %v; undone: %v", done, undone)
	}
	return nil
}
