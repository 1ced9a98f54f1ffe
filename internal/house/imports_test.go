package house

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rule says what a folder, and the folders in it, may import.
type rule struct {
	folder string
	ours   []string // folders of ours, with the ones in them
	others bool     // modules of others
}

// everything is the right of the folder that joins all the rest.
const everything = "*"

// rules is the direction of imports that docs/architecture.md explains, the most special folder first. A folder that
// no rule speaks of may not exist: a new noun is a decision, and belongs here.
//
// What lies in a folder of a rule may import its neighbours there, unless the folder is a pure one.
func rules() []rule {
	return []rule{
		{folder: "."}, // the documents, as the program brings them along
		{folder: "cmd", ours: []string{everything}, others: true},
		{folder: "bench", ours: []string{everything}, others: true},
		{folder: "packaging", others: true},
		{folder: "docs", ours: []string{everything}, others: true},

		// Pure: no clock, no socket, no module of others.
		{folder: "monitor/probe", ours: []string{"monitor", "internal/netstate"}, others: true},
		{folder: "monitor"},
		{folder: "plan"},
		{folder: "status", ours: []string{"monitor", "plan"}},

		{folder: "config", others: true},
		{folder: "journal", others: true},
		{folder: "alerts/incident"},
		{folder: "alerts", ours: []string{"journal"}, others: true},
		{folder: "takeover", ours: []string{"plan", "monitor", "internal/atomicfile", "internal/netstate"}, others: true},
		// The agent's configuration, what it finds and hands out, and the copying of files know little of the rest of the house.
		{folder: "replicate/agent/agentconfig", others: true},
		{folder: "replicate/agent/discovery", ours: []string{"replicate/agent/agentconfig"}, others: true},
		{folder: "replicate/agent/shelf", ours: []string{"replicate/database"}, others: true},
		{folder: "replicate/agent", ours: []string{"replicate/files", "internal/atomicfile"}, others: true},
		{folder: "replicate/files", ours: []string{"internal/atomicfile"}, others: true},
		{folder: "replicate", ours: []string{"plan", "takeover/address", "takeover/standin", "internal/atomicfile"}, others: true},
		// The page is a client of the API: nothing but its files.
		{folder: "api/console"},
		{folder: "api/documents", others: true},
		{folder: "api", ours: []string{"monitor", "plan", "journal", "status", "replicate/agent/discovery"}, others: true},
		{
			folder: "standby",
			ours: []string{
				"config", "monitor", "plan", "takeover", "replicate", "alerts", "journal", "status",
				"internal/atomicfile", "internal/netstate",
			},
			others: true,
		},
		// A whole company in the lab, for the demo, the benchmarks and the end-to-end tests.
		{folder: "internal/site", ours: []string{"api", "status", "internal/lab"}, others: true},
		// Long stories that are played in that company, and judged.
		{folder: "internal/chaos", ours: []string{"alerts", "api", "journal", "plan", "status", "internal/lab", "internal/site"}, others: true},
		{folder: "internal", others: true},
	}
}

// within says whether folder is parent or lies in it.
func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

// standardLibrary says whether an import is of Go itself: its first element has no dot, and it is not ours.
func standardLibrary(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != module
}

// wrong returns why a file may not import what it imports, one line for each.
func wrong(s source) []string {
	i := slices.IndexFunc(rules(), func(r rule) bool { return within(s.folder, r.folder) })
	if i < 0 {
		return []string{fmt.Sprintf("%s/%s: the folder has no rule", s.folder, s.name)}
	}
	// A test may use what it likes, of its own and of others; only the lab of the tests stays out of the product.
	if s.test() {
		return nil
	}
	r := rules()[i]
	var out []string
	for _, imported := range s.imports() {
		target, ours := strings.CutPrefix(imported, module+"/")
		var allowed bool
		switch {
		case standardLibrary(imported):
			allowed = true
		case !ours:
			allowed = r.others
		case slices.Contains(r.ours, everything):
			allowed = true
		case within(target, "internal/lab"):
			allowed = within(s.folder, "internal/lab") || within(s.folder, "internal/site") || within(s.folder, "internal/chaos")
		case slices.ContainsFunc(r.ours, func(folder string) bool { return within(target, folder) }):
			allowed = true
		default:
			allowed = within(target, r.folder) && r.others // a pure folder has no neighbours
		}
		if !allowed {
			out = append(out, fmt.Sprintf("%s/%s imports %s", s.folder, s.name, imported))
		}
	}
	return out
}

func TestDirectionOfImports(t *testing.T) {
	for _, s := range parseTree(t, token.NewFileSet()) {
		for _, line := range wrong(s) {
			t.Error(line)
		}
	}
}

// TestDirectionOfImportsSeesWhatIsWrong gives the rules files that break them, and some that do not.
func TestDirectionOfImportsSeesWhatIsWrong(t *testing.T) {
	tests := []struct {
		folder, name, imported string
		wrong                  bool
	}{
		{"monitor", "a.go", "time", false},
		{"monitor", "a.go", "failoverd/monitor/probe", true},
		{"monitor", "a.go", "golang.org/x/sys/unix", true},
		{"monitor", "a_test.go", "pgregory.net/rapid", false},
		{"monitor/probe", "a.go", "failoverd/monitor", false},
		{"monitor/probe", "a.go", "failoverd/config", true},
		{"plan", "a.go", "failoverd/journal", true},
		{"status", "a.go", "failoverd/monitor", false},
		{"status", "a.go", "github.com/dustin/go-humanize", true},
		{"config", "a.go", "failoverd/monitor", true},
		{"journal", "a.go", "modernc.org/sqlite", false},
		{"alerts", "a.go", "failoverd/journal", false},
		{"alerts", "a.go", "failoverd/standby", true},
		{"takeover", "a.go", "failoverd/takeover/address", false},
		{"takeover/standin", "a.go", "failoverd/internal/atomicfile", false},
		{"takeover", "a.go", "failoverd/journal", true},
		{"replicate/files", "a.go", "failoverd/internal/atomicfile", false},
		{"replicate/files", "a.go", "failoverd/plan", true},
		{"replicate/agent/agentconfig", "a.go", "failoverd/replicate/files", true},
		{"replicate/agent/discovery", "a.go", "failoverd/replicate/agent/agentconfig", false},
		{"replicate/agent/discovery", "a.go", "failoverd/replicate/database", true},
		{"replicate/agent/shelf", "a.go", "failoverd/replicate/database", false},
		{"replicate/agent/shelf", "a.go", "failoverd/config", true},
		{"replicate/agent", "a.go", "failoverd/replicate/agent/agentconfig", false},
		{"replicate/agent", "a.go", "failoverd/replicate/files", false},
		{"replicate/agent", "a.go", "failoverd/replicate", true},
		{"api", "a.go", "failoverd/status", false},
		{"api", "a.go", "failoverd/standby", true},
		{"api", "a.go", "failoverd/config", true},
		{"api", "a_test.go", "failoverd/internal/lab", false},
		{"standby", "a.go", "failoverd/config", false},
		{"standby", "a.go", "failoverd/api", true},
		{"standby", "a.go", "failoverd/internal/lab", true},
		{"cmd/failoverd", "a.go", "failoverd/internal/lab", false},
		{"bench/ping", "a.go", "failoverd/internal/lab", false},
		{"internal/chaos", "a.go", "failoverd/internal/lab", false},
		{"internal/chaos", "a.go", "failoverd/standby", true},
		{"internal/netstate", "a.go", "failoverd/config", true},
		{"internal/netstate", "a.go", "failoverd/internal/lab", true},
		{"helpers", "a.go", "time", true},
	}
	for _, tt := range tests {
		s := parseText(t, token.NewFileSet(), tt.folder, tt.name, fmt.Sprintf("package a\nimport _ %q\n", tt.imported))
		if got := wrong(s); (len(got) > 0) != tt.wrong {
			t.Errorf("%s/%s imports %s: got %q, want wrong %v", tt.folder, tt.name, tt.imported, got, tt.wrong)
		}
	}
}

// TestNoImportComesBack makes sure that the rules themselves have no circle: a folder that may be imported by another
// may not import it.
func TestNoImportComesBack(t *testing.T) {
	may := map[string][]string{}
	for _, r := range rules() {
		for _, target := range r.ours {
			if target != everything {
				may[r.folder] = append(may[r.folder], target)
			}
		}
	}
	var visit func(folder string, trail []string)
	visit = func(folder string, trail []string) {
		if i := slices.Index(trail, folder); i >= 0 {
			t.Fatalf("the rules go round: %s", cmp.Diff(nil, append(trail[i:], folder)))
		}
		for _, next := range may[folder] {
			visit(next, append(slices.Clone(trail), folder))
		}
	}
	for folder := range may {
		visit(folder, nil)
	}
}
