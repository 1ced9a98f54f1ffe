package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"failoverd/journal"
)

// streams counts the event streams and can end those of a token.
type streams struct {
	most, each int

	mu      sync.Mutex
	all     int
	clients map[string]int
	open    map[string]map[*context.CancelFunc]struct{} // by token
}

// newStreams returns a count of none.
func newStreams(most, each int) *streams {
	return &streams{most: most, each: each, clients: map[string]int{}, open: map[string]map[*context.CancelFunc]struct{}{}}
}

// begin counts a stream of the caller; cancel is called when its token ends. The
// stream calls done when it has ended.
func (s *streams) begin(c *caller, cancel context.CancelFunc) (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.most || s.clients[c.client] >= s.each {
		return nil, false
	}
	s.all++
	s.clients[c.client]++
	key := &cancel
	if s.open[c.token] == nil {
		s.open[c.token] = map[*context.CancelFunc]struct{}{}
	}
	s.open[c.token][key] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.clients[c.client]--; s.clients[c.client] == 0 {
			delete(s.clients, c.client)
		}
		if delete(s.open[c.token], key); len(s.open[c.token]) == 0 {
			delete(s.open, c.token)
		}
	}, true
}

// end ends the streams of a token.
func (s *streams) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cancel := range s.open[token] {
		(*cancel)()
	}
}

// streamRoutes is the event stream.
func (s *Server) streamRoutes(h huma.API) {
	r := route{
		method: http.MethodGet, path: "/events/stream", id: "stream-events", tag: "events", role: Viewer,
		summary: "The history as it happens, as server-sent events",
		detail: "Each message is one event with its sequence number as `id`; `Last-Event-ID` resumes after it, 0 sends everything that is kept, and without it the stream begins now. " +
			"An `event: position` has no event in it, only the place in the stream. An `event: reset` says that events are missing because they are no longer kept: read /status and go on from there. " +
			"A comment line comes every 15 s.",
	}
	add(s, h, r, func(ctx context.Context, in *struct {
		Server string `query:"server" maxLength:"253" doc:"Only of this server"`
		Kind   string `query:"kind" maxLength:"60" pattern:"^[a-z_.*]+$" doc:"Only of this kind; a pattern with * is possible"`
		Last   string `header:"Last-Event-ID" maxLength:"20" pattern:"^[0-9]+$" doc:"Sequence number of the last event known"`
	},
	) (*huma.StreamResponse, error) {
		c := callerOf(ctx)
		if in.Server != "" && !c.sees(in.Server) {
			return nil, newProblem(http.StatusForbidden, Forbidden, "the token is not good for this server")
		}
		last := int64(-1)
		if in.Last != "" {
			n, err := strconv.ParseInt(in.Last, 10, 64)
			if err != nil {
				return nil, invalid("header.Last-Event-ID", "a sequence number")
			}
			last = n
		}
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			req, w := humago.Unwrap(hctx)
			s.stream(w, req, last, func(e journal.Event) bool {
				matches, _ := path.Match(in.Kind, e.Kind)
				return c.sees(e.Server) && (in.Server == "" || in.Server == e.Server) && (in.Kind == "" || matches)
			})
		}}, nil
	})
	op := h.OpenAPI().Paths[Base+r.path].Get
	op.Responses["200"].Content = map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}
}

// stream sends events until the client goes away, its token ends or the daemon
// stops. last is where it begins, -1 for now. It keeps nothing for the client
// but its place: a client that does not read is cut off and comes again.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, last int64, keep func(journal.Event) bool) {
	c := callerOf(r.Context())
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if !c.expires.IsZero() {
		var expire context.CancelFunc
		ctx, expire = context.WithDeadline(ctx, c.expires)
		defer expire()
	}
	done, ok := s.streams.begin(c, cancel)
	if !ok {
		p := newProblem(http.StatusTooManyRequests, TooManyStreams, "too many event streams are open; share one")
		w.Header().Set("Retry-After", "10")
		writeProblem(w, r, p)
		return
	}
	defer done()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // A proxy must pass each event on at once.
	out := &sender{w: w, control: http.NewResponseController(w), patience: s.limits.StreamWrite, as: s.discreetMessages(c)}
	if r.Method == http.MethodHead {
		return
	}
	if last < 0 {
		newest, err := s.tail.newest(ctx)
		if err != nil {
			writeProblem(w, r, s.told(ctx, route{id: "stream-events"}, err))
			return
		}
		last = newest
	}
	out.text("retry: 2000\n\n")
	out.position(last)
	s.pump(ctx, out, last, keep)
}

// gather is how long a stream that has just had an event waits for the next ones, and gatherMost how long in a storm. The
// first event after a pause is sent at once; in a storm a hundred streams are written to five times a second, and not once
// for each event, so that the decisions that make the events have the processor.
const (
	gather     = 50 * time.Millisecond
	gatherMost = 4 * gather
	// crowd is how many events at a time make a storm: nobody reads them one by one.
	crowd = 32
)

// gathers is how long a stream waits that has waited so long before, and had so many events then.
func gathers(before time.Duration, events int) time.Duration {
	if events < crowd {
		return gather
	}
	return min(2*before, gatherMost)
}

// pump sends what there is and waits for more, again and again.
func (s *Server) pump(ctx context.Context, out *sender, last int64, keep func(journal.Event) bool) {
	alive := time.NewTicker(s.limits.KeepAlive)
	defer alive.Stop()
	gathering := time.NewTimer(gather)
	defer gathering.Stop()
	pause := gather
	var burst []byte
	sent := last
	for out.err == nil {
		changed := s.history.Changed()
		events, lost, err := s.tail.after(ctx, last)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				s.log.Error("read events for a stream", "err", err)
			}
			return // The client comes again and goes on where it was.
		case lost != nil:
			out.reset(*lost)
			last, sent = lost.Oldest-1, lost.Oldest-1
			continue
		}
		burst = burst[:0]
		for _, e := range events {
			last = e.Seq
			if keep(e.Event) {
				burst = append(burst, out.message(e)...)
				sent = e.Seq
			}
		}
		if len(burst) > 0 {
			out.write(burst)
		}
		out.flush()
		if len(events) > 0 {
			if len(events) < tailPage { // It has caught up.
				pause = gathers(pause, len(events))
				gathering.Reset(pause)
				select {
				case <-gathering.C:
				case <-ctx.Done():
				case <-s.closing:
					// What has happened until then is still sent.
				}
			}
			if ctx.Err() != nil {
				return
			}
			continue
		}
		select {
		case <-changed:
		case <-alive.C:
			// Events that the filter left out move the place, too: else the client
			// would come again from far behind.
			if last > sent {
				out.position(last)
				sent = last
			}
			out.text(": alive\n\n")
			out.flush()
		case <-ctx.Done():
			return
		case <-s.closing:
			return
		}
	}
}

// sender writes messages. After an error it does nothing more.
type sender struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	as       func(told) []byte // how this reader is told of an event; nil: as everybody
	err      error
}

// message is what an event is told by.
func (o *sender) message(e told) []byte {
	if o.as == nil {
		return e.message
	}
	return o.as(e)
}

// text writes lines as they are.
func (o *sender) text(lines string) { o.write([]byte(lines)) }

// write writes messages.
func (o *sender) write(messages []byte) {
	if o.err != nil {
		return
	}
	o.control.SetWriteDeadline(time.Now().Add(o.patience))
	_, o.err = o.w.Write(messages)
}

// position writes a place in the stream.
func (o *sender) position(seq int64) {
	o.text(fmt.Sprintf("id: %d\nevent: position\ndata: {}\n\n", seq))
	o.flush()
}

// reset announces a gap.
func (o *sender) reset(r reset) {
	data, _ := json.Marshal(r)
	o.text(fmt.Sprintf("id: %d\nevent: reset\ndata: %s\n\n", r.Oldest-1, data))
	o.flush()
}

// flush sends what was written.
func (o *sender) flush() {
	if o.err == nil {
		o.err = o.control.Flush()
	}
}
