package agentconfig

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// value is one node of the file, and where it stands.
type value struct {
	r    *report
	node ast.Node
	at   spot
}

// key is one key that a section may hold, and what reads its value.
type key struct {
	name string
	read func(value)
}

// refuse reports the value.
func (v value) refuse(problem, expect string) { v.r.add(v.at, problem, expect) }

// section reads a mapping. Keys that are unknown or written twice are reported, and the others are read all the same.
// It returns which keys were written; nil if the value is no mapping.
func (v value) section(keys ...key) map[string]bool {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
		v.r.known[join(generic(v.at.key), k.name)] = true
	}
	pairs, ok := mapping(v.node)
	if !ok {
		switch v.node.(type) {
		case *ast.NullNode, nil:
			v.refuse("there is nothing below the key", "write keys below it, such as "+names[0]+", or remove it")
		case *ast.SequenceNode:
			v.refuse("a list stands where keys are expected", "write keys such as "+names[0]+", without a dash")
		default:
			v.refuse("a value stands where keys are expected", "write keys below it: "+strings.Join(names, ", ")+"; after the colon of a key stands a space")
		}
		return nil
	}
	written := map[string]bool{}
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		child := value{r: v.r, node: pair.Value, at: place(pair.Key, v.at)}
		child.at.key = join(v.at.key, printable(name))
		if written[name] {
			child.refuse("the key is written twice", "keep one of the two")
			continue
		}
		written[name] = true
		read := func(value) { child.refuse("unknown key", suggest(name, names)) }
		for _, k := range keys {
			if k.name == name {
				read = k.read
			}
		}
		read(child)
	}
	return written
}

// list calls read for each element of a list.
func (v value) list(example string, read func(value)) {
	items, ok := v.node.(*ast.SequenceNode)
	if !ok {
		v.refuse("the value is not a list", "write "+example)
		return
	}
	const most = 1000
	if len(items.Values) > most {
		v.refuse(fmt.Sprintf("the list has %d entries", len(items.Values)), fmt.Sprintf("write at most %d", most))
		return
	}
	for i, item := range items.Values {
		child := value{r: v.r, node: item, at: place(item, v.at)}
		child.at.key = v.at.key + "[" + elementName(item, i) + "]"
		read(child)
	}
}

// text reads one plain value.
func (v value) text(example string) (string, bool) {
	var s string
	switch n := v.node.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		s = n.GetToken().Value
	case *ast.LiteralNode:
		v.refuse("the value goes over several lines", "write one line: "+example)
		return "", false
	case *ast.BoolNode:
		v.refuse(n.GetToken().Value+" is a truth value, not text", "write it in quotes if it is meant, or "+example)
		return "", false
	case *ast.NullNode, nil:
		v.refuse("the key has no value", "write "+example+", or remove the key")
		return "", false
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		v.refuse("anchors (&), aliases (*) and tags (!) are not used here", "write the value out, in quotes if it begins so: "+example)
		return "", false
	default:
		v.refuse("a list or keys stand where one value is expected", "write "+example)
		return "", false
	}
	// An escape in quotes can hold what the file itself may not.
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return control(c) || c == '\t' }) {
		v.refuse(show(s)+" is empty or holds control characters", "write "+example)
		return "", false
	}
	return s, true
}

// truth reads true or false.
func (v value) truth(into *bool) {
	b, ok := v.node.(*ast.BoolNode)
	if !ok {
		v.refuse("the value is no truth value", "write true or false")
		return
	}
	*into = b.Value
}

// duration reads a duration from least to most.
func (v value) duration(into *time.Duration, least, most time.Duration) {
	s, ok := v.text("a duration such as 300ms, 30s, 10m or 2h")
	if !ok {
		return
	}
	d, err := time.ParseDuration(s)
	switch _, isNumber := strconv.ParseFloat(s, 64); {
	case isNumber == nil:
		v.refuse(show(s)+" has no unit", "write "+s+"s (units: ms, s, m, h)")
	case err != nil:
		v.refuse(show(s)+" is not a duration", "write a duration such as 300ms, 30s, 10m or 2h")
	case d < least || d > most:
		v.refuse(s+" is out of range", fmt.Sprintf("write %s to %s", brief(least), brief(most)))
	default:
		*into = d
	}
}

// brief prints a duration without the zero units that the language adds.
func brief(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "m0s")
	if s != d.String() {
		s += "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}

// mapping gives the pairs of a mapping, which the library keeps in two forms.
func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// place is where a node stands; one without a token stands where its parent does. A mapping's token is its first colon,
// but people look at its first key.
func place(n ast.Node, parent spot) spot {
	if pairs, ok := mapping(n); ok && len(pairs) > 0 {
		n = pairs[0].Key
	}
	if n != nil && n.GetToken() != nil && n.GetToken().Position != nil {
		p := n.GetToken().Position
		return spot{line: max(p.Line, 1), column: max(p.Column, 1)}
	}
	return spot{line: parent.line, column: parent.column}
}

// elementName is what a list's element is called in messages: its name if it has a usable one, else its index from 0.
func elementName(n ast.Node, i int) string {
	pairs, _ := mapping(n)
	for _, p := range pairs {
		if s, ok := p.Value.(*ast.StringNode); ok && p.Key.GetToken().Value == "name" && names.MatchString(s.Value) {
			return s.Value
		}
	}
	return strconv.Itoa(i)
}

// printable makes any text fit to stand in a path of keys.
func printable(key string) string {
	if names.MatchString(key) {
		return key
	}
	return show(key)
}

// generic takes the elements' names out of a path of keys: trees[vm].name is trees[].name.
func generic(path string) string {
	var b strings.Builder
	for rest := path; ; {
		before, after, found := strings.Cut(rest, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("[]")
		_, rest, _ = strings.Cut(after, "]")
	}
}

// suggest says what an unknown key may have meant.
func suggest(key string, names []string) string {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
	}
	for _, name := range names {
		a, b := plain(key), plain(name)
		if a == b || len(a) > 3 && len(a) < 40 && slips(a, b) <= 2 {
			return "did you mean " + name + "?"
		}
	}
	return "the keys here are " + strings.Join(names, ", ")
}

// slips counts the insertions, deletions and replacements that turn a into b.
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
