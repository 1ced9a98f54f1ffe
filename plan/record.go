package plan

import (
	"slices"
	"time"
)

// State is where an operation, or a step of one, stands.
type State string

// The states of an operation. Steps use Queued, Running, Succeeded, Failed,
// Undone, Skipped and Unknown.
const (
	Queued     State = "queued"
	Running    State = "running"
	Cancelling State = "cancelling"
	Succeeded  State = "succeeded"
	Partial    State = "partial"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
	Undone     State = "undone"
	Skipped    State = "skipped"
	Unknown    State = "unknown" // the daemon died in the middle; not examined yet
)

// Open reports whether an operation in this state still has something to do.
func (s State) Open() bool {
	switch s {
	case Queued, Running, Cancelling, Unknown:
		return true
	}
	return false
}

// A Record is what is known about an operation: the same document in the
// journal, in the API and after a crash.
type Record struct {
	ID      string     `json:"id" doc:"Identifier of the operation"`
	Kind    string     `json:"kind" doc:"takeover, release, failback, handover or a replication"`
	Server  string     `json:"server" doc:"Name of the server"`
	State   State      `json:"state" enum:"queued,running,cancelling,succeeded,partial,failed,cancelled,undone,unknown" doc:"Where the operation stands"`
	By      Actor      `json:"by" doc:"Who asked for it"`
	Reason  string     `json:"reason" doc:"Why"`
	Accept  []string   `json:"accept" doc:"Failed checks that were accepted by name"`
	Started time.Time  `json:"started_at" doc:"When it began"`
	Ended   *time.Time `json:"ended_at" doc:"When it ended, null while it runs"`
	Steps   []Done     `json:"steps" doc:"The steps in order"`
	Error   string     `json:"error" doc:"Why it stopped, empty if it did not fail"`
	Resumed int        `json:"resumed" doc:"How often it was taken up again after a crash"`

	OrderKey string    `json:"order_key" doc:"Fingerprint of the Idempotency-Key that it was ordered with, and of the order; empty where there was none"`
	Progress *Progress `json:"progress" doc:"How far the step that runs has come, null if that is not known"`
}

// Progress is how far the step that runs has come.
type Progress struct {
	Step      string   `json:"step" doc:"Name of the step"`
	Phase     string   `json:"phase" doc:"What it is doing: schema, data, indexes, backup, transfer, restore"`
	Object    string   `json:"object" doc:"What it is doing that to, empty if nothing in particular"`
	Done      int64    `json:"done_bytes" doc:"Done in this phase"`
	Total     int64    `json:"total_bytes" doc:"Expected in this phase, 0 if that is not known"`
	Rows      int64    `json:"rows" doc:"Rows done, where rows are counted"`
	Rate      float64  `json:"rate_bytes_per_s" doc:"Bytes a second, over the last seconds"`
	Percent   *float64 `json:"percent" doc:"Null if there is no basis for it"`
	Remaining *float64 `json:"remaining_s" doc:"Seconds that this phase will still take, null if there is no basis for it"`
}

// Actor is who asked for an operation.
type Actor struct {
	Kind string `json:"kind" enum:"automatic,user,token,system" doc:"What kind of actor"`
	Name string `json:"name" doc:"User name, token name, or the part of failoverd that decided"`
	Via  string `json:"via" doc:"How the order came: socket, https, console, monitor, recovery"`
	From string `json:"from" doc:"Network address, or the process on the socket"`
}

// Done is the record of one step.
type Done struct {
	Name    string     `json:"name" doc:"Name of the step"`
	Title   string     `json:"title" doc:"What it does"`
	State   State      `json:"state" enum:"queued,running,succeeded,failed,undone,skipped,unknown" doc:"Where the step stands"`
	Started *time.Time `json:"started_at" doc:"When it began, null if it has not"`
	Ended   *time.Time `json:"ended_at" doc:"When it ended, null if it has not"`
	Note    string     `json:"note" doc:"What came out of it"`
	Error   string     `json:"error" doc:"Why it failed"`
	Bytes   int64      `json:"bytes" doc:"How much data it moved"`
	Rows    int64      `json:"rows" doc:"How many rows it moved"`
}

// Duration is how long the step took, zero while it has not ended.
func (d Done) Duration() time.Duration {
	if d.Started == nil || d.Ended == nil {
		return 0
	}
	return d.Ended.Sub(*d.Started)
}

// Step returns the record of the named step, or nil.
func (r *Record) Step(name string) *Done {
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i]
		}
	}
	return nil
}

// Begun reports whether the named step may have touched the world: it began,
// or it is not known whether it did.
func (r *Record) Begun(name string) bool {
	s := r.Step(name)
	return s != nil && s.State != Queued && s.State != Skipped
}

// clone returns a copy that shares nothing with r that Run changes.
func (r *Record) clone() Record {
	c := *r
	c.Steps = slices.Clone(r.Steps)
	c.Accept = slices.Clone(r.Accept)
	return c
}
