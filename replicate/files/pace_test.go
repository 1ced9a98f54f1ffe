package files

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	start := time.Unix(1e9, 0)
	p := pace{at: start}
	for _, step := range []struct {
		after time.Duration
		sent  uint64
		rate  int64 // set then, if not negative
		want  time.Duration
	}{
		{0, 5000, -1, 0},                                // no limit
		{0, 5000, 1000, 0},                              // what went before does not count
		{0, 6500, -1, 1500 * time.Millisecond},          // sent in one go
		{time.Second, 6500, -1, 500 * time.Millisecond}, // and waited for
		{1600 * time.Millisecond, 6500, -1, 0},
		{time.Hour, 8500, -1, 0},                        // the hour's first bytes were free
		{time.Hour, 10500, -1, 2 * time.Second},         // but not those of a whole hour
		{time.Hour, 10500, 2000, time.Second},           // twice as fast
		{time.Hour + time.Millisecond, 99999, 0, 0},     // no limit any more
		{time.Hour + 2*time.Millisecond, 200000, -1, 0}, //
		{time.Hour + 2*time.Millisecond, 200000, 10, 0}, // and none of its debts in the next
		{time.Hour + 2*time.Millisecond, 200010, -1, time.Second},
	} {
		if step.rate >= 0 {
			p.set(start.Add(step.after), step.rate, step.sent)
		}
		if got := p.wait(start.Add(step.after), step.sent); got != step.want {
			t.Errorf("after %v, %d sent: wait %v, want %v", step.after, step.sent, got, step.want)
		}
	}
}

// TestLimit: a first copy takes as long as it may, and what changes meanwhile does not wait for it.
func TestLimit(t *testing.T) {
	const n, size, rate = 40, 50_000, 500_000
	b := newBed(t)
	for i := range n {
		b.write(fmt.Sprintf("d/%02d", i), noise(fmt.Sprint(i), size))
	}
	b.sink.Limit = func(time.Time) int64 { return rate }
	b.openSource()
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Scanned && v.Dirty == 0 && v.Files == n })
	b.openSink()
	begun := time.Now()
	b.connect()
	come := func() int {
		list, _ := os.ReadDir(filepath.Join(b.dst, "d"))
		return len(list)
	}
	b.waitForSink("a file", func(SinkStatus) bool { return come() > 0 })
	b.write("live", []byte("now"))
	b.waitForSink("the live file", func(SinkStatus) bool {
		_, err := os.Stat(filepath.Join(b.dst, "live"))
		return err == nil
	})
	if come() == n {
		t.Error("it has waited for the whole first copy")
	}
	b.waitForCopy()
	if took, least := time.Since(begun), time.Duration(n*size)*time.Second/rate; took < least*9/10 {
		t.Errorf("%d bytes have come in %v", n*size, took)
	}
}

// TestScanDoesNotAsk: a file that has not changed for longer than anybody waits is finished, whoever has it open.
func TestScanDoesNotAsk(t *testing.T) {
	b := newBed(t)
	b.source.Settle.MaxWait = time.Millisecond
	f, err := os.Create(b.in("a"))
	b.must(err)
	defer func() { _ = f.Close() }()
	b.write("until it is that old", []byte("x"))
	info, err := f.Stat()
	b.must(err)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for time.Since(info.ModTime()) < 2*freshFor {
		<-tick.C
	}
	b.openSource()
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Scanned && v.Files == 2 })
	b.from.mu.Lock()
	defer b.from.mu.Unlock()
	if b.from.index.entries["a"].Open {
		t.Error("it is called open")
	}
}
