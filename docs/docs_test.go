// Package docs_test reads the documents like somebody who follows them: it goes where the links lead, types the commands,
// and writes the configurations into files.
package docs_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables that are taken from the code") //nolint:gochecknoglobals // a flag

// root is where the repository begins, seen from here.
const root = ".."

// built is the failoverd of these tests; it is built where it is asked for first.
var built struct { //nolint:gochecknoglobals // built once, taken away at the end
	once sync.Once
	path string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.path != "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// program is the failoverd that the tests run.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "failoverd-docs-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "failoverd")
		if out, err := exec.Command("go", "build", "-o", built.path, "failoverd/cmd/failoverd").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w:\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// peer returns the path of somebody else's program. Without it the test is skipped, unless the run must be complete.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: %v (Debian package prometheus)", err)
		}
		t.Skip(err)
	}
	return path
}

// read is the text of a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are the paths of all documents, from the root of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(found) < 10 {
		t.Fatalf("%d documents, %v", len(found), err)
	}
	list := []string{"README.md", "CHANGELOG.md"}
	for _, path := range found {
		list = append(list, filepath.ToSlash(filepath.Join("docs", filepath.Base(path))))
	}
	return list
}

// block is a fenced block of a document.
type block struct {
	line int
	info string // what stands behind the fence: "sh"
	text string
}

// split takes the fenced blocks out of a document and returns the rest, with the same number of lines.
func split(document string) (blocks []block, prose []string) {
	var open *block
	fence := regexp.MustCompile("^( *)```(.*)$")
	indent := ""
	for i, line := range strings.Split(document, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && open == nil:
			indent = m[1]
			open = &block{line: i + 1, info: strings.TrimSpace(m[2])}
			line = ""
		case m != nil:
			blocks = append(blocks, *open)
			open, line = nil, ""
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
			line = ""
		}
		prose = append(prose, line)
	}
	return blocks, prose
}

// anchors are the places of a document that a link can lead to: its headings, as GitHub names them, and its own ids.
func anchors(document string) []string {
	_, prose := split(document)
	var found []string
	id := regexp.MustCompile(`<a id="([^"]+)"></a>`)
	for _, line := range prose {
		for _, m := range id.FindAllStringSubmatch(line, -1) {
			found = append(found, m[1])
		}
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !strings.HasPrefix(line, "#") || !ok {
			continue
		}
		heading = strings.TrimSpace(id.ReplaceAllString(heading, ""))
		found = append(found, strings.Map(func(r rune) rune {
			switch r = unicode.ToLower(r); {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return r
			}
			return -1
		}, heading))
	}
	return found
}

// broken returns the relative links of a document that lead nowhere.
func broken(dir, document string, read func(path string) (string, error)) []string {
	_, prose := split(document)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("`[^`]*`")
	var found []string
	for _, line := range prose {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			text := document
			if target != "" {
				var err error
				if text, err = read(filepath.Join(dir, target)); err != nil {
					found = append(found, m[1]+": "+err.Error())
					continue
				}
			}
			if anchor != "" && !slices.Contains(anchors(text), anchor) {
				found = append(found, m[1]+": no such heading")
			}
		}
	}
	return found
}

func TestLinks(t *testing.T) {
	for _, path := range documents(t) {
		for _, line := range broken(filepath.Dir(path), read(t, path), func(path string) (string, error) {
			text, err := os.ReadFile(filepath.Join(root, path))
			return string(text), err
		}) {
			t.Errorf("%s: %s", path, line)
		}
	}
}

func TestLinksSeesWhatIsBroken(t *testing.T) {
	document := "# A heading, with `code`\n\n[a](#a-heading-with-code) [b](#none) [c](there.md#stand-in) [d](gone.md) [e](https://example.com/x)\n" +
		"`[f](none.md)`\n```\n[g](none.md)\n```\n"
	got := broken(".", document, func(path string) (string, error) {
		if path == "there.md" {
			return `## Died <a id="stand-in"></a>`, nil
		}
		return "", fs.ErrNotExist
	})
	want := []string{"#none: no such heading", "gone.md: file does not exist"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompleteConfigurations(t *testing.T) {
	binary := program(t)
	found := 0
	for _, path := range documents(t) {
		blocks, _ := split(read(t, path))
		for _, b := range blocks {
			if b.info != "yaml complete configuration" {
				continue
			}
			found++
			file := filepath.Join(t.TempDir(), "failoverd.yaml")
			if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(binary, "config", "check", "--elsewhere", file).CombinedOutput(); err != nil {
				t.Errorf("%s:%d: %v:\n%s", path, b.line, err, out)
			}
		}
	}
	if found == 0 {
		t.Error("no document shows a complete configuration")
	}
}
