package console_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"failoverd/api"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// standby is a daemon that does in memory what the real one does on the network: its servers change by orders and by
// what the test lets happen, and each change is in the journal.
type standby struct {
	api.Standby // what the page never asks for; nobody answers it
	journal     *journal.Journal

	mu       sync.Mutex
	now      status.Snapshot
	records  []plan.Record
	over     []status.Incident // the oldest first
	orders   []string          // what was carried out: "suspend pbx"
	previews map[string]status.Preview
	files    map[string]string // of servers.d, by server
	main     string            // the main file of its configuration; "": it has none
	block    chan struct{}     // if not nil, orders wait for it
}

// newStandby is one that has just begun.
func newStandby(j *journal.Journal) *standby {
	s := &standby{journal: j}
	s.begin()
	return s
}

// begin has it watch pbx, crm and web, which are well, as if nothing had been ordered yet. What is in the journal stays.
func (s *standby) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records, s.over, s.orders = nil, nil, nil
	s.previews, s.files = map[string]status.Preview{}, map[string]string{"pbx": "address: 192.168.11.1\n"}
	now := time.Now()
	s.now = status.Snapshot{
		GeneratedAt: now, Verdict: status.AllReady, Attention: []status.Notice{},
		Standby: status.Standby{
			Name: "standby-1", Version: "1.0", StartedAt: now.Add(-26 * time.Hour), Capacity: 1, StandingIn: []string{}, Waiting: []string{},
			Interface: status.Interface{Name: "eth0", Up: true}, Journal: status.Health{OK: true}, API: status.Health{OK: true},
			Witnesses: []status.Witness{{Address: "192.168.11.254", Kind: "gateway", Answering: true}}, Mail: status.Mail{Configured: true, OK: true},
			Config: status.Config{File: "/etc/failoverd/failoverd.yaml", LoadedAt: now, NeedsRestart: []string{}, Notices: []string{}},
		},
		Servers: []status.Server{s.server("pbx", "192.168.11.1"), s.server("crm", "192.168.11.2"), s.server("web", "192.168.11.3")},
	}
}

// server is a primary that is well, with a copy of its database.
func (s *standby) server(name, address string) status.Server {
	now := time.Now()
	rtt, age, limit, free := 0.0004, 4*3600.0, 36*3600.0, int64(12<<30)
	taken, verified, next, before := now.Add(-4*time.Hour), now.Add(-4*time.Hour).Add(time.Minute), now.Add(20*time.Hour), now.Add(-28*time.Hour)
	v := status.Server{
		Name: name, Address: address, ServiceAddresses: []string{address + "/24"}, AssumeAddress: true, Priority: 10, Takeover: "automatic",
		State: "OK", StateSince: now.Add(-26 * time.Hour), Mode: "active", Health: "ok", Activity: "idle", Role: "standing by",
		Summary: "the primary serves", FailAfter: 15, LastAnswer: &now, RTT: &rtt, Probes: []status.Probe{}, Epoch: 3,
		Paths: []status.Path{{Address: address, Outcome: "answered", RTT: &rtt}}, Trees: []status.Tree{},
		Readiness: status.Readiness{Verdict: "ready", Checks: []status.Check{
			{Name: "monitored", Result: "ok", Value: "active", Limit: "active"},
			{Name: "capacity", Result: "ok", Value: "1 of 1 free", Limit: "1 free"},
			{Name: "link", Result: "ok", Value: "eth0 is up", Limit: "up"},
			{Name: "data", Result: "ok", Value: "4 h old", Limit: "36 h"},
		}},
		Copies: []status.Copy{{
			Catalog: "CALLS", Engine: "postgres", Name: name + "_CALLS", Snapshot: &taken, Age: &age, MaxAge: &limit, Verified: &verified,
			Bytes: 734003200, Rows: 1204331, Tables: 41, Operation: "replicate-from-live-1", Previous: &before, Source: "changed", Next: &next,
			Attempt: &status.Attempt{At: verified, Kind: status.FromLive, OK: true, Operation: "replicate-from-live-1"},
			Space:   &status.Space{At: now, Bytes: 734003200, Need: 2 << 30, Free: &free, Directory: "/var/lib/postgresql"},
		}},
	}
	v.Drills = &status.Drills{Proved: &taken, Age: &age, Next: &next, Last: &status.Drilled{
		At: taken, Took: 95, OK: true, Left: []string{"the files"}, Operation: "drill-1",
	}}
	for i := range 30 {
		v.Beats = append(v.Beats, status.Beat{At: now.Add(time.Duration(i-30) * 2 * time.Second), Outcome: "answered", RTT: &rtt})
	}
	v.Actions = actions(v)
	return v
}

// actions are what can be ordered in that state.
func actions(v status.Server) []status.Action {
	action := func(name, why string) status.Action {
		return status.Action{Name: name, Allowed: why == "", WhyNot: why}
	}
	when := func(b bool, why string) string {
		if b {
			return why
		}
		return ""
	}
	busy := when(v.Operation != "", "operation "+v.Operation+" is running")
	away := when(v.Role != "standing by", "the standby is "+v.Role)
	return []status.Action{
		action("suspend", when(v.Mode == "suspended", "it is suspended already")),
		action("resume", when(v.Mode == "active", "it is watched, and nothing waits to be acknowledged")),
		action("stop", when(v.Role != "standing by", "release it first")),
		action("failover", when(v.Role != "standing by", "the standby stands in already")+busy),
		action(status.Handover, away+busy),
		action("release", when(v.Role != "standing in", "the standby does not stand in")),
		action(status.Failback, when(v.Role != "standing in", "the standby does not stand in")+busy),
		action(status.FromLive, away+when(v.State == "Failure" && away == "", "it has failed")+when(v.Diverged && away == "", "the standby's data is newer (diverged): accept discard-diverged")),
		action(status.ToLive, away),
		action(status.Drill, away),
	}
}

// change changes a server and writes down why.
func (s *standby) change(name, kind, severity, message string, f func(*status.Server)) {
	s.mu.Lock()
	s.now.Servers = slices.Clone(s.now.Servers)
	operation := ""
	for i := range s.now.Servers {
		if v := &s.now.Servers[i]; v.Name == name {
			f(v)
			v.StateSince, v.Actions = time.Now(), actions(*v)
			operation = v.Operation
		}
	}
	s.now.Standby.StandingIn = []string{}
	for _, v := range s.now.Servers {
		if v.Role != "standing by" {
			s.now.Standby.StandingIn = append(s.now.Standby.StandingIn, v.Name)
		}
	}
	s.mu.Unlock()
	s.tell(journal.Event{Kind: kind, Severity: severity, Server: name, Operation: operation, Message: message, Actor: journal.Actor{Kind: "automatic", Name: "monitor"}})
}

// tell writes events down.
func (s *standby) tell(events ...journal.Event) {
	if _, err := s.journal.Commit(context.Background(), journal.Batch{Events: events}); err != nil {
		panic(err)
	}
}

// events are those of a kind in the history.
func (c *console) events(kind string) []journal.Event {
	c.t.Helper()
	list, err := c.standby.journal.Events(c.t.Context(), journal.EventQuery{Kind: kind})
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// attention sets what needs a person.
func (s *standby) attention(notices ...status.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Attention = append([]status.Notice{}, notices...)
}

// preview sets what a dry run answers.
func (s *standby) preview(kind string, p status.Preview) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.previews[kind] = p
}

// dies makes a server fail, and the standby take it over if it takes.
func (s *standby) dies(name string, taken bool) {
	s.change(name, "server.failed", "critical", name+" has failed: 15 pings missed", func(v *status.Server) {
		v.State, v.Health, v.Misses, v.Summary, v.Next = "Failure", "failure", 15, "DOWN, and nobody serves: no other witness answers", "failoverd explain "+name
		v.Hold = &status.Hold{Code: "isolated", Reason: "no other witness answers"}
		for i := range v.Beats[15:] {
			v.Beats[15+i].Outcome = "missed"
		}
		v.Paths = []status.Path{{Address: v.Address, Outcome: "missed", Misses: 15}}
		if taken {
			at := time.Now().Add(-92 * time.Second)
			v.Role, v.RoleSince, v.Hold, v.Summary, v.Next, v.Diverged = "standing in", &at, nil, "the standby stands in since "+at.Format("15:04"), "failoverd release "+name, true
		}
	})
	notice := status.Notice{Severity: "critical", Server: name, Text: "DOWN, and nobody serves", Help: "failoverd explain " + name}
	if taken {
		notice = status.Notice{Severity: "warning", Server: name, Text: "the standby stands in: repair the primary", Help: "failoverd release " + name}
	}
	s.attention(notice)
	if taken {
		for _, other := range []string{"pbx", "crm", "web"} {
			if other != name {
				s.change(other, "readiness.changed", "warning", other+" is not protected: the standby is busy", func(v *status.Server) {
					v.Readiness.Verdict = "degraded"
					v.Readiness.Checks = slices.Clone(v.Readiness.Checks)
					v.Readiness.Checks[1] = status.Check{Name: "capacity", Result: "warning", Value: "0 of 1 free", Limit: "1 free", Help: "failoverd status"}
				})
			}
		}
	}
}

func (s *standby) Snapshot() status.Snapshot {
	events, _ := s.journal.Events(context.Background(), journal.EventQuery{Limit: 1, Newest: true})
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	now.GeneratedAt = time.Now()
	if len(events) > 0 {
		now.Seq = events[0].Seq
	}
	return now
}

// carried notes an order once it may go on.
func (s *standby) carried(ctx context.Context, what, server string) error {
	s.mu.Lock()
	block := s.block
	s.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders = append(s.orders, what+" "+server)
	return nil
}

// done are the orders until now.
func (s *standby) done() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.orders)
}

func (s *standby) find(name string) status.Server {
	for _, v := range s.Snapshot().Servers {
		if v.Name == name {
			return v
		}
	}
	return status.Server{}
}

func (s *standby) wish(ctx context.Context, what, server, mode, state string, o status.Order) (status.Server, error) {
	if err := s.carried(ctx, what, server); err != nil {
		return status.Server{}, err
	}
	s.change(server, "server."+mode, "info", fmt.Sprintf("%s: %s by %s", server, mode, o.By.Name), func(v *status.Server) {
		v.Mode, v.State, v.Summary = mode, state, mode+" by "+o.By.Name+"; no takeover will happen"
		v.Suspension = &status.Suspension{By: o.By.Name, Reason: o.Reason, Since: time.Now()}
		if mode == "active" {
			v.Suspension, v.Summary = nil, "the primary serves"
		}
	})
	return s.find(server), nil
}

func (s *standby) Suspend(ctx context.Context, server string, o status.Order) (status.Server, error) {
	return s.wish(ctx, "suspend", server, "suspended", "Suspended", o)
}

func (s *standby) Resume(ctx context.Context, server string, o status.Order) (status.Server, error) {
	return s.wish(ctx, "resume", server, "active", "OK", o)
}

func (s *standby) Stop(ctx context.Context, server string, o status.Order) (status.Server, error) {
	return s.wish(ctx, "stop", server, "stopped", "Stopped", o)
}

// admit begins an operation; a second one of the same server is refused while it runs.
func (s *standby) admit(ctx context.Context, what, server, kind string, o status.Order) (plan.Record, error) {
	if v := s.find(server); v.Operation != "" {
		return plan.Record{}, &status.Refusal{Code: status.OperationRunning, Detail: v.Operation + " is running", Operation: v.Operation}
	}
	s.mu.Lock()
	refusing := s.previews[kind]
	s.mu.Unlock()
	for _, c := range refusing.Checks {
		if c.Result == "critical" && !o.Accepts(c.Accept) {
			return plan.Record{}, &status.Refusal{Code: status.ChecksFailed, Detail: server + " is not taken over: " + c.Name + ": " + c.Value, Checks: refusing.Checks}
		}
	}
	if err := s.carried(ctx, what, server); err != nil {
		return plan.Record{}, err
	}
	began := time.Now()
	s.mu.Lock()
	r := plan.Record{
		ID: fmt.Sprintf("%s-%d", kind, len(s.records)+1), Kind: kind, Server: server, State: plan.Running, By: o.By, Reason: o.Reason, Accept: o.Accept, Started: began,
		Steps: []plan.Done{
			{Name: "fence", Title: "Fence the primary", State: plan.Succeeded, Started: &began, Ended: &began, Note: "the power is off"},
			{Name: "assume", Title: "Assume 192.168.11.1/24", State: plan.Running, Started: &began},
			{Name: "announce", Title: "Announce the address", State: plan.Queued},
			{Name: "start", Title: "Start ctserver.service", State: plan.Queued},
		},
	}
	s.records = append(s.records, r)
	s.mu.Unlock()
	s.change(server, kind+".started", "info", kind+" of "+server+" by "+o.By.Name, func(v *status.Server) {
		v.Operation = r.ID
		switch kind {
		case "takeover":
			v.Role = "taking over"
		case "release":
			v.Role = "releasing"
		}
	})
	return r, nil
}

// ends ends the operation of a server that runs.
func (s *standby) ends(server string, how plan.State) {
	v := s.find(server)
	at := time.Now()
	s.mu.Lock()
	for i := range s.records {
		if r := &s.records[i]; r.ID == v.Operation {
			r.State, r.Ended = how, &at
			r.Steps = slices.Clone(r.Steps)
			for j := range r.Steps {
				r.Steps[j].State, r.Steps[j].Started, r.Steps[j].Ended = plan.Succeeded, &r.Started, &at
			}
		}
	}
	s.mu.Unlock()
	s.change(server, "operation.ended", "info", v.Operation+" has "+string(how), func(v *status.Server) {
		switch v.Role {
		case "taking over":
			v.Role, v.RoleSince = "standing in", &at
		case "releasing":
			v.Role, v.RoleSince = "standing by", nil
		}
		v.Operation = ""
	})
}

func (s *standby) Failover(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return s.admit(ctx, "failover", server, "takeover", o)
}

func (s *standby) Release(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return s.admit(ctx, "release", server, "release", o)
}

func (s *standby) Handover(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return s.admit(ctx, "handover", server, status.Handover, o)
}

func (s *standby) Failback(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return s.admit(ctx, "failback", server, status.Failback, o)
}

func (s *standby) Replicate(ctx context.Context, server, kind string, o status.Order) (plan.Record, error) {
	return s.admit(ctx, kind, server, kind, o)
}

func (s *standby) RollBack(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return s.admit(ctx, "rollback", server, status.RollBack, o)
}

func (s *standby) Drill(ctx context.Context, server string, o status.Order) (plan.Record, error) {
	return s.admit(ctx, "drill", server, status.Drill, o)
}

func (s *standby) Preview(_ context.Context, server, kind string, _ status.Order) (status.Preview, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.previews[kind]
	if !ok {
		p = status.Preview{Steps: []plan.Shown{{Name: "assume", Title: "Assume the address", Will: "add it to eth0"}}}
	}
	p.Kind, p.Server, p.At = kind, server, time.Now()
	return p, nil
}

func (s *standby) Operation(_ context.Context, id string) (plan.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.ID == id {
			return r, nil
		}
	}
	return plan.Record{}, &status.Refusal{Code: status.NotFound, Detail: "there is no operation " + id}
}

func (s *standby) Operations(_ context.Context, q journal.OperationQuery) ([]plan.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []plan.Record
	for _, r := range slices.Backward(s.records) {
		if (q.Server == "" || r.Server == q.Server) && (q.Kinds == nil || slices.Contains(q.Kinds, r.Kind)) && earlier(r.Started, r.ID, q.Before) && len(list) < q.Limit {
			list = append(list, r)
		}
	}
	return list, nil
}

// earlier reports whether a record comes after a place in a list, the newest first.
func earlier(at time.Time, id string, place journal.Position) bool {
	return place == (journal.Position{}) || at.Before(place.At) || at.Equal(place.At) && id < place.ID
}

func (s *standby) Cancel(ctx context.Context, id string, o status.Order) (plan.Record, error) {
	r, err := s.Operation(ctx, id)
	if err != nil {
		return r, err
	}
	if err := s.carried(ctx, "cancel", id); err != nil {
		return r, err
	}
	s.ends(r.Server, plan.Undone)
	s.tell(journal.Event{Kind: r.Kind + ".cancelled", Severity: "warning", Server: r.Server, Operation: id, Message: o.By.Name + " cancels it"})
	return s.Operation(ctx, id)
}

func (s *standby) Explain(context.Context, string) (status.Explanation, error) {
	at, yes := time.Now().Add(-time.Hour), true
	return status.Explanation{
		At: &at, Verdict: "hold", Hold: &status.Hold{Code: "manual", Reason: "takeover is manual"},
		Steps:    []status.Reason{{Question: "Is it us?", Passed: &yes, Answer: "the gateway answers"}, {Question: "Is there room?", Answer: "not asked"}},
		Evidence: []status.Fact{{Name: "misses", Value: "15 of 15"}}, Timing: []status.Fact{{Name: "decided", Value: "1 ms after the last time-out"}},
	}, nil
}

func (s *standby) Reload(context.Context, status.Order) (status.Reloaded, error) {
	return status.Reloaded{Changed: []string{}, NeedsRestart: []string{}, Notices: []string{}, Uncopied: []status.Uncopied{}}, nil
}

func (s *standby) Test(ctx context.Context, server string, _ status.Order) ([]status.Trial, error) {
	return []status.Trial{
		{Name: "ping 192.168.11.1", OK: true, Detail: "answered in 210µs"}, {Name: "agent 192.168.11.21:7443", Detail: "it does not answer"},
	}, s.carried(ctx, "test", server)
}

func (s *standby) TestAlert(ctx context.Context, _ status.Order) ([]status.TestMail, error) {
	return []status.TestMail{
		{OK: true, Recipient: "ops@example.com", Transcript: []string{"220 mail.example.com ESMTP", "250 2.0.0 Ok: queued as 4F1"}},
		{Recipient: "night@example.com", Error: "535 authentication failed", Likely: "The user name or the password is wrong.", Transcript: []string{"535 5.7.8 authentication failed"}},
	}, s.carried(ctx, "test-alert", "")
}

func (s *standby) LoopAge() time.Duration { return 0 }

// addToken puts a token into the journal.
func (s *standby) addToken(ctx context.Context, role, secret string) error {
	hash := sha256.Sum256([]byte(secret))
	return s.journal.AddToken(ctx, journal.Token{ID: "tok_" + role, Name: "alice", Role: role, Prefix: "fvt_", Hash: hash[:], Created: time.Now(), Expires: time.Now().Add(time.Hour)})
}

// record writes an hour of pings down, with three minutes in which some were lost.
func (s *standby) record(server string) error {
	var minutes []journal.Bucket
	first := time.Now().Truncate(time.Minute).Add(-58 * time.Minute)
	for i := range 58 {
		b := journal.Bucket{Server: server, Start: first.Add(time.Duration(i) * time.Minute), Step: time.Minute, Sent: 30}
		if i >= 20 && i < 23 {
			b.Lost = 3
		}
		mean := 400*time.Microsecond + time.Duration(i*i%17)*20*time.Microsecond
		b.MinRTT, b.MaxRTT, b.SumRTT = mean/2, 3*mean, mean*time.Duration(b.Sent-b.Lost)
		minutes = append(minutes, b)
	}
	return s.journal.AddBuckets(context.Background(), minutes)
}

// progress sets how far an operation has come.
func (s *standby) progress(id string, p plan.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.records {
		if s.records[i].ID == id {
			s.records[i].Progress = &p
		}
	}
}

// orderOf is an order of a user on the standby.
func orderOf(name string) status.Order {
	return status.Order{By: plan.Actor{Kind: "user", Name: name, Via: "socket"}, Reason: "before the upgrade"}
}
