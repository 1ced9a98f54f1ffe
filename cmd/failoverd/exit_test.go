package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// refusal is a check that refuses a takeover.
func refusal() *api.Problem {
	return &api.Problem{
		Type: "urn:failoverd:problem:checks-failed", Title: "Refused by safety checks", Status: 409, Code: status.ChecksFailed,
		Detail: "DEMOSERVER answers pings", RequestID: "req-1",
		Checks: []status.Check{{Name: primaryAlive, Result: "critical", Value: "rtt 0.4 ms", Limit: "no answer", Accept: primaryAlive}},
		Errors: []api.FieldProblem{},
	}
}

// TestExitCodes goes through every documented exit code, in the ways in which
// it can come about.
func TestExitCodes(t *testing.T) {
	problem := func(code string, httpStatus int) *fakeDaemon {
		d := quietDay()
		d.problem = &api.Problem{Status: httpStatus, Code: code, Detail: "no"}
		return d
	}
	ended := func(s plan.State) *fakeDaemon {
		d := quietDay()
		d.records = []plan.Record{takeoverIn(plan.Running), takeoverIn(s)}
		return d
	}
	verdict := func(v status.Verdict) *fakeDaemon {
		d := quietDay()
		d.snapshot.Verdict = v
		d.snapshot.Attention = []status.Notice{{Severity: "warning", Text: "look"}}
		return d
	}
	covered := map[int]bool{}
	for _, c := range []struct {
		want int
		name string
		d    *fakeDaemon
		args string
	}{
		{0, "all ready", quietDay(), "status"},
		{0, "done", quietDay(), "failover DEMOSERVER --yes"},
		{0, "not waited for", ended(plan.Failed), "failover DEMOSERVER --yes --no-wait"},
		{0, "help", quietDay(), "failover --help"},
		{0, "no command shows the help", quietDay(), ""},
		{0, "dry run that would run", quietDay(), "failover DEMOSERVER --dry-run"},
		{0, "version without a daemon", quietDay(), "version --socket /nonexistent/s"},
		{1, "operation failed", ended(plan.Failed), "failover DEMOSERVER --yes"},
		{1, "operation undone", ended(plan.Undone), "failover DEMOSERVER --yes"},
		{1, "mail not accepted", badNight(), "test-alert"},
		{1, "a connection does not work", badNight(), "test DEMOSERVER"},
		{1, "fault in the daemon", problem(api.Internal, 500), "reload"},
		{1, "configuration rejected", problem(status.InvalidConfig, 422), "reload"},
		{1, "journal", problem(status.JournalUnwritable, 503), "failover DEMOSERVER --yes"},
		{1, "not available", problem(status.NotAvailable, 409), "reload"},
		{1, "too many requests", problem(api.RateLimited, 429), "reload"},
		{1, "no such configuration", quietDay(), "config check /nonexistent/failoverd.yaml"},
		{1, "unknown code, unknown status", problem("who-knows", 599), "reload"},
		{2, "unknown command", quietDay(), "statsu"},
		{2, "unknown subcommand", quietDay(), "operation wacth 1"},
		{2, "group alone", quietDay(), "token"},
		{2, "unknown flag", quietDay(), "status --jsno"},
		{2, "flag without value", quietDay(), "events --since"},
		{2, "two places", quietDay(), "status --socket a --url https://b"},
		{2, "argument missing", quietDay(), "show"},
		{2, "argument too many", quietDay(), "show A B"},
		{2, "argument where none belongs", quietDay(), "events A"},
		{2, "no reason", quietDay(), "suspend DEMOSERVER"},
		{2, "bad duration", quietDay(), "suspend DEMOSERVER --reason x --for soon"},
		{2, "negative duration", quietDay(), "suspend DEMOSERVER --reason x --for -2h"},
		{2, "bad time", quietDay(), "events --since yesterday"},
		{2, "no confirmation possible", quietDay(), "failover DEMOSERVER"},
		{2, "dry run and yes", quietDay(), "failover DEMOSERVER --dry-run --yes"},
		{2, "not valid for the daemon", problem(api.Invalid, 422), "reload"},
		{2, "unknown code, 400", problem("who-knows", 400), "reload"},
		{1, "self-test of a server that is not there", quietDay(), "selftest sqlserver --source sqlserver://sa@127.0.0.1:1 --source-backups /var/backups"},
		{1, "self-test without its password", quietDay(), "selftest sqlserver --source sqlserver://sa@h --source-backups /b --source-password-file /nonexistent/p"},
		{2, "self-test of nothing", quietDay(), "selftest sqlserver"},
		{2, "self-test without backups", quietDay(), "selftest sqlserver --source sqlserver://sa@h"},
		{2, "self-test with a directory that only the server sees", quietDay(), `selftest sqlserver --source sqlserver://sa@h --source-backups D:\Backup`},
		{2, "self-test with half a target", quietDay(), "selftest sqlserver --source sqlserver://sa@h --source-backups /b --target-backups /b"},
		{3, "attention", verdict(status.Attention), "status"},
		{3, "unknown verdict", verdict("who knows"), "status"},
		{3, "a step failed that is not essential", ended(plan.Partial), "failover DEMOSERVER --yes"},
		{3, "the servers asked for are covered", badNight(), "status VM2"},
		{4, "uncovered", verdict(status.Uncovered), "status"},
		{4, "the server asked for is not covered", badNight(), "status CRM VM2"},
		{5, "refused", func() *fakeDaemon { d := quietDay(); d.problem = refusal(); return d }(), "failover DEMOSERVER --yes"},
		{5, "dry run that would be refused", badNight(), "failover DEMOSERVER --dry-run"},
		{6, "operation running", problem(status.OperationRunning, 409), "failover DEMOSERVER --yes"},
		{6, "wrong state", problem(status.WrongState, 409), "release DEMOSERVER --yes"},
		{6, "name taken", problem(api.NameTaken, 409), "reload"},
		{6, "unknown code, 412", problem("who-knows", 412), "reload"},
		{7, "no such server", quietDay(), "show NOBODY"},
		{7, "no such server in the status", quietDay(), "status NOBODY"},
		{7, "no such operation", problem(status.NotFound, 404), "operation cancel op-9"},
		{8, "no token", problem(api.Unauthenticated, 401), "reload"},
		{8, "role too low", problem(api.Forbidden, 403), "reload"},
		{8, "from another site", problem(api.CrossOrigin, 403), "reload"},
		{9, "no daemon", quietDay(), "status --socket /nonexistent/s"},
		{9, "no daemon at the address", quietDay(), "status --url https://127.0.0.1:1"},
		{10, "gave up waiting", ended(plan.Running), "failover DEMOSERVER --yes --timeout 1s"},
		{10, "gave up watching", ended(plan.Running), "operation watch op-1 --timeout 1s"},
		{11, "cancelled", ended(plan.Cancelled), "failover DEMOSERVER --yes"},
		// Declined at the question: TestQuestion.
	} {
		covered[c.want] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := invoke(t, c.d, strings.Fields(c.args)...)
			if got.exit != c.want {
				t.Errorf("failoverd %s: exit %d, want %d\n%s%s", c.args, got.exit, c.want, got.stdout, got.stderr)
			}
			if c.args == "" || strings.HasPrefix(c.args, "version") || strings.Contains(c.args, "--help") {
				return
			}
			checkJSONMode(t, c.d, c.args, c.want)
		})
	}
	for code := 0; code <= 11; code++ {
		if !covered[code] {
			t.Errorf("exit code %d is documented but not tested", code)
		}
	}
}

// checkJSONMode runs the command again with --json: the same exit code, nothing
// but documents on standard output, and for an error one document on standard
// error that has every key and the exit code.
func checkJSONMode(t *testing.T, d *fakeDaemon, args string, want int) {
	t.Helper()
	d.change(func() { d.asked = 0 })
	got := invoke(t, d, append(strings.Fields(args), "--json")...)
	if args == "events --since" {
		got = invoke(t, d, "events", "--json", "--since") // --json would be its value
	}
	if got.exit != want {
		t.Errorf("with --json: exit %d, want %d\n%s", got.exit, want, got.stderr)
	}
	documents(t, got.stdout)
	if got.stderr == "" {
		return
	}
	errs := documents(t, got.stderr)
	if len(errs) != 1 {
		t.Fatalf("%d documents on standard error, want 1:\n%s", len(errs), got.stderr)
	}
	for _, key := range []string{"type", "title", "status", "detail", "code", "changed", "checks", "operation", "try", "request_id", "exit_code"} {
		if v, ok := errs[0][key]; !ok || v == nil {
			t.Errorf("the key %q is missing or null in %s", key, got.stderr)
		}
	}
	if errs[0]["exit_code"] != float64(want) {
		t.Errorf("exit_code %v, want %d", errs[0]["exit_code"], want)
	}
}

// documents reads JSON lines, and fails on anything else.
func documents(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for l := range strings.Lines(text) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(l), &doc); err != nil {
			t.Fatalf("no JSON document: %q: %v", l, err)
		}
		all = append(all, doc)
	}
	return all
}

// TestSocketNotForYou tells a socket that may not be used from one that is not
// there.
func TestSocketNotForYou(t *testing.T) {
	if os.Getuid() == 0 {
		p, _, _ := here("/run/x")
		f := p.unreachable(&os.PathError{Op: "connect", Path: "/run/x", Err: os.ErrPermission})
		if !strings.Contains(f.detail, "group failoverd") || exitOf(f.code, 0) != exitNoDaemon {
			t.Errorf("%+v", f)
		}
		return
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0); err != nil {
		t.Fatal(err)
	}
	got := invokeAt(t, filepath.Join(closed, "s"), "status")
	if got.exit != exitNoDaemon || !strings.Contains(got.stderr, "group failoverd") {
		t.Errorf("exit %d: %s", got.exit, got.stderr)
	}
}
