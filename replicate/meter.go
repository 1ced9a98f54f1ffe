package replicate

import (
	"time"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// meterSpan is over how long the rate is measured: long enough to be calm, short enough to show that something stands.
const meterSpan = 10 * time.Second

// Meter makes the progress that people see out of what an engine reports: how fast, and how much longer. It is not for
// several goroutines.
type Meter struct {
	step, phase string
	points      []point // within meterSpan, oldest first
}

// point is how far a phase had come at one instant.
type point struct {
	at   time.Time
	done int64
}

// Observe takes in what was reported at one instant and returns what is to be shown. A rate needs two reports of the
// same phase, a percentage needs a total, and the remaining time needs both: what has no basis is nil.
func (m *Meter) Observe(at time.Time, step string, p database.Progress) plan.Progress {
	if m.step != step || m.phase != p.Phase {
		m.step, m.phase, m.points = step, p.Phase, nil
	}
	for len(m.points) > 1 && at.Sub(m.points[0].at) > meterSpan {
		m.points = m.points[1:]
	}
	out := plan.Progress{Step: step, Phase: p.Phase, Object: p.Object, Done: p.Done, Total: p.Total, Rows: p.Rows}
	if len(m.points) > 0 {
		first := m.points[0]
		if took := at.Sub(first.at); took > 0 && p.Done > first.done {
			out.Rate = float64(p.Done-first.done) / took.Seconds()
		}
	}
	m.points = append(m.points, point{at, p.Done})
	if p.Total <= 0 || p.Done > p.Total {
		return out // more than was expected: the expectation is no basis any more
	}
	percent := 100 * float64(p.Done) / float64(p.Total)
	out.Percent = &percent
	if out.Rate > 0 {
		remaining := float64(p.Total-p.Done) / out.Rate
		out.Remaining = &remaining
	}
	return out
}
