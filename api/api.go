package api

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// Base is the path that every resource is under.
const Base = "/api/v1"

// Standby is what carries orders out and knows how things stand. Its errors are
// *status.Refusal for what an operator should read; anything else is a fault.
type Standby interface {
	// Snapshot is everything at one instant. The answer belongs to everybody and
	// is never changed.
	Snapshot() status.Snapshot
	Suspend(ctx context.Context, server string, o status.Order) (status.Server, error)
	Resume(ctx context.Context, server string, o status.Order) (status.Server, error)
	Stop(ctx context.Context, server string, o status.Order) (status.Server, error)
	// Failover and Release return when the operation has been admitted. It goes on.
	Failover(ctx context.Context, server string, o status.Order) (plan.Record, error)
	Release(ctx context.Context, server string, o status.Order) (plan.Record, error)
	// Handover brings data and role of a primary that lives to the standby; it returns when it has been admitted.
	Handover(ctx context.Context, server string, o status.Order) (plan.Record, error)
	// Failback brings data and role back; it returns when it has been admitted.
	Failback(ctx context.Context, server string, o status.Order) (plan.Record, error)
	// Replicate copies the server's databases, and to live its files as well; the kind is status.FromLive or
	// status.ToLive. RollBack puts the previous copies in service again. Both return when the operation has been admitted.
	Replicate(ctx context.Context, server, kind string, o status.Order) (plan.Record, error)
	RollBack(ctx context.Context, server string, o status.Order) (plan.Record, error)
	// Drill rehearses a takeover of the server. It returns when the operation has been admitted.
	Drill(ctx context.Context, server string, o status.Order) (plan.Record, error)
	// ConfirmDeletions, AcceptSource and DiscardFiles decide about one tree of a server's files.
	ConfirmDeletions(ctx context.Context, server, tree string, o status.Order) (status.Server, error)
	AcceptSource(ctx context.Context, server, tree string, o status.Order) (status.Server, error)
	DiscardFiles(ctx context.Context, server, tree string, o status.Order) (status.Server, error)
	// SetAside lists what was set aside at the primary when a tree's files were brought back, and RestoreAside puts one
	// of that into its place again. Both ask the primary's agent.
	SetAside(ctx context.Context, server, tree string, after status.AsidePlace, limit int) (status.SetAside, error)
	RestoreAside(ctx context.Context, server, tree, set, path string, o status.Order) (status.Server, error)
	// Preview shows the plan of an operation of that kind. It changes nothing.
	Preview(ctx context.Context, server, kind string, o status.Order) (status.Preview, error)
	Operation(ctx context.Context, id string) (plan.Record, error)
	// Operations returns those that q chooses, the newest first.
	Operations(ctx context.Context, q journal.OperationQuery) ([]plan.Record, error)
	Cancel(ctx context.Context, id string, o status.Order) (plan.Record, error)
	// Incidents returns those that q chooses, the newest first. Acknowledge notes who takes care of one.
	Incidents(ctx context.Context, q journal.IncidentQuery) ([]status.Incident, error)
	Incident(ctx context.Context, id string) (status.Incident, error)
	Acknowledge(ctx context.Context, id string, o status.Order) (status.Incident, error)
	Explain(ctx context.Context, server string) (status.Explanation, error)
	Reload(ctx context.Context, o status.Order) (status.Reloaded, error)
	// ServerConfiguration is the file that says how a server is watched, and Configure what adds, changes or removes one.
	ServerConfiguration(ctx context.Context, server string) (status.ServerConfiguration, error)
	Configure(ctx context.Context, c status.ServerChange, o status.Order) (status.Configured, error)
	// Options are the keys of failoverd.yaml that may be set from here, and ConfigureOptions sets and resets them.
	Options(ctx context.Context) (status.Options, error)
	ConfigureOptions(ctx context.Context, c status.OptionsChange, o status.Order) (status.OptionsConfigured, error)
	// Test asks once whatever the server's configuration names. It changes nothing.
	Test(ctx context.Context, server string, o status.Order) ([]status.Trial, error)
	TestAlert(ctx context.Context, o status.Order) ([]status.TestMail, error)
	// LoopAge is how long ago the decision loop last ran.
	LoopAge() time.Duration
}

// History is what the API reads from the journal, and the little that it
// writes: tokens, and events about access.
type History interface {
	Events(ctx context.Context, q journal.EventQuery) ([]journal.Event, error)
	Changed() <-chan struct{}
	Commit(ctx context.Context, b journal.Batch) ([]journal.Event, error)
	Buckets(ctx context.Context, server string, from, to time.Time, step time.Duration) ([]journal.Bucket, error)
	Mails(ctx context.Context, q journal.MailQuery) ([]journal.Mail, error)
	AddToken(ctx context.Context, t journal.Token) error
	Tokens(ctx context.Context, q journal.TokenQuery) ([]journal.Token, error)
	TokenByHash(ctx context.Context, hash []byte) (journal.Token, error)
	TouchToken(ctx context.Context, id string, at time.Time, from string) error
	RevokeToken(ctx context.Context, id string, at time.Time) error
}

// Config is what a Server needs.
type Config struct {
	Standby Standby
	History History
	Agents  Agents       // nil: there are none
	Log     *slog.Logger // nil discards
	Metrics *Metrics     // nil makes one of its own
	Version string       // of failoverd
	Limits  Limits       // zero fields take their defaults
	// Documents are what is shown at /docs: README.md, CHANGELOG.md, and the rest in docs. Nil: nothing is.
	Documents fs.FS
}

// Server answers requests. It serves any number of listeners.
type Server struct {
	standby Standby
	history History
	agents  Agents
	log     *slog.Logger
	metrics *Metrics
	limits  Limits
	access  *access
	tail    *tail
	streams *streams
	once    *once
	spec    []byte // the OpenAPI document
	mux     *http.ServeMux
	handler http.Handler
	closing chan struct{} // closed when Run ends: event streams end
}

// New returns a Server. It starts nothing.
func New(c Config) (*Server, error) {
	if c.Standby == nil || c.History == nil {
		return nil, errors.New("api: a standby and a history are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(c.Version)
	}
	if c.Agents == nil {
		c.Agents = noAgents{}
	}
	limits := c.Limits.withDefaults()
	s := &Server{
		standby: c.Standby, history: c.History, agents: c.Agents, log: c.Log, metrics: c.Metrics, limits: limits,
		access:  newAccess(c.History, c.Log, limits),
		tail:    newTail(c.History),
		streams: newStreams(limits.Streams, limits.StreamsPerClient), once: newOnce(),
		mux:     http.NewServeMux(),
		closing: make(chan struct{}),
	}
	if err := c.Metrics.watchSessions(s.access.sessions); err != nil {
		return nil, err
	}
	if err := c.Metrics.watch(c.Standby); err != nil {
		return nil, err
	}
	if err := s.routes(); err != nil {
		return nil, err
	}
	if err := s.documentRoutes(c.Documents); err != nil {
		return nil, err
	}
	s.handler = s.guard(s.mux)
	return s, nil
}

// Handler answers requests that come from anywhere. Who asks is taken from the
// connection where Run accepted it, from the token otherwise.
func (s *Server) Handler() http.Handler { return s.handler }

// OpenAPI is the description of the routes, OpenAPI 3.1 as JSON.
func (s *Server) OpenAPI() []byte { return s.spec }
