package main

import (
	"time"

	"failoverd/api"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// ptr is a pointer to v.
func ptr[T any](v T) *T { return &v }

// quietStandby is a standby on which nothing happens.
func quietStandby() status.Standby {
	return status.Standby{
		Name: "standby-1", Version: "1.4.2", StartedAt: noon.Add(-41*24*time.Hour - 3*time.Hour),
		Capacity: 1, StandingIn: []string{}, Waiting: []string{},
		Interface: status.Interface{Name: "eth0", Up: true, MAC: "52:54:00:aa:bb:01", Gateway: "192.168.11.254"},
		Witnesses: []status.Witness{{Address: "192.168.11.254", Kind: "gateway", Answering: true, LastAnswer: ptr(noon)}},
		Journal:   status.Health{OK: true}, API: status.Health{OK: true},
		Mail:   status.Mail{Configured: true, OK: true, LastSent: ptr(at(9, 0, 0))},
		Config: status.Config{File: "/etc/failoverd/failoverd.yaml", LoadedAt: at(8, 0, 0), NeedsRestart: []string{}, Notices: []string{}},
	}
}

// healthy is a server that answers and would be taken over if it did not.
func healthy(name, address string) status.Server {
	return status.Server{
		Name: name, Address: address, ServiceAddresses: []string{address + "/24"}, AssumeAddress: true,
		Priority: 10, Takeover: "automatic", State: "OK", StateSince: at(3, 0, 0),
		Mode: "active", Health: "ok", Activity: "idle", Role: "standing by",
		Summary:   "The primary serves its users.",
		Readiness: status.Readiness{Verdict: "ready", Checks: []status.Check{{Name: "network", Result: "ok", Value: "gateway answers"}}},
		FailAfter: 15, LastAnswer: ptr(noon), RTT: ptr(0.0004),
		Paths:   []status.Path{{Address: address, Outcome: "answered", RTT: ptr(0.0004)}},
		Probes:  []status.Probe{},
		Beats:   []status.Beat{{At: noon, Outcome: "answered", RTT: ptr(0.0004)}, {At: noon, Outcome: "missed"}},
		Actions: []status.Action{{Name: "suspend", Allowed: true}, {Name: "failover", Allowed: true}, {Name: "release", WhyNot: "the standby is not standing in"}},
	}
}

// failed is a server that is down and that nobody serves.
func failed(name, address string) status.Server {
	s := healthy(name, address)
	s.State, s.Health, s.StateSince = "Failure", "failure", at(3, 12, 0)
	s.Misses, s.LastAnswer, s.RTT = 15, ptr(at(3, 11, 30)), nil
	s.Beats = []status.Beat{{At: noon, Outcome: "missed"}, {At: noon, Outcome: "unknown"}}
	s.Summary = "The primary is down and nobody serves its users."
	s.Next = "failoverd failover " + name
	s.Hold = &status.Hold{Code: "address-in-use", Reason: "52:54:00:aa:bb:cc answers ARP for " + address}
	s.Incident = "inc-7"
	return s
}

// quietDay is a standby with one healthy server.
func quietDay() *fakeDaemon {
	return &fakeDaemon{
		stream: make(chan journal.Event),
		file: status.ServerConfiguration{
			Server: "DEMOSERVER", File: "/etc/failoverd/servers.d/DEMOSERVER.yaml", Text: "# the demo\naddress: 192.168.11.1\n", Editable: true, Revision: "r1",
		},
		configured: status.Configured{
			Valid: true, Revision: "r2", Problems: []status.ConfigProblem{}, Changed: []string{"servers[FAX] (added)"}, Notices: []string{},
			Trials: []status.Trial{{Name: "ping 192.168.11.4", OK: true, Detail: "answered in 400µs"}, {Name: "database FAX", Detail: "password authentication failed"}},
		},
		options: status.Options{
			File: "/etc/failoverd/options.d/options.yaml", Editable: true, Revision: "r7", Options: []status.Option{
				{
					Key: "alerts.email.host", Kind: "text", Choices: []string{}, Meaning: "The mail server.", Default: "(required)",
					Values: []string{"192.168.11.6"}, Where: "/etc/failoverd/options.d/options.yaml:5", Own: true, Beneath: "/etc/failoverd/failoverd.yaml:9",
				},
				{
					Key: "alerts.email.to", Kind: "list", Choices: []string{}, Meaning: "Recipients, one message each.", Default: "(required)",
					Values: []string{"a@example.com", "b@example.com"}, Where: "/etc/failoverd/failoverd.yaml:11",
				},
				{Key: "alerts.email.tls", Kind: "choice", Choices: []string{"none", "starttls"}, Meaning: "Encryption.", Default: "starttls", Values: []string{}},
				{Key: "alerts.email.password", Kind: "secret", Choices: []string{}, Meaning: "A secret.", Default: "(none)", HostOnly: true, Values: []string{}},
				{Key: "standby.name", Kind: "text", Choices: []string{}, Meaning: "What this standby is called.", Default: "(the host's name)", Restart: true, Values: []string{}},
			},
		},
		setting: status.OptionsConfigured{
			Valid: true, Revision: "r8", Problems: []status.ConfigProblem{}, Changed: []string{"standby.name", "alerts.email.to"}, NeedsRestart: []string{"standby.name"}, Notices: []string{},
			Mails: []status.TestMail{{OK: true, Recipient: "a@example.com", Transcript: []string{"S: 250 queued"}}},
		},
		snapshot: status.Snapshot{
			GeneratedAt: noon, Seq: 42, Verdict: status.AllReady, Standby: quietStandby(),
			Servers: []status.Server{healthy("DEMOSERVER", "192.168.11.1")}, Attention: []status.Notice{}, Incidents: []status.Incident{},
		},
		preview: status.Preview{
			Kind: "takeover", Server: "DEMOSERVER", At: noon,
			Steps: []plan.Shown{
				{Name: "probe", Title: "ask the network for 192.168.11.1", Will: "ask the network for 192.168.11.1", Value: "nobody answers"},
				{Name: "assume", Title: "assume 192.168.11.1/32 on eth0", Will: "add 192.168.11.1/32 to eth0"},
			},
			Skips: []string{"may we? takeover is manual"}, Checks: []status.Check{},
		},
		explanation: status.Explanation{Server: "DEMOSERVER", Verdict: "none", Steps: []status.Reason{}, Evidence: []status.Fact{}, Timing: []status.Fact{}, Plan: []status.Fact{}},
		events:      []journal.Event{},
		records:     []plan.Record{takeoverIn(plan.Succeeded)},
		tokens: []api.Token{{
			ID: "tok_1", Name: "grafana", Role: "viewer", Servers: []string{}, Prefix: "fvt_abcd", State: "valid",
			Created: at(8, 0, 0), Expires: ptr(at(8, 0, 0).AddDate(0, 0, 90)), LastUsed: ptr(at(12, 0, 0)), LastFrom: "192.168.11.30",
		}},
		trials: []status.Trial{
			{Name: "ping 192.168.11.1", OK: true, Detail: "answered in 210µs"},
			{Name: "database CTSERVER", OK: true, Detail: "PostgreSQL 15.18 with 1.2 GiB, to PostgreSQL 15.18"},
		},
		mails:    []status.TestMail{{OK: true, Recipient: "support@example.com", Transcript: []string{"> EHLO standby-1", "< 250 ok"}}},
		reloaded: status.Reloaded{Changed: []string{}, NeedsRestart: []string{}, Notices: []string{}},
	}
}

// badNight is a standby on which everything happens at once.
func badNight() *fakeDaemon {
	d := quietDay()
	d.file = status.ServerConfiguration{Server: "DEMOSERVER", File: "/etc/failoverd/failoverd.yaml", WhyNot: "it stands in /etc/failoverd/failoverd.yaml among others"}
	d.configured = status.Configured{
		Problems: []status.ConfigProblem{{File: "servers.d/FAX.yaml", Line: 2, Column: 1, Key: "servers[FAX].adress", Problem: "unknown key", Expect: "did you mean address?"}},
		Changed:  []string{}, Notices: []string{}, Trials: []status.Trial{},
	}
	d.options.Editable, d.options.WhyNot, d.options.Try = false, "failoverd may not write in /etc/failoverd/options.d", "sudo install -d -o root -g failoverd -m 2770 /etc/failoverd/options.d"
	d.setting = status.OptionsConfigured{
		Problems: []status.ConfigProblem{{File: "options.d/options.yaml", Line: 3, Column: 1, Key: "alerts.email.to[0]", Problem: `"x" is no mail address`, Expect: "write it alone"}},
		Changed:  []string{}, NeedsRestart: []string{}, Notices: []string{}, Mails: []status.TestMail{},
	}
	s := &d.snapshot
	s.Verdict = status.Uncovered
	s.Standby.StandingIn, s.Standby.Waiting = []string{"PBX"}, []string{"CRM"}
	s.Standby.Mail = status.Mail{Configured: true, Pending: 2, Oldest: ptr(at(3, 12, 1)), Error: "192.168.11.5:25: connection refused"}
	s.Standby.Config.Error = "failoverd.yaml:7: unknown key"

	pbx := failed("PBX", "192.168.11.7")
	pbx.Role, pbx.RoleSince, pbx.Hold, pbx.Next, pbx.WayBack = "standing in", ptr(at(3, 12, 4)), nil, "failoverd failback PBX", "failoverd failback PBX"
	pbx.Summary, pbx.Diverged, pbx.Epoch = "The standby serves its users since 03:12.", true, 3
	crm := failed("CRM", "192.168.11.8")
	vm := healthy("VM2", "192.168.11.9")
	vm.State, vm.Mode = "Suspended", "suspended"
	vm.Suspension = &status.Suspension{By: "alice", Reason: "OS patches", Since: at(11, 0, 0), Until: ptr(at(18, 0, 0))}
	shop := healthy("SHOP", "192.168.11.10")
	shop.State, shop.Health, shop.Misses = "Suspect", "suspect", 3
	shop.Readiness = status.Readiness{Verdict: "degraded", Checks: []status.Check{
		{Name: "mail", Result: "warning", Value: "2 mails are waiting", Limit: "none", Help: "failoverd test-alert"},
	}}
	shop.Probes = []status.Probe{{Name: "http", Kind: "http", Outcome: "missed", Failed: true, Counts: "degraded", Detail: "status 503"}}
	pbx.Copies = []status.Copy{copied("CTSERVER", "sqlserver", at(1, 0, 0)), copied("calls", "postgres", at(1, 0, 0))}
	crm.Copies = []status.Copy{{
		Catalog: "crm", Engine: "mysql", Name: "CRM_crm", MaxAge: ptr(129600.0), Source: "unknown", Late: true, Next: ptr(at(24, 0, 0)),
		Attempt: &status.Attempt{At: at(1, 2, 0), Kind: status.FromLive, Error: "copy crm: the disk of the standby is full", Operation: "op-3"},
	}}
	shop.Copies = []status.Copy{copied("shop", "sqlite", at(1, 0, 0))}
	shop.Copies[0].Late, shop.Copies[0].Previous = true, ptr(at(-23, 0, 0))
	shop.Actions = append(shop.Actions, status.Action{Name: status.FromLive, Allowed: true}, status.Action{Name: status.ToLive, WhyNot: "the standby's data is not newer"})
	s.Servers = []status.Server{pbx, crm, vm, shop}
	s.Attention = []status.Notice{
		{Severity: "critical", Server: "CRM", Text: "down since 03:12, nobody serves it: 52:54:00:aa:bb:cc answers ARP for 192.168.11.8", Help: "failoverd failover CRM --accept address-in-use"},
		{Severity: "warning", Server: "", Text: "2 mails are waiting: connection refused", Help: "failoverd test-alert"},
		{Severity: "warning", Server: "VM2", Text: "suspended by alice: OS patches", Help: "failoverd resume VM2"},
	}
	d.events = []journal.Event{
		{
			Seq: 42, Time: at(3, 12, 4), Kind: "takeover.done", Severity: "critical", Server: "PBX", Incident: "inc-6", Operation: "op-1",
			Actor: journal.Actor{Kind: "automatic", Name: "decision", Via: "monitor"}, Message: "The standby stands in for PBX", Evidence: map[string]any{"took_s": 1.2},
		},
		{
			Seq: 41, Time: at(3, 11, 50), Kind: "server.suspended", Severity: "info", Server: "VM2",
			Actor: journal.Actor{Kind: "user", Name: "alice", Via: "socket", From: "uid 1000"}, Message: "VM2 is suspended", Reason: "OS patches",
		},
		{Seq: 40, Time: at(3, 11, 40), Kind: "standby.stalled", Severity: "warning", Message: "was stopped for 3 s\x1b[31m"},
	}
	d.explanation = status.Explanation{
		Server: "CRM", At: ptr(at(3, 12, 0)), Verdict: "hold", Hold: crm.Hold,
		Steps: []status.Reason{
			{Question: "is it us?", Passed: ptr(true), Answer: "no: the gateway answers"},
			{Question: "is there room?", Passed: ptr(false), Answer: "no: standing in for PBX"},
			{Question: "may we?", Answer: ""},
		},
		Evidence: []status.Fact{{Name: "misses", Value: "15 of 15"}},
		Timing:   []status.Fact{{Name: "first miss", Value: "03:11:32"}},
		Plan:     []status.Fact{},
	}
	d.preview.Refused = true
	d.preview.Checks = []status.Check{{Name: "primary-alive", Result: "critical", Value: "answered 1 s ago in 0.4 ms", Limit: "no answer", Accept: "primary-alive"}}
	d.preview.Steps[0].Blocked, d.preview.Steps[0].Value, d.preview.Steps[0].Limit = true, "52:54:00:aa:bb:cc answers for 192.168.11.1", "no answer"
	d.preview.Steps[0].Accept = "address-in-use"
	d.records = []plan.Record{takeoverIn(plan.Running), takeoverIn(plan.Undone), takeoverIn(plan.Succeeded)}
	d.trials = []status.Trial{
		{Name: "ping 192.168.11.1", Detail: "timeout"},
		{Name: "database CTSERVER", Detail: "connect to 192.168.11.1:5432: no route to host"},
	}
	d.mails = []status.TestMail{{Recipient: "support@example.com", Transcript: []string{"> EHLO standby-1", "< 535 no"}, Error: "535 no", Likely: "the password is wrong"}}
	d.reloaded = status.Reloaded{Changed: []string{"servers[CRM].priority"}, NeedsRestart: []string{"api.listen"}, Notices: []string{"files: not available in this version"}}
	d.incidents = []status.Incident{
		{ID: "inc-2", Server: "CRM", Kind: "server.failure", Severity: "critical", Title: "CRM has failed", Latest: "CRM is not taken over", Opened: at(3, 12, 0), Told: at(3, 42, 0), Reminders: 1, Escalated: ptr(at(3, 32, 0))},
		{ID: "inc-1", Server: "PBX", Kind: "server.warning", Severity: "critical", Title: "PBX does not answer\x1b[2J", Latest: "the standby stands in for PBX", Opened: at(3, 11, 40), Told: at(3, 12, 4), Taken: &status.Acknowledged{By: "alice", Reason: "on my way", At: at(3, 20, 0)}},
		{ID: "inc-0", Server: "SHOP", Kind: "files.late", Severity: "warning", Title: "SHOP: the copy of a tree of files is out of date", Opened: at(1, 0, 0), Told: at(1, 0, 0), Ended: ptr(at(1, 20, 0))},
	}
	s.Incidents = d.incidents[:2]
	d.found = pbxFound()
	d.agents = []status.Agent{
		{
			Server: "PBX", Address: "192.168.11.21:7443", Paired: true, Name: "pbx\x1b[2J", Fingerprint: "AB:CD", Version: "0.9", VersionDiffers: true,
			PairedAt: ptr(at(8, 0, 0)), HeardAt: ptr(at(12, 4, 0)),
		},
		{Address: "192.168.11.29:7443", Paired: true, Name: "old", Fingerprint: "EF:01", Version: "1.0", PairedAt: ptr(at(8, 0, 0))},
		{Server: "CRM", Address: "192.168.11.8:7443"},
	}
	return d
}

// copied is a copy that shows a catalog as it was then.
func copied(catalog, engine string, then time.Time) status.Copy {
	return status.Copy{
		Catalog: catalog, Engine: engine, Name: "X_" + catalog, Snapshot: &then, Age: ptr(noon.Sub(then).Seconds()), MaxAge: ptr(129600.0),
		Verified: ptr(then.Add(4 * time.Minute)), Check: "check: no errors", Bytes: 1288490188, Rows: 120034, Tables: 41, Operation: "op-2",
		Source: "changed", Next: ptr(then.Add(24 * time.Hour)), Attempt: &status.Attempt{At: then.Add(4 * time.Minute), Kind: status.FromLive, OK: true, Operation: "op-2"},
	}
}

// copyIn is a replication from live in some state, with its progress while it runs.
func copyIn(s plan.State) plan.Record {
	r := takeoverIn(s)
	r.Kind, r.Reason = status.FromLive, "replicate_daily"
	r.Steps[0] = plan.Done{Name: "check", Title: "look at both ends", State: plan.Succeeded, Started: r.Steps[0].Started, Ended: r.Steps[0].Ended, Note: "CTSERVER: 41 tables, 1.2 GiB"}
	r.Steps[1].Name, r.Steps[1].Title = "copy CTSERVER", "copy CTSERVER to DEMOSERVER_CTSERVER__new"
	if s == plan.Queued {
		r.Steps[0] = plan.Done{Name: "check", Title: "look at both ends", State: plan.Queued}
		r.Steps[1].State = plan.Queued
	}
	if s == plan.Running {
		r.Progress = &plan.Progress{
			Step: "copy CTSERVER", Phase: "data", Object: "dbo.calls", Done: 450971566, Total: 1288490188, Rows: 41200,
			Rate: 92274688, Percent: ptr(35.0), Remaining: ptr(9.07),
		}
	}
	if !s.Open() {
		r.Steps[1].Bytes, r.Steps[1].Rows = 1288490188, 120034
	}
	return r
}

// takeoverIn is the takeover of DEMOSERVER in some state.
func takeoverIn(s plan.State) plan.Record {
	begin := at(12, 4, 30)
	ended := begin.Add(1300 * time.Millisecond)
	r := plan.Record{
		ID: "op-1", Kind: api.Takeover, Server: "DEMOSERVER", State: s,
		By: plan.Actor{Kind: "user", Name: "alice", Via: "socket", From: "uid 1000"}, Reason: "smoke",
		Accept: []string{}, Started: begin,
		Steps: []plan.Done{
			{Name: "probe", Title: "ask the network for 192.168.11.1", State: plan.Succeeded, Started: ptr(begin), Ended: ptr(begin.Add(12 * time.Millisecond)), Note: "nobody answers"},
			{Name: "assume", Title: "assume 192.168.11.1/32 on eth0", State: plan.Running, Started: ptr(begin.Add(12 * time.Millisecond))},
		},
	}
	if s.Open() {
		return r
	}
	r.Ended = &ended
	r.Steps[1].Ended, r.Steps[1].State = &ended, plan.Succeeded
	switch s {
	case plan.Undone:
		r.Error = "assume: permission denied"
		r.Steps[1].Error, r.Steps[1].State = "permission denied", plan.Undone
	case plan.Failed, plan.Partial:
		r.Error = "assume: permission denied"
		r.Steps[1].Error, r.Steps[1].State = "permission denied", plan.Failed
	}
	return r
}
