package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/plan"
)

// FollowQuery chooses the events of a stream.
type FollowQuery struct {
	After  int64 // the last one known; 0: only what happens from now on; -1: everything that is kept
	Server string
	Kind   string // may be a pattern: takeover.*
	// Reset is told when events between the last one and oldest are lost because
	// they are no longer kept. Nil makes Follow return ErrGap instead.
	Reset func(oldest int64)
	// Lost is told when the connection was lost, and that it is tried again. It
	// may be nil.
	Lost func(err error)
	// Connected is told whenever a connection stands. It may be nil.
	Connected func()
}

// ErrGap says that events are missing because they are no longer kept.
var ErrGap = errors.New("events are missing: they are no longer kept")

// reset is the data of the event that announces a gap.
type reset struct {
	Oldest int64  `json:"oldest_seq"`
	Reason string `json:"reason"`
}

// Follow calls fn for each event as it happens, in order, each one once. It
// connects again when the connection is lost, and goes on where it was. It
// returns when ctx ends (with nil), when fn returns an error (with that), or
// when the daemon refuses (with its *Problem).
func (c *Client) Follow(ctx context.Context, q FollowQuery, fn func(journal.Event) error) error {
	return c.follow(ctx, q, fn, func(wait time.Duration) time.Duration {
		return min(max(2*wait, 100*time.Millisecond), 5*time.Second)
	})
}

// follow is Follow; longer says how long to wait after another attempt that did
// not connect.
func (c *Client) follow(ctx context.Context, q FollowQuery, fn func(journal.Event) error, longer func(time.Duration) time.Duration) error {
	at := place{known: q.After != 0, seq: max(q.After, 0)}
	for wait := time.Duration(0); ; {
		err := c.followOnce(ctx, q, &at, fn, func() {
			wait = 0
			if q.Connected != nil {
				q.Connected()
			}
		})
		if ctx.Err() != nil {
			return nil
		}
		if stop, ok := errors.AsType[*stopped](err); ok {
			return stop.error
		}
		if p, ok := errors.AsType[*Problem](err); ok && p.Status < 500 && p.Status != http.StatusTooManyRequests {
			return p
		}
		if q.Lost != nil {
			q.Lost(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = longer(wait)
	}
}

// place is where a stream is: after the event numbered seq, or not known yet.
type place struct {
	known bool
	seq   int64
}

// stopped is an error that must not be tried again.
type stopped struct{ error }

// followOnce reads one connection to its end.
func (c *Client) followOnce(ctx context.Context, q FollowQuery, at *place, fn func(journal.Event) error, connected func()) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	v := query("server", q.Server, "kind", q.Kind)
	if at.known {
		header.Set("Last-Event-ID", strconv.FormatInt(at.seq, 10))
	}
	// A stream that is silent for three comment lines is dead.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(3*keepAlive, func() { cancel(errors.New("the event stream has gone silent")) })
	defer silence.Stop()
	res, err := c.send(ctx, http.MethodGet, Base+"/events/stream", url.Values(v), nil, header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	connected()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 4096), 1<<20)
	var m message
	for lines.Scan() {
		silence.Reset(3 * keepAlive)
		if !m.line(lines.Text()) {
			continue
		}
		if err := m.deliver(q, at, fn); err != nil {
			return err
		}
		m = message{}
	}
	if err := lines.Err(); err != nil {
		return c.lost(ctx, err)
	}
	return fmt.Errorf("%w: %s: the stream has ended", ErrClosed, c.where)
}

// message is one message of a stream while its lines come in.
type message struct{ id, event, data string }

// line takes a line and reports whether the message is complete.
func (m *message) line(l string) bool {
	if l == "" {
		return m.data != "" || m.id != ""
	}
	field, value, _ := strings.Cut(l, ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "id":
		m.id = value
	case "event":
		m.event = value
	case "data":
		m.data += value
	}
	return false
}

// deliver hands a complete message to whom it concerns and notes its place.
func (m *message) deliver(q FollowQuery, at *place, fn func(journal.Event) error) error {
	id, err := strconv.ParseInt(m.id, 10, 64)
	if err != nil {
		return nil // Nothing that failoverd sends is without a number.
	}
	switch m.event {
	case "reset":
		var r reset
		if err := json.Unmarshal([]byte(m.data), &r); err != nil {
			return &stopped{fmt.Errorf("read the event stream: %w", err)}
		}
		if q.Reset == nil {
			return &stopped{ErrGap}
		}
		q.Reset(r.Oldest)
		*at = place{true, id}
		return nil
	case "position":
		*at = place{true, id}
		return nil
	}
	if at.known && id <= at.seq {
		return nil // It has been delivered before the connection was lost.
	}
	var e journal.Event
	if err := json.Unmarshal([]byte(m.data), &e); err != nil {
		return &stopped{fmt.Errorf("read the event stream: %w", err)}
	}
	if err := fn(e); err != nil {
		return &stopped{err}
	}
	*at = place{true, id}
	return nil
}

// WatchOperation calls fn whenever something about the operation has changed,
// until it has ended, and returns its last state. It goes on over lost
// connections until ctx ends.
func (c *Client) WatchOperation(ctx context.Context, id string, fn func(plan.Record)) (plan.Record, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var seen string
	var known plan.Record
	for misses := 0; ; {
		r, err := c.Operation(ctx, id)
		if p, ok := errors.AsType[*Problem](err); ok && p.Status < 500 && p.Status != http.StatusTooManyRequests {
			return known, err
		}
		switch {
		case err == nil:
			misses, known = 0, r
			text, _ := json.Marshal(r)
			if string(text) != seen {
				seen = string(text)
				fn(r)
			}
			if !r.State.Open() {
				return r, nil
			}
		case ctx.Err() != nil:
			return known, err
		default:
			misses++
		}
		wait := min(200*time.Millisecond<<min(misses, 4), 2*time.Second)
		select {
		case <-ctx.Done():
			return known, fmt.Errorf("watch operation %s: %w", id, context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}
