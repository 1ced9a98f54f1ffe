package docs_test

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/alerts"
)

// column returns the code spans in the n-th column of the tables whose first heading is given.
func column(document, heading string, n int) []string {
	var found []string
	in := false
	scanner := bufio.NewScanner(strings.NewReader(document))
	for scanner.Scan() {
		line := scanner.Text()
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		switch {
		case strings.HasPrefix(line, "| "+heading):
			in = true
		case !strings.HasPrefix(line, "|"):
			in = false
		case in && len(cells) > n && !strings.HasPrefix(strings.TrimSpace(cells[n]), "---"):
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[n], -1) {
				found = append(found, m[1])
			}
		}
	}
	return found
}

// constants are the texts of the constants of a file that a pattern's first group finds.
func constants(t *testing.T, path, pattern string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, path), -1) {
		found = append(found, m[1])
	}
	if len(found) < 5 {
		t.Fatalf("%s: only %d constants like %s", path, len(found), pattern)
	}
	return found
}

// same compares two lists as sets.
func same(t *testing.T, what string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
		t.Errorf("%s (-code +document):\n%s", what, diff)
	}
}

func TestProblemCodes(t *testing.T) {
	codes := constants(t, "api/problem.go", `(?m)^\t[A-Z]\w+ += "([a-z-]+)"`)
	codes = append(codes, constants(t, "status/order.go", `(?m)^\t[A-Z]\w+ += "([a-z-]+)"`)...)
	same(t, "codes of problems in docs/api.md", codes, column(read(t, "docs/api.md"), "`code` |", 0))
}

func TestHoldCodes(t *testing.T) {
	codes := constants(t, "monitor/facts.go", `Code = "([a-z-]+)"`)
	same(t, "codes of holds in docs/alerts.md", codes, column(read(t, "docs/alerts.md"), "code |", 0))
}

// TestAlertKinds holds the table of kinds against the code, and looks whether each has its runbook.
func TestAlertKinds(t *testing.T) {
	document := read(t, "docs/alerts.md")
	var table strings.Builder
	table.WriteString("| kind | the sender says | severity | never dropped | runbook |\n| --- | --- | --- | --- | --- |\n")
	places := anchors(document)
	for _, k := range alerts.Kinds() {
		dropped := ""
		if k.Protected {
			dropped = "yes"
		}
		table.WriteString("| `" + k.Name + "` | " + k.State + " | " + k.Severity + " | " + dropped + " | [" + k.Runbook + "](#" + k.Runbook + ") |\n")
		if !slices.Contains(places, k.Runbook) {
			t.Errorf("kind %s has no runbook: docs/alerts.md has no heading %q", k.Name, k.Runbook)
		}
	}
	if unknown := alerts.KindOf("no.such_kind").Runbook; !slices.Contains(places, unknown) {
		t.Errorf("docs/alerts.md has no heading %q", unknown)
	}
	const begin, end = "<!-- begin kinds -->\n", "<!-- end kinds -->"
	head, rest, ok := strings.Cut(document, begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/alerts.md has no place for the table")
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, "docs/alerts.md"), []byte(head+begin+table.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table.String(), old); diff != "" {
		t.Errorf("docs/alerts.md (-code +document), -update writes it anew:\n%s", diff)
	}
}

// TestQuotedMessages looks for every message that docs/troubleshooting.md has as a heading in the program's source.
func TestQuotedMessages(t *testing.T) {
	var source strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "tools" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			source.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	headings := regexp.MustCompile("(?m)^### `(.+)`$").FindAllStringSubmatch(read(t, "docs/troubleshooting.md"), -1)
	if len(headings) < 20 {
		t.Fatalf("only %d messages", len(headings))
	}
	for _, m := range headings {
		if missing := absent(source.String(), m[1]); missing != "" {
			t.Errorf("nothing in the program says %q of %q", missing, m[1])
		}
	}
	if absent(source.String(), "the moon is … of cheese") == "" {
		t.Error("a message that is nowhere was found")
	}
}

// absent returns the first part of a message that is not in the source. Its parts are what stands between what differs,
// and between the signs by which the program joins a message from several.
func absent(source, message string) string {
	for _, part := range regexp.MustCompile("…|[:;] ").Split(message, -1) {
		if part = strings.Trim(part, " ?,:"); len(part) > 3 && !strings.Contains(source, part) {
			return part
		}
	}
	return ""
}
