package plan

import (
	"context"
	"time"
)

// A Step is one thing that an operation does.
//
// Do and Undo may be run again after a crash at any instant, also when the
// earlier run did its work and only the note of it was lost: they make the
// world match, they do not move it.
type Step struct {
	Name  string // one word of the manual: "assume"
	Title string // one line for people: "assume 192.168.11.1/32 on eth0"

	// Durable says that the beginning of this step is on disk before Do is
	// called. Steps that change something that outlives the daemon are durable,
	// and every step with an Undo is, whatever this says.
	// The others are written down with the next durable step, so that asking
	// the network a question does not cost a disk write on the way to the
	// takeover.
	Durable bool

	// Timeout bounds Do, and again Undo. Zero means DefaultTimeout.
	Timeout time.Duration

	// Check says what Do would do and whether it would succeed now. It has no
	// side effect. It may be nil.
	Check func(context.Context) Finding

	// Do does the step and returns a note for the record ("verified by
	// 192.168.11.254 in 0.4 ms").
	Do func(context.Context) (note string, err error)

	// Undo takes the step back, completely and best effort. Nil means that
	// there is nothing to take back.
	Undo func(context.Context) error

	// Beside is beside how many of the steps before it this one is done: it begins with the first of them, while they are
	// done one after the other. What comes after waits for all of them, and one that fails ends the others.
	Beside int

	// Optional says that the operation goes on when Do fails. The failure is
	// in the record, and the operation ends as partial.
	Optional bool
	// Final is the point of no return: once the step has begun, nothing is taken back any more. The operation ends as
	// partial when it or a later step fails or is cancelled.
	Final bool
	// Settles is a point of no return that is reached only once the step is done: while it is being done, and if it fails,
	// everything is taken back.
	Settles bool
}

// DefaultTimeout bounds a step that names no time-out of its own.
const DefaultTimeout = 30 * time.Second

// A Finding is the answer of a step's check.
type Finding struct {
	Blocked bool   // the step would fail or must not run
	Will    string // what the step would do: "add 192.168.11.1/32 to eth0"
	Value   string // what was found: "52:54:00:aa:bb:cc answers for 192.168.11.1"
	Limit   string // what would be needed: "no answer by ARP"
	Accept  string // the word for --accept that overrides it, "" if nothing does
}

// OnFailure says what happens to the steps already done when one fails.
type OnFailure uint8

const (
	// Undo takes the steps already done back, last first.
	Undo OnFailure = iota
	// Keep leaves them as they are.
	Keep
)

// A Plan is an operation on one server that has not started yet.
type Plan struct {
	Kind      string // "takeover", "release", "failback"
	Server    string
	OnFailure OnFailure
	Steps     []Step
}

// A Recorder writes an operation down. When durable is true, Record returns
// only after the record is on disk; otherwise it may be kept until the next
// durable one. The record belongs to the caller again when Record returns.
type Recorder interface {
	Record(ctx context.Context, r Record, durable bool) error
}
