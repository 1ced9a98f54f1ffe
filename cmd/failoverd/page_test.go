package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// A list that is longer than what was asked for says how its rest is seen, and --before shows it.
func TestEarlierPages(t *testing.T) {
	d := quietDay()
	d.records, d.incidents = nil, nil
	for i := range 5 {
		began := at(3, 10-i, 0)
		d.records = append(d.records, plan.Record{ID: fmt.Sprint("op-", 5-i), Kind: "drill", Server: "DEMOSERVER", State: plan.Succeeded, Started: began, Ended: new(began.Add(time.Second))})
		d.incidents = append(d.incidents, status.Incident{ID: fmt.Sprint("inc-", 5-i), Server: "DEMOSERVER", Severity: "warning", Opened: began})
	}
	for what, prefix := range map[string]string{"operations": "op-", "incidents": "inc-"} {
		first := invoke(t, d, what, "--limit", "2")
		if want := fmt.Sprintf("There are earlier %s: --before %s4 shows them.\n", what, prefix); first.exit != exitDone || first.stderr != want {
			t.Errorf("%s: exit %d, %q, want %q", what, first.exit, first.stderr, want)
		}
		rest := invoke(t, d, what, "--before", prefix+"4")
		for i := range 5 {
			id := fmt.Sprint(prefix, i+1)
			if onFirst, onRest := strings.Contains(first.stdout, id), strings.Contains(rest.stdout, id); onFirst != (i >= 3) || onRest != (i < 3) {
				t.Errorf("%s: %s is shown at first: %t, and then: %t", what, id, onFirst, onRest)
			}
		}
		if rest.stderr != "" {
			t.Errorf("%s: the end of the list says %q", what, rest.stderr)
		}
		answer := documents(t, invoke(t, d, what, "--limit", "2", "--json").stdout)[0]
		if answer["next"] != prefix+"4" {
			t.Errorf("%s --json: next is %v", what, answer["next"])
		}
	}
	d.aside, d.tokens = setAside(), []api.Token{{ID: "tok_2", Name: "grafana", State: "valid"}, {ID: "tok_1", Name: "old", State: "valid"}}
	place := status.AsidePlace{Set: d.aside.Files[1].Set, Path: d.aside.Files[1].Path}.String()
	for _, tt := range []struct {
		what                string
		limit               string
		place, first, other string
	}{
		{"token list", "1", "tok_2", "grafana", "old"},
		{"files set-aside DEMOSERVER vm", "2", place, "hello.wav", "old.wav"},
	} {
		args := strings.Fields(tt.what)
		first, rest := invoke(t, d, append(args, "--limit", tt.limit)...), invoke(t, d, append(args, "--before", tt.place)...)
		if !strings.Contains(first.stderr, "--before "+tt.place+" shows them") || !strings.Contains(first.stdout, tt.first) || strings.Contains(first.stdout, tt.other) {
			t.Errorf("%s: %q, %q", tt.what, first.stdout, first.stderr)
		}
		if rest.stderr != "" || strings.Contains(rest.stdout, tt.first) || !strings.Contains(rest.stdout, tt.other) {
			t.Errorf("the rest of %s: %q, %q", tt.what, rest.stdout, rest.stderr)
		}
	}
	for n := range 1001 { // What is named is found behind the first page as well.
		d.tokens = append([]api.Token{{ID: fmt.Sprint("tok_n", n), Name: "n", State: "valid"}}, d.tokens...)
		d.aside.Files = append([]status.Aside{{Set: "2027", Path: fmt.Sprint(n)}}, d.aside.Files...)
	}
	if got := invoke(t, d, "token", "revoke", "old"); got.exit != exitDone {
		t.Errorf("a token behind the first page: exit %d, %s", got.exit, got.stderr)
	}
	if got := invoke(t, d, "files", "restore", "DEMOSERVER", "vm", setAside().Files[2].Set, "old.wav"); got.exit != exitUsage || !strings.Contains(got.stderr, "no terminal") {
		t.Errorf("a file behind the first page: exit %d, %s", got.exit, got.stderr)
	}
	if got := invoke(t, d, "operations", "--kind", "release"); got.exit != exitDone || got.stdout != "No operations yet.\n" {
		t.Errorf("operations of another kind: exit %d, %q", got.exit, got.stdout)
	}
	for _, args := range []string{"operations --limit 0", "operations --kind dril", "incidents --limit 1001", "token list --limit 0", "files set-aside DEMOSERVER vm --limit 0", "events --before -1", "events -f --before 7"} {
		if got := invoke(t, d, strings.Fields(args)...); got.exit != exitUsage {
			t.Errorf("%s: exit %d", args, got.exit)
		}
	}
}
