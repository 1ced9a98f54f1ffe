package status

import (
	"time"

	"failoverd/plan"
)

// Order is what an operator or a script asks for, and who asks.
type Order struct {
	By     plan.Actor
	Reason string
	Until  time.Time // end of a suspension, zero for none
	Accept []string  // names of failed checks that are accepted
	Key    string    // plan.Record's OrderKey
}

// Accepts reports whether the order accepts the named check.
func (o Order) Accepts(name string) bool {
	for _, a := range o.Accept {
		if a == name && name != "" {
			return true
		}
	}
	return false
}

// Preview is the plan of an operation as a dry run shows it.
type Preview struct {
	Kind    string       `json:"kind" enum:"takeover,release,replicate-from-live,replicate-to-live,rollback,failback,handover,drill"`
	Server  string       `json:"server"`
	At      time.Time    `json:"generated_at"`
	Steps   []plan.Shown `json:"steps"`
	Skips   []string     `json:"skips" doc:"Steps of the automatic decision that an operator's order skips, with what they would have said"`
	Checks  []Check      `json:"checks" doc:"Checks that refuse the order as it stands"`
	Refused bool         `json:"refused" doc:"True if the order as it stands would be refused"`

	Crossings []Crossing     `json:"crossings" doc:"Of a replication: what goes where, and what is overwritten there"`
	Trees     []TreeCrossing `json:"trees" doc:"Of a replication to live: which files are brought back"`
}

// Refusal is why an order was not carried out. Nothing was changed unless
// Changed says so.
type Refusal struct {
	Code      string  // stable: checks-failed, not-found, operation-running, wrong-state, journal-unwritable, journal-unreadable, not-available, pairing-failed, state-changed, name-taken
	Detail    string  // for people
	Checks    []Check // for checks-failed
	Operation string  // for operation-running
	Try       string  // the command that helps
	Changed   bool
}

// Error is the text for people.
func (r *Refusal) Error() string { return r.Detail }

// The stable codes of refusals.
const (
	ChecksFailed      = "checks-failed"
	NotFound          = "not-found"
	OperationRunning  = "operation-running"
	WrongState        = "wrong-state"
	JournalUnwritable = "journal-unwritable"
	JournalUnreadable = "journal-unreadable"
	NotAvailable      = "not-available"
	InvalidConfig     = "invalid-configuration"
	PairingFailed     = "pairing-failed"
	AgentSilent       = "agent-silent"
	HostOnly          = "host-only" // only root on the standby itself may order it
	StateChanged      = "state-changed"
	NameTaken         = "name-taken"
)

// Explanation is why the last decision about a server was taken.
type Explanation struct {
	Server   string     `json:"server"`
	At       *time.Time `json:"at" doc:"When it was decided, null if nothing has been decided yet"`
	Verdict  string     `json:"verdict" enum:"take over,hold,none"`
	Hold     *Hold      `json:"hold"`
	Steps    []Reason   `json:"steps" doc:"The four questions in order"`
	Evidence []Fact     `json:"evidence"`
	Timing   []Fact     `json:"timing"`
	Plan     []Fact     `json:"plan" doc:"Steps of the operation that followed, with what came of them"`
}

// Reason is one question of the decision, and its answer.
type Reason struct {
	Question string `json:"question"`
	Passed   *bool  `json:"passed" doc:"Null if it was not asked because an earlier one failed"`
	Answer   string `json:"answer"`
}

// Fact is a named value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Reloaded is what came of reading the configuration again.
type Reloaded struct {
	Changed      []string   `json:"changed"`
	NeedsRestart []string   `json:"needs_restart"`
	Notices      []string   `json:"notices"`
	Uncopied     []Uncopied `json:"uncopied" nullable:"false" doc:"Servers with databases of which there is no copy: the first copy is offered"`
}

// Uncopied is a server with databases of which there is no copy: a takeover would have no data for it.
type Uncopied struct {
	Server   string   `json:"server"`
	Catalogs []string `json:"catalogs" nullable:"false" doc:"Those that were never copied completely"`
	Next     string   `json:"next" doc:"The command that copies them now"`
}

// TestMail is what came of a test alert.
type TestMail struct {
	OK         bool     `json:"ok"`
	Recipient  string   `json:"recipient" doc:"A mail address, webhook:NAME, command:NAME, snmp:NAME or syslog:NAME"`
	Transcript []string `json:"transcript" doc:"What both sides said, secrets masked"`
	Error      string   `json:"error"`
	Likely     string   `json:"likely_cause" doc:"In words, empty if it worked"`
}
