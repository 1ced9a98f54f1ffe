package trees

import (
	"testing"
	"time"

	"failoverd/replicate/files"
)

// TestCurrent: a copy is current when it has everything that its source has told, and not before the source may have.
func TestCurrent(t *testing.T) {
	now := time.Now()
	agent := func(age time.Duration, change func(*files.SinkStatus)) observed {
		o := observed{at: now, begun: now.Add(-age), sink: files.SinkStatus{Connected: true, Cursor: 7, Head: 7}}
		change(&o.sink)
		return o
	}
	same := func(*files.SinkStatus) {}
	mountedAt := func(scanned bool, head uint64) observed {
		return observed{
			at: now, begun: now, mounted: true, sink: files.SinkStatus{Connected: true, Cursor: 7},
			source: files.SourceStatus{Scanned: scanned, Head: head},
		}
	}
	for name, test := range map[string]struct {
		o    observed
		want bool
	}{
		"everything there":      {agent(time.Minute, same), true},
		"only just connected":   {agent(time.Second, same), false},
		"not connected":         {agent(time.Minute, func(s *files.SinkStatus) { s.Connected = false }), false},
		"comparing":             {agent(time.Minute, func(s *files.SinkStatus) { s.Listing = true }), false},
		"behind":                {agent(time.Minute, func(s *files.SinkStatus) { s.Head = 8 }), false},
		"a path is missing":     {agent(time.Minute, func(s *files.SinkStatus) { s.Missing = 1 }), false},
		"deletions are held":    {agent(time.Minute, func(s *files.SinkStatus) { s.Held = 1 }), false},
		"mounted, known":        {mountedAt(true, 7), true},
		"mounted, not scanned":  {mountedAt(false, 7), false},
		"mounted, it is behind": {mountedAt(true, 8), false},
	} {
		if got := test.o.current(); got != test.want {
			t.Errorf("%s: current is %t", name, got)
		}
	}
}

// TestLag: the age of the oldest change that the copy has not.
func TestLag(t *testing.T) {
	now := time.Now()
	minute := now.Add(-time.Minute)
	for name, test := range map[string]struct {
		s    Status
		want time.Duration
	}{
		"as its source":        {Status{Current: true, Synced: minute}, 0},
		"a file still grows":   {Status{Current: true, Synced: minute, Waiting: 5 * time.Second}, 5 * time.Second},
		"behind for a minute":  {Status{Synced: minute, Waiting: 5 * time.Second}, time.Minute},
		"one waits for longer": {Status{Synced: minute, Waiting: time.Hour}, time.Hour},
	} {
		if got, known := test.s.Lag(now); got != test.want || !known {
			t.Errorf("%s: %s, known %t; want %s", name, got, known, test.want)
		}
	}
	if _, known := (Status{}).Lag(now); known {
		t.Error("a copy that was never complete has an age")
	}
}
