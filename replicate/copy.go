package replicate

import (
	"slices"
	"time"

	"failoverd/replicate/database"
)

// Copy is what is remembered of the standby's copies of one catalog. It is a value: what becomes of it is a new one.
type Copy struct {
	Last     *Complete `json:"last"`     // the one in service, nil if none was ever completed
	Previous *Complete `json:"previous"` // the one that is kept beside it
	Staged   *Staged   `json:"staged"`   // what a run is about to put in service, or is putting in service
	Source   Source    `json:"source"`
	Attempt  *Attempt  `json:"attempt"` // the last one

	// Since is when the catalog was first seen: nothing that was due before is late. Day is the last local day for
	// which the daily run was begun or left out. Again is the last one whose run was interrupted and begun anew.
	Since time.Time `json:"since"`
	Day   string    `json:"day"`
	Again string    `json:"again"`
}

// Complete is a copy that was verified and put in service.
type Complete struct {
	Snapshot  database.Snapshot `json:"snapshot"`
	Verified  time.Time         `json:"verified"`
	Check     string            `json:"check"` // what the engine's own check was and said
	Operation string            `json:"operation"`
}

// Staged is a verified copy on its way into service. It is durable before the first statement of the swap, so that a
// crash at any instant after can be finished or taken back.
type Staged struct {
	Complete
	ToLive bool     `json:"to_live"`
	Over   bool     `json:"over"`  // something was in service before, and is kept as the previous one
	Begun  []string `json:"begun"` // statements of the swap that cannot be taken back by the server itself, as far as begun
	Taken  []string `json:"taken"` // statements that take the swap back, as far as begun
}

// Attempt is what came of a replication.
type Attempt struct {
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	OK        bool      `json:"ok"`
	Error     string    `json:"error"`
	Operation string    `json:"operation"`
}

// Source says whether a source held something new when it was last copied.
type Source string

// What can be said of a source.
const (
	Changed   Source = "changed"
	Unchanged Source = "unchanged"
	Untold    Source = "unknown"
)

// Stage notes a verified copy that is about to be put in service.
func (c Copy) Stage(next Complete, toLive, over bool) Copy {
	c.Staged = &Staged{Complete: next, ToLive: toLive, Over: over}
	return c
}

// Begin notes a statement of the swap that is about to be executed.
func (c Copy) Begin(what string) Copy {
	if c.Staged != nil {
		s := *c.Staged
		s.Begun = append(slices.Clone(s.Begun), what)
		c.Staged = &s
	}
	return c
}

// TakeBack notes a statement that is about to take the swap back.
func (c Copy) TakeBack(what string) Copy {
	if c.Staged != nil {
		s := *c.Staged
		s.Taken = append(slices.Clone(s.Taken), what)
		c.Staged = &s
	}
	return c
}

// Unstaged notes that the swap was taken back, or that it never began.
func (c Copy) Unstaged() Copy {
	c.Staged = nil
	return c
}

// Served notes that the staged copy is in service. From live, the standby keeps the one before; to live, the primary
// does, and the standby's own copies stay as they are: both hosts now hold what the snapshot shows.
func (c Copy) Served(a Attempt) Copy {
	if c.Staged == nil {
		return c.Failed(a)
	}
	next := c.Staged.Complete
	if !c.Staged.ToLive {
		c.Source = compare(c.Last, next)
		c.Previous = c.Last
	}
	c.Last, c.Staged, c.Attempt = &next, nil, &a
	return c
}

// Failed notes a replication that was not completed. The copy in service is the one that was, unless a swap has begun
// and could not be taken back: that is remembered, and taken back before the next run does anything.
func (c Copy) Failed(a Attempt) Copy {
	if !c.Half() {
		c.Staged = nil
	}
	c.Attempt = &a
	return c
}

// Half reports whether a swap has begun that was neither finished nor taken back.
func (c Copy) Half() bool { return c.Staged != nil && len(c.Staged.Begun) > 0 }

// Restored notes that the previous copy is in service again.
func (c Copy) Restored() Copy {
	c.Last, c.Previous, c.Source = c.Previous, nil, Untold
	return c
}

// compare says whether the source held something new, as far as the snapshots tell.
func compare(last *Complete, next Complete) Source {
	switch {
	case last == nil, last.Snapshot.Identity != next.Snapshot.Identity:
		return Untold
	case last.Snapshot.Rows != next.Snapshot.Rows, len(last.Snapshot.Tables) != len(next.Snapshot.Tables):
		return Changed
	}
	same, summed := sameTables(last.Snapshot.Tables, next.Snapshot.Tables)
	switch {
	case !same:
		return Changed
	case summed, last.Snapshot.Position != "" && last.Snapshot.Position == next.Snapshot.Position:
		return Unchanged
	}
	return Untold
}

// sameTables reports whether two lists of tables show the same, and whether every table of them has a sum to tell.
func sameTables(a, b []database.Table) (same, summed bool) {
	then := make(map[string]database.Table, len(a))
	for _, t := range a {
		then[t.Name] = t
	}
	summed = true
	for _, t := range b {
		if then[t.Name] != t {
			return false, false
		}
		summed = summed && t.Sum != ""
	}
	return true, summed && len(b) > 0
}
