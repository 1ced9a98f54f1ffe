package probe

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// actor is a Prober that takes some time and notes when it was asked.
type actor struct {
	name     string
	takes    time.Duration
	stubborn bool // does not end with its context at once

	mu    sync.Mutex
	asked []time.Time
	busy  bool
	twice bool
}

func (a *actor) Probe(ctx context.Context) Result {
	a.mu.Lock()
	a.twice = a.twice || a.busy
	a.busy = true
	a.asked = append(a.asked, time.Now())
	a.mu.Unlock()
	if a.stubborn {
		<-time.After(a.takes)
	}
	select {
	case <-time.After(a.takes):
	case <-ctx.Done():
	}
	a.mu.Lock()
	a.busy = false
	a.mu.Unlock()
	return Result{Probe: a.name, Outcome: Answered}
}

func (a *actor) times() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// scheduling runs a Schedule in a bubble.
func scheduling(t *testing.T, body func(s *Schedule, rec *record)) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecord()
		s := NewSchedule(rec.deliver)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		body(s, rec)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// onBeat says whether every moment is a whole number of intervals after the first.
func onBeat(times []time.Time, interval time.Duration) bool {
	for _, at := range times {
		if at.Sub(times[0])%interval != 0 {
			return false
		}
	}
	return true
}

func TestScheduleKeepsEachBeat(t *testing.T) {
	scheduling(t, func(s *Schedule, rec *record) {
		quick, slow := &actor{name: "quick", takes: time.Millisecond}, &actor{name: "slow", takes: 25 * time.Second}
		s.Set([]Scheduled{{"a/quick", 2 * time.Second, quick}, {"a/slow", 10 * time.Second, slow}})
		<-time.After(100 * time.Second)
		synctest.Wait()
		if got := quick.times(); len(got) != 50 || !onBeat(got, 2*time.Second) {
			t.Errorf("quick was asked %d times in 100 s at 2 s: %v", len(got), got)
		}
		// 25 s at an interval of 10 s: every third beat.
		if got := slow.times(); len(got) < 3 || len(got) > 4 || !onBeat(got, 30*time.Second) {
			t.Errorf("slow was asked at %v", got)
		}
		if slow.twice || quick.twice {
			t.Error("a prober ran twice at a time")
		}
		if got, _ := rec.all(func(r Result) bool { return r.Probe == "quick" }); len(got) != 50 {
			t.Errorf("%d results of quick", len(got))
		}
	})
}

func TestScheduleSet(t *testing.T) {
	scheduling(t, func(s *Schedule, rec *record) {
		first, second, gone := &actor{name: "first", takes: time.Second}, &actor{name: "second", takes: time.Second}, &actor{name: "gone", takes: time.Hour}
		s.Set([]Scheduled{{"a", 4 * time.Second, first}, {"b", 4 * time.Second, gone}})
		<-time.After(20 * time.Second)
		s.Set([]Scheduled{{"a", 4 * time.Second, second}})
		<-time.After(20 * time.Second)
		synctest.Wait()
		if all := append(first.times(), second.times()...); len(all) != 10 || !onBeat(all, 4*time.Second) {
			t.Errorf("the beat of a reloaded prober is %v", all)
		}
		if got := gone.times(); len(got) != 1 {
			t.Errorf("a prober that is gone was asked %d times", len(got))
		}
		if got, _ := rec.all(func(r Result) bool { return r.Probe == "gone" }); len(got) != 0 {
			t.Errorf("a question that was broken off has results: %v", got)
		}
		// Another interval is another beat, begun when the old question has ended.
		third := &actor{name: "third", takes: 5 * time.Second, stubborn: true}
		s.Set([]Scheduled{{"a", 4 * time.Second, third}})
		for len(third.times()) == 0 {
			<-time.After(time.Second)
		}
		s.Set([]Scheduled{{"a", time.Second, third}})
		<-time.After(20 * time.Second)
		synctest.Wait()
		if third.twice || len(third.times()) < 2 {
			t.Errorf("asked %d times, twice at a time: %v", len(third.times()), third.twice)
		}
	})
}
