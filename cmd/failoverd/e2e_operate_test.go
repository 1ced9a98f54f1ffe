package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/journal"
	"failoverd/status"
)

// A dry run shows every step and changes nothing; the order itself is refused
// while the primary answers, unless that is accepted by name.
func TestFailoverByHand(t *testing.T) {
	// The thresholds are far away, so that the operator comes first on the slowest machine.
	c := newCompany(t, site.Options{StandIn: true, Fail: 100})
	c.start()
	before := len(c.events("pbx"))
	out := c.cli(exitRefused, "failover", "pbx", "--dry-run")
	contains(t, out, "primary-alive", "address-in-use", "probe", "assume", "announce", "start", "ready")
	c.assertHeld(site.PBXAddress, false)
	if after := len(c.events("pbx")); after != before {
		t.Errorf("a dry run left %d events", after-before)
	}
	contains(t, c.cli(exitRefused, "failover", "pbx", "--yes", "--reason", "test"), "--accept primary-alive")
	c.assertHeld(site.PBXAddress, false)
	refused, yes := c.happened("pbx", "decision.refused")
	if !yes || refused.Actor.Name != "root" {
		t.Errorf("the refused order is in the history: %t, by %q", yes, refused.Actor.Name)
	}

	// The primary is taken off the network for maintenance, and the operator
	// takes over without waiting for the thresholds.
	ok(t, c.PBX.Down())
	c.cli(exitDone, "failover", "pbx", "--yes", "--reason", "maintenance", "--accept", "primary-alive")
	c.waitState("pbx", "Failure", "standing in")
	e, _ := c.happened("pbx", "decision.takeover")
	if e.Actor.Name != "root" || !strings.Contains(e.Reason, "maintenance") {
		t.Errorf("the order's actor %q, reason %q", e.Actor.Name, e.Reason)
	}
	contains(t, c.cli(exitConflict, "failover", "pbx", "--yes"), "already")
	contains(t, c.cli(exitConflict, "stop", "pbx"), "release")
	c.cli(exitDone, "release", "pbx", "--yes")
	contains(t, c.cli(exitConflict, "release", "pbx", "--yes"), "does not stand in")
	contains(t, c.cli(exitDone, "audit"), "root", "maintenance")
	contains(t, c.cli(exitNotFound, "failover", "nobody", "--yes"), "nobody")
}

// A suspended server is not taken over; the suspension ends by itself.
func TestSuspend(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	c.cli(exitDone, "suspend", "pbx", "--reason", "patching", "--for", "3s")
	v := c.waitState("pbx", "Suspended", "standing by")
	if v.Suspension == nil || v.Suspension.By != "root" || v.Suspension.Reason != "patching" || v.Suspension.Until == nil {
		t.Errorf("suspension %+v", v.Suspension)
	}
	ok(t, c.PBX.Die())
	c.nothingTakenOver(1500 * time.Millisecond)
	c.waitState("pbx", "Failure", "standing in")
	c.cli(exitDone, "release", "pbx", "--yes")
	c.cli(exitDone, "stop", "crm", "--reason", "scrapped")
	c.waitState("crm", "Stopped", "standing by")
	c.cli(exitDone, "resume", "crm")
	if v := c.waitState("crm", "OK", "standing by"); !v.OutOfDate {
		t.Error("after Stopped the data is not marked out of date")
	}
}

// A suspension survives a crash of the daemon.
func TestSuspensionIsRemembered(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	c.cli(exitDone, "suspend", "pbx", "--reason", "patching")
	ok(t, c.daemon.Kill())
	ok(t, c.PBX.Die())
	c.launch()
	c.waitState("pbx", "Suspended", "standing by")
	c.nothingTakenOver(1500 * time.Millisecond)
}

// The configuration is read again: all of it, or nothing.
func TestReload(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	replaceInConfig(t, c, "fail_after: 5,", "fail_after: four,")
	out := c.cli(exitFailed, "reload")
	contains(t, out, "fail_after", "failoverd.yaml:")
	c.waitMail("config.rejected")
	contains(t, c.cli(exitAttention, "status"), "rejected")
	replaceInConfig(t, c, "fail_after: four,", "fail_after: 7,")
	ok(t, syscall.Kill(c.daemon.PID(), syscall.SIGHUP))
	c.waitServer("pbx", "reconfigured", func(v status.Server) bool { return v.FailAfter == 7 })
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	// A server that the standby stands in for cannot be removed.
	b, err := os.ReadFile(c.ConfigFile())
	ok(t, err)
	text := string(b)
	from, to := strings.Index(text, "  - name: pbx"), strings.Index(text, "  - name: crm")
	ok(t, os.WriteFile(c.ConfigFile(), []byte(text[:from]+text[to:]), 0o600))
	contains(t, c.cli(exitFailed, "reload"), "pbx", "release")
	c.assertHeld(site.PBXAddress, true)
}

// A server gets a database: the first copy of it is offered, by the reload and by the status, until it was made.
func TestTheFirstCopyIsOffered(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	d := newFiles(t, c)
	execute(t, d.at(t, primary, "calls"), "CREATE TABLE calls (id INTEGER PRIMARY KEY, who TEXT NOT NULL)", "INSERT INTO calls VALUES (1, 'anna')")
	ok(t, c.Configure(site.Options{Binary: c.Binary(), Interval: 100 * time.Millisecond, PBX: d.config()}))
	const offer = "failoverd replicate from-live pbx"
	contains(t, c.cli(exitDone, "reload"), "there is no copy of calls", offer)
	c.eventually("the offer to be in the history", func() bool {
		_, offered := c.happened("pbx", "replication.offered")
		return offered
	})
	contains(t, c.cli(exitAttention, "status"), "never copied", offer)
	contains(t, c.cli(exitDone, "show", "pbx"), "there is no copy of calls yet", offer)
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	if out := c.cli(exitDone, "reload"); strings.Contains(out, offer) {
		t.Errorf("it is offered again:\n%s", out)
	}
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "1 anna" {
		t.Errorf("the copy has %q", got)
	}
}

// While the mail server is away nothing is lost: the mails come when it is back, each once, also when the daemon was
// killed meanwhile.
func TestMailServerDown(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	ok(t, c.Mail.Down())
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	c.eventually("the outbox to be in the status", func() bool {
		out, _ := c.CLI(t.Context(), "status")
		return strings.Contains(out, "could not be sent")
	})
	ok(t, c.daemon.Kill()) // the outbox outlives a crash, too
	ok(t, c.Mail.Up())
	c.launch()
	letter := c.waitMail("takeover.done")
	contains(t, letter.Text(), "pbx")
	// The warning is the first one: that it was tried in vain is what the status has said before the daemon was killed.
	for _, event := range []string{"server.warning", "server.failure", "takeover.done"} {
		c.waitMail(event)
		if n := c.mails(event); n != 1 {
			t.Errorf("%d mails about %s, want 1", n, event)
		}
	}
}

// The name of the mail server cannot be resolved, because no name server is reached: the primary is taken over all the same, the
// status says which name it is, and what waits goes out, once, when the mail server is called by another name.
func TestTheMailServersNameIsNotResolved(t *testing.T) {
	c := newCompany(t, site.Options{})
	written, err := os.ReadFile(c.ConfigFile())
	ok(t, err)
	named := strings.Replace(string(written), "host: "+site.MailAddress, "host: mail.example.com", 1)
	ok(t, os.WriteFile(c.ConfigFile(), []byte(named), 0o600))
	c.start()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	c.eventually("the name to be in the status", func() bool {
		out, _ := c.CLI(t.Context(), "status")
		return strings.Contains(out, "could not be sent") && strings.Contains(out, "mail.example.com")
	})
	ok(t, os.WriteFile(c.ConfigFile(), written, 0o600))
	c.cli(exitDone, "reload")
	for _, event := range []string{"server.warning", "server.failure", "takeover.done"} {
		c.waitMail(event)
		if n := c.mails(event); n != 1 {
			t.Errorf("%d mails about %s, want 1", n, event)
		}
	}
}

// The test alert goes through the real mail server and shows the dialogue.
func TestTestAlert(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	contains(t, c.cli(exitDone, "test-alert"), "RCPT TO:<operator@example.com>", "250")
	c.waitMail("alert.test")
}

// Every command speaks JSON, and the operation's record is the same document
// everywhere.
func TestJSONEndToEnd(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	var snapshot status.Snapshot
	ok(t, json.Unmarshal([]byte(c.cli(exitAttention, "status", "--json")), &snapshot))
	if len(snapshot.Servers) != 2 || len(snapshot.Standby.StandingIn) != 1 {
		t.Errorf("%d servers, standing in for %v", len(snapshot.Servers), snapshot.Standby.StandingIn)
	}
	for line := range strings.Lines(c.cli(exitDone, "events", "--json")) {
		var e journal.Event
		ok(t, json.Unmarshal([]byte(line), &e))
		if e.Seq == 0 || e.Kind == "" || e.Message == "" {
			t.Errorf("event %s", line)
		}
	}
}

// The journal belongs to one daemon, and is the daemon's alone.
func TestSecondDaemon(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	second, err := c.Start(c.waiting())
	ok(t, err)
	select {
	case <-second.Exited():
	case <-time.After(patience):
		t.Fatal("the second daemon runs")
	}
	b, err := os.ReadFile(c.Log())
	ok(t, err)
	contains(t, string(b), "in use")
	info, err := os.Stat(filepath.Join(c.DataDir(), "journal", "journal.db"))
	ok(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the journal's mode is %v, want 0600", info.Mode().Perm())
	}
	c.waitState("pbx", "OK", "standing by")
}

// remote runs a command on the client's host, which reaches the API over TLS.
func (c *company) remote(code int, token string, args ...string) string {
	c.t.Helper()
	b, err := os.ReadFile(c.Log())
	ok(c.t, err)
	_, after, _ := strings.Cut(string(b), "fingerprint=")
	fingerprint, _, _ := strings.Cut(after, "\n")
	cmd := c.Client.Command(c.waiting(), c.Binary(), append([]string{
		"--url", "https://" + site.StandbyAddress + ":8443", "--fingerprint", strings.TrimSpace(fingerprint),
	}, args...)...)
	cmd.Env = append(os.Environ(), "FAILOVERD_TOKEN="+token)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		c.t.Fatalf("%v from the client: exit code %d, want %d:\n%s", args, got, code, out)
	}
	return string(out)
}

// token makes a token of a role.
func (c *company) token(role string) string {
	c.t.Helper()
	var created struct {
		Secret string `json:"secret"`
	}
	ok(c.t, json.Unmarshal([]byte(c.cli(exitDone, "token", "create", "test-"+role, "--role", role, "--json")), &created))
	return created.Secret
}

// From another host the API asks for a token over TLS, and the role decides.
func TestRemoteAccess(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	c.remote(exitForbidden, "", "status")
	c.remote(exitForbidden, "fvt_wrong", "status")
	viewer, operator := c.token("viewer"), c.token("operator")
	c.remote(exitDone, viewer, "status")
	contains(t, c.remote(exitForbidden, viewer, "suspend", "pbx", "--reason", "may I"), "operator")
	c.waitState("pbx", "OK", "standing by")
	c.remote(exitDone, operator, "suspend", "pbx", "--reason", "I may")
	v := c.waitState("pbx", "Suspended", "standing by")
	if v.Suspension.By != "test-operator" {
		t.Errorf("suspended by %q, want the token's name", v.Suspension.By)
	}
	c.remote(exitForbidden, operator, "token", "list")
	c.cli(exitDone, "token", "revoke", "test-operator")
	c.remote(exitForbidden, operator, "resume", "pbx")
	contains(t, c.cli(exitDone, "audit"), "test-operator", "test-viewer")
	if log, err := os.ReadFile(c.Log()); err != nil || strings.Contains(string(log), viewer) {
		t.Errorf("the log holds a token, or cannot be read: %v", err)
	}
}
