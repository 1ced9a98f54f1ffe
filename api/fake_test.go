package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// order given to the fake standby.
type given struct {
	What, Target, Kind string
	Order              status.Order
	ctx                context.Context
}

// fakeStandby is a Standby that writes down what it is asked and answers what
// the test has put in.
type fakeStandby struct {
	slot string // by whom the standby's only slot is taken, for texts

	mu       sync.Mutex
	snapshot status.Snapshot
	shown    int // how often it was asked for
	given    []given
	err      error // answered to every order and question
	age      time.Duration
	block    chan struct{} // if not nil, orders wait for it or for their context
	panics   bool
	records  map[string]plan.Record

	incidents []status.Incident // beside those that are always there
}

// newFakeStandby has two servers, PBX ready and CRM failed.
func newFakeStandby() *fakeStandby {
	now := time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC)
	rtt := 0.0004
	return &fakeStandby{
		records: map[string]plan.Record{},
		snapshot: status.Snapshot{
			GeneratedAt: now, Seq: 7, Verdict: status.Uncovered,
			Standby: status.Standby{
				Name: "standby-1", Version: "1.0", Capacity: 1, StandingIn: []string{}, Waiting: []string{"CRM"},
				Witnesses: []status.Witness{{Address: "10.0.0.254", Kind: "gateway", Answering: true}},
				Journal:   status.Health{OK: true}, API: status.Health{OK: true}, Mail: status.Mail{Pending: 3}, Config: status.Config{File: "/etc/failoverd/failoverd.yaml", LoadedAt: now, Notices: []string{"a notice"}},
			},
			Servers: []status.Server{
				{
					Name: "PBX", Address: "10.0.0.1", Takeover: "automatic", Mode: "active", Health: "ok", Activity: "idle", State: "OK", Role: "standing by", RTT: &rtt, Readiness: status.Readiness{Verdict: "ready"},
					Paths: []status.Path{{Address: "10.0.0.1", Outcome: "answered", RTT: &rtt}}, Epoch: 4,
				},
				{
					Name: "CRM", Address: "10.0.0.2", Takeover: "automatic", Mode: "active", Health: "failure", Activity: "idle", State: "Failure", Role: "standing by", Misses: 15, Readiness: status.Readiness{Verdict: "not ready"},
					Paths: []status.Path{{Address: "10.0.0.2", Outcome: "missed"}},
				},
			},
			Attention: []status.Notice{{Severity: "critical", Server: "CRM", Text: "CRM is down"}},
		},
	}
}

// take notes an order and waits if the test wants that.
func (f *fakeStandby) take(ctx context.Context, what, target, kind string, o status.Order) error {
	f.mu.Lock()
	f.given = append(f.given, given{what, target, kind, o, ctx})
	err, block, panics := f.err, f.block, f.panics
	f.mu.Unlock()
	if panics {
		panic("a fault in the standby, with a password in it: hunter2")
	}
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// orders are what was asked for until now.
func (f *fakeStandby) orders() []given {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.given)
}

// set changes the fake under its lock.
func (f *fakeStandby) set(change func(*fakeStandby)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeStandby) Snapshot() status.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown++
	return f.snapshot
}

// snapshots is how often the snapshot was asked for.
func (f *fakeStandby) snapshots() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown
}

// find is the named server, or a refusal.
func (f *fakeStandby) find(name string) (status.Server, error) {
	for _, s := range f.Snapshot().Servers {
		if s.Name == name {
			return s, nil
		}
	}
	return status.Server{}, &status.Refusal{Code: status.NotFound, Detail: "there is no server " + name}
}

// change carries a wish out.
func (f *fakeStandby) change(ctx context.Context, what, server, mode string, o status.Order) (status.Server, error) {
	if err := f.take(ctx, what, server, "", o); err != nil {
		return status.Server{}, err
	}
	s, err := f.find(server)
	s.Mode = mode
	return s, err
}

func (f *fakeStandby) Suspend(ctx context.Context, server string, o status.Order) (status.Server, error) {
	return f.change(ctx, "suspend", server, "suspended", o)
}

func (f *fakeStandby) Resume(ctx context.Context, server string, o status.Order) (status.Server, error) {
	return f.change(ctx, "resume", server, "active", o)
}

func (f *fakeStandby) Stop(ctx context.Context, server string, o status.Order) (status.Server, error) {
	return f.change(ctx, "stop", server, "stopped", o)
}

// admit begins an operation.
func (f *fakeStandby) admit(ctx context.Context, what, server, kind string, o status.Order) (plan.Record, error) {
	noted := kind
	if !Replicates(kind) {
		noted = "" // The order's own name says it.
	}
	if err := f.take(ctx, what, server, noted, o); err != nil {
		return plan.Record{}, err
	}
	if _, err := f.find(server); err != nil {
		return plan.Record{}, err
	}
	r := plan.Record{ID: map[bool]string{true: "copy_", false: "op_"}[Replicates(kind)] + server, Kind: kind, Server: server, State: plan.Running, By: o.By, Reason: o.Reason, Accept: o.Accept, OrderKey: o.Key, Started: time.Now().UTC()}
	f.set(func(f *fakeStandby) { f.records[r.ID] = r })
	return r, nil
}

func (f *fakeStandby) Failover(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return f.admit(ctx, "failover", server, Takeover, o)
}

func (f *fakeStandby) Release(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return f.admit(ctx, "release", server, Release, o)
}

func (f *fakeStandby) Handover(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return f.admit(ctx, "handover", server, status.Handover, o)
}

func (f *fakeStandby) Failback(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return f.admit(ctx, "failback", server, status.Failback, o)
}

func (f *fakeStandby) Replicate(ctx context.Context, server, kind string, o status.Order) (plan.Record, error) {
	return f.admit(ctx, "replicate", server, kind, o)
}

func (f *fakeStandby) ConfirmDeletions(ctx context.Context, server, tree string, o status.Order) (status.Server, error) {
	return f.change(ctx, "confirm deletions of "+tree, server, "active", o)
}

func (f *fakeStandby) AcceptSource(ctx context.Context, server, tree string, o status.Order) (status.Server, error) {
	return f.change(ctx, "accept source of "+tree, server, "active", o)
}

func (f *fakeStandby) DiscardFiles(ctx context.Context, server, tree string, o status.Order) (status.Server, error) {
	return f.change(ctx, "discard files of "+tree, server, "active", o)
}

func (f *fakeStandby) SetAside(ctx context.Context, server, tree string, after status.AsidePlace, limit int) (status.SetAside, error) {
	if err := f.take(ctx, "set aside of "+tree, server, "", status.Order{}); err != nil {
		return status.SetAside{}, err
	}
	_, err := f.find(server)
	var list status.SetAside
	for _, path := range []string{"a.wav", "b.wav", "c.wav"} {
		if path <= after.Path {
			continue
		}
		if len(list.Files) == limit {
			list.Next = new(status.AsidePlace{Set: "then", Path: list.Files[limit-1].Path}.String())
			break
		}
		list.Files = append(list.Files, status.Aside{Set: "then", Path: path, Reason: "it came late", Kind: "file", Size: 7})
	}
	return list, err
}

func (f *fakeStandby) RestoreAside(ctx context.Context, server, tree, set, path string, o status.Order) (status.Server, error) {
	return f.change(ctx, "restore "+set+"/"+path+" of "+tree, server, "active", o)
}

func (f *fakeStandby) RollBack(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return f.admit(ctx, "roll back", server, status.RollBack, o)
}

func (f *fakeStandby) Drill(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return f.admit(ctx, "drill", server, status.Drill, o)
}

func (f *fakeStandby) Preview(ctx context.Context, server, kind string, o status.Order) (status.Preview, error) {
	if err := f.take(ctx, "preview", server, kind, o); err != nil {
		return status.Preview{}, err
	}
	_, err := f.find(server)
	return status.Preview{Kind: kind, Server: server, Checks: []status.Check{{Name: "capacity", Result: "ok", Value: "taken" + f.slot}}, Steps: []plan.Shown{{Name: "assume", Will: "add 10.0.0.1/32 to eth0"}}}, err
}

func (f *fakeStandby) Operation(_ context.Context, id string) (plan.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return plan.Record{}, f.err
	}
	if r, ok := f.records[id]; ok {
		return r, nil
	}
	return plan.Record{}, &status.Refusal{Code: status.NotFound, Detail: "there is no operation " + id}
}

func (f *fakeStandby) Operations(_ context.Context, q journal.OperationQuery) ([]plan.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []plan.Record
	for _, r := range f.records {
		if chosen(q.Server, q.Servers, r.Server) && (q.Kinds == nil || slices.Contains(q.Kinds, r.Kind)) && strings.Contains(r.OrderKey, q.Having) {
			all = append(all, r)
		}
	}
	return newest(all, func(r plan.Record) journal.Position { return journal.Position{At: r.Started, ID: r.ID} }, q.Before, q.Limit), f.err
}

// chosen reports whether a query that wants that server, and one of those, wants what is about another.
func chosen(server string, servers []string, about string) bool {
	return (server == "" || server == about) && (servers == nil || slices.Contains(servers, about))
}

// newest are as many records as are wanted of those that are earlier than before, the newest first.
func newest[T any](all []T, place func(T) journal.Position, before journal.Position, limit int) []T {
	compare := func(a, b journal.Position) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID)) }
	all = slices.DeleteFunc(all, func(one T) bool { return before != (journal.Position{}) && compare(place(one), before) <= 0 })
	slices.SortFunc(all, func(a, b T) int { return compare(place(a), place(b)) })
	return all[:min(len(all), limit)]
}

func (f *fakeStandby) Cancel(ctx context.Context, id string, o status.Order) (plan.Record, error) {
	if err := f.take(ctx, "cancel", id, "", o); err != nil {
		return plan.Record{}, err
	}
	r, err := f.Operation(ctx, id)
	r.State = plan.Cancelling
	return r, err
}

func (f *fakeStandby) Explain(_ context.Context, server string) (status.Explanation, error) {
	_, err := f.find(server)
	return status.Explanation{Server: server, Verdict: "hold", Hold: &status.Hold{Code: "capacity", Reason: "the only slot is taken" + f.slot}}, err
}

func (f *fakeStandby) Reload(ctx context.Context, o status.Order) (status.Reloaded, error) {
	added := status.Uncopied{Server: "CRM", Catalogs: []string{"calls"}, Next: "failoverd replicate from-live CRM"}
	return status.Reloaded{Changed: []string{"alerts.email"}, Uncopied: []status.Uncopied{added}}, f.take(ctx, "reload", "", "", o)
}

// aRevision is of the text of every server's file.
const aRevision = "0123456789abcdef01234567"

func (f *fakeStandby) ServerConfiguration(ctx context.Context, server string) (status.ServerConfiguration, error) {
	_, err := f.find(server)
	return status.ServerConfiguration{Server: server, File: "/etc/failoverd/servers.d/" + server + ".yaml", Text: "address: 10.0.0.1\n", Editable: true, Revision: aRevision}, err
}

func (f *fakeStandby) Test(ctx context.Context, server string, o status.Order) ([]status.Trial, error) {
	if err := f.take(ctx, "test", server, "", o); err != nil {
		return nil, err
	}
	_, err := f.find(server)
	return []status.Trial{{Name: "ping 10.0.0.1", OK: true, Detail: "answered in 400µs"}}, err
}

func (f *fakeStandby) Configure(ctx context.Context, c status.ServerChange, o status.Order) (status.Configured, error) {
	out := status.Configured{Server: c.Server, Valid: true, Saved: !c.DryRun, Revision: aRevision, Problems: []status.ConfigProblem{}, Changed: []string{}, Notices: []string{}, Trials: []status.Trial{}}
	if !c.New && c.Revision != aRevision {
		return status.Configured{}, &status.Refusal{Code: status.StateChanged, Detail: "it has changed"}
	}
	what := "configure"
	if c.Text == nil {
		what, out.Revision = "remove", ""
	}
	if c.DryRun {
		what += ", dry"
	}
	return out, f.take(ctx, what, c.Server, string(c.Text), o)
}

func (f *fakeStandby) Options(context.Context) (status.Options, error) {
	host := status.Option{Key: "alerts.email.host", Kind: "text", Choices: []string{}, Values: []string{"10.0.0.25"}, Where: "/etc/failoverd/failoverd.yaml:3"}
	return status.Options{File: "/etc/failoverd/options.d/options.yaml", Editable: true, Revision: aRevision, Options: []status.Option{host}}, nil
}

func (f *fakeStandby) ConfigureOptions(ctx context.Context, c status.OptionsChange, o status.Order) (status.OptionsConfigured, error) {
	out := status.OptionsConfigured{
		Valid: true, Saved: !c.DryRun, Revision: "next", Problems: []status.ConfigProblem{}, Changed: []string{}, NeedsRestart: []string{}, Notices: []string{}, Mails: []status.TestMail{},
	}
	if c.Revision != aRevision {
		return out, &status.Refusal{Code: status.StateChanged, Detail: "they have changed"}
	}
	what := "options"
	if c.DryRun {
		what += ", dry"
	}
	if c.TestMail {
		what += ", mail"
		out.Mails = []status.TestMail{{OK: true, Recipient: "ops@example.com", Transcript: []string{"250 OK"}}}
	}
	return out, f.take(ctx, what, "", fmt.Sprint(c.Changes), o)
}

func (f *fakeStandby) TestAlert(ctx context.Context, o status.Order) ([]status.TestMail, error) {
	return []status.TestMail{{OK: true, Recipient: "ops@example.com", Transcript: []string{"250 OK"}}}, f.take(ctx, "test-alert", "", "", o)
}

// anIncident is one about PBX that nobody has acknowledged.
func anIncident() status.Incident {
	return status.Incident{
		ID: "PBX-20261120-030405", Server: "PBX", Kind: "server.failure", Severity: "critical", Title: "PBX has failed", Latest: "the standby stands in for PBX",
		Opened: time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC), Told: time.Date(2026, 11, 20, 3, 4, 9, 0, time.UTC),
	}
}

func (f *fakeStandby) Incidents(_ context.Context, q journal.IncidentQuery) ([]status.Incident, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	early := anIncident().Opened
	all := append(slices.Clone(f.incidents), anIncident(),
		status.Incident{ID: "CRM-1", Server: "CRM", Kind: "server.warning", Severity: "warning", Opened: early.Add(-time.Hour)},
		status.Incident{ID: "standby-1", Kind: "standby.isolated", Severity: "critical", Opened: early.Add(-2 * time.Hour)})
	all = slices.DeleteFunc(all, func(i status.Incident) bool {
		return !chosen(q.Server, q.Servers, i.Server) || q.Open && i.Ended != nil
	})
	return newest(all, func(i status.Incident) journal.Position { return journal.Position{At: i.Opened, ID: i.ID} }, q.Before, q.Limit), nil
}

func (f *fakeStandby) Incident(ctx context.Context, id string) (status.Incident, error) {
	all, _ := f.Incidents(ctx, journal.IncidentQuery{Limit: 1000})
	for _, i := range all {
		if i.ID == id {
			return i, nil
		}
	}
	return status.Incident{}, &status.Refusal{Code: status.NotFound, Detail: "there is no such incident"}
}

func (f *fakeStandby) Acknowledge(ctx context.Context, id string, o status.Order) (status.Incident, error) {
	i, err := f.Incident(ctx, id)
	i.Taken = &status.Acknowledged{By: o.By.Name, Reason: o.Reason}
	return i, errors.Join(err, f.take(ctx, "acknowledge", id, "", o))
}

func (f *fakeStandby) LoopAge() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.age
}

// fill sets everything that can be null, in the second half of a bad night.
func (f *fakeStandby) fill() {
	at := time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC)
	taken := anIncident()
	taken.Ended, taken.Escalated, taken.Taken = &at, &at, &status.Acknowledged{By: "alice", Reason: "on my way", At: at}
	f.snapshot.Incidents = []status.Incident{anIncident(), taken}
	until := at.Add(time.Hour)
	rtt := 0.001
	s := &f.snapshot
	s.Standby.Isolated = &status.Isolated{Since: at, Reason: "no witness answers"}
	s.Standby.Inhibited = &status.Inhibit{Until: until, Reason: "after a boot"}
	s.Standby.Witnesses[0].LastAnswer = &at
	s.Standby.Mail.Oldest, s.Standby.Mail.LastSent = &at, &at
	s.Standby.Config.NeedsRestart = []string{"api.listen"}
	s.Servers = slices.Clone(s.Servers)
	p := &s.Servers[0]
	p.RoleSince, p.LastAnswer = &at, &at
	p.Hold = &status.Hold{Code: "isolated", Reason: "no witness answers"}
	p.Suspension = &status.Suspension{By: "alice", Reason: "new disk", Since: at, Until: &until}
	p.Readiness.Checks = []status.Check{{Name: "address-free", Result: "ok"}}
	p.Probes = []status.Probe{{Name: "sip", Kind: "tcp", Outcome: "answered", Counts: "failure"}}
	p.Beats = []status.Beat{{At: at, Outcome: "answered", RTT: &rtt}}
	p.Actions = []status.Action{{Name: "suspend", Allowed: true}}
	age, limit, free := 3600.0, 129600.0, int64(1)
	p.Copies = []status.Copy{{
		Catalog: "CTSERVER", Engine: "sqlserver", Name: "PBX_CTSERVER", Snapshot: &at, Age: &age, MaxAge: &limit, Verified: &at, Source: "changed",
		Previous: &at, Next: &until, Attempt: &status.Attempt{At: at, Kind: status.FromLive, Error: "disk full", Operation: "copy_PBX"}, Late: true,
		Space: &status.Space{At: at, Free: &free},
	}, {Catalog: "NEVER", Engine: "sqlite", Name: "PBX_NEVER", Source: "unknown"}}
	p.Trees = []status.Tree{{
		Name: "vm", Source: "/srv/vm", By: "agent", Directory: "/srv/copies/vm", State: "current", Ailment: "held", Connected: true, Files: 4120, Held: 3,
		Lag: &age, MaxLag: 60, Synced: &at, Changed: &at, Failed: []status.FailedPath{{Path: "a.wav", Reason: "permission denied"}},
	}}
	r := f.records["op_PBX"]
	r.Ended = &at
	r.Steps = []plan.Done{{Name: "assume", State: plan.Succeeded, Started: &at, Ended: &until}}
	f.records["op_PBX"] = r
	c := f.records["copy_PBX"]
	c.ID, c.Kind, c.Server, c.State, c.Started, c.By = "copy_PBX", status.FromLive, "PBX", plan.Running, at, plan.Actor{Kind: "system"}
	c.Progress = &plan.Progress{Step: "copy CTSERVER", Phase: "data", Object: "dbo.calls", Done: 5, Total: 10, Rows: 3, Rate: 1.5, Percent: &rtt, Remaining: &rtt}
	f.records["copy_PBX"] = c
}
