package standby

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
)

const (
	// cryAfter is how long the journal has to take nothing until people are told past it. What is over sooner is told by the outbox.
	cryAfter = 30 * time.Second
	// cryAgain is the least time between two tries to tell them, and between two things that they are told.
	cryAgain = time.Minute
)

// cry is what people are told past the journal while that takes nothing: alerts wait in it, so without this nobody would know that
// nothing is taken over. It belongs to the loop.
type cry struct {
	since  time.Time // when the journal was first seen to take nothing; zero: it does
	next   time.Time // not before
	busy   bool      // somebody is being told
	told   bool      // somebody was
	failed []string  // the servers that they were told of, which are not taken over
}

// cry tells people past the journal if that has taken nothing for long, and of each server that fails then.
func (t *turn) cry() {
	s := t.s
	c := &s.outcry
	if s.self.unwritable == "" {
		if was := *c; c.told {
			t.fails = append(t.fails, func(error) { *c = was }) // it is over when that can be written down
			t.note(journal.Event{
				Kind: "journal.writable", Severity: "info", Actor: actor(automatic("loop guard")),
				Message: "the journal can be written again: what was held back is done, and alerts that wait are sent",
				Reason:  fmt.Sprintf("it took nothing for %s", t.now.Sub(c.since).Round(time.Second)),
			}, true)
		}
		*c = cry{busy: c.busy}
		return
	}
	if c.since.IsZero() {
		c.since = t.now
	}
	if s.deps.Cry == nil || c.busy || t.now.Sub(c.since) < cryAfter || t.now.Before(c.next) {
		return
	}
	failed := s.uncovered()
	if c.told && !slices.ContainsFunc(failed, func(name string) bool { return !slices.Contains(c.failed, name) }) {
		return
	}
	e := journal.Event{
		Time: t.now, Kind: "journal.unwritable", Severity: "critical", Actor: actor(automatic("loop guard")),
		Message: "the journal cannot be written since " + c.since.Format("15:04:05") + ": nothing is taken over", Reason: s.self.unwritable,
	}
	if len(failed) > 0 {
		e.Message = fmt.Sprintf("%s failed and NOT TAKEN OVER: the journal cannot be written since %s", strings.Join(failed, ", "), c.since.Format("15:04:05"))
	}
	since := c.since
	c.busy, c.next = true, t.now.Add(cryAgain)
	s.run(func() {
		ctx, cancel := context.WithTimeout(s.stop, cryAgain)
		defer cancel()
		err := s.deps.Cry(ctx, e)
		s.box.put(func(*turn) {
			c.busy = false
			if err != nil {
				s.log.Error("nobody could be told that the journal cannot be written; it is tried again", "err", err)
				return
			}
			c.told, c.failed, c.since = true, failed, since // also if it is over by now, which is said next
		})
	})
}

// uncovered lists the servers that have failed and that nobody stands in for, as configured.
func (s *Standby) uncovered() (names []string) {
	for _, v := range s.all {
		// Not by its health: that it has failed cannot be written down either.
		if f := &v.facts; f.Misses >= f.Limit(v.policy) && f.Role == monitor.StandingBy && f.Mode == monitor.Active && !f.Frozen {
			names = append(names, v.config.Name)
		}
	}
	return names
}
