package standby

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/replicate/trees"
	"failoverd/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestASnapshotDoesNotWaitForTheDisk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		before := w.s.Snapshot()
		release := w.memory.blocks()
		w.pinger.stalled(time.Minute)
		w.pass(10 * time.Second)
		asked := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				old := w.s.Snapshot()
				if old.GeneratedAt != before.GeneratedAt || old.Standby.LoopAge < 10 {
					t.Errorf("generated at %s, loop age %.1f s", old.GeneratedAt, old.Standby.LoopAge)
				}
			})
		}
		all.Wait()
		if took := time.Since(asked); took != patience {
			t.Errorf("it took %s", took)
		}
		release()
		w.pass(time.Second)
		if s := w.s.Snapshot(); !s.GeneratedAt.After(asked) || s.Standby.LoopAge > 1 {
			t.Errorf("afterwards: generated at %s, loop age %.1f s", s.GeneratedAt, s.Standby.LoopAge)
		}
	})
}

// Readers share a snapshot, but none gets one that is older than its question.
func TestASnapshotIsNotOlderThanTheQuestion(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				asked := time.Now()
				if s := w.s.Snapshot(); s.GeneratedAt.Before(asked) {
					t.Errorf("asked at %s, generated at %s", asked, s.GeneratedAt)
				}
			})
		}
		if _, err := w.s.Suspend(t.Context(), "pbx", by("")); err != nil {
			t.Fatal(err)
		}
		w.is("pbx", "Suspended", "standing by")
		all.Wait()
	})
}

func TestAfterTheEndEveryoneIsAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		last := w.s.Snapshot()
		w.stopDaemon()
		if got := w.events(""); got[len(got)-1] != "daemon.stopping" {
			t.Errorf("events %v", got)
		}
		if s := w.s.Snapshot(); !s.GeneratedAt.Equal(last.GeneratedAt) {
			t.Errorf("snapshot of %s", s.GeneratedAt)
		}
		_, err := w.s.Suspend(context.Background(), "pbx", by(""))
		if code(err) != status.NotAvailable {
			t.Errorf("suspend: %v", err)
		}
		if _, err := w.s.Explain(context.Background(), "pbx"); code(err) != status.NotAvailable {
			t.Errorf("explain: %v", err)
		}
		if _, err := w.s.Reload(context.Background(), by("")); code(err) != status.NotAvailable {
			t.Errorf("reload: %v", err)
		}
	})
}

// A step that does not heed the end is waited for, and nothing new is begun.
func TestWhileItStopsNothingIsBegun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx), primary("crm", crm))
		w.conf.Standby.Capacity = 2
		w.start()
		open := w.shut("start pbx")
		w.set(func() { w.stubborn = true })
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(30 * time.Second)
		w.dies(crm)
		w.stop()
		w.pass(25 * time.Second)
		if _, err := w.s.Suspend(t.Context(), "crm", by("")); code(err) != status.NotAvailable {
			t.Errorf("an order while it stops: %v", err)
		}
		w.pass(20 * time.Second)
		if got := w.happened("decision.takeover"); got != 1 {
			t.Errorf("%d takeovers were decided, want that of pbx", got)
		}
		select {
		case err := <-w.ended:
			t.Fatalf("it did not wait for its task: %v", err)
		default:
		}
		open()
		w.stopDaemon()
		if w.facts("crm").Role != monitor.StandingBy {
			t.Error("a takeover was begun while it stopped")
		}
	})
}

// breaks is a part that ends with an error.
type breaks struct{ idle }

func (breaks) Run(context.Context) error { return errors.New("no sockets") }

// ends is one that ends by itself.
type ends struct{ idle }

func (ends) Run(context.Context) error { return nil }

func TestAPartThatEndsEndsTheDaemon(t *testing.T) {
	for name, part := range map[string]Probing{"with an error": breaks{}, "by itself": ends{}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx))
				if err := w.open(); err != nil {
					t.Fatal(err)
				}
				d := w.deps()
				d.Probing = func(func([]probe.Result)) Probing { return part }
				s, err := New(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Run(t.Context()); err == nil {
					t.Error("it went on without it")
				}
				values, err := w.memory.Values(t.Context())
				if err != nil || values[valueClean] == "yes" {
					t.Errorf("a daemon that broke has stopped on purpose: %v, %v", values, err)
				}
			})
		})
	}
}

// of a server that stands by, answers, and is asked for nothing else.
func sightOf(change func(*sight)) (*scene, *sight) {
	c := primary("pbx", pbx)
	now := time.Date(2026, 3, 1, 3, 12, 0, 0, time.UTC)
	v := &sight{
		config: &c, policy: policyOf(c), link: "eth0",
		facts: monitor.Facts{Counters: monitor.Counters{LastAnswer: now, RTT: time.Millisecond}},
	}
	change(v)
	return &scene{
		now: now, capacity: 1, recipients: 1, witness: now,
		standby: status.Standby{Journal: status.Health{OK: true}, API: status.Health{OK: true}, Mail: status.Mail{Configured: true, OK: true}},
	}, v
}

func TestSentences(t *testing.T) {
	tests := map[string]struct {
		change  func(*sight)
		summary string
		next    string
		allowed []string
	}{
		"well": {func(*sight) {}, "the primary serves", "", []string{"suspend", "resume", "stop", "failover", status.Handover}},
		"never copied": {func(v *sight) {
			v.catalogs = []replicate.Catalog{{Name: "calls"}, {Name: "users"}}
			v.copies = map[string]replicate.Copy{"users": {Last: &replicate.Complete{}}}
		}, "the primary serves; there is no copy of calls yet", "failoverd replicate from-live pbx", []string{"suspend", "resume", "stop", "failover", status.Handover, status.FromLive, status.ToLive}},
		"new":     {func(v *sight) { v.facts.LastAnswer = time.Time{} }, "not asked yet", "", []string{"suspend", "resume", "stop", "failover"}},
		"suspect": {func(v *sight) { v.facts.Health, v.facts.Misses = monitor.Suspect, 3 }, "3 of 15 pings missed", "failoverd show pbx", []string{"suspend", "resume", "stop", "failover"}},
		"suspended": {func(v *sight) {
			v.facts.Mode, v.facts.Wish = monitor.Suspended, monitor.Wish{By: "ann", Reason: "disk"}
		}, `suspended by ann since the start: "disk"; no takeover will happen`, "failoverd resume pbx", []string{"resume", "stop", "failover"}},
		"down": {func(v *sight) {
			v.facts.Health, v.facts.Hold = monitor.Failure, monitor.Hold{Code: monitor.Manual, Reason: "takeover: manual"}
		}, "DOWN, and nobody serves: takeover: manual", "failoverd failover pbx", []string{"suspend", "resume", "stop", "failover"}},
		"taking over": {func(v *sight) {
			v.facts.Role, v.operation, v.busy = monitor.TakingOver, "takeover-1", true
		}, "the standby is taking over", "failoverd operation watch takeover-1", []string{"resume"}},
		"standing in": {func(v *sight) { v.facts.Role, v.facts.Health = monitor.StandingIn, monitor.Failure }, "the standby stands in since the start", "failoverd release pbx", []string{"suspend", "resume", "failback", "release"}},
		"incomplete":  {func(v *sight) { v.facts.Role, v.facts.Incomplete = monitor.StandingIn, "start" }, "the takeover stopped at start; what was done is kept", "failoverd failover pbx", []string{"suspend", "resume", "failover", "release"}},
		"claimed":     {func(v *sight) { v.facts.Role, v.facts.Claim = monitor.StandingIn, badMAC }, "the standby stands in since the start; " + badMAC + " claims the address", "failoverd explain pbx", []string{"suspend", "resume", "failback", "release"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, v := sightOf(test.change)
			summary, next := v.sentence()
			if summary != test.summary || next != test.next {
				t.Errorf("%q, %q; want %q, %q", summary, next, test.summary, test.next)
			}
			var allowed []string
			for _, a := range v.actions() {
				if a.Allowed {
					allowed = append(allowed, a.Name)
				} else if a.WhyNot == "" {
					t.Errorf("%s is not allowed, and nobody says why", a.Name)
				}
			}
			if diff := cmp.Diff(test.allowed, allowed); diff != "" {
				t.Errorf("allowed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWayBack: a failback is the way back where there is data to go along and a failback can ask the primary, and nowhere else.
func TestWayBack(t *testing.T) {
	const release, failback = "failoverd release pbx", "failoverd failback pbx"
	management := netip.MustParseAddr("192.168.11.21")
	tests := map[string]struct {
		change func(*sight)
		want   string
	}{
		"nothing is copied":                {func(v *sight) { v.catalogs = nil }, release},
		"a database at work":               {func(*sight) {}, failback},
		"the stand-in never started":       {func(v *sight) { v.facts.Diverged = false }, release},
		"nobody to ask meanwhile":          {func(v *sight) { v.asked = v.asked[:1] }, release},
		"an agent elsewhere":               {func(v *sight) { v.asked, v.config.Agent.Address = v.asked[:1], netip.AddrPortFrom(management, 7443) }, failback},
		"an agent at the taken address":    {func(v *sight) { v.asked, v.config.Agent.Address = v.asked[:1], netip.AddrPortFrom(pbx, 7443) }, release},
		"the address stays":                {func(v *sight) { v.asked, v.config.Takeover.AssumeAddress = v.asked[:1], false }, failback},
		"files by the agent":               {func(v *sight) { v.catalogs, v.trees = nil, []trees.Tree{{Name: "vm", Agent: "/srv/vm"}} }, failback},
		"files that are mounted":           {func(v *sight) { v.catalogs, v.trees = nil, []trees.Tree{{Name: "vm", Path: "/mnt/vm"}} }, release},
		"files nobody has written in them": {func(v *sight) { v.catalogs, v.trees = nil, []trees.Tree{{Name: "greetings", Agent: "/srv/g"}} }, release},
	}
	for name, test := range tests {
		_, v := sightOf(func(v *sight) {
			v.facts.Role, v.facts.Health, v.facts.Diverged = monitor.StandingIn, monitor.Failure, true
			v.catalogs, v.asked = []replicate.Catalog{{Name: "calls"}}, []netip.Addr{pbx, management}
			v.treeFacts = map[string]treeFacts{"vm": {Diverged: true}}
			test.change(v)
		})
		if _, next := v.sentence(); next != test.want {
			t.Errorf("%s: %s, want %s", name, next, test.want)
		}
	}
}

func TestReadiness(t *testing.T) {
	tests := map[string]struct {
		change  func(*scene, *sight)
		check   string // that is not ok
		verdict string
	}{
		"ready":            {func(*scene, *sight) {}, "", "ready"},
		"never answered":   {func(_ *scene, v *sight) { v.facts.LastAnswer = time.Time{} }, "", "unverified"},
		"suspended":        {func(_ *scene, v *sight) { v.facts.Mode = monitor.Suspended }, "monitored", "not ready"},
		"unsettled":        {func(c *scene, _ *sight) { c.settledAt = c.now.Add(time.Second) }, "settled", "degraded"},
		"isolated":         {func(c *scene, _ *sight) { c.standby.Isolated = &status.Isolated{} }, "witnesses", "not ready"},
		"no witness":       {func(c *scene, _ *sight) { c.witness = c.now.Add(-time.Minute) }, "witnesses", "not ready"},
		"only itself":      {func(c *scene, v *sight) { c.witness = time.Time{}; c.answered("pbx", c.now) }, "witnesses", "not ready"},
		"another primary":  {func(c *scene, v *sight) { c.witness = time.Time{}; c.answered("crm", c.now); c.answered("pbx", c.now) }, "", "ready"},
		"witnesses off":    {func(c *scene, v *sight) { c.witness, c.unchecked = time.Time{}, true }, "", "ready"},
		"no room":          {func(c *scene, _ *sight) { c.used = 1 }, "capacity", "degraded"},
		"unwritable":       {func(c *scene, _ *sight) { c.standby.Journal = status.Health{Error: "full"} }, "journal", "not ready"},
		"no such link":     {func(_ *scene, v *sight) { v.link = "eth7" }, "link", "not ready"},
		"claimed":          {func(_ *scene, v *sight) { v.facts.Claim = badMAC }, "conflict", "not ready"},
		"manual":           {func(_ *scene, v *sight) { v.policy.Automatic = false }, "automatic", "degraded"},
		"not acknowledged": {func(c *scene, v *sight) { v.facts.LastTakeover = c.now }, "acknowledged", "degraded"},
		"nobody to tell":   {func(c *scene, _ *sight) { c.standby.Mail.Configured = false }, "alerts", "degraded"},
		"not delivered":    {func(c *scene, _ *sight) { c.standby.Mail.OK = false }, "alerts", "degraded"},
		"files":            {func(_ *scene, v *sight) { v.config.Files, v.trees = make([]config.FileTree, 1), make([]trees.Tree, 1) }, "files ", "degraded"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				c, v := sightOf(func(*sight) {})
				test.change(c, v)
				r := w.s.readiness(c, v, v.treeViews(w.trees.Status, c.now))
				if r.Verdict != test.verdict {
					t.Errorf("verdict %s, want %s", r.Verdict, test.verdict)
				}
				for _, check := range r.Checks {
					want := check.Name == test.check || test.check == "link" && check.Name == "segment"
					if got := check.Result != "ok"; got != want {
						t.Errorf("check %+v", check)
					}
				}
			})
		})
	}
}

func TestConclude(t *testing.T) {
	well := status.Server{Name: "pbx", Mode: "active", State: "OK", Role: "standing by", Readiness: status.Readiness{Verdict: "ready"}}
	tests := map[string]struct {
		change  func(*status.Snapshot)
		verdict status.Verdict
		notices []string // severity and server
	}{
		"all is well":   {func(*status.Snapshot) {}, status.AllReady, nil},
		"isolated":      {func(s *status.Snapshot) { s.Standby.Isolated = &status.Isolated{} }, status.Attention, []string{"critical "}},
		"unwritable":    {func(s *status.Snapshot) { s.Standby.Journal = status.Health{} }, status.Attention, []string{"critical "}},
		"unheard":       {func(s *status.Snapshot) { s.Standby.API = status.Health{Error: "port taken\nmore"} }, status.Attention, []string{"warning "}},
		"no mail":       {func(s *status.Snapshot) { s.Standby.Mail = status.Mail{} }, status.Attention, []string{"warning "}},
		"mail fails":    {func(s *status.Snapshot) { s.Standby.Mail.OK = false }, status.Attention, []string{"warning "}},
		"rejected":      {func(s *status.Snapshot) { s.Standby.Config.Error = "no\nmore" }, status.Attention, []string{"warning "}},
		"needs restart": {func(s *status.Snapshot) { s.Standby.Config.NeedsRestart = []string{"api.listen"} }, status.Attention, []string{"warning "}},
		"suspended":     {func(s *status.Snapshot) { s.Servers[0].Mode = "suspended" }, status.Attention, []string{"warning pbx"}},
		"suspect":       {func(s *status.Snapshot) { s.Servers[0].State = "Suspect" }, status.Attention, []string{"warning pbx"}},
		"standing in":   {func(s *status.Snapshot) { s.Servers[0].State, s.Servers[0].Role = "Failure", "standing in" }, status.Attention, []string{"critical pbx"}},
		"down":          {func(s *status.Snapshot) { s.Servers[0].State = "Failure" }, status.Uncovered, []string{"critical pbx"}},
		"down, and no mail": {func(s *status.Snapshot) {
			s.Standby.Mail = status.Mail{}
			s.Servers[0].State = "Failure"
		}, status.Uncovered, []string{"critical pbx", "warning "}},
		"a path is dead": {func(s *status.Snapshot) {
			s.Servers[0].Paths = []status.Path{{Outcome: "answered"}, {Address: "10.0.0.1", Outcome: "missed"}}
		}, status.Attention, []string{"warning pbx"}},
		"a takeover would fail": {func(s *status.Snapshot) {
			s.Servers[0].Readiness = status.Readiness{Verdict: "not ready", Checks: []status.Check{{Name: "link", Result: "critical"}, {Name: "alerts", Result: "warning"}}}
		}, status.Attention, []string{"critical pbx"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := status.Snapshot{
				Standby: status.Standby{Journal: status.Health{OK: true}, API: status.Health{OK: true}, Mail: status.Mail{Configured: true, OK: true}},
				Servers: []status.Server{well},
			}
			test.change(&s)
			conclude(&s)
			var notices []string
			for _, n := range s.Attention {
				notices = append(notices, n.Severity+" "+n.Server)
			}
			if diff := cmp.Diff(test.notices, notices); diff != "" || s.Verdict != test.verdict {
				t.Errorf("verdict %s, want %s; notices (-want +got):\n%s", s.Verdict, test.verdict, diff)
			}
		})
	}
}

func TestBeatsAreARing(t *testing.T) {
	var b beats
	at := time.Unix(1000, 0)
	for i := range 45 {
		b.add(probe.Result{At: at.Add(time.Duration(i) * time.Second), Outcome: probe.Answered, RTT: 1500 * time.Microsecond})
	}
	list := b.list()
	if len(list) != 40 || !list[0].At.Equal(at.Add(5*time.Second)) || !slices.IsSortedFunc(list, func(a, b status.Beat) int { return a.At.Compare(b.At) }) {
		t.Errorf("%d beats from %s", len(list), list[0].At)
	}
	if *list[0].RTT != 0.0015 {
		t.Errorf("round-trip time %v s", *list[0].RTT)
	}
}

// many is a world of n servers that have been asked.
func many(b testing.TB, n int) *world {
	var servers []config.Server
	for i := range n {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i%250 + 1)})
		servers = append(servers, primary(fmt.Sprintf("s%04d", i), a))
	}
	w := newWorld(b, servers...)
	if err := w.open(); err != nil {
		b.Fatal(err)
	}
	w.s.retarget()
	t := w.s.begin()
	for i := range 40 {
		for _, c := range servers {
			t.result(probe.Result{Server: c.Name, Addr: c.Address, At: time.Now().Add(time.Duration(i) * time.Second), RTT: time.Millisecond, Outcome: probe.Answered})
		}
	}
	return w
}

// BenchmarkScene is what a snapshot of 5,000 servers costs the loop.
func BenchmarkScene(b *testing.B) {
	w := many(b, 5000)
	var old scene
	b.ReportAllocs()
	for b.Loop() {
		old = w.s.scene(time.Now(), w.s.all, old)
	}
}

// BenchmarkView is what it costs outside of the loop.
func BenchmarkView(b *testing.B) {
	w := many(b, 5000)
	scene := w.s.scene(time.Now(), w.s.all, scene{})
	b.ReportAllocs()
	for b.Loop() {
		_ = w.s.view(scene)
	}
}

// BenchmarkOneFails is one miss of a server that has failed, among 5,000.
func BenchmarkOneFails(b *testing.B) {
	w := many(b, 5000)
	v := w.s.servers["s0000"]
	v.facts.Health, v.facts.Misses, v.facts.Mode = monitor.Failure, 20, monitor.Active
	v.facts.Hold = monitor.Hold{Code: monitor.Waiting}
	w.s.servers["s0001"].facts.Role = monitor.StandingIn
	w.s.self.up = true
	for b.Loop() {
		_ = monitor.Decide(w.s.situation(v, time.Now()))
	}
}

// TestJudgeMails: each recipient is judged by the newest alert of which something is known, and nobody by those of others.
func TestJudgeMails(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 12, 0, 0, time.UTC)
	mail := func(to, state string, attempts int) journal.Mail {
		return journal.Mail{Recipient: to, State: state, Attempts: attempts, Done: at, Answer: state + " " + to}
	}
	const ops, chat, sms = "ops@example.com", "webhook:chat", "command:sms"
	for name, test := range map[string]struct {
		mails []journal.Mail // the newest first
		ok    bool
		err   string
	}{
		"nothing yet":             {nil, true, ""},
		"all well":                {[]journal.Mail{mail(ops, "sent", 1), mail(chat, "sent", 1)}, true, ""},
		"not tried yet":           {[]journal.Mail{mail(ops, "pending", 0)}, true, ""},
		"tried in vain":           {[]journal.Mail{mail(ops, "pending", 2)}, false, "ops@example.com: pending ops@example.com"},
		"one of two fails":        {[]journal.Mail{mail(ops, "sent", 1), mail(chat, "pending", 3)}, false, "webhook:chat: pending webhook:chat"},
		"given up":                {[]journal.Mail{mail(ops, "sent", 1), mail(sms, "failed", 3)}, false, "command:sms: failed command:sms"},
		"well again":              {[]journal.Mail{mail(chat, "sent", 1), mail(chat, "failed", 3)}, true, ""},
		"the next one waits":      {[]journal.Mail{mail(chat, "pending", 0), mail(chat, "failed", 3)}, false, "webhook:chat: failed webhook:chat"},
		"left out is no failure":  {[]journal.Mail{mail(chat, "dropped", 0), mail(chat, "sent", 1)}, true, ""},
		"of nobody who is told":   {[]journal.Mail{mail("webhook:old", "failed", 9)}, true, ""},
		"the newest failure says": {[]journal.Mail{mail(chat, "failed", 1), mail(sms, "failed", 1)}, false, "webhook:chat: failed webhook:chat"},
	} {
		m := status.Mail{OK: true}
		judgeMails(&m, test.mails, []string{ops, chat, sms})
		if m.OK != test.ok || m.Error != test.err {
			t.Errorf("%s: ok %t, %q; want %t, %q", name, m.OK, m.Error, test.ok, test.err)
		}
	}
}
