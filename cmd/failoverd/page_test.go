package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
	if got := invoke(t, d, "operations", "--kind", "release"); got.exit != exitDone || got.stdout != "No operations yet.\n" {
		t.Errorf("operations of another kind: exit %d, %q", got.exit, got.stdout)
	}
	for _, args := range []string{"operations --limit 0", "operations --kind dril", "incidents --limit 1001", "events --before -1", "events -f --before 7"} {
		if got := invoke(t, d, strings.Fields(args)...); got.exit != exitUsage {
			t.Errorf("%s: exit %d", args, got.exit)
		}
	}
}
