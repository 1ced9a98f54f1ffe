package monitor

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/states.md anew")

// TestStatesDocument keeps docs/states.md true: it is written from Table, and
// its diagrams from what Step does.
func TestStatesDocument(t *testing.T) {
	path := filepath.Join("..", "docs", "states.md")
	want := document()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(have)); diff != "" {
		t.Errorf("docs/states.md is not up to date; write it with go test ./monitor -run StatesDocument -update\n(-want +got)\n%s", diff)
	}
}

// document is docs/states.md.
func document() string {
	var b strings.Builder
	b.WriteString(`# States

This page is written by a test from the table that drives the monitor
(` + "`monitor.Table`" + `): ` + "`go test ./monitor -run StatesDocument -update`" + `. Do not edit it by hand.

The state is what the operator sees. It is derived from four facts that change
independently: **mode** (active, suspended, stopped: the operator's wish),
**health** (ok, suspect, failure: what the probes say), **activity** (idle,
replicating from live, replicating to live) and **role** (standing by, taking
over, standing in, releasing).

## The six states

`)
	b.WriteString(statesTable())
	b.WriteString(`
While the standby stands in, and once it has (its data is then *diverged*: newer
than the primary's), nothing is synchronised from live, whatever the state.

## From state to state

An arrow carries the events that lead along it. What else has to be true is in
the table below.

`)
	states, roles := changesSeen()
	b.WriteString(diagram(states))
	b.WriteString("\n## Who does the work\n\nThe role is visible beside the state.\n\n")
	b.WriteString(diagram(roles))
	b.WriteString(`
## The table

The first row that fits an event is the answer to it; the last row of each event
fits always, so every event has an answer in every state. Events that come from
watching a server are ignored while it is suspended or stopped.

`)
	b.WriteString(rowsTable())
	return b.String()
}

// statesTable is the table of states: when, and what goes on.
func statesTable() string {
	rows := []struct {
		facts Kept
		when  string
	}{
		{Kept{}, "active, last probe answered"},
		{Kept{Health: Suspect}, "active, at least one miss, fewer than the threshold in force; or the standby is isolated"},
		{Kept{Health: Failure}, "active, misses reached the threshold; stays until the primary is back and, where taken over, released"},
		{Kept{Mode: Suspended}, "the operator suspended monitoring"},
		{Kept{Mode: Stopped}, "the operator stopped it"},
		{Kept{Activity: FromLive}, "a whole-database or whole-tree transfer is running, in either direction"},
	}
	yes := map[bool]string{true: "yes", false: "no"}
	on := map[bool]string{true: "on", false: "off"}
	var b strings.Builder
	b.WriteString("| state | when | monitored | file sync | database sync |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		f := Facts{Kept: r.facts}
		database := on[f.DatabaseSync()]
		if f.Activity != Idle {
			database = "running"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.State(), r.when, yes[f.Monitored()], on[f.FileSync()], database)
	}
	return b.String()
}

// arrow is a change from one name to another, and the events that cause it.
type arrow struct {
	from, to int
	names    [2]string
	kinds    []Kind
}

// changesSeen plays every case whose facts agree with each other, and gathers
// the changes of state and of role.
func changesSeen() (states, roles []arrow) {
	add := func(list []arrow, from, to int, a, b fmt.Stringer, k Kind) []arrow {
		if from == to {
			return list
		}
		i := slices.IndexFunc(list, func(x arrow) bool { return x.from == from && x.to == to })
		if i < 0 {
			list = append(list, arrow{from: from, to: to, names: [2]string{a.String(), b.String()}})
			i = len(list) - 1
		}
		if !slices.Contains(list[i].kinds, k) {
			list[i].kinds = append(list[i].kinds, k)
		}
		return list
	}
	everyCase(func(f Facts, e Event, p Policy) {
		if f.Mode == Active && f.assess(p) != f.Health {
			return
		}
		after, _ := Step(f, e, p)
		states = add(states, int(f.State()), int(after.State()), f.State(), after.State(), e.Kind)
		roles = add(roles, int(f.Role), int(after.Role), f.Role, after.Role, e.Kind)
	})
	for _, list := range [][]arrow{states, roles} {
		slices.SortFunc(list, func(a, b arrow) int { return cmp.Or(a.from-b.from, a.to-b.to) })
		for i := range list {
			slices.Sort(list[i].kinds)
		}
	}
	return states, roles
}

// diagram draws the changes with Mermaid.
func diagram(list []arrow) string {
	var b strings.Builder
	id := func(name string) string { return strings.ReplaceAll(name, " ", "_") }
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	named := map[string]bool{}
	for _, a := range list {
		for _, n := range a.names {
			if id(n) != n && !named[n] {
				named[n] = true
				fmt.Fprintf(&b, "    state \"%s\" as %s\n", n, id(n))
			}
		}
	}
	fmt.Fprintf(&b, "    [*] --> %s\n", id(list[0].names[0]))
	for _, a := range list {
		words := []string{}
		for _, k := range a.kinds {
			words = append(words, k.String())
		}
		fmt.Fprintf(&b, "    %s --> %s: %s\n", id(a.names[0]), id(a.names[1]), strings.Join(words, ", "))
	}
	b.WriteString("```\n")
	return b.String()
}

// rowsTable is Table in words.
func rowsTable() string {
	var b strings.Builder
	b.WriteString("| on | mode | role | health before | health after | when | then |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range Table {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.On,
			words(r.Mode), words(r.Role), words(r.From), words(r.To), orAny(r.When), r.Then)
	}
	return b.String()
}

// words lists facts, or says that any will do.
func words[T fmt.Stringer](list []T) string {
	var names []string
	for _, v := range list {
		names = append(names, v.String())
	}
	return orAny(strings.Join(names, ", "))
}

func orAny(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
