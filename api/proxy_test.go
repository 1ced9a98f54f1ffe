package api

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"failoverd/journal"
)

// count is how many streams are open.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

// cuttingProxy passes connections on to a socket and cuts each one after some
// bytes of the answer, in the middle of whatever is there, until it has done so
// often enough.
type cuttingProxy struct {
	socket string
	cuts   atomic.Int64
}

// left is how many cuts are still to be made.
func (p *cuttingProxy) left() int64 { return p.cuts.Load() }

// startCuttingProxy starts one in front of the socket.
func startCuttingProxy(t *testing.T, behind string, cuts int) *cuttingProxy {
	t.Helper()
	p := &cuttingProxy{socket: filepath.Join(t.TempDir(), "p")}
	p.cuts.Store(int64(cuts))
	l, err := net.Listen("unix", p.socket)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("unix", behind)
			if err != nil {
				front.Close()
				continue
			}
			running.Go(func() { io.Copy(back, front); back.Close() })
			running.Go(func() {
				defer front.Close()
				defer back.Close()
				if p.cuts.Add(-1) < 0 {
					io.Copy(front, back)
					return
				}
				io.CopyN(front, back, 300+rand.Int64N(4000))
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return p
}

// shortHistory has the events from first to last and no others.
type shortHistory struct {
	noHistory
	first, last int64
}

func (h *shortHistory) Changed() <-chan struct{} { return make(chan struct{}) }

func (h *shortHistory) Events(_ context.Context, q journal.EventQuery) ([]journal.Event, error) {
	if q.Newest && h.last > 0 {
		return []journal.Event{{Seq: h.last}}, nil
	}
	var found []journal.Event
	for seq := max(h.first, q.After+1); h.last > 0 && seq <= h.last && len(found) < q.Limit; seq++ {
		found = append(found, journal.Event{Seq: seq})
	}
	return found, nil
}

// streamDirectly reads some messages of a stream without a connection.
func streamDirectly(t *testing.T, s *Server, last string, messages int) []message {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), peerKey, peer{name: "root"}))
	defer cancel()
	r := httptest.NewRequest("GET", "/api/v1/events/stream", nil).WithContext(ctx)
	r.Header.Set("Last-Event-ID", last)
	w := &countingWriter{header: http.Header{}, left: messages, full: cancel}
	s.Handler().ServeHTTP(w, r)
	var all []message
	var m message
	for line := range strings.SplitSeq(w.text.String(), "\n") {
		if m.line(line) {
			all = append(all, m)
			m = message{}
		}
	}
	return all
}

// countingWriter calls full after some messages.
type countingWriter struct {
	header http.Header
	text   strings.Builder
	left   int
	full   func()
}

func (w *countingWriter) Header() http.Header { return w.header }
func (w *countingWriter) WriteHeader(int)     {}
func (w *countingWriter) Flush()              {}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.text.Write(b)
	if n := strings.Count(string(b), "id: "); n > 0 {
		if w.left -= n; w.left <= 0 {
			w.full()
		}
	}
	return len(b), nil
}

// touchHistory has one token and counts the notes of its use.
type touchHistory struct {
	noHistory
	token             journal.Token
	touched           int
	touchErr, readErr error
}

func (h *touchHistory) TokenByHash(_ context.Context, hash []byte) (journal.Token, error) {
	t := h.token
	t.Hash = hash
	return t, h.readErr
}

func (h *touchHistory) TouchToken(context.Context, string, time.Time, string) error {
	h.touched++
	return h.touchErr
}

// askWithToken asks for the status and returns the answer's code.
func askWithToken(s *Server, secret string) int {
	r := httptest.NewRequest("GET", "/api/v1/status", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, r)
	return answer.Code
}

// failingCommit is a history that nothing can be written to but tokens.
type failingCommit struct{ History }

func (failingCommit) Commit(context.Context, journal.Batch) ([]journal.Event, error) {
	return nil, journal.ErrFull
}
