package address

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"failoverd/internal/lab"

	"github.com/mdlayher/packet"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// patience bounds every wait; it is no expectation of how fast anything is.
const patience = 20 * time.Second

func waiting(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// complaints is a logger that makes the test fail with what it is given.
func complaints(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.MessageKey {
				t.Errorf("logged: %v", a.Value)
			}
			return a
		},
	}))
}

// claims collects what a segment hears.
type claims struct {
	mu      sync.Mutex
	all     []Claim
	changed chan struct{}
}

func newClaims() *claims { return &claims{changed: make(chan struct{})} }

func (c *claims) hear(claim Claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, claim)
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *claims) snapshot() ([]Claim, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all, c.changed
}

// waitFor waits for the first claim to the address, of either kind.
func (c *claims) waitFor(t *testing.T, addr string, probe bool) Claim {
	t.Helper()
	ctx := waiting(t)
	for {
		all, changed := c.snapshot()
		for _, claim := range all {
			if claim.IP == ip(addr) && claim.Probe == probe {
				return claim
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("no claim (probe %v) to %s among %v", probe, addr, all)
		}
	}
}

// segmentOn listens on a host's interface until the test ends.
func segmentOn(t *testing.T, h *lab.Host) (*Segment, *claims) {
	t.Helper()
	return loggingSegmentOn(t, h, discard())
}

func loggingSegmentOn(t *testing.T, h *lab.Host, log *slog.Logger) (*Segment, *claims) {
	t.Helper()
	heard := newClaims()
	var seg *Segment
	err := h.Do(func() (err error) {
		seg, err = Listen(h.Link(), heard.hear, log)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	runSegment(t, h, seg)
	return seg, heard
}

// runSegment runs a segment inside its host until the test ends.
func runSegment(t *testing.T, h *lab.Host, seg *Segment) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Do(func() error { return seg.Run(ctx) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the segment ended with %v", err)
		}
	})
}

// send puts frames on the wire as they are.
func send(link string, kind int, frames ...[]byte) error {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return err
	}
	conn, err := packet.Listen(ifi, packet.Raw, kind, nil)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for _, frame := range frames {
		if _, err := conn.WriteTo(frame, &packet.Addr{HardwareAddr: frame[:6]}); err != nil {
			return err
		}
	}
	return nil
}

// on runs f inside a host and fails the test with its error.
func on(t *testing.T, h *lab.Host, f func() error) {
	t.Helper()
	if err := h.Do(f); err != nil {
		t.Fatal(err)
	}
}
