package standby

import (
	"context"
	"sync"
	"time"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
)

// Herald tells the agent of a primary whether the standby stands in for it, so that a primary that boots meanwhile keeps its
// application and its service address down. It returns whether the agent holds them down by now.
type Herald func(ctx context.Context, held bool, epoch uint64) (holds bool, err error)

const (
	// heraldEvery is how often an agent is told.
	heraldEvery = 10 * time.Second
	// heraldSoon is how often one is told while the standby stands in, and the primary may boot.
	heraldSoon = 2 * time.Second
	// heraldPatience bounds one try.
	heraldPatience = 5 * time.Second
)

// word is what an agent is told.
type word struct {
	name  string
	tell  Herald
	held  bool
	epoch uint64
}

// wordFor is what is to be said about who serves; none while that changes hands: what was said before stays true until the
// change has come to its end.
func wordFor(f *monitor.Facts) (held, said bool) {
	switch f.Role {
	case monitor.StandingBy:
		return false, true
	case monitor.StandingIn:
		return true, f.Incomplete == ""
	}
	return false, false
}

// herald tells the agents, again and again, until the context ends. An agent that does not answer is told the next time.
func (s *Standby) herald(ctx context.Context) error {
	var talks sync.WaitGroup
	defer talks.Wait()
	told := map[string]*heralded{}
	tick := time.NewTicker(heraldSoon)
	defer tick.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-s.ready:
	}
	for {
		words, err := consult(ctx, s, func(*turn) ([]word, error) { return s.words(), nil })
		if err != nil && ctx.Err() != nil {
			return nil
		}
		for _, w := range words {
			h := told[w.name]
			if h == nil {
				h = &heralded{}
				told[w.name] = h
			}
			if h.begin(w, time.Now()) {
				talks.Go(func() { s.say(ctx, w, h) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// words are those for all agents.
func (s *Standby) words() []word {
	var list []word
	for _, v := range s.all {
		if v.herald == nil {
			continue
		}
		if held, said := wordFor(&v.facts); said {
			list = append(list, word{v.config.Name, v.herald, held, v.facts.Epoch})
		}
	}
	return list
}

// heralded is what one agent was told.
type heralded struct {
	mu      sync.Mutex
	talking bool
	last    word
	at      time.Time
	holding uint64 // the takeover under which the agent is known to hold its application down; 0 if under none
}

// begin reports whether it is time to say a word, and notes that it is being said.
func (h *heralded) begin(w word, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	same := h.last.held == w.held && h.last.epoch == w.epoch
	if h.talking || same && !w.held && now.Sub(h.at) < heraldEvery {
		return false
	}
	h.talking, h.last, h.at = true, w, now
	return true
}

// say says one word, and notes in the history when an agent begins to hold its application down.
func (s *Standby) say(ctx context.Context, w word, h *heralded) {
	short, cancel := context.WithTimeout(ctx, heraldPatience)
	holds, err := w.tell(short, w.held, w.epoch)
	cancel()
	h.mu.Lock()
	h.talking = false
	began := err == nil && holds && h.holding != w.epoch
	if began {
		h.holding = w.epoch
	}
	h.mu.Unlock()
	if err != nil {
		s.log.Debug("an agent could not be told who serves", "server", w.name, "err", err)
		return
	}
	if !began {
		return
	}
	s.box.put(func(t *turn) {
		v, err := s.find(w.name)
		if err != nil || v.facts.Role != monitor.StandingIn {
			return
		}
		t.about(v, plan.Record{By: automatic("herald")}, journal.Event{
			Kind: "primary.held", Severity: "info", Message: "the agent of " + w.name + " keeps what its gate guards down",
			Reason: "the standby stands in",
		}, false)
	})
}

// heraldOf is how the agent of a server is told.
func (s *Standby) heraldOf(c config.Server) Herald {
	if s.deps.Herald == nil {
		return nil
	}
	return s.deps.Herald(c)
}
