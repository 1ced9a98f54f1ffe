package files

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestSupersededBeforeItsTurn: of a file an entry comes whose content is not there, and after it, before either had its turn, the
// file with its content and another mode. The first one must leave nothing behind: what is remembered as missing is tried
// again in the next conversation, and would bring the old mode back.
func TestSupersededBeforeItsTurn(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	c.list()
	const seq = 1 << 20
	f := fileOf(seq+2, "f", "x")
	old := f.Entry
	old.Seq, old.Mode = seq+1, 0o600
	c.say(&entryFrame{Entry: old}, f, &cursorFrame{Seq: seq + 2, Idle: true})
	for c.hear(kindAck).(*ackFrame).Seq < seq+2 { // hears no question
	}
	_ = c.hangUp()
	again := openCopy(t, func(o *SinkOptions) { o.Directory = s.options.Directory })
	c = talkTo(t, again, nil)
	c.hear(kindResume)
	c.say(&cursorFrame{Seq: seq + 3, Idle: true})
	for c.hear(kindAck).(*ackFrame).Seq < seq+3 {
	}
	_ = c.hangUp()
	info, err := os.Stat(again.at("f"))
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info, err)
	}
}

// TestSupersededInFlight: the first one is in a group that is on its way to the disk when the second comes. The second is asked
// for, and not the first.
func TestSupersededInFlight(t *testing.T) {
	s := openCopy(t, nil)
	here, there, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	defer there.Close()
	r := newReceiver(s, wireTo(t, here))
	r.room = 1 << 20
	e := Entry{Seq: 1, Path: "f", Kind: File, Size: 1, ModTime: 1, Mode: 0o600}
	newer := e
	newer.Seq, newer.Size = 2, 2
	steps := []func() error{
		func() error { return r.take(&listingFrame{}) },
		func() error { return r.take(&entryFrame{Entry: e}) },
		func() error {
			r.flight, r.changes = &flight{changes: r.changes}, nil
			return r.take(&entryFrame{Entry: newer})
		},
		func() error { return errors.Join(r.landed(nil), r.pump()) },
		r.commit,
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if m, j := r.missing["f"], r.fetcher.byPath["f"]; m == nil || m.entry.Seq != 2 || j == nil || j.entry.Seq != 2 {
		t.Errorf("missing: %+v, asked for: %+v", m, j)
	}
}

// TestSupersededDeletion: a deletion is held back, and something new comes under the name before its turn. Confirming what is held
// leaves that alone.
func TestSupersededDeletion(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	var all, changes []frame
	for i := range uint64(10) {
		all = append(all, fileOf(i+1, fmt.Sprint("f", i), "x"))
		changes = append(changes, &goneFrame{Path: fmt.Sprint("f", i), Seq: 1<<20 + 1 + i})
	}
	c.list(all...)
	changes = append(changes, fileOf(1<<20+20, "f3", "new"), &cursorFrame{Seq: 1<<20 + 20, Idle: true})
	c.say(changes...)
	for v, changed := s.Status(); v.Held != 9; v, changed = c.next(v, changed) {
	}
	s.Confirm()
	for v, changed := s.Status(); v.Held != 0 || v.Cursor < 1<<20+20; v, changed = c.next(v, changed) {
	}
	holds(t, s, "f3", "new")
	_ = c.hangUp()
}
