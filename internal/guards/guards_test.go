package guards

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var takeOut = flag.Bool("take-out", false, "take each guard out, and see its scenarios go red: make guards")

const root = "../.."

func TestParse(t *testing.T) {
	got, err := parse("example", `# a remark
guard: One thing.
file: a/a.go
-	if wrong {
-		return
-	}
file: a/b.go
-	x()
+	y()
-	z()
red: a TestA
red: b TestB/sub

guard: Another.
file: c.go
-c
+
red: c TestC
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Guard{
		{
			What: "One thing.", List: "example",
			Changes: []Change{
				{"a/a.go", "\tif wrong {\n\t\treturn\n\t}\n", ""},
				{"a/b.go", "\tx()\n", "\ty()\n"},
				{"a/b.go", "\tz()\n", ""},
			},
			Red: []Scenario{{"a", "TestA"}, {"b", "TestB/sub"}},
		},
		{What: "Another.", List: "example", Changes: []Change{{"c.go", "c\n", "\n"}}, Red: []Scenario{{"c", "TestC"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for text, want := range map[string]string{
		"file: a.go\n":                        "list/bad.txt:1: a list begins with a guard",
		"guard: A.\n-x\n":                     `list/bad.txt:2: "-x": which file?`,
		"guard: A.\nfile: a.go\n+x\n":         `list/bad.txt:3: "+x" is neither guard:, file:, red:, nor a line after a minus or a plus`,
		"guard: A.\nfile: a.go\nred: a T\n":   "list/bad.txt: A.: nothing is taken out",
		"guard: A.\nfile: a.go\n-x\n":         "list/bad.txt: A.: nothing notices",
		"guard: A.\nfile: a.go\n-x\nred: a\n": "list/bad.txt:4: want a package and a test",
	} {
		if _, err := parse("bad", text); err == nil || err.Error() != want {
			t.Errorf("parse(%q) = %v, want %s", text, err, want)
		}
	}
}

// TestOf finds the guards of a scenario, those of its parts among them.
func TestOf(t *testing.T) {
	all := []Guard{
		{What: "Of its part.", Red: []Scenario{{"a", "TestA/part"}}},
		{What: "Its own.", Red: []Scenario{{"b", "TestB"}, {"a", "TestA"}}},
		{What: "Of others.", Red: []Scenario{{"b", "TestA"}, {"a", "TestAB"}, {"a", "TestB/TestA"}}},
	}
	var got []string
	for _, g := range Of(all, Scenario{"a", "TestA"}) {
		got = append(got, g.What)
	}
	if diff := cmp.Diff([]string{"Its own.", "Of its part."}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// without returns the files that a guard's changes leave, by their names from the root.
func without(t *testing.T, g Guard) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, c := range g.Changes {
		text, ok := files[c.File]
		if !ok {
			read, err := os.ReadFile(filepath.Join(root, c.File))
			if err != nil {
				t.Fatal(err)
			}
			text = string(read)
		}
		left, err := c.Apply(text)
		if err != nil {
			t.Fatal(err)
		}
		files[c.File] = left
	}
	for name, text := range files {
		if strings.HasSuffix(name, ".go") {
			if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("without it: %v", err)
			}
		}
	}
	return files
}

// TestGuards holds the list against the program: what is to be taken out is there. With -take-out each is, and each of its
// scenarios has to go red; the program is built with an overlay, so that no file is touched.
func TestGuards(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		t.Run(g.List+"/"+g.What, func(t *testing.T) {
			files := without(t, g)
			if !*takeOut {
				return
			}
			t.Parallel()
			overlay := overlay(t, files)
			built := map[string]string{}
			for _, s := range g.Red {
				if built[s.Package] == "" {
					built[s.Package] = build(t, overlay, s.Package)
				}
				red(t, overlay, built[s.Package], s)
			}
		})
	}
}

// overlay writes files aside, and the file for go build that says so.
func overlay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for name, text := range files {
		there, err := filepath.Abs(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		aside := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(aside, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[there] = aside
	}
	file := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// environment is that of a build without a guard; tests that build the program find it as well.
func environment(overlay string) []string {
	return append(os.Environ(), "GOFLAGS=-overlay="+overlay)
}

// build returns a package's tests without a guard.
func build(t *testing.T, overlay, pkg string) string {
	t.Helper()
	program := filepath.Join(filepath.Dir(overlay), strings.ReplaceAll(pkg, "/", "_")+".test")
	cmd := exec.Command("go", "test", "-c", "-o", program, "./"+pkg)
	cmd.Dir, cmd.Env = root, environment(overlay)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c ./%s: %v\n%s", pkg, err, out)
	}
	return program
}

// red runs a scenario without a guard up to where it fails, and fails when it does not. A scenario that ends the whole process
// is red. One that is not over in time proves nothing: a busy machine does that with every guard in its place.
func red(t *testing.T, overlay, program string, s Scenario) {
	t.Helper()
	const limit = 5 * time.Minute
	// The scenario's own: also when the test panics, its processes and namespaces go with the time that it has.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(s.Test), "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, program, "-test.v", "-test.failfast", "-test.count=1", "-test.timeout="+limit.String(), "-test.run="+pattern)
	cmd.Dir, cmd.Env = filepath.Join(root, s.Package), environment(overlay)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	switch said := out.String(); {
	case strings.Contains(said, "panic: test timed out"):
		t.Errorf("%s: is neither green nor red without it within %s:\n%s", s, limit, said)
	case err == nil && !strings.Contains(said, "--- PASS: "+s.Test):
		t.Errorf("%s did not run:\n%s", s, said)
	case err == nil:
		t.Errorf("%s is green without it", s)
	case !errors.As(err, &exit):
		t.Errorf("%s: %v", s, err)
	case !strings.Contains(said, "=== RUN   "+s.Test):
		t.Errorf("%s did not begin:\n%s", s, said)
	case !strings.Contains(said, "--- FAIL: "+s.Test) && !strings.Contains(said, "panic: "):
		t.Errorf("%s: %v, and why is not said:\n%s", s, err, said)
	default:
		t.Logf("red: %s:%s", s, reason(said))
	}
}

// reason is the last of what a test says before it ends, which is what it ends by: what stands before that may be its course.
func reason(said string) string {
	const few = 8
	lines := regexp.MustCompile(`(?m)^\s+\w+\.go:\d+: .*$|^panic: .*$`).FindAllString(said, -1)
	if len(lines) == 0 {
		return " see the scenario's own words"
	}
	return "\n" + strings.Join(lines[max(0, len(lines)-few):], "\n")
}
