package chaos

import (
	"maps"
	"slices"
	"time"

	"failoverd/plan"
	"failoverd/status"
)

// The kinds of operations, as they are in the history, which status has no names for.
const (
	takeoverKind = "takeover"
	releaseKind  = "release"
)

// margin is how far the clocks of a census and of an operation may be apart: the operation says that it has ended after
// it has swapped, and a census takes a moment.
const margin = 3 * time.Second

// newerLost: calls that lay in a place do not lie there any more, and no operator has given them up by name.
func newerLost(h *History, complain complaint) {
	last := map[string]Census{}
	for _, c := range h.Censuses {
		if !c.Readable || c.Place == keptDB {
			continue
		}
		before, seen := last[c.Place]
		last[c.Place] = c
		if !seen {
			continue
		}
		if lost := without(before.Calls, c.Calls); len(lost) > 0 && !h.givenUp(c.Place, before.At, c.At) {
			complain(c.At, "%s had %d calls at %s and has %d now; %v are gone", c.Place, len(before.Calls), before.At.Format("15:04:05.000"), len(c.Calls), some(lost))
		}
	}
}

// givenUp says whether what a place has lost between two looks was given up by an operator in those words, or was taken
// back with a replication that failed.
func (h *History) givenUp(place string, from, until time.Time) bool {
	from, until = from.Add(-margin), until.Add(margin)
	return slices.ContainsFunc(h.Operations, func(o plan.Record) bool {
		ended := time.Time{}
		if o.Ended != nil {
			ended = *o.Ended
		}
		if !(Span{o.Started, ended}).meets(from, until) {
			return false
		}
		takenBack := o.State == plan.Undone || o.State == plan.Failed || o.State == plan.Cancelled || o.State == plan.Partial || o.Resumed > 0
		switch place {
		case copyDB:
			return o.Kind == status.RollBack || o.Kind == status.FromLive && (takenBack || slices.Contains(o.Accept, status.DiscardDiverged))
		case primaryDB:
			back := o.Kind == status.ToLive || o.Kind == status.Failback
			return back && (takenBack || slices.Contains(o.Accept, status.OverwriteNewer))
		}
		return false
	}) || place == copyTree && h.discarded(from.Add(-patience), until)
}

// discarded says whether an operator has given up what the stand-in wrote in the files.
func (h *History) discarded(from, until time.Time) bool {
	return h.happened("pbx", "files.discarded", from.Add(-time.Minute), until) || slices.ContainsFunc(h.Operations, func(o plan.Record) bool {
		return o.Kind == status.FromLive && slices.Contains(o.Accept, status.DiscardDiverged) && (Span{From: o.Started}).meets(from, until)
	})
}

// writesKept: a write that a user was told to be done is, in the end, in no place at all, although nobody has given
// anything up by name.
func writesKept(h *History, complain complaint) {
	if h.EndError != "" || h.gaveUpAnything() {
		return
	}
	for _, places := range [][]string{{copyDB, primaryDB, keptDB}, {copyTree, ownTree}} {
		there := map[int]bool{}
		seen := map[string]bool{}
		until := h.Ended                                // what was written after it was looked at for the last time is not known of
		for _, c := range slices.Backward(h.Censuses) { // the last of each
			if c.Readable && !seen[c.Place] && slices.Contains(places, c.Place) {
				seen[c.Place] = true
				if c.Place != keptDB && c.At.Before(until) {
					until = c.At
				}
				for _, n := range c.Calls {
					there[n] = true
				}
			}
		}
		for _, a := range h.Answers {
			if len(seen) > 0 && a.Call != 0 && a.At.Before(until) && !there[a.Call] {
				complain(h.Ended, "call %d, which %s had written at %s, is neither in %v", a.Call, a.By, a.At.Format("15:04:05.000"), slices.Sorted(maps.Keys(seen)))
				return
			}
		}
	}
}

// gaveUpAnything says whether an operator had anything given up by its name.
func (h *History) gaveUpAnything() bool {
	return h.discarded(time.Time{}, h.Ended) || slices.ContainsFunc(h.Operations, func(o plan.Record) bool {
		return o.Kind == status.RollBack || slices.Contains(o.Accept, status.OverwriteNewer)
	})
}

// halfCopies: what is in a place is not whole.
func halfCopies(h *History, complain complaint) {
	for _, c := range h.Censuses {
		if c.Trouble != "" {
			complain(c.At, "%s is not whole: %s", c.Place, c.Trouble)
		}
	}
}

// copiesServe: a copy that was once complete cannot be read although failoverd runs and nothing is being copied.
func copiesServe(h *History, complain complaint) {
	first := map[string]bool{}  // places that were readable once
	gone := map[string]Census{} // since when each was not
	for _, c := range h.Censuses {
		switch {
		case c.Place != copyDB && c.Place != copyTree:
		case c.Readable:
			first[c.Place] = true
			delete(gone, c.Place)
		case first[c.Place]:
			since, known := gone[c.Place]
			if !known {
				gone[c.Place] = c
				continue
			}
			if c.At.Sub(since.At) > patience && h.awake(since.At.Add(-patience), c.At) {
				complain(c.At, "%s cannot be read since %s: %s", c.Place, since.At.Format("15:04:05.000"), c.Trouble)
				delete(first, c.Place)
			}
		}
	}
}

// without is what is in a and not in b; both are in order.
func without(a, b []int) (list []int) {
	for _, n := range a {
		if _, found := slices.BinarySearch(b, n); !found {
			list = append(list, n)
		}
	}
	return list
}

// some are at most ten of them.
func some(list []int) []int { return list[:min(len(list), 10)] }
