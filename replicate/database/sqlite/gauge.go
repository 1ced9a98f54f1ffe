package sqlite

import (
	"time"

	"failoverd/replicate/database"
)

// gauge shows a watch how far a copy is, at most ten times a second and at the start of each phase.
type gauge struct {
	watch database.Watch // nil: nobody looks
	phase string
	shown time.Time
}

func (g *gauge) show(p database.Progress) {
	const every = 100 * time.Millisecond
	if g.watch == nil || p.Phase == g.phase && time.Since(g.shown) < every {
		return
	}
	g.phase, g.shown = p.Phase, time.Now()
	g.watch(p)
}
