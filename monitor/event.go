package monitor

import "time"

// An Event is something that happened to one server. Its time is given by
// whoever saw it: the machine has no clock.
type Event struct {
	Kind Kind
	At   time.Time

	Path     int           // Answered, Missed, CannotAsk, Late: index of the address
	Sent     time.Time     // Missed: when the ping was sent
	RTT      time.Duration // Answered, Late
	Evidence string        // what was seen, in words

	// Unwitnessed, of Missed and ProbeFailed, says that nobody else has answered
	// since this server fell silent. It may be the standby that is cut off, so
	// nobody is mailed about this server yet: one cause, one mail.
	Unwitnessed bool

	MAC string // NeighbourAnswered, Claimed, NeighbourKnown

	Probe    string   // ProbeFailed, ProbePassed
	Severity Severity // ProbeFailed
	Limit    int      // ProbeFailed: consecutive failures that count

	By     string    // operator's orders: who
	Reason string    // why
	Until  time.Time // Suspend: until when

	Decision *Decision // Decided

	Step       string   // TakeoverFailed, ReleaseFailed: where it stopped
	Kept       bool     // TakeoverFailed: the steps done so far were kept, or could not all be undone
	Refused    Code     // TakeoverFailed: it was refused before anything was changed
	Touched    bool     // TakeoverFailed, TakeoverDone: the stand-in may have written
	Rebooted   bool     // Started: the host's boot id is another
	Direction  Activity // CopyStarted
	Discard    bool     // CopyStarted: an operator gives up what the standby has that is newer
	Successful bool     // CopyEnded: the copy is complete and in service
	RolledBack bool     // CopyEnded: it was in service, and was taken back
	Back       bool     // ReleaseOrdered, ReleaseDone, ReleaseFailed: it is the final stop of a failback, which brings the data back as well
	Planned    bool     // FailoverOrdered, TakeoverDone, TakeoverFailed: it is the final stop of a hand-over, whose primary lives
}

// Kind is what happened.
type Kind uint8

const (
	Answered          Kind = iota // a ping was answered in time
	Missed                        // a ping was not answered in time
	CannotAsk                     // a ping could not even be sent: unknown, never a miss
	Late                          // an answer came after its time-out
	ProbeFailed                   // a further probe failed
	ProbePassed                   // a further probe succeeded
	NeighbourKnown                // the kernel knows this MAC address for the primary
	NeighbourAsked                // the primary was asked by ARP
	NeighbourAnswered             // somebody answered ARP for the primary's address
	Froze                         // the standby is isolated
	Thawed                        // the standby is connected again and has settled
	Decided                       // Decide has spoken
	Suspend                       // operator: suspend
	Resume                        // operator: resume, or a suspension has ended
	Stop                          // operator: stop
	FailoverOrdered               // operator: failover now
	ReleaseOrdered                // operator, or auto_release: release
	TakeoverDone
	TakeoverFailed
	ReleaseDone
	ReleaseFailed
	Claimed // another host claims a service address while the standby holds it
	Cleared // it does not any more
	CopyStarted
	CopyEnded
	CopyLate // the last complete copy is older than it should be
	Started  // the daemon has started and read its journal
	kinds    // how many there are
)

var kindNames = [kinds]string{
	"answered", "missed", "cannot ask", "late", "probe failed", "probe passed",
	"neighbour known", "neighbour asked", "neighbour answered", "froze", "thawed", "decided",
	"suspend", "resume", "stop", "failover ordered", "release ordered",
	"takeover done", "takeover failed", "release done", "release failed",
	"claimed", "cleared", "copy started", "copy ended", "copy late", "started",
}

func (k Kind) String() string { return kindNames[k] }

// Kinds returns every kind of event there is.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// An Effect is something that has to be done because of an event. Effects are
// carried out after the new facts are durable.
type Effect struct {
	Do       Do
	Event    string // Note, Alert: kind of the journal event
	Severity string // Note, Alert: info, warning, critical
	Message  string // Note, Alert: one line for people
	Reason   string // Note, Alert, TakeOver, Release: why
	Incident string // Note, Alert: what it belongs to, if not to the server's outage
	Ordered  bool   // TakeOver, Release: by an operator
	MAC      string // DefendAddress
}

// Do is what an effect does.
type Do uint8

const (
	Note            Do = iota // write an event to the history
	Alert                     // write an event to the history and mail it
	AskNeighbour              // begin to ask the primary by ARP
	StopAsking                // the primary answers: no need to ask
	Consider                  // ask Decide
	TakeOver                  // begin a takeover
	Release                   // begin a release
	CancelTakeOver            // the primary answers: take back what was begun
	CancelCopy                // cancel a replication that runs
	SyncChanged               // file or database sync is switched on or off
	DefendAddress             // announce the service addresses again
	AnnouncePrimary           // tell the neighbours that the primary has the service addresses again
)

var doNames = [...]string{
	"note", "alert", "ask neighbour", "stop asking", "consider", "take over", "release", "cancel takeover",
	"cancel copy", "sync changed", "defend address", "announce primary",
}

func (d Do) String() string { return doNames[d] }
