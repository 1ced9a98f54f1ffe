package standby

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"time"

	"failoverd/config"
	"failoverd/internal/netstate"
	"failoverd/journal"
	"failoverd/monitor/probe"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/status"
	"failoverd/takeover"
	"failoverd/takeover/address"
)

// Deps is everything that the standby acts with. cmd/failoverd fills it with
// the real things, tests with others.
type Deps struct {
	Version string
	Log     *slog.Logger
	Config  *config.Config
	Load    func() (*config.Config, error) // reads the configuration again
	Files   ServerFiles
	Options OptionsFile
	// Try asks once what a server's configuration names: its addresses, probes, databases, files.
	Try func(ctx context.Context, c config.Server) []status.Trial

	Journal Journal
	// Unreadable is why the journal cannot be read; nil if it can. Journal is another one then, which is empty, and nothing
	// is done that what the real one holds might forbid: the servers are watched, and people are told.
	Unreadable error
	BootID     string    // the kernel's boot id
	BootAt     time.Time // when the host was booted; zero: long ago

	Net     Net
	Pinger  func(net probe.NetState, deliver func([]probe.Result), stalled func(time.Duration)) Pinger
	Probers func(config.Server) []probe.Scheduled
	Probing func(deliver func([]probe.Result)) Probing
	Holder  Holder
	Segment func(link string, hear func(address.Claim)) (Segment, error)
	Verify  func(ctx context.Context, seg Segment, service netip.Addr, neighbours []netip.Addr) takeover.Verified
	StandIn func(config.Server) takeover.StandIn
	// Catalogs are the databases of a server, in the order of its configuration.
	Catalogs func(config.Server) []replicate.Catalog
	Fence    func(config.Server) *takeover.Fence
	// Rehearse is what a server's application is asked in a drill.
	Rehearse func(config.Server) replicate.Check
	Trees    Trees
	// Application is the application of a primary as its agent starts it; nil where nothing is configured that needs an agent.
	Application func(config.Server) takeover.Application
	// Herald is how a server's agent is told whether the standby stands in; nil where none is configured. It may be nil itself.
	Herald func(config.Server) Herald

	// Next is the schedule of announcements: how long to wait for the next one.
	Next func(since time.Duration) time.Duration

	// Recipients are all whom alerts can go to, as configured now: mail addresses, and names of the other ways out.
	Recipients func() []string
	// TestAlert sends a test alert to one of them and returns the dialogue.
	TestAlert func(ctx context.Context, to string) (transcript []string, likely string, err error)

	// Cry sends an alert past the journal to everybody who gets such alerts, and returns why nobody has got it. It may be nil itself.
	Cry func(ctx context.Context, e journal.Event) error

	// TestMail sends a test mail to a recipient by the mail server of a configuration that is not in force, and returns the dialogue.
	TestMail func(ctx context.Context, c *config.Config, to string) (transcript []string, likely string, err error)

	// Loaded is told of a new configuration that is in force. It must not wait.
	Loaded func(*config.Config)

	// APIError says why other hosts do not reach the API, nil where they do or are not meant to. It may be nil itself.
	APIError func() error

	Metrics Metrics
}

// Journal is the memory. Commit is durable when it returns; *journal.Journal is
// the real one.
type Journal interface {
	Commit(ctx context.Context, b journal.Batch) ([]journal.Event, error)
	Facts(ctx context.Context) (map[string]json.RawMessage, error)
	Values(ctx context.Context) (map[string]string, error)
	Copies(ctx context.Context) ([]journal.Copy, error)
	Events(ctx context.Context, q journal.EventQuery) ([]journal.Event, error)
	Incidents(ctx context.Context, q journal.IncidentQuery) ([]journal.Incident, error)
	Operations(ctx context.Context, q journal.OperationQuery) ([]journal.Operation, error)
	Operation(ctx context.Context, id string) (journal.Operation, error)
	Pending(ctx context.Context) (n int, oldest time.Time, err error)
	Mails(ctx context.Context, q journal.MailQuery) ([]journal.Mail, error)
	AddBuckets(ctx context.Context, buckets []journal.Bucket) error
}

// Net is what the kernel says about links, addresses and routes.
type Net interface {
	State() netstate.State
	Changed() <-chan struct{}
	Egress(dst netip.Addr) (link string, local bool, err error)
}

// Metrics counts what happens.
type Metrics interface {
	ObservePing(server string, rtt time.Duration)
	ObserveMiss(server string)
	ObserveDecision(took time.Duration) // from the time-out of a missed ping until what it means was on disk
	ObserveTakeover(server, result string, took time.Duration)
	ObserveFailback(server, result string, stop time.Duration)
	ObserveHandover(server, result string, stop time.Duration)
	ObserveReplication(server, kind, result string, took time.Duration)
	ObserveDrill(server, result string, took time.Duration)
}

// Pinger keeps the beat of the pings.
type Pinger interface {
	Set([]probe.Target)
	Run(context.Context) error
}

// Probing keeps the beat of the further probes.
type Probing interface {
	Set([]probe.Scheduled)
	Run(context.Context) error
}

// Holder holds service addresses on interfaces.
type Holder interface {
	Prepare() // for an Assume that follows at once; it changes nothing
	Assume(ctx context.Context, link string, p netip.Prefix) error
	Drop(ctx context.Context, link string, a netip.Addr) error
	Held(ctx context.Context) ([]address.Held, error)
}

// Segment is one interface's view of its neighbours.
type Segment interface {
	Run(context.Context) error
	Ask(netip.Addr) error
	Known(netip.Addr) string // MAC address, "" if unknown
	Announce(netip.Addr) error
	AnnounceFor(ip netip.Addr, mac string) error
}

// Automatic is who acts where nobody ordered it.
func automatic(part string) plan.Actor {
	return plan.Actor{Kind: "automatic", Name: part, Via: "monitor"}
}

// actor is a plan's actor as the journal has it.
func actor(a plan.Actor) journal.Actor {
	return journal.Actor{Kind: a.Kind, Name: a.Name, Via: a.Via, From: a.From}
}

// refuse is a refusal that changed nothing.
func refuse(code, detail string) *status.Refusal {
	return &status.Refusal{Code: code, Detail: detail}
}
