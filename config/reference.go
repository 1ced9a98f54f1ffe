package config

import (
	_ "embed"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed reference.yaml
var reference []byte

// Reference is the annotated configuration file that shows every key.
func Reference() []byte { return append([]byte(nil), reference...) }

// annotation is what reference.yaml says about one key, in the comment above it.
type annotation struct {
	path     string // as keysOf gives it
	defaults string // a value as it is written in YAML, or words in brackets
	meaning  string
}

// annotations reads the comments of reference.yaml, in the order of the keys.
// A key is annotated where it stands first; below a list, elements share keys.
func annotations(data []byte) ([]annotation, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, fmt.Errorf("parsing the reference: %w", err)
	}
	lines := strings.Split(string(data), "\n")
	var all []annotation
	seen := map[string]bool{}
	var walk func(n ast.Node, path string)
	walk = func(n ast.Node, path string) {
		if seq, ok := n.(*ast.SequenceNode); ok {
			for _, item := range seq.Values {
				walk(item, path+"[]")
			}
			return
		}
		pairs, _ := mapping(n)
		for _, p := range pairs {
			key := join(path, keyText(p))
			if a, ok := comment(lines, p.Key.GetToken().Position.Line); ok && !seen[key] {
				a.path, seen[key] = key, true
				all = append(all, a)
			}
			walk(p.Value, key)
		}
	}
	walk(file.Docs[0].Body, "")
	return all, nil
}

// comment reads the comment above a line (from 1): "Default: …" first, then
// the meaning.
func comment(lines []string, line int) (annotation, bool) {
	var words []string
	for i := line - 2; i >= 0; i-- {
		text, ok := strings.CutPrefix(strings.TrimSpace(lines[i]), "# ")
		if !ok {
			break
		}
		if value, first := strings.CutPrefix(text, "Default: "); first {
			return annotation{defaults: value, meaning: strings.Join(words, " ")}, true
		}
		words = append([]string{text}, words...)
	}
	return annotation{}, false
}

// WriteReference writes docs/configuration.md: every key with its default, its
// meaning, and whether a reload is enough for a change of it.
func WriteReference(w io.Writer) error {
	notes, err := annotations(reference)
	if err != nil {
		return err
	}
	by := map[string]annotation{}
	for _, a := range notes {
		by[a.path] = a
	}
	var b strings.Builder
	b.WriteString(referenceHead)
	keysOf(reflect.TypeFor[rawFile](), "", func(path string) {
		a, ok := by[path]
		if !ok {
			return
		}
		if !strings.Contains(path, ".") {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | default | meaning | takes effect by |\n| --- | --- | --- | --- |\n", path, a.meaning)
			if path == "defaults" {
				b.WriteString("| every key of `servers[]` but names and addresses | | as in `servers[]` | reload |\n")
			}
			return
		}
		effect := "reload"
		if NeedsRestart(path) {
			effect = "**restart**"
		}
		value := strings.TrimSuffix(strings.TrimPrefix(a.defaults, "("), ")")
		if value == a.defaults {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", path, cell(value), cell(a.meaning), effect)
	})
	b.WriteString(referenceOptions)
	for _, key := range optionKeys {
		fmt.Fprintf(&b, "- `%s`\n", key)
	}
	b.WriteString("\n## The annotated file\n\n```yaml\n")
	b.Write(reference)
	b.WriteString("```\n")
	_, err = io.WriteString(w, b.String())
	return err
}

const referenceHead = `# Configuration reference

<!-- Generated from config/reference.yaml; do not edit. go test ./config -run Docs -update writes it anew. -->

The main file is ` + "`/etc/failoverd/failoverd.yaml`" + `; a server may have a file of its own,
` + "`servers.d/NAME.yaml`" + ` beside it, with the keys of one entry of ` + "`servers`" + `; and some keys are [options](#options).
` + "`failoverd config check`" + ` says what the files mean, or everything that is wrong with them.
` + "`failoverd reload`" + ` takes changes over, all or nothing; those marked **restart** wait for a restart of the service.

- Durations have a unit: ` + "`500ms`, `2s`, `5m`, `36h`" + `. Times of day are written in quotes: ` + "`\"07:00\"`" + `.
- Addresses are written in numbers, never as names. Commands are lists; no shell is involved.
- A key that is unknown, written twice or empty is an error. Anchors, aliases and tags of YAML are not used.
- A file has at most 1 MiB. Secrets are files with mode 0600, variables, or systemd credentials.
`

const referenceOptions = `
## Options

These keys may also be set by ` + "`failoverd config set`" + `, over the API and in the console. They are kept in a file of their own,
` + "`options.d/options.yaml`" + ` beside the main file, and hold instead of what is written there, key by key; lists are taken whole.
Every other key in that file is an error. ` + "`failoverd config options`" + ` says where each is written.

`

// cell makes a text fit for a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
