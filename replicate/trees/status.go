package trees

import (
	"strings"
	"time"

	"failoverd/replicate/files"
)

// Status is how far a copy is.
type Status struct {
	Following bool            // it is meant to follow its source now
	Since     time.Time       // since when it is, without an interruption by order
	Connected bool            // a conversation with the source goes on
	Listing   bool            // everything is being compared
	Current   bool            // everything that the source has told is in the copy
	Synced    time.Time       // the last instant at which that was so; zero if it never was
	Changed   time.Time       // when the copy last came further; zero if it has not since failoverd has started
	Waiting   time.Duration   // for how long the oldest change at the source has not come to rest; zero if there is none
	Files     uint64          // of the copy
	Bytes     uint64          // of the source, where it is looked at from here; zero otherwise
	Received  uint64          // bytes, as they travelled, since failoverd has started
	Missing   int             // paths that were announced and are not in the copy
	Held      int             // deletions that wait to be confirmed
	Failed    []files.Problem // paths of either side with what is wrong, the first of them; never changed, only replaced
	Problem   string          // why it is not followed, or what keeps the source from being known whole; empty if nothing does
	Root      bool            // the source is another directory than it was
	Full      bool            // there is no room for it beside the reserve
}

// Lag is the age of the oldest change that the copy has not; known is false if the copy was never complete.
func (s Status) Lag(now time.Time) (lag time.Duration, known bool) {
	switch {
	case s.Synced.IsZero():
		return 0, false
	case s.Current:
		return s.Waiting, true
	}
	return max(now.Sub(s.Synced), s.Waiting), true
}

// observed is what both sides say of a conversation at one instant.
type observed struct {
	at      time.Time
	begun   time.Time // when the conversation began
	sink    files.SinkStatus
	mounted bool // the source is looked at from here
	source  files.SourceStatus
}

// unsure is how long the source of a conversation that has just begun may not have said yet how far it is.
const unsure = 2 * time.Second

// current reports whether the copy has everything that its source has told.
func (o observed) current() bool {
	s := o.sink
	if !s.Connected || s.Listing || s.Missing > 0 || s.Held > 0 {
		return false
	}
	if o.mounted {
		return o.source.Scanned && s.Cursor >= o.source.Head
	}
	return s.Cursor >= s.Head && o.at.Sub(o.begun) >= unsure
}

// next is the status after what was observed. before is how much had been received in earlier conversations, cursor how
// far the copy was.
func (o observed) next(s Status, before, cursor uint64) Status {
	s.Connected, s.Listing, s.Current = o.sink.Connected, o.sink.Listing, o.current()
	s.Files, s.Missing, s.Held, s.Received = o.sink.Files, o.sink.Missing, o.sink.Held, before+o.sink.Received
	if s.Current {
		s.Synced = o.at
	}
	if o.sink.Cursor != cursor {
		s.Changed = o.at
	}
	s.Failed = o.sink.Failed
	if s.Connected {
		s.Problem, s.Root = o.sink.Source, false
	}
	s.Waiting = 0
	if o.mounted {
		s.Bytes = o.source.Bytes
		if o.source.Dirty > 0 {
			s.Waiting = o.source.Oldest
		}
		s.Failed = join(o.sink.Failed, o.source.Problems)
		if s.Connected && o.source.Problem != "" {
			s.Problem = o.source.Problem
		}
	}
	s.Full = false
	for _, p := range o.sink.Failed {
		s.Full = s.Full || strings.HasPrefix(p.Reason, noRoom)
	}
	return s
}

// noRoom is how the reason of a path begins for which there is no room beside the reserve.
const noRoom = "the disk of the copy is full"

// mostFailed bounds the list of what failed.
const mostFailed = 100

// join lists what failed on either side, a path once.
func join(a, b []files.Problem) []files.Problem {
	var out []files.Problem
	seen := map[string]bool{}
	for _, list := range [][]files.Problem{a, b} {
		for _, p := range list {
			if !seen[p.Path] && len(out) < mostFailed {
				seen[p.Path] = true
				out = append(out, p)
			}
		}
	}
	return out
}
