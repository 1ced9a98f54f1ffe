package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
)

// tick is an event that the tests can tell apart.
func tick(n int, server string) journal.Event {
	return journal.Event{Kind: "server.suspect", Severity: journal.Info, Server: server, Message: fmt.Sprint("m", n)}
}

// openStream opens an event stream over the socket and returns its lines.
func (w *world) openStream(query, last string) (*http.Response, *bufio.Scanner) {
	w.t.Helper()
	h := http.Header{}
	if last != "" {
		h.Set("Last-Event-ID", last)
	}
	c := w.client()
	res, err := c.send(w.t.Context(), "GET", Base+"/events/stream"+query, nil, nil, h)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { res.Body.Close() })
	return res, bufio.NewScanner(res.Body)
}

// next reads the next message with data; comments and positions are passed over
// unless they are asked for.
func next(t *testing.T, lines *bufio.Scanner) message {
	t.Helper()
	var m message
	for lines.Scan() {
		if m.line(lines.Text()) {
			return m
		}
	}
	t.Fatalf("the stream has ended: %v", lines.Err())
	return m
}

// A stream has what is kept, then what happens, with sequence numbers as ids.
func TestStream(t *testing.T) {
	w := startWorld(t, Limits{KeepAlive: 50 * time.Millisecond})
	w.commit(tick(0, "PBX"), tick(1, "CRM"))
	res, lines := w.openStream("", "0")
	if ct := res.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("Content-Type %q", ct)
	}
	if m := next(t, lines); m.event != "position" || m.id != "0" {
		t.Errorf("first message %+v", m)
	}
	for i := range 2 {
		if m := next(t, lines); m.event != "" || m.id != fmt.Sprint(i+1) || !strings.Contains(m.data, fmt.Sprintf(`"message":"m%d"`, i)) {
			t.Errorf("message %d: %+v", i, m)
		}
	}
	w.commit(tick(2, "PBX"))
	if m := next(t, lines); m.id != "3" {
		t.Errorf("what happened then: %+v", m)
	}
	for lines.Scan() {
		if lines.Text() == ": alive" {
			return // A silent stream says that it is alive.
		}
	}
	t.Errorf("no comment line: %v", lines.Err())
}

// Without a place, a stream begins now; with a filter, its place moves on
// although nothing is shown.
func TestStreamFromNowFiltered(t *testing.T) {
	w := startWorld(t, Limits{KeepAlive: 20 * time.Millisecond})
	w.commit(tick(0, "PBX"), tick(1, "PBX"))
	_, lines := w.openStream("?server=PBX&kind=server.*", "")
	if m := next(t, lines); m.event != "position" || m.id != "2" {
		t.Errorf("first message %+v", m)
	}
	w.commit(tick(2, "CRM"), journal.Event{Kind: "takeover.done", Severity: journal.Info, Server: "PBX"})
	if m := next(t, lines); m.event != "position" || m.id != "4" {
		t.Errorf("after events for others: %+v", m)
	}
	w.commit(tick(4, "PBX"))
	if m := next(t, lines); m.id != "5" || m.event != "" {
		t.Errorf("after an event for this one: %+v", m)
	}
}

// A gap is announced, and the stream goes on behind it.
func TestStreamGap(t *testing.T) {
	h := &shortHistory{first: 101, last: 105}
	s, err := New(Config{Standby: newFakeStandby(), History: h})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		last string
		want []string
	}{
		{"50", []string{"reset 100", "101", "102", "103", "104", "105"}},
		{"99", []string{"reset 100", "101", "102", "103", "104", "105"}},
		{"100", []string{"101", "102", "103", "104", "105"}},
		{"0", []string{"101", "102", "103", "104", "105"}},
		{"103", []string{"104", "105"}},
		{"900", []string{"reset 105"}},
	} {
		var got []string
		for _, m := range streamDirectly(t, s, tt.last, len(tt.want)+1) {
			if m.event != "position" {
				got = append(got, strings.TrimSpace(m.event+" "+m.id))
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", tt.last, diff)
		}
	}
}

// Many connections that break at any place lose nothing and double nothing.
func TestFollowOverManyConnections(t *testing.T) {
	w := startWorld(t, Limits{Rate: 10000, Burst: 10000})
	const events, cuts = 2000, 200
	proxy := startCuttingProxy(t, w.socket, cuts)
	c, err := NewClient(ClientConfig{Socket: proxy.socket})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range events / 5 {
			w.commit(tick(5*i, "PBX"), tick(5*i+1, "PBX"), tick(5*i+2, "PBX"), tick(5*i+3, "PBX"), tick(5*i+4, "PBX"))
		}
	}()
	defer func() { <-written }()
	var got []int64
	done := errors.New("done")
	connections := 0
	err = c.follow(ctx, FollowQuery{After: -1, Connected: func() { connections++ }}, func(e journal.Event) error {
		if got = append(got, e.Seq); e.Seq == events && proxy.left() <= 0 {
			return done
		}
		if e.Seq == events {
			w.commit(tick(int(e.Seq), "PBX"))
		}
		return nil
	}, func(time.Duration) time.Duration { return 0 })
	if !errors.Is(err, done) && len(got) < events {
		t.Fatalf("follow: %v after %d events, %d connections", err, len(got), connections)
	}
	for i, seq := range got {
		if seq != int64(i+1) {
			t.Fatalf("event %d has the number %d", i+1, seq)
		}
	}
	t.Logf("%d events over %d connections", len(got), connections)
	if connections < cuts {
		t.Errorf("%d connections, want at least %d", connections, cuts)
	}
}

// Follow ends when it is told to, when its function fails, and when the daemon
// refuses; it announces a gap or fails with it.
func TestFollowEnds(t *testing.T) {
	w := startWorld(t, Limits{})
	w.commit(tick(0, "PBX"))
	ctx, cancel := context.WithCancel(t.Context())
	err := w.client().Follow(ctx, FollowQuery{After: -1}, func(journal.Event) error { cancel(); return nil })
	if err != nil {
		t.Errorf("cancelled: %v", err)
	}
	mine := errors.New("mine")
	if err := w.client().Follow(t.Context(), FollowQuery{After: -1}, func(journal.Event) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("function failed: %v", err)
	}
	if err := w.remote("fvt_wrong").Follow(t.Context(), FollowQuery{}, nil); problemCode(err) != Unauthenticated {
		t.Errorf("refused: %v", err)
	}
	if err := w.client().Follow(t.Context(), FollowQuery{After: 77}, nil); !errors.Is(err, ErrGap) {
		t.Errorf("a gap: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	oldest := int64(0)
	err = w.client().Follow(ctx, FollowQuery{After: 77, Reset: func(o int64) { oldest = o; cancel() }}, nil)
	if err != nil || oldest != 3 { // The refused token has been written down as the second event.
		t.Errorf("a gap that is wanted: oldest %d, %v", oldest, err)
	}
}

// A token that is revoked or expires takes its streams with it.
func TestStreamEndsWithItsToken(t *testing.T) {
	w := startWorld(t, Limits{})
	made := w.token(Viewer)
	w.storeToken("fvt_short", func(t *journal.Token) { t.Role, t.Expires = "viewer", time.Now().Add(300*time.Millisecond) })
	ended := make(chan string, 2)
	var open sync.WaitGroup
	open.Add(2)
	for _, secret := range []string{made.Secret, "fvt_short"} {
		res, err := w.remote(secret).send(t.Context(), "GET", Base+"/events/stream", nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer open.Done()
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			ended <- secret
		}()
	}
	if first := <-ended; first != "fvt_short" {
		t.Errorf("%s ended first", first)
	}
	if _, err := w.client().RevokeToken(t.Context(), made.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	if second := <-ended; second != made.Secret {
		t.Errorf("%s ended second", second)
	}
	open.Wait()
	if p := w.refused("GET", "/api/v1/status", made.Secret, ""); p.Status != 401 || !strings.Contains(p.Detail, "revoked") {
		t.Errorf("the revoked token: %+v", p)
	}
}

// Streams are bounded for each client and in all, and a thousand idle ones cost
// little and leave nothing behind.
func TestThousandIdleStreams(t *testing.T) {
	const n = 1000
	w := startWorld(t, Limits{Streams: n, StreamsPerClient: n - 1, Rate: 1e6, Burst: 1e6})
	other, third := w.remote(w.token(Viewer).Secret), w.remote(w.token(Operator).Secret)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	conns := make([]net.Conn, 0, n)
	for range n - 1 {
		c, err := net.Dial("unix", w.socket)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		fmt.Fprint(c, "GET /api/v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	eventually(t, func() bool { return w.api.streams.count() == n-1 })
	open := func(c *Client) (*http.Response, error) {
		return c.send(t.Context(), "GET", Base+"/events/stream", nil, nil, nil)
	}
	if _, err := open(w.client()); problemCode(err) != TooManyStreams {
		t.Errorf("one more of the same client: %v", err)
	}
	last, err := open(other)
	if err != nil {
		t.Fatalf("one of another client: %v", err)
	}
	used := heap() - before
	t.Logf("%d idle streams: %d KiB, %d KiB each", n, used>>10, used>>10/n)
	if used > 64<<20 {
		t.Errorf("%d idle streams use %d MiB", n, used>>20)
	}
	if _, err := open(third); problemCode(err) != TooManyStreams {
		t.Errorf("one more than all: %v", err)
	}
	if _, err := w.client().Status(t.Context()); err != nil {
		t.Errorf("another request meanwhile: %v", err)
	}
	w.commit(tick(0, "PBX"))
	for _, c := range []net.Conn{conns[0], conns[n-2]} {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		for lines := bufio.NewScanner(c); ; {
			if !lines.Scan() {
				t.Fatalf("an idle stream did not get the event: %v", lines.Err())
			}
			if strings.Contains(lines.Text(), `"m0"`) {
				break
			}
		}
	}
	for _, c := range conns {
		c.Close()
	}
	last.Body.Close()
	eventually(t, func() bool { return w.api.streams.count() == 0 && runtime.NumGoroutine() < goroutines+20 })
}

// TestGathers: what comes now and then is not kept waiting longer than before, and a storm is over as soon as few come.
func TestGathers(t *testing.T) {
	wait := gather
	for i, step := range []struct {
		events int
		want   time.Duration
	}{{1, gather}, {crowd - 1, gather}, {crowd, 2 * gather}, {200, gatherMost}, {200, gatherMost}, {crowd - 1, gather}, {crowd, 2 * gather}} {
		if wait = gathers(wait, step.events); wait != step.want {
			t.Errorf("%d: after %d events it waits %s, want %s", i, step.events, wait, step.want)
		}
	}
}

// In a storm of events a stream is written to now and then, and with all of them in order; one that comes alone is sent at once.
func TestStreamGathersAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &growingHistory{changed: make(chan struct{})}
		s, err := New(Config{Standby: newFakeStandby(), History: h})
		if err != nil {
			t.Fatal(err)
		}
		const storm = 1000
		ctx, cancel := context.WithCancel(t.Context())
		w := &writesOf{began: time.Now()}
		var running sync.WaitGroup
		running.Go(func() {
			s.pump(ctx, &sender{w: w, control: http.NewResponseController(w), patience: time.Second}, 0, func(e journal.Event) bool { return e.Kind != "hidden" })
		})
		for range storm {
			h.add(tick(0, "PBX"))
			<-time.After(time.Millisecond)
		}
		<-time.After(time.Second)
		h.add(journal.Event{Kind: "hidden"})
		<-time.After(time.Second)
		alone := time.Since(w.began)
		h.add(tick(0, "PBX"))
		synctest.Wait()
		if w.at[0] != 0 || w.at[len(w.at)-1] != alone {
			t.Errorf("the first is sent after %s, the last after %s and not %s", w.at[0], w.at[len(w.at)-1], alone)
		}
		if n := len(w.at); n > 10 {
			t.Errorf("%d events of a second are written in %d parts, want 10 at most", storm, n)
		}
		var got, want []string
		for line := range strings.Lines(w.text.String()) {
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				got = append(got, strings.TrimSpace(id))
			}
		}
		for seq := range storm {
			want = append(want, strconv.Itoa(seq+1))
		}
		want = append(want, strconv.Itoa(storm+2))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		cancel()
		running.Wait()
	})
}

// growingHistory gets events one by one.
type growingHistory struct {
	noHistory
	mu      sync.Mutex
	events  []journal.Event
	changed chan struct{}
}

func (h *growingHistory) add(e journal.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.Seq = int64(len(h.events) + 1)
	h.events = append(h.events, e)
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *growingHistory) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *growingHistory) Events(_ context.Context, q journal.EventQuery) ([]journal.Event, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if q.Newest {
		return slices.Clone(h.events[max(len(h.events)-1, 0):]), nil
	}
	rest := h.events[min(q.After, int64(len(h.events))):]
	return slices.Clone(rest[:min(len(rest), q.Limit)]), nil
}

// writesOf notes what is written, and when.
type writesOf struct {
	began time.Time
	at    []time.Duration
	text  strings.Builder
}

func (w *writesOf) Header() http.Header              { return http.Header{} }
func (w *writesOf) WriteHeader(int)                  {}
func (w *writesOf) Flush()                           {}
func (w *writesOf) SetWriteDeadline(time.Time) error { return nil }

func (w *writesOf) Write(b []byte) (int, error) {
	w.at = append(w.at, time.Since(w.began))
	return w.text.Write(b)
}

// One client cannot take all the streams.
func TestStreamsOfOneClient(t *testing.T) {
	w := startWorld(t, Limits{StreamsPerClient: 2})
	mine, other := w.remote(w.token(Viewer).Secret), w.remote(w.token(Operator).Secret)
	open := func(c *Client) error {
		res, err := c.send(t.Context(), "GET", Base+"/events/stream", nil, nil, nil)
		if err == nil {
			t.Cleanup(func() { res.Body.Close() })
		}
		return err
	}
	if err := firstError(open(mine), open(mine), open(other)); err != nil {
		t.Fatal(err)
	}
	if err := open(mine); problemCode(err) != TooManyStreams {
		t.Errorf("the third stream of one client: %v", err)
	}
	if err := open(other); err != nil {
		t.Errorf("the second stream of another: %v", err)
	}
}

// A client that does not read is cut off; the others do not notice.
func TestStreamThatNobodyReads(t *testing.T) {
	w := startWorld(t, Limits{StreamWrite: 200 * time.Millisecond})
	c, err := net.Dial("unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /api/v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, func() bool { return w.api.streams.count() == 1 })
	large := tick(0, "PBX")
	large.Reason = strings.Repeat("x", 100_000)
	for range 40 {
		w.commit(large)
	}
	eventually(t, func() bool { return w.api.streams.count() == 0 })
}

// The end of the daemon ends the streams at once.
func TestStreamsEndWithTheDaemon(t *testing.T) {
	h := &shortHistory{}
	s, err := New(Config{Standby: newFakeStandby(), History: h})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := ListenSocket(t.TempDir()+"/s", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, socket) }()
	if _, err := net.Dial("unix", socket.Addr().String()); err == nil {
		t.Fatal("the socket has its temporary name")
	}
	c, err := net.Dial("unix", socket.(*socketListener).path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /api/v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, func() bool { return s.streams.count() == 1 })
	begun := time.Now()
	stop()
	if err := <-ended; err != nil || time.Since(begun) > 4*time.Second {
		t.Errorf("Run ended with %v after %s", err, time.Since(begun))
	}
}
