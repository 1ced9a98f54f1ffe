package files

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestSettled(t *testing.T) {
	s := Settle{Quiet: 5 * time.Millisecond, Unknown: 300 * time.Millisecond, MaxWait: 30 * time.Second}
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		age, rest            time.Duration // since the first and the last change
		known, writing, told bool
		ready, open          bool
		again                time.Duration
	}{
		"closed, and quiet":                 {age: 5 * ms, rest: 5 * ms, known: true, ready: true},
		"closed a moment ago":               {age: 2 * ms, rest: 2 * ms, known: true, again: 3 * ms},
		"open":                              {age: 8 * ms, rest: 8 * ms, known: true, writing: true, again: 20 * ms},
		"open, a recorder pauses":           {age: 4 * time.Second, rest: 1500 * ms, known: true, writing: true, again: time.Second},
		"open until the bound":              {age: 29900 * ms, rest: 10 * ms, known: true, writing: true, again: 100 * ms},
		"open at the bound":                 {age: 30 * time.Second, known: true, writing: true, ready: true, open: true},
		"open, told, and not changed since": {age: time.Hour, rest: time.Hour, known: true, writing: true, told: true, again: time.Second},
		"told, and closed now":              {age: time.Hour, rest: time.Hour, known: true, told: true, ready: true},
		"nobody knows, not quiet enough":    {age: 200 * ms, rest: 200 * ms, again: 100 * ms},
		"nobody knows, quiet":               {age: 300 * ms, rest: 300 * ms, ready: true},
		"nobody knows, never quiet":         {age: 30 * time.Second, rest: 10 * ms, ready: true, open: true},
		"closed, and never quiet":           {age: 30 * time.Second, rest: ms, known: true, ready: true, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			u := unrest{first: now.Add(-tt.age), last: now.Add(-tt.rest), known: tt.known, writing: tt.writing, told: tt.told}
			ready, open, again := s.settled(u, now)
			if ready != tt.ready || open != tt.open || again != tt.again {
				t.Errorf("ready %v, open %v, again after %v", ready, open, again)
			}
		})
	}
}

func TestBrake(t *testing.T) {
	b := Brake{Share: 0.2, Least: 100, Window: 10 * time.Minute}
	var d deletions
	now := time.Unix(1e9, 0)
	for _, step := range []struct {
		after    time.Duration
		files, n uint64
		want     bool
	}{
		{0, 10, 10, true},                   // so few are always deleted
		{0, 1000, 90, true},                 // a hundred by now
		{0, 1000, 1, true},                  // a tenth
		{0, 1000, 100, false},               // more than a fifth of them
		{0, 1000, 99, true},                 // what was held back does not count
		{9 * time.Minute, 800, 1, false},    // still the same window; there were a thousand
		{11 * time.Minute, 800, 160, true},  // the next one
		{11 * time.Minute, 640, 100, false}, // a fifth of 800
	} {
		if got := b.passes(&d, now.Add(step.after), step.files, step.n); got != step.want {
			t.Errorf("after %v %d of %d: %v", step.after, step.n, step.files, got)
		}
	}
}

// TestLostBacksOff: who loses events again and again scans more and more rarely.
func TestLostBacksOff(t *testing.T) {
	d := newDirty(time.Millisecond)
	now := time.Unix(1e9, 0)
	if !d.takeScan(now) {
		t.Fatal("nothing is scanned at the start")
	}
	for _, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
		d.lost(now)
		if d.takeScan(now.Add(want*time.Millisecond - 1)) {
			t.Errorf("scanned before %d ms", want)
		}
		if !d.takeScan(now.Add(want * time.Millisecond)) {
			t.Errorf("not scanned after %d ms", want)
		}
		now = now.Add(want * time.Millisecond)
	}
	d.lost(now.Add(time.Hour))
	if !d.takeScan(now.Add(time.Hour + firstBackoff)) {
		t.Error("an hour later the wait is still long")
	}
}

// TestDirtyIsBounded: for too many paths, everything is scanned.
// TestHalvesOfARename: where the second half of a rename is told late, the first one has waited for it.
func TestHalvesOfARename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirty(5 * time.Millisecond)
		take := func(after time.Duration) []string {
			<-time.After(after)
			return slices.Sorted(maps.Keys(d.take(time.Now())))
		}
		d.add("old", false, false, true)
		d.add("changed", true, false, false)
		if got := take(20 * time.Millisecond); !slices.Equal(got, []string{"changed"}) {
			t.Errorf("%q are looked at before the second half", got)
		}
		d.add("new", true, true, false)
		if got := take(10 * time.Millisecond); !slices.Equal(got, []string{"new"}) {
			t.Errorf("%q are looked at then", got)
		}
		if got := take(otherHalf); !slices.Equal(got, []string{"old"}) {
			t.Errorf("%q are looked at in the end", got)
		}
		d.add("back", false, false, true)
		d.add("back", true, true, false)
		if got := take(10 * time.Millisecond); !slices.Equal(got, []string{"back"}) {
			t.Errorf("%q are looked at where what had gone came back at once", got)
		}
	})
}

// TestWhatIsBeingLookedAtCounts: until it has been looked at, a change is not known to the index, and the source is not at rest.
func TestWhatIsBeingLookedAtCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirty(5 * time.Millisecond)
		d.add("changed", true, false, false)
		<-time.After(time.Second)
		if got := d.take(time.Now()); len(got) != 1 {
			t.Fatalf("%d are looked at", len(got))
		}
		if n, oldest := d.count(time.Now()); n != 1 || oldest != time.Second {
			t.Errorf("%d wait while it is looked at, for %s", n, oldest)
		}
		d.done()
		if n, oldest := d.count(time.Now()); n != 0 || oldest != 0 {
			t.Errorf("%d wait when it has been looked at, for %s", n, oldest)
		}
	})
}

func TestDirtyIsBounded(t *testing.T) {
	d := newDirty(time.Millisecond)
	d.takeScan(time.Now())
	for i := range maxDirty + 1 {
		d.add(strconv.Itoa(i), true, false, false)
	}
	if n, _ := d.count(time.Now()); n > maxDirty {
		t.Errorf("%d paths are remembered", n)
	}
	if !d.takeScan(time.Now()) {
		t.Error("no scan")
	}
	if !d.takeDoubt() {
		t.Error("what came and went is forgotten, and every watch trusted")
	}
}
