package takeover

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	service = netip.MustParseAddr("192.168.11.1")
	second  = netip.MustParseAddr("192.168.11.3")
)

const mac = "02:00:00:00:00:01"

// wire is a segment on which questions are asked.
type wire struct {
	q *Inquiry

	mu      sync.Mutex
	asked   map[netip.Addr]int
	answers map[netip.Addr]string
	broken  error
	told    []bool // of each report: whether it was an answer
}

// newWire returns a wire and an inquiry that runs on it until the test ends.
func newWire(t *testing.T) *wire {
	w := &wire{asked: map[netip.Addr]int{}, answers: map[netip.Addr]string{}}
	w.q = NewInquiry(w.ask, func(_ netip.Addr, _ Found, answered bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, answered)
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.q.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *wire) ask(ip netip.Addr) error {
	w.mu.Lock()
	w.asked[ip]++
	who, err := w.answers[ip], w.broken
	w.mu.Unlock()
	if err == nil && who != "" {
		w.q.Heard(ip, who, time.Now())
	}
	return err
}

func (w *wire) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *wire) count(ip netip.Addr) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.asked[ip]
	w.asked[ip] = 0
	return n
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

const spacing = 100 * time.Millisecond

func TestInquiryAsksUntilEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		w.q.Begin(service, spacing)
		synctest.Wait()
		if n := w.count(service); n != 1 {
			t.Errorf("asked %d times at once, want 1", n)
		}
		pass(time.Second)
		if n := w.count(service); n != 10 {
			t.Errorf("asked %d times in a second, want 10", n)
		}
		w.q.Begin(service, 2*spacing) // only the spacing changes
		pass(time.Second)
		if n := w.count(service); n < 5 || n > 6 {
			t.Errorf("asked %d times in a second, want 5", n)
		}
		if f := w.q.Found(service); f.Asked < 16 || f.LastAsked.Sub(f.FirstAsked) < 1900*time.Millisecond {
			t.Errorf("found %+v", f)
		}
		w.q.End(service)
		pass(time.Second)
		if n := w.count(service); n != 0 {
			t.Errorf("asked %d times after the end", n)
		}
		if f := w.q.Found(service); f != (Found{}) {
			t.Errorf("remembered after the end: %+v", f)
		}
	})
}

func TestFree(t *testing.T) {
	tests := map[string]struct {
		given func(w *wire)
		held  string        // who holds it
		takes time.Duration // until it is known
		fails bool
	}{
		"nobody has been asking": {func(*wire) {}, "", 3 * spacing, false},
		"asked and silent":       {func(w *wire) { w.q.Begin(service, spacing); pass(time.Second) }, "", 0, false},
		"asked too seldom":       {func(w *wire) { w.q.Begin(service, spacing); pass(spacing) }, "", 3 * spacing, false},
		"held":                   {func(w *wire) { w.set(func() { w.answers[service] = mac }) }, mac, 0, false},
		"asked and held": {func(w *wire) {
			w.set(func() { w.answers[service] = mac })
			w.q.Begin(service, spacing)
			pass(time.Second)
		}, mac, 0, false},
		"held until a moment ago": {func(w *wire) {
			w.set(func() { w.answers[service] = mac })
			w.q.Begin(service, spacing)
			pass(time.Second)
			w.set(func() { clear(w.answers) })
			pass(time.Second)
		}, "", 3 * spacing, false},
		"held until long ago": {func(w *wire) {
			w.set(func() { w.answers[service] = mac })
			w.q.Begin(service, spacing)
			pass(time.Second)
			w.set(func() { clear(w.answers) })
			pass(6 * time.Second)
		}, "", 0, false},
		"the question cannot be put": {func(w *wire) { w.set(func() { w.broken = errors.New("link is down") }) }, "", 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire(t)
				test.given(w)
				began := time.Now()
				_, err := w.q.Free(t.Context(), service, spacing, 5*time.Second)
				var held *HeldError
				switch {
				case test.held != "":
					if !errors.As(err, &held) || held.MAC != test.held || held.IP != service {
						t.Errorf("error %v, want that %s holds it", err, test.held)
					}
				case test.fails:
					if err == nil || errors.As(err, &held) {
						t.Errorf("error %v, want that it could not be asked", err)
					}
				case err != nil:
					t.Error(err)
				}
				if took := time.Since(began); took != test.takes {
					t.Errorf("it took %s, want %s", took, test.takes)
				}
				w.q.End(service)
				if len(w.q.under) != 0 {
					t.Errorf("left behind: %v", w.q.under)
				}
			})
		})
	}
}

// An operator asks for an address while the loop begins and ends to ask for it.
func TestAskingAfreshBesideBeginAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		result := make(chan error, 1)
		go func() {
			_, err := w.q.Afresh(t.Context(), service, spacing)
			result <- err
		}()
		pass(spacing / 2)
		w.q.Begin(service, spacing)
		pass(4 * spacing)
		if err := <-result; err != nil {
			t.Error(err)
		}
		w.count(service)
		pass(time.Second)
		if n := w.count(service); n != 10 {
			t.Errorf("asked %d times: who asked afresh has ended what was begun", n)
		}

		go func() {
			_, err := w.q.Afresh(t.Context(), service, spacing)
			result <- err
		}()
		pass(spacing / 2)
		w.q.End(service)
		w.q.Heard(service, mac, time.Now())
		var held *HeldError
		if err := <-result; !errors.As(err, &held) || held.MAC != mac {
			t.Errorf("error %v: the end has taken the answer away", err)
		}
	})
}

func TestAskingAfreshIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("cancelled by ann")
		cancel(why)
		w.count(service)
		if _, err := w.q.Afresh(ctx, service, time.Hour); !errors.Is(err, why) {
			t.Errorf("error %v", err)
		}
	})
}

func TestAReportSaysWhetherItIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t)
		w.q.Begin(service, time.Hour)
		synctest.Wait()
		// An answer whose frame was read before the last question was sent.
		w.q.Heard(service, mac, time.Now().Add(-time.Millisecond))
		w.q.Heard(second, mac, time.Now()) // nobody asked
		w.set(func() {
			if len(w.told) != 2 || w.told[0] || !w.told[1] {
				t.Errorf("told %v, want a question and an answer", w.told)
			}
		})
	})
}
