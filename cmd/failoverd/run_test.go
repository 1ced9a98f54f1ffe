package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
	"failoverd/plan"
)

var update = flag.Bool("update", false, "write the golden files and docs/cli.md anew")

// outcome is what came of a command line.
type outcome struct {
	exit           int
	stdout, stderr string
}

// here is a program whose streams are no terminals, at noon, beside a daemon.
func here(socket string) (*program, *bytes.Buffer, *bytes.Buffer) {
	var stdout, stderr bytes.Buffer
	return &program{
		in: strings.NewReader(""), out: &stdout, err: &stderr,
		env:  environment("FAILOVERD_SOCKET", socket),
		now:  func() time.Time { return noon },
		zone: brisbane, isTerminal: isTerminal,
	}, &stdout, &stderr
}

// environment is an environment of pairs of name and value.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// invoke runs a command line beside a daemon.
func invoke(t *testing.T, d *fakeDaemon, args ...string) outcome {
	t.Helper()
	return invokeAt(t, d.serve(t), args...)
}

// invokeAt runs a command line beside whatever is at a socket.
func invokeAt(t *testing.T, socket string, args ...string) outcome {
	t.Helper()
	p, stdout, stderr := here(socket)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	exit := p.run(ctx, args)
	return outcome{exit, stdout.String(), stderr.String()}
}

// golden compares text with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestScreens shows every command on a quiet day and in a bad night.
func TestScreens(t *testing.T) {
	for _, c := range []struct {
		name string
		args string
	}{
		{"status", "status"},
		{"status-one", "status VM2"},
		{"check", "check"},
		{"check-one", "check SHOP"},
		{"check-nagios", "check --nagios"},
		{"check-nagios-one", "check SHOP --nagios"},
		{"check-nagios-unknown", "check NOBODY --nagios"},
		{"check-both", "check --nagios --json"},
		{"show-standing-in", "show PBX"},
		{"show-failed", "show CRM"},
		{"show-suspect", "show SHOP"},
		{"events", "events --since 24h"},
		{"explain", "explain CRM"},
		{"operations", "operations"},
		{"operation-watch", "operation watch op-1"},
		{"operation-cancel", "operation cancel op-1"},
		{"failover-dry-run", "failover DEMOSERVER --dry-run"},
		{"failover-no-terminal", "failover DEMOSERVER --reason smoke"},
		{"failover", "failover DEMOSERVER --yes"},
		{"failover-no-wait", "failover DEMOSERVER --yes --no-wait"},
		{"release", "release DEMOSERVER --yes"},
		{"replicate-no-terminal", "replicate to-live DEMOSERVER --reason repaired"},
		{"replicate", "replicate"},
		{"suspend", "suspend VM2 --reason patches --for 2h"},
		{"resume", "resume VM2"},
		{"stop", "stop VM2"},
		{"test", "test DEMOSERVER"},
		{"test-alert", "test-alert"},
		{"incidents", "incidents"},
		{"incidents-all", "incidents --all"},
		{"ack", "ack PBX --reason repairing"},
		{"ack-unknown", "ack NOBODY"},
		{"agents", "agents"},
		{"discover", "discover 192.168.11.1"},
		{"discover-bad-address", "discover pbx.example.com"},
		{"pair-no-code", "pair 192.168.11.21"},
		{"pair-bad-address", "pair pbx.example.com"},
		{"agent-unknown", "agent pear"},
		{"agent-check", "agent config check testdata/agent.yaml"},
		{"agent-check-bad", "agent config check testdata/agent-bad.yaml"},
		{"token-list", "token list"},
		{"token-create", "token create grafana --role viewer"},
		{"token-revoke", "token revoke grafana"},
		{"audit", "audit"},
		{"reload", "reload"},
		{"add-dry-run", "add FAX testdata/fax.yaml --dry-run"},
		{"add-no-terminal", "add FAX testdata/fax.yaml"},
		{"add", "add FAX testdata/fax.yaml --yes"},
		{"add-no-file", "add FAX testdata/none.yaml"},
		{"edit-show", "edit DEMOSERVER --show"},
		{"edit", "edit DEMOSERVER testdata/fax.yaml --yes"},
		{"edit-no-editor", "edit DEMOSERVER"},
		{"remove-dry-run", "remove DEMOSERVER --dry-run"},
		{"remove-no-terminal", "remove DEMOSERVER"},
		{"unknown-command", "statsu"},
		{"unknown-subcommand", "token lst"},
		{"unknown-flag", "status --jsno"},
		{"missing-argument", "show"},
		{"missing-reason", "suspend VM2"},
		{"unknown-server", "show NOBODY"},
		{"unknown-server-status", "status NOBODY"},
	} {
		for _, w := range []struct {
			name string
			d    *fakeDaemon
		}{{"quiet", quietDay()}, {"night", badNight()}} {
			t.Run(c.name+"/"+w.name, func(t *testing.T) {
				got := invoke(t, w.d, strings.Fields(c.args)...)
				golden(t, filepath.Join("testdata", "screens", c.name+"."+w.name), fmt.Sprintf(
					"$ failoverd %s\n%s--- standard error\n%s--- exit code %d\n", c.args, got.stdout, got.stderr, got.exit))
			})
		}
	}
}

// TestNoDaemon says what to do when nobody answers.
func TestNoDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for _, args := range []string{
		"status", "show A", "events", "events -f", "explain A", "operations", "operation watch 1",
		"failover A --yes", "failover A", "release A --dry-run", "replicate from-live A --yes", "replicate to-live A --dry-run", "replicate rollback A", "suspend A --reason x", "resume A", "stop A", "reload",
		"test-alert", "token list", "audit", "agents", "status --watch", "check", "check A",
	} {
		t.Run(args, func(t *testing.T) {
			got := invokeAt(t, socket, strings.Fields(args)...)
			if got.exit != exitNoDaemon || got.stdout != "" {
				t.Fatalf("exit %d, stdout %q: want exit 9 and nothing", got.exit, got.stdout)
			}
			want := "failoverd: no daemon answers on " + socket + ": no such file or directory\n" +
				"Try: systemctl status failoverd; and is the socket readable for you? it belongs to the group failoverd\n"
			if diff := cmp.Diff(want, got.stderr); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrdersSent checks what reaches the daemon.
func TestOrdersSent(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"failover DEMOSERVER --yes --accept a --accept b --reason smoke", `POST /api/v1/servers/DEMOSERVER/failover {"reason":"smoke","accept":["a","b"]}`},
		{"release DEMOSERVER --yes --reason back", `POST /api/v1/servers/DEMOSERVER/release {"reason":"back"}`},
		{"replicate from-live DEMOSERVER --yes --reason upgrade", `POST /api/v1/servers/DEMOSERVER/replicate-from-live {"reason":"upgrade"}`},
		{"replicate to-live DEMOSERVER --yes --accept overwrite-newer", `POST /api/v1/servers/DEMOSERVER/replicate-to-live {"accept":["overwrite-newer"]}`},
		{"replicate rollback DEMOSERVER --yes --no-wait", `POST /api/v1/servers/DEMOSERVER/rollback {}`},
		{"suspend DEMOSERVER --reason x --for 2h", `POST /api/v1/servers/DEMOSERVER/suspend {"reason":"x","until":"2026-09-22T14:04:31+10:00"}`},
		{"stop DEMOSERVER --reason x", `POST /api/v1/servers/DEMOSERVER/stop {"reason":"x"}`},
		{"resume DEMOSERVER --reason x", `POST /api/v1/servers/DEMOSERVER/resume {"reason":"x"}`},
		{"reload --reason x", `POST /api/v1/reload {"reason":"x"}`},
		{"operation cancel op-1 --reason x", `POST /api/v1/operations/op-1/cancel {"reason":"x"}`},
	} {
		d := quietDay()
		if got := invoke(t, d, strings.Fields(c.args)...); got.exit != exitDone {
			t.Errorf("%s: exit %d, %s", c.args, got.exit, got.stderr)
		}
		if diff := cmp.Diff([]string{c.want}, d.sent()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

// TestDryRunOrdersNothing looks for an order that a dry run sends.
func TestDryRunOrdersNothing(t *testing.T) {
	for _, verb := range []string{"failover", "release", "replicate from-live", "replicate to-live", "replicate rollback"} {
		d := badNight()
		got := invoke(t, d, append(strings.Fields(verb), "DEMOSERVER", "--dry-run", "--accept", "primary-alive")...)
		if got.exit != exitRefused {
			t.Errorf("%s: exit %d, want 5", verb, got.exit)
		}
		if sent := d.sent(); len(sent) != 1 || !strings.Contains(sent[0], "dry_run=true") || !strings.Contains(sent[0], "primary-alive") {
			t.Errorf("%s: sent %q", verb, sent)
		}
	}
}

// TestFollowEvents shows what was, and then what happens.
func TestFollowEvents(t *testing.T) {
	d := badNight()
	socket := d.serve(t)
	p, _, stderr := here(socket)
	out := newScreen()
	p.out = out
	ctx, cancel := context.WithCancel(context.Background())
	exit := make(chan int, 1)
	go func() { exit <- p.run(ctx, []string{"events", "-f", "--json"}) }()
	out.await(t, `"seq":42`)
	for seq := int64(43); seq < 46; seq++ {
		d.stream <- journal.Event{Seq: seq, Time: noon, Kind: "primary.back", Severity: "info", Message: "back"}
	}
	out.await(t, `"seq":45`)
	cancel()
	if code := <-exit; code != exitDone {
		t.Errorf("exit %d after Ctrl-C, want 0: %s", code, stderr)
	}
	if n := strings.Count(out.String(), "\n"); n != 6 {
		t.Errorf("%d lines, want 6 events:\n%s", n, out)
	}
}

// TestWatchStatus prints a new document when something happens.
func TestWatchStatus(t *testing.T) {
	d := quietDay()
	p, _, stderr := here(d.serve(t))
	out := newScreen()
	p.out = out
	ctx, cancel := context.WithCancel(context.Background())
	exit := make(chan int, 1)
	go func() { exit <- p.run(ctx, []string{"status", "--watch", "--json"}) }()
	out.await(t, `"verdict":"ready"`)
	d.change(func() { d.snapshot = badNight().snapshot })
	d.stream <- journal.Event{Seq: 43}
	out.await(t, `"verdict":"uncovered"`)
	cancel()
	if code := <-exit; code != exitDone {
		t.Errorf("exit %d after Ctrl-C, want 0: %s", code, stderr)
	}
}

// TestGiveUpWaiting leaves the operation running, by the clock and by Ctrl-C.
func TestGiveUpWaiting(t *testing.T) {
	running := func() *fakeDaemon {
		d := quietDay()
		d.records = []plan.Record{takeoverIn(plan.Running)}
		return d
	}
	t.Run("timeout", func(t *testing.T) {
		got := invoke(t, running(), "failover", "DEMOSERVER", "--yes", "--timeout", "1s")
		want := "failoverd: waited for 1 s; the takeover of DEMOSERVER GOES ON in the daemon\n" +
			"Try: failoverd operation watch op-1, or to stop it: failoverd operation cancel op-1\n"
		if diff := cmp.Diff(want, got.stderr); diff != "" || got.exit != exitGaveUp {
			t.Errorf("exit %d (-want +got):\n%s", got.exit, diff)
		}
	})
	t.Run("ctrl-c", func(t *testing.T) {
		d := running()
		p, _, stderr := here(d.serve(t))
		out := newScreen()
		p.out = out
		ctx, cancel := context.WithCancel(context.Background())
		exit := make(chan int, 1)
		go func() { exit <- p.run(ctx, []string{"failover", "DEMOSERVER", "--yes"}) }()
		out.await(t, "nobody answers")
		cancel()
		if code := <-exit; code != exitGaveUp {
			t.Errorf("exit %d, want 10", code)
		}
		if !strings.Contains(stderr.String(), "GOES ON in the daemon") || !strings.Contains(stderr.String(), "operation watch op-1") {
			t.Errorf("standard error: %s", stderr)
		}
		for _, s := range d.sent() {
			if strings.Contains(s, "cancel") {
				t.Errorf("leaving has cancelled the operation: %s", s)
			}
		}
	})
	t.Run("a daemon that restarts", func(t *testing.T) {
		d := running()
		p, _, _ := here(d.serve(t))
		out, errs := newScreen(), newScreen()
		p.out, p.err = out, errs
		exit := make(chan int, 1)
		go func() { exit <- p.run(context.Background(), []string{"operation", "watch", "op-1"}) }()
		out.await(t, "nobody answers")
		d.change(func() { d.away = true })
		errs.await(t, "It takes the operation up at its start.")
		d.change(func() { d.away, d.records = false, []plan.Record{takeoverIn(plan.Succeeded)} })
		if code := <-exit; code != exitDone {
			t.Errorf("exit %d, want 0: %s", code, errs)
		}
	})
	t.Run("no answer to the order", func(t *testing.T) {
		d := running()
		d.deaf = true
		got := invoke(t, d, "failover", "DEMOSERVER", "--yes")
		if got.exit != exitGaveUp || !strings.Contains(got.stderr, "may be running") {
			t.Errorf("exit %d: %s", got.exit, got.stderr)
		}
	})
}
