package monitor

import "fmt"

// Mode is the operator's wish.
type Mode uint8

const (
	Active Mode = iota
	Suspended
	Stopped
)

// Health is what the probes say.
type Health uint8

const (
	OK Health = iota
	Suspect
	Failure
)

// Activity is whether a whole copy is on its way, and in which direction.
type Activity uint8

const (
	Idle Activity = iota
	FromLive
	ToLive
)

// Role is who does the server's work.
type Role uint8

const (
	StandingBy Role = iota
	TakingOver
	StandingIn
	Releasing
)

// State is what the operator sees. It is derived by Facts.State and nowhere
// else.
type State uint8

const (
	StateOK State = iota
	StateSuspect
	StateFailure
	StateSuspended
	StateStopped
	StateReplicating
)

var (
	modeNames     = [...]string{"active", "suspended", "stopped"}
	healthNames   = [...]string{"ok", "suspect", "failure"}
	activityNames = [...]string{"idle", "replicating from live", "replicating to live"}
	roleNames     = [...]string{"standing by", "taking over", "standing in", "releasing"}
	stateNames    = [...]string{"OK", "Suspect", "Failure", "Suspended", "Stopped", "Replicating"}
)

func (m Mode) String() string     { return modeNames[m] }
func (h Health) String() string   { return healthNames[h] }
func (a Activity) String() string { return activityNames[a] }
func (r Role) String() string     { return roleNames[r] }
func (s State) String() string    { return stateNames[s] }

// The four facts are written down by name, so that a journal can be read by
// people and survives a new order of the constants.

func (m Mode) MarshalText() ([]byte, error)     { return []byte(m.String()), nil }
func (h Health) MarshalText() ([]byte, error)   { return []byte(h.String()), nil }
func (a Activity) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
func (r Role) MarshalText() ([]byte, error)     { return []byte(r.String()), nil }

func (m *Mode) UnmarshalText(b []byte) error {
	return parse(b, modeNames[:], "mode", func(i int) { *m = Mode(i) })
}

func (h *Health) UnmarshalText(b []byte) error {
	return parse(b, healthNames[:], "health", func(i int) { *h = Health(i) })
}

func (a *Activity) UnmarshalText(b []byte) error {
	return parse(b, activityNames[:], "activity", func(i int) { *a = Activity(i) })
}

func (r *Role) UnmarshalText(b []byte) error {
	return parse(b, roleNames[:], "role", func(i int) { *r = Role(i) })
}

// parse finds the word among names and hands its index to set.
func parse(b []byte, names []string, what string, set func(int)) error {
	for i, name := range names {
		if name == string(b) {
			set(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no %s", b, what)
}
