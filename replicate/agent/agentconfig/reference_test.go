package agentconfig

import (
	"bytes"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/google/go-cmp/cmp"
)

// annotations returns the default of each key of the reference, as the comment above the key tells it.
func annotations(t *testing.T) map[string]string {
	t.Helper()
	// One key stands in a comment, because it excludes the one below it. No parser minds the two together.
	text := strings.Replace(string(Reference()), "# units: ", "units: ", 1)
	lines := strings.Split(text, "\n")
	notes := map[string]string{}
	var walk func(n ast.Node, path string)
	walk = func(n ast.Node, path string) {
		if items, ok := n.(*ast.SequenceNode); ok {
			for _, item := range items.Values {
				walk(item, path+"[]")
			}
		}
		pairs, _ := mapping(n)
		for _, p := range pairs {
			name := join(path, p.Key.GetToken().Value)
			// Above the key stands its meaning, of at least one line, and above that its default.
			for i := p.Key.GetToken().Position.Line - 2; i > 0 && strings.HasPrefix(strings.TrimSpace(lines[i]), "# "); i-- {
				if value, ok := strings.CutPrefix(strings.TrimSpace(lines[i-1]), "# Default: "); ok {
					notes[name] = value
				}
			}
			walk(p.Value, name)
		}
	}
	file, err := parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	walk(file.Docs[0].Body, "")
	return notes
}

func TestReferenceAnnotatesEveryKey(t *testing.T) {
	r := &report{file: "reference.yaml", known: map[string]bool{}}
	if _, err := r.config(Reference()); err != nil {
		t.Fatal(err)
	}
	notes := annotations(t)
	for path := range r.known {
		if notes[path] == "" {
			t.Errorf("%s can be written and is not annotated in the reference", path)
		}
	}
	for path := range notes {
		if !r.known[path] {
			t.Errorf("%s is annotated and cannot be written", path)
		}
	}
	if len(notes) < 25 {
		t.Errorf("only %d keys are annotated", len(notes))
	}
}

// required has every section, and in each only what must be there.
const required = `
trees: [{name: vm, directory: /srv/vm}]
backups: [{name: ct, directory: /srv/ct}]
databases: [{name: calls, file: /srv/calls.db}]
application: {start: {units: [ct.service]}}
discover: {}
`

// TestReferenceTellsTheDefaults writes each annotated default where the key is absent. It must mean the same; and
// another value must not, or the key means nothing.
func TestReferenceTellsTheDefaults(t *testing.T) {
	want := mustParse(t, required)
	others := map[string]any{
		"listen": "127.0.0.1:1", "data_dir": "/x", "trees[].writable": true, "discover.directories": []string{}, "discover.ports": []int{9},
	}
	checked := 0
	for path, text := range annotations(t) {
		if strings.HasPrefix(text, "(") {
			continue
		}
		checked++
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%s: default %q: %v", path, text, err)
		}
		if diff := cmp.Diff(want, mustParse(t, with(t, path, value)), sameMeaning); diff != "" {
			t.Errorf("%s: %s is not its default (-absent +written):\n%s", path, text, diff)
		}
		other, ok := others[path]
		if !ok {
			other = "29s"
		}
		if cmp.Equal(want, mustParse(t, with(t, path, other)), sameMeaning) {
			t.Errorf("%s: %v changes nothing", path, other)
		}
	}
	if checked < 8 {
		t.Errorf("only %d defaults were compared", checked)
	}
}

// with gives the required configuration with one more key.
func with(t *testing.T, path string, value any) string {
	t.Helper()
	var root map[string]any
	if err := yaml.Unmarshal([]byte(required), &root); err != nil {
		t.Fatal(err)
	}
	at := root
	keys := strings.Split(path, ".")
	for _, k := range keys[:len(keys)-1] {
		name, isList := strings.CutSuffix(k, "[]")
		next := at[name]
		if isList {
			next = next.([]any)[0]
		}
		at = next.(map[string]any)
	}
	at[keys[len(keys)-1]] = value
	text, err := yaml.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReferenceCannotBeChanged(t *testing.T) {
	Reference()[0] = 'x'
	if bytes.HasPrefix(Reference(), []byte("x")) {
		t.Error("a caller changed the reference")
	}
}
