package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/api"
	"failoverd/journal"
	"failoverd/plan"
)

// load is what goes on beside the watching.
type load struct {
	w       *world
	running sync.WaitGroup

	place     []atomic.Int64 // last event of each stream
	broken    atomic.Int64   // streams that ended
	copied    atomic.Int64   // replications that have succeeded
	uncopied  atomic.Int64   // and those that have not, or were refused
	mu        sync.Mutex
	delivered []time.Duration // from an event's time to one who reads it
}

// begin starts the readers, the replications and those who change files. They end with ctx.
func (w *world) begin(ctx context.Context) (*load, error) {
	l := &load{w: w, place: make([]atomic.Int64, w.streams)}
	var tokens []string
	for i := range (w.streams + 9) / 10 {
		t, err := w.client.CreateToken(ctx, api.NewToken{Name: fmt.Sprintf("reader-%d", i), Role: "viewer"})
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t.Secret)
	}
	for i := range w.streams {
		l.running.Go(func() {
			if err := l.stream(ctx, tokens[i/10], &l.place[i]); ctx.Err() == nil {
				_ = err // It is counted; why is of no interest to the table.
				l.broken.Add(1)
			}
		})
	}
	l.running.Go(func() {
		_ = w.client.Follow(ctx, api.FollowQuery{}, func(e journal.Event) error {
			l.mu.Lock()
			l.delivered = append(l.delivered, time.Since(e.Time))
			l.mu.Unlock()
			return nil
		})
	})
	next := atomic.Int64{}
	for range w.replicating {
		l.running.Go(func() {
			for ctx.Err() == nil {
				l.replicate(ctx, int(next.Add(1))%(servers-mortal))
			}
		})
	}
	l.running.Go(func() { l.write(ctx) })
	return l, nil
}

// stream reads an event stream as a browser has it, over TLS, and looks only at the numbers.
func (l *load) stream(ctx context.Context, token string, place *atomic.Int64) error {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return l.w.watchers.Dial(ctx, network, addr)
		},
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // The standby's certificate is its own.
		DisableCompression: true,
	}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s:%d%s/events/stream", standbyAddress, apiPort, api.Base), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	buffer := make([]byte, 64<<10)
	kept := 0
	for {
		n, err := answer.Body.Read(buffer[kept:])
		if err != nil {
			return err
		}
		text := buffer[:kept+n]
		mark := []byte("\nid: ")
		if i := bytes.LastIndex(text, mark); i >= 0 {
			rest := text[i+len(mark):]
			if end := bytes.IndexByte(rest, '\n'); end >= 0 {
				if seq, err := strconv.ParseInt(string(rest[:end]), 10, 64); err == nil {
					place.Store(seq)
				}
			}
		}
		// The mark may be cut in two.
		kept = copy(buffer, text[max(0, len(text)-32):])
	}
}

// behind is how many events the stream that is furthest behind has not had yet.
func (l *load) behind(seq int64) int64 {
	most := int64(0)
	for i := range l.place {
		most = max(most, seq-l.place[i].Load())
	}
	return most
}

// firstCopies copies the databases of those who are going to die: without a copy nobody is taken over.
func (w *world) firstCopies(ctx context.Context) error {
	for i := servers - mortal; i < servers; i++ {
		r, err := w.client.Replicate(ctx, name(i), "replicate-from-live", "bench", nil)
		if err != nil {
			return err
		}
		if r, err = w.client.WatchOperation(ctx, r.ID, func(plan.Record) {}); err != nil || r.State != "succeeded" {
			return fmt.Errorf("the first copy of %s: %s: %w", name(i), r.State, err)
		}
	}
	return nil
}

// replicate copies one server's database and waits for the end.
func (l *load) replicate(ctx context.Context, i int) {
	r, err := l.w.client.Replicate(ctx, name(i), "replicate-from-live", "bench", nil)
	if err == nil {
		r, err = l.w.client.WatchOperation(ctx, r.ID, func(plan.Record) {})
	}
	switch {
	case ctx.Err() != nil:
	case err == nil && r.State == "succeeded":
		l.copied.Add(1)
	default:
		l.uncopied.Add(1)
	}
}

// write changes twenty files a second.
func (l *load) write(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.w.change(n%servers, n/servers%filesPerServer, strconv.Itoa(n)); err != nil {
				return
			}
		}
	}
}

// take returns the times of delivery since it was last called, sorted.
func (l *load) take() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.delivered
	l.delivered = nil
	slices.Sort(all)
	return all
}
