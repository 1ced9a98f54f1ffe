package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// recovered takes an operation up as the standby does at a start: what was
// being undone is undone to its end, everything else is run to its end, or
// undone if the caller wants it so.
func (w *world) recovered(p Plan, back bool) (Record, error) {
	r := w.last()
	if !r.State.Open() {
		return r, nil
	}
	if back {
		return Back(w.t.Context(), p, r, errors.New("interrupted by a crash"), w)
	}
	return Run(w.t.Context(), p, r, w)
}

// TestCrashAtEveryEdge kills the daemon at each instant of a takeover at which
// something is written or changed, then once more at each instant of the
// recovery, and lets the second recovery come to its end. Whatever was hit:
// the operation is closed, and all of it is in the world or nothing.
func TestCrashAtEveryEdge(t *testing.T) {
	for _, failing := range []string{"", "fence", "probe", "assume", "announce", "start", "ready"} {
		for _, back := range []bool{false, true} {
			for _, begun := range []bool{false, true} {
				crashes := 0
				for first := 0; ; first++ {
					if reached := crashTwice(t, failing, back, begun, first, -1); !reached {
						break
					}
					crashes++
					for second := 0; crashTwice(t, failing, back, begun, first, second); second++ {
						crashes++
					}
				}
				if crashes < 20 {
					t.Errorf("failing %q, back %t, begun %t: only %d crashes", failing, back, begun, crashes)
				}
			}
		}
	}
}

// crashTwice plays one case and reports whether the crashes happened.
func crashTwice(t *testing.T, failing string, back, begun bool, first, second int) bool {
	t.Helper()
	w := newWorld(t)
	p := w.takeover()
	if failing != "" {
		w.fail[failing] = errBroken
	}
	r, run := w.begin(p), Run
	if begun {
		r, run = w.beginAtOnce(p), RunBegun
	}
	w.crashAt = first
	if alive(func() { _, _ = run(t.Context(), p, r, w) }) {
		return false
	}
	w.crashAt = second
	var err error
	died := !alive(func() { r, err = w.recovered(p, back) })
	if second >= 0 && !died {
		return false
	}
	if died {
		w.crashAt = -1
		r, err = w.recovered(p, back)
	}
	all, none := w.whole(p)
	name := "crash at edge %d, then at %d, failing %q, back %t, begun %t: "
	args := []any{first, second, failing, back, begun}
	switch {
	case w.last().State.Open():
		t.Errorf(name+"still open: %s", append(args, w.last().State)...)
	case !all && !none:
		t.Errorf(name+"a half state: %v, %s: %s", append(args, w.things, r.State, states(r))...)
	case all != (r.State == Succeeded) || none != (r.State == Undone):
		t.Errorf(name+"the record says %s, %v; the world has %v", append(args, r.State, err, w.things)...)
	case failing != "" && all:
		t.Errorf(name+"done although it fails", args...)
	case failing == "" && !back && !all:
		t.Errorf(name+"not finished: %s", append(args, states(r))...)
	}
	return true
}

// TestResumedFromEveryRecord takes each durable record of a run up in a world
// that has lost nothing, and in one that has lost everything that was not on
// record as done.
func TestResumedFromEveryRecord(t *testing.T) {
	whole := newWorld(t)
	p := whole.takeover()
	if _, err := Run(t.Context(), p, whole.begin(p), whole); err != nil {
		t.Fatal(err)
	}
	for i, from := range whole.disk[:len(whole.disk)-1] {
		for _, lost := range []bool{false, true} {
			w := newWorld(t)
			w.disk = append(w.disk, from)
			for _, d := range from.Steps {
				if d.State == Succeeded && undoable(p, d.Name) || d.State == Running && !lost {
					w.things[d.Name] = true
				}
			}
			r, err := Run(t.Context(), w.takeover(), from, w)
			if all, _ := w.whole(p); err != nil || r.State != Succeeded || !all {
				t.Errorf("from record %d, lost %t: %s, %v, %v", i, lost, r.State, err, w.things)
			}
			for _, d := range from.Steps {
				if again := strings.Contains(strings.Join(w.log, ","), "do "+d.Name); again != (d.State != Succeeded) {
					t.Errorf("from record %d: %s was %s, done again: %t", i, d.Name, d.State, again)
				}
			}
		}
	}
}

// undoable reports whether a step of the plan leaves something.
func undoable(p Plan, name string) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Name == name && s.Undo != nil })
}

// TestAnUndoingIsNeverTakenForADoing kills a run while it undoes, and runs what
// is on disk: it goes on undoing.
func TestAnUndoingIsNeverTakenForADoing(t *testing.T) {
	seen := 0
	for edge := 0; ; edge++ {
		w := newWorld(t)
		p := w.takeover()
		w.fail["ready"] = errBroken
		w.crashAt = edge
		if alive(func() { _, _ = Run(t.Context(), p, w.begin(p), w) }) {
			break
		}
		if w.last().State != Cancelling {
			continue
		}
		seen++
		w.crashAt, w.log, w.fail = -1, nil, nil // it would succeed now
		r, err := Run(t.Context(), p, w.last(), w)
		if r.State != Undone || len(w.things) > 0 || err == nil || !strings.Contains(r.Error, "broken") {
			t.Errorf("killed at edge %d: %s, %q, left: %v", edge, r.State, r.Error, w.things)
		}
		if strings.Contains(strings.Join(w.log, ","), "do ") && !strings.HasPrefix(strings.Join(w.log, ","), "undo") {
			t.Errorf("killed at edge %d: %v", edge, w.log)
		}
	}
	if seen < 5 {
		t.Errorf("killed %d times while undoing", seen)
	}
}
