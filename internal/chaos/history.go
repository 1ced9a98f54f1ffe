package chaos

import (
	"slices"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// History is everything that was seen of a story from outside. Its times are those of one clock.
type History struct {
	Story Story     `json:"story"`
	Began time.Time `json:"began"` // of the story's first wait; before that the company was made ready
	Ended time.Time `json:"ended"` // when it had been brought home

	Done     []Done   `json:"done"`      // what happened, in the order in which it began
	Lives    []Life   `json:"lives"`     // of the daemon
	Frozen   []Span   `json:"frozen"`    // when the daemon was stopped by SIGSTOP
	Starved  []Span   `json:"starved"`   // when the recorder itself did not run in time: nothing is known about the standby's promptness
	Holds    []Hold   `json:"holds"`     // who held a service address in its kernel
	Reached  []Reach  `json:"reached"`   // when a host heard its neighbours and was heard
	Claims   []Claim  `json:"claims"`    // gratuitous ARP that the standby has sent
	Censuses []Census `json:"censuses"`  // what lay on the disks
	Answers  []Answer `json:"answers"`   // what users were answered
	Rests    []Rest   `json:"rests"`     // looks at a standby that was at rest
	Letters  []Letter `json:"letters"`   // what the mail host took
	Waiting  int      `json:"waiting"`   // mails that still waited at the end
	EndError string   `json:"end_error"` // why the company could not be brought home, empty if it was

	Events     []journal.Event `json:"events"`     // the whole history of failoverd, as it was at the end
	Vanished   []journal.Event `json:"vanished"`   // what was in it earlier, and not at the end
	Operations []plan.Record   `json:"operations"` // at the end
}

// Span is a time. A zero Until is the end of the story.
type Span struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// has says whether it lasts over a moment.
func (s Span) has(at time.Time) bool {
	return !at.Before(s.From) && (s.Until.IsZero() || at.Before(s.Until))
}

// covers says whether it lasts over all the time between two moments.
func (s Span) covers(from, until time.Time) bool {
	return !s.From.After(from) && (s.Until.IsZero() || !s.Until.Before(until))
}

// meets says whether it has a moment in common with the time between two.
func (s Span) meets(from, until time.Time) bool {
	return s.From.Before(until) && (s.Until.IsZero() || s.Until.After(from))
}

// Done is a step that was played.
type Done struct {
	Span
	Step   Step   `json:"step"`
	Number int    `json:"number"` // of the step in the story, from 1; 0 for what was done to bring the company home
	Exit   int    `json:"exit"`   // of an order: the command's exit code
	Output string `json:"output"` // of an order: what it printed, shortened
	Error  string `json:"error"`  // why it could not be played
	Accept string `json:"accept"` // of an order: what had to be accepted by name, with spaces between
}

// Life is a time in which the daemon ran.
type Life struct {
	Span
	How string `json:"how"` // "killed", "stopped", or "by itself"; empty while it runs
}

// Hold is a time in which a host had a service address.
type Hold struct {
	Span
	Host    string `json:"host"`
	Address string `json:"address"`
}

// Reach is a time in which nothing was between a host and its neighbours.
type Reach struct {
	Span
	Host string `json:"host"`
}

// Claim is a gratuitous ARP packet of the standby.
type Claim struct {
	At      time.Time `json:"at"`
	Address string    `json:"address"`
}

// The places that a census is taken of.
const (
	copyDB    = "the standby's copy of calls"
	copyTree  = "the standby's copy of vm"
	primaryDB = "the primary's calls"
	keptDB    = "the primary's calls of before"
	ownTree   = "the primary's vm" // with what was set aside there
)

// Census is what lay in one place at one time.
type Census struct {
	At       time.Time `json:"at"`
	Place    string    `json:"place"`
	Readable bool      `json:"readable"`
	Trouble  string    `json:"trouble"` // why it is not whole, empty if it is
	Calls    []int     `json:"calls"`   // in order
}

// Answer is one answered question of a user.
type Answer struct {
	Asked  time.Time `json:"asked"`
	At     time.Time `json:"at"`
	Server string    `json:"server"`
	By     string    `json:"by"`   // "primary …" or "stand-in …"
	Call   int       `json:"call"` // what was written by it, 0 for a question that writes nothing
}

// Rest is a look at everything at once, when nothing was going on or when nobody wanted to wait for that any longer.
type Rest struct {
	At      time.Time       `json:"at"`
	Alive   bool            `json:"alive"`  // the daemon runs and answers
	Uneasy  string          `json:"uneasy"` // what was not as it should be when the wait was given up, empty if all was
	Waited  time.Duration   `json:"waited"`
	Status  status.Snapshot `json:"status"`
	Held    []string        `json:"held"`      // the service addresses in the standby's kernel
	Working map[string]int  `json:"stand_ins"` // stand-ins that run, by server
	Plugged bool            `json:"plugged"`   // nothing is between the standby and its neighbours
	Roomy   bool            `json:"roomy"`     // no disk of the standby is full
	Last    bool            `json:"last"`      // at the end, with everything mended
}

// Letter is a mail that has arrived.
type Letter struct {
	At     time.Time `json:"at"`
	ID     string    `json:"message_id"`
	Kind   string    `json:"kind"`
	Server string    `json:"server"`
}

// awake says whether the daemon ran, and was not stopped by anybody, all the time between two moments.
func (h *History) awake(from, until time.Time) bool {
	return slices.ContainsFunc(h.Lives, func(l Life) bool { return l.covers(from, until) }) && !h.paused(from, until)
}

// paused says whether the daemon was stopped, or the machine too busy for the recorder, at some moment between two.
func (h *History) paused(from, until time.Time) bool {
	meets := func(s Span) bool { return s.meets(from, until) }
	return slices.ContainsFunc(h.Frozen, meets) || slices.ContainsFunc(h.Starved, meets)
}

// reached says whether nothing was between a host and its neighbours all the time between two moments.
func (h *History) reached(host string, from, until time.Time) bool {
	return slices.ContainsFunc(h.Reached, func(r Reach) bool { return r.Host == host && r.covers(from, until) })
}

// did lists the steps with a verb that were begun between two moments, and could be played.
func (h *History) did(from, until time.Time, verb string) (list []Done) {
	for _, d := range h.Done {
		if d.Step.Verb == verb && d.Error == "" && d.meets(from, until) {
			list = append(list, d)
		}
	}
	return list
}

// number is the step of the story that had begun last at a moment.
func (h *History) number(at time.Time) (n int) {
	for _, d := range h.Done {
		if d.Number > n && !d.From.After(at) {
			n = d.Number
		}
	}
	return n
}
