package address

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/internal/lab"
)

// sockets are the sockets that this process has open, but for some. What a test before leaves is closed at any time.
func sockets(t *testing.T, but map[string]bool) map[string]bool {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, fd := range all {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:") && !but[to] {
			open[to] = true
		}
	}
	return open
}

// TestASegmentSpeaksWithOneSocketUntilItEnds asks many times, which opens
// nothing that would have to be closed, and once more when the segment has ended.
func TestASegmentSpeaksWithOneSocketUntilItEnds(t *testing.T) {
	w := lab.New(t)
	h := w.Host("standby1", "10.99.0.20/24")
	wire := w.Switch.Capture()
	before := sockets(t, nil)
	var seg *Segment
	if err := h.Do(func() (err error) {
		seg, err = Listen(h.Link(), func(Claim) {}, discard())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	open := sockets(t, before)
	if len(open) == 0 {
		t.Fatal("a segment has no socket")
	}
	ask := func() error { return h.Do(func() error { return seg.Ask(ip("10.99.0.11")) }) }
	const times = 50
	for range times {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if now := sockets(t, before); !maps.Equal(now, open) {
		t.Errorf("sockets %v are open after %d questions, %v before", now, times, open)
	}
	if _, err := wire.WaitForN(waiting(t), times, func(f lab.Frame) bool { return f.ARP != nil && f.ARP.TargetIP == ip("10.99.0.11") }); err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := seg.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a question after the end: %v, want %v", err, os.ErrClosed)
	}
	if after := sockets(t, before); len(after) > 0 {
		t.Errorf("sockets %v are open after the end", after)
	}
}
