package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/api"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// bare is a daemon that leaves out all that it can: lists are null.
func bare() *fakeDaemon {
	return &fakeDaemon{
		stream:   make(chan journal.Event),
		snapshot: status.Snapshot{Verdict: status.AllReady, Servers: []status.Server{{Name: "DEMOSERVER"}}},
		events:   []journal.Event{{Seq: 1}},
		records:  []plan.Record{{ID: "op-1", State: plan.Succeeded}},
		mails:    []status.TestMail{{OK: true}},
		file:     status.ServerConfiguration{Server: "DEMOSERVER", Editable: true, Revision: "r1"},
		configured: status.Configured{
			Valid: true, Problems: []status.ConfigProblem{}, Changed: []string{}, Notices: []string{}, Trials: []status.Trial{},
		},
		options:   status.Options{Editable: true, Revision: "r7", Options: []status.Option{{Key: "standby.name", Kind: "text", Own: true}}},
		setting:   status.OptionsConfigured{Valid: true},
		tokens:    []api.Token{{ID: "grafana"}},
		agents:    []status.Agent{{}},
		incidents: []status.Incident{{ID: "inc-1"}},
	}
}

// TestJSONKeys compares the keys of every document with little and with much in
// it: no key comes and goes, and no list is ever null.
func TestJSONKeys(t *testing.T) {
	for _, args := range []string{
		"status", "check", "show DEMOSERVER", "explain DEMOSERVER", "events", "audit", "operations", "operation watch op-1", "operation cancel op-1",
		"failover DEMOSERVER --dry-run", "failover DEMOSERVER --yes", "failover DEMOSERVER --yes --no-wait", "release DEMOSERVER --yes",
		"replicate from-live DEMOSERVER --yes --no-wait", "replicate to-live DEMOSERVER --dry-run",
		"suspend DEMOSERVER --reason x", "resume DEMOSERVER", "stop DEMOSERVER", "test DEMOSERVER", "test-alert", "incidents", "ack inc-1", "reload",
		"add FAX testdata/fax.yaml --dry-run", "add FAX testdata/fax.yaml --yes", "edit DEMOSERVER --show", "edit DEMOSERVER testdata/fax.yaml --yes", "remove DEMOSERVER --dry-run",
		"config options", "config set standby.name=x --dry-run", "config set standby.name=x --yes", "config reset standby.name --dry-run",
		"agents", "discover 192.168.11.1", "agent config check testdata/agent.yaml", "agent config check testdata/agent-bad.yaml", "token list", "token create grafana --role viewer", "token revoke grafana", "version",
		"config check --elsewhere testdata/good.yaml", "config check testdata/bad.yaml",
	} {
		t.Run(args, func(t *testing.T) {
			full := badNight()
			full.snapshot.Servers[0].Name = "DEMOSERVER"
			full.configured, full.file = quietDay().configured, quietDay().file
			full.setting = quietDay().setting
			full.options.Options[4].Own = true
			words := append(strings.Fields(args), "--json")
			little, much := invoke(t, bare(), words...), invoke(t, full, words...)
			a, b := documents(t, little.stdout), documents(t, much.stdout)
			if len(a) == 0 || len(b) == 0 {
				t.Fatalf("no document: %q %q %s", little.stdout, much.stdout, little.stderr)
			}
			compareKeys(t, args, a[0], b[0])
		})
	}
}

// compareKeys compares the keys of two documents, and of the objects in them.
func compareKeys(t *testing.T, path string, a, b map[string]any) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))); diff != "" {
		t.Errorf("%s: keys (-little +much):\n%s", path, diff)
	}
	for key, v := range a {
		if _, isList := b[key].([]any); isList && v == nil {
			t.Errorf("%s.%s is null where it is a list when full", path, key)
		}
		switch v := v.(type) {
		case map[string]any:
			if w, ok := b[key].(map[string]any); ok && key != "evidence" {
				compareKeys(t, path+"."+key, v, w)
			}
		case []any:
			w, _ := b[key].([]any)
			if len(v) == 0 || len(w) == 0 {
				continue
			}
			x, isObject := v[0].(map[string]any)
			y, alsoObject := w[0].(map[string]any)
			if isObject && alsoObject {
				compareKeys(t, path+"."+key+"[]", x, y)
			}
		}
	}
}

// TestWatchOperationLines prints one document for each change and none twice.
func TestWatchOperationLines(t *testing.T) {
	d := quietDay()
	d.records = []plan.Record{takeoverIn(plan.Running), takeoverIn(plan.Running), takeoverIn(plan.Succeeded)}
	got := invoke(t, d, "operation", "watch", "op-1", "--json")
	var states []string
	for _, doc := range documents(t, got.stdout) {
		states = append(states, doc["state"].(string))
	}
	if diff := cmp.Diff([]string{"running", "succeeded"}, states); diff != "" || got.exit != exitDone {
		t.Errorf("exit %d (-want +got):\n%s", got.exit, diff)
	}
}

// TestGaveUpJSON has the operation on standard output and the reason on
// standard error.
func TestGaveUpJSON(t *testing.T) {
	d := quietDay()
	d.records = []plan.Record{takeoverIn(plan.Running)}
	got := invoke(t, d, "failover", "DEMOSERVER", "--yes", "--timeout", "1s", "--json")
	out, errs := documents(t, got.stdout), documents(t, got.stderr)
	if len(out) != 1 || out[0]["state"] != "running" || len(errs) != 1 || errs[0]["code"] != codeStillRunning || got.exit != exitGaveUp {
		t.Errorf("exit %d:\n%s%s", got.exit, got.stdout, got.stderr)
	}
}
