package standby

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"failoverd/journal"
	"failoverd/monitor/probe"
)

// history gathers the pings into buckets of a minute and hands them to the
// journal, away from the loop.
type history struct {
	journal Journal
	log     *slog.Logger
	failed  func(error) // is told when the journal does not take it: it is what is written where nothing else happens

	mu      sync.Mutex
	buckets map[bucketKey]*journal.Bucket
}

type bucketKey struct {
	server string
	path   int
	minute int64
}

func newHistory(j Journal, log *slog.Logger, failed func(error)) *history {
	return &history{journal: j, log: log, failed: failed, buckets: map[bucketKey]*journal.Bucket{}}
}

// add counts one ping.
func (h *history) add(r probe.Result) {
	minute := r.At.Truncate(time.Minute)
	key := bucketKey{r.Server, r.Path, minute.Unix()}
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.buckets[key]
	if !ok {
		b = &journal.Bucket{Server: r.Server, Path: r.Path, Start: minute, Step: time.Minute}
		h.buckets[key] = b
	}
	switch {
	case r.Late:
		b.Late++
		return
	case r.Outcome == probe.Answered:
		if b.MinRTT == 0 || r.RTT < b.MinRTT {
			b.MinRTT = r.RTT
		}
		b.MaxRTT = max(b.MaxRTT, r.RTT)
		b.SumRTT += r.RTT
	case r.Outcome == probe.Missed:
		b.Lost++
	default:
		b.Unknown++
	}
	b.Sent++
}

// run hands the buckets over every half minute, and at the end.
func (h *history) run(ctx context.Context) error {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.flush(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
			h.flush(ctx)
		}
	}
}

// flush gives the journal what has come together. Buckets that cannot be
// written are lost: they are the least of what the journal holds.
func (h *history) flush(ctx context.Context) {
	h.mu.Lock()
	buckets := make([]journal.Bucket, 0, len(h.buckets))
	for _, b := range h.buckets {
		buckets = append(buckets, *b)
	}
	h.buckets = map[bucketKey]*journal.Bucket{}
	h.mu.Unlock()
	if len(buckets) == 0 {
		return
	}
	if err := h.journal.AddBuckets(ctx, buckets); err != nil {
		h.log.Warn("the probe history could not be written", "err", err)
		h.failed(err)
	}
}
