package monitor

import (
	"slices"
	"time"
)

// Facts is everything that is known about one server and takes part in a
// decision. It is a value: Step never changes the facts that it is given.
type Facts struct {
	Kept
	Counters `json:"-"`
}

// Kept is the part of the facts that outlives a crash: it is written down with
// every transition. The counters are not, because after a start counting begins
// afresh.
type Kept struct {
	Mode     Mode     `json:"mode"`
	Health   Health   `json:"health"`
	Activity Activity `json:"activity"`
	Role     Role     `json:"role"`

	// AfterReboot says that the standby host has rebooted and that this server
	// has not answered since: FailAfterReboot is the threshold in force.
	AfterReboot bool `json:"after_reboot"`

	// Ordered says that the takeover that runs, or that is in force, is an
	// operator's order and not failoverd's own decision.
	Ordered bool `json:"ordered"`

	// Incomplete names the step at which a takeover stopped whose steps were
	// kept. Empty while standing in completely.
	Incomplete string `json:"incomplete"`

	// AwaitsPrimary says that the server was released, or came back during a
	// takeover, and has not answered since: no automatic takeover before it has.
	AwaitsPrimary bool `json:"awaits_primary"`

	// Acknowledged says that an operator has seen the last takeover to its end.
	Acknowledged bool `json:"acknowledged"`

	// LastTakeover is when the last takeover began. Zero: never.
	LastTakeover time.Time `json:"last_takeover"`

	// RoleSince is when Role last changed, StateSince when State last did.
	RoleSince  time.Time `json:"role_since"`
	StateSince time.Time `json:"state_since"`

	// Epoch counts the takeovers. Nothing replicates from a lower epoch onto a
	// higher one.
	Epoch uint64 `json:"epoch"`

	// Diverged says that the stand-in has been at work: the standby's data may
	// be newer than the primary's.
	Diverged bool `json:"diverged"`

	// OutOfDate says that the server was stopped and that no complete database
	// replication has succeeded since.
	OutOfDate bool `json:"out_of_date"`

	// Discarding says that the replication from live that runs gives up what the standby has that is newer,
	// because an operator ordered it by name.
	Discarding bool `json:"discarding,omitempty"`

	// CopyFailed says that the last replication was not completed, and that this was alerted. Late says
	// that the copy is older than it should be, and that this was alerted.
	CopyFailed bool `json:"copy_failed,omitempty"`
	Late       bool `json:"late,omitempty"`

	// Wish is who suspended or stopped the server.
	Wish Wish `json:"wish"`

	// Incident identifies the outage, from its first alert until the server
	// answers again and the standby stands by. Empty between incidents.
	Incident string `json:"incident"`

	// Hold is why a failed server is not being taken over. Told is the last
	// reason that was alerted in this incident: a hold that comes and goes is
	// mailed once.
	Hold Hold `json:"hold"`
	Told Code `json:"told"`

	// Setback is why the last attempt to take over came to nothing, and when:
	// after one that failed failoverd does not try again by itself, after one
	// that was refused it does not for AgainAfter.
	Setback   Hold      `json:"setback"`
	SetbackAt time.Time `json:"setback_at"`

	// Failed says that the server had failed when the takeover in force began,
	// or has failed since: only then is its answer a return.
	Failed bool `json:"failed"`

	// Announced says that the open incident was mailed, and wants a "recovered".
	Announced bool `json:"announced"`
}

// Counters are the part of the facts that a restart begins afresh.
type Counters struct {
	Paths          []PathCount   // one for each address
	Misses         int           // consecutive misses on every path
	Unknowns       int           // consecutive beats on which nothing could be asked
	Warned         bool          // the pre-failover warning was sent in this run of misses
	UnknownAlerted bool          // the alert about it was sent in this run of unknowns
	LateNoted      bool          // a late answer was noted in this run of misses
	SilentSince    time.Time     // when the first ping of this run of misses was sent
	LastAnswer     time.Time     // when the last answered ping was answered
	AnsweringSince time.Time     // since when every beat was answered; zero while silent
	RTT            time.Duration // of the last answer
	FailedAt       time.Time     // when health became failure
	Frozen         bool          // the standby is isolated: nothing counts
	Neighbour      Neighbour     // what the second witness says
	Probes         []ProbeCount  // the further probes, by name
	Claim          string        // MAC address of a host that claims a service address while standing in
}

// PathCount counts the pings over one path.
type PathCount struct {
	Misses   int
	Unknown  bool // the last ping of this path could not be asked
	Dead     bool // it reached warn_after while another path answers, and was alerted
	LastRTT  time.Duration
	LastSeen time.Time
}

// ProbeCount counts the failures of a further probe.
type ProbeCount struct {
	Name     string
	Severity Severity
	Misses   int
	Since    time.Time // of the first of these misses
	Failed   bool
	Told     bool // that it failed was said, that it passes again was not
	Evidence string
}

// Severity says what the failure of a further probe means.
type Severity uint8

const (
	Info     Severity = iota // shown, nothing more
	Degraded                 // an alert, state Suspect, no takeover
	Fatal                    // takes part in the decision
)

// Neighbour is what asking by ARP, or by neighbour solicitation, has brought.
// Asking begins at the first miss, so it costs no time when it matters.
type Neighbour struct {
	OnLink     bool      // the address is on the standby's own segment, so it can be asked
	Known      string    // the MAC address that the primary is known by; empty if unknown
	Asked      int       // questions since SilentSince
	Silent     int       // questions since the last answer
	FirstAsked time.Time // the first of them
	LastAsked  time.Time // the last of them
	Answered   time.Time // when the last answer came; zero if none came since SilentSince
	MAC        string    // who answered
}

// Wish is who suspended or stopped a server, why, and until when.
type Wish struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`

	Reminded time.Time `json:"reminded"` // when people were last reminded of it; zero: not yet
	Incident string    `json:"incident"` // what they were reminded of, and are told the end of; empty: they were not
}

// Remind says whether people are to be reminded now of a server that is suspended, and the wish as it is when they have been: each
// time that it has lasted for every, 0 for never. A clock that was set back postpones nothing for longer than that.
func (f Facts) Remind(server string, every time.Duration, now time.Time) (Wish, bool) {
	w := f.Wish
	if f.Mode != Suspended || every <= 0 {
		return w, false
	}
	last := w.Reminded
	if last.IsZero() {
		last = w.Since
	}
	switch {
	case last.After(now):
		w.Reminded = now
		return w, false
	case now.Sub(last) < every:
		return w, false
	}
	w.Reminded = now
	if w.Incident == "" {
		w.Incident = server + "-s" + now.UTC().Format("20060102-150405")
	}
	return w, true
}

// Hold is why a failed server is not being taken over: a stable code and a
// sentence for people.
type Hold struct {
	Code   Code   `json:"code"`
	Reason string `json:"reason"`
}

// Code names a reason not to take over.
type Code string

const (
	NoHold       Code = ""
	Isolated     Code = "isolated"        // the standby itself is cut off
	Unsettled    Code = "unsettled"       // boot, link-up or a stall was too short a time ago
	Segment      Code = "segment"         // several fell silent together, no witness has answered since
	Waiting      Code = "waiting"         // the capacity is taken, or another comes first
	Manual       Code = "manual"          // takeover: manual
	Unstable     Code = "unstable"        // a takeover is not acknowledged and less than an hour old
	Released     Code = "released"        // released, and the primary has not answered since
	Asking       Code = "asking"          // the second witness has not been asked often enough
	AddressInUse Code = "address-in-use"  // the primary answers ARP, not pings
	Conflict     Code = "conflict"        // another host answers for its address
	NoData       Code = "no-data"         // no copy was ever completed
	OldData      Code = "old-data"        // the copy is older than max_age
	Unwritable   Code = "unwritable"      // the journal cannot be written
	Unreadable   Code = "unreadable"      // the journal could not be read at the start
	GaveUp       Code = "takeover-failed" // the last attempt failed; failoverd does not try again by itself
)

// State is what the operator sees: the one place where it is derived.
func (f Facts) State() State {
	switch {
	case f.Mode == Stopped:
		return StateStopped
	case f.Mode == Suspended:
		return StateSuspended
	case f.Role != StandingBy || f.Health == Failure:
		return StateFailure
	case f.Activity != Idle:
		return StateReplicating
	case f.Health == Suspect:
		return StateSuspect
	}
	return StateOK
}

// Monitored reports whether the server is pinged at all.
func (f Facts) Monitored() bool { return f.Mode == Active }

// FileSync and DatabaseSync report whether data may travel from live, as the
// table of states in the manual says.
func (f Facts) FileSync() bool {
	return f.Mode == Active && f.State() != StateFailure && !f.Diverged
}

// DatabaseSync is like FileSync, but goes on while suspended.
func (f Facts) DatabaseSync() bool {
	return f.Mode != Stopped && f.State() != StateFailure && f.Role == StandingBy && !f.Diverged
}

// clone returns facts that share no memory with f.
func (f Facts) clone() Facts {
	f.Paths = slices.Clone(f.Paths)
	f.Probes = slices.Clone(f.Probes)
	return f
}
