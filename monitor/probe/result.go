package probe

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Outcome is what became of one question.
type Outcome uint8

const (
	// Unknown says that the question says nothing of the target: it could not
	// be put, or the standby itself was at fault. It is the zero value, so that
	// a forgotten outcome decides nothing.
	Unknown Outcome = iota

	// Answered says that the target gave the right answer in time.
	Answered

	// Missed says that the question went out and no right answer came in time.
	Missed
)

// String gives the outcome in the words of the manual.
func (o Outcome) String() string {
	switch o {
	case Unknown:
		return "unknown"
	case Answered:
		return "answered"
	case Missed:
		return "missed"
	default:
		panic(fmt.Sprintf("outcome %d", uint8(o)))
	}
}

// Result is one question and what became of it.
type Result struct {
	Server string

	// Probe is the name of the probe: "ping 10.0.0.1", or the configured one.
	Probe string

	// Path is the index in the server's addresses for a ping, -1 otherwise.
	Path int

	// Addr is who was asked, the zero address for a command.
	Addr netip.Addr

	// At is when the outcome was known, Sent when the question was put; both
	// carry a monotonic reading. For what could not be sent, Sent is when it
	// should have been.
	At, Sent time.Time

	// RTT is the time from Sent to the answer, 0 if none came.
	RTT time.Duration

	Outcome Outcome

	// Late says that this is an answer after its time-out. Its ping has been
	// reported as Missed before, and this Result is in addition to that one:
	// Outcome is Missed here too, and must not be counted again.
	Late bool

	// Evidence says in plain words how the outcome is known; it may be empty
	// for an answered ping.
	Evidence string
}

// Prober puts one question. Probe returns when the answer or the time-out has
// come or ctx has ended, whichever is first, and leaves nothing running. When
// ctx ended first the outcome is Unknown.
type Prober interface {
	Probe(ctx context.Context) Result
}
