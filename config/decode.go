package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills raw types from one file's syntax tree. The library's own
// decoder stops at the first mistake; this one reports each and goes on.
type decoder struct {
	r       *report
	file    string
	shared  bool // readable by group or others
	secrets []secretSpot
}

// value fills v, a leaf or a structure, from n.
func (d *decoder) value(v reflect.Value, n ast.Node, at spot) {
	if l, ok := v.Addr().Interface().(leaf); ok {
		l.place(at)
		l.decode(d, n)
		return
	}
	d.section(v, n, at)
}

// section fills the structure v from a mapping. Unknown keys and keys that are
// written twice are reported, and the others are read all the same.
func (d *decoder) section(v reflect.Value, n ast.Node, at spot) {
	self := v.Addr().Interface().(placed)
	pairs, ok := mapping(n)
	if !ok {
		at.bad = true
		self.place(at)
		d.notMapping(v.Type(), n, at)
		return
	}
	self.place(at)
	seen := map[string]spot{}
	for _, p := range pairs {
		key := keyText(p)
		here := d.spotOf(p.Key, at, join(at.key, printable(key)))
		if first, twice := seen[key]; twice {
			d.r.errorf(here, "keep one of the two", "the key is written twice, first in line %d", first.line)
			continue
		}
		seen[key] = here
		if _, isMerge := p.Key.(*ast.MergeKeyNode); isMerge {
			continue // reported before anything was parsed
		}
		field, known := fieldFor(v, key)
		if !known {
			d.r.error(here, "unknown key", suggest(v.Type(), key))
			continue
		}
		d.value(field, p.Value, here)
	}
}

// notMapping says what stands where keys were expected.
func (d *decoder) notMapping(t reflect.Type, n ast.Node, at spot) {
	expect := "write keys below it, such as " + strings.Join(keyNames(t, 3), ", ")
	switch v := n.(type) {
	case *ast.SequenceNode:
		d.r.error(at, "a list stands where keys are expected", expect+", without dashes")
	case *ast.NullNode, nil:
		d.r.error(at, "there is nothing below the key", expect+"; or remove the key")
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		// The construct itself was reported already.
	default:
		if s, ok := scalarText(v); ok && strings.Contains(s, ":") {
			expect = "write a space after the colon of a key"
		}
		at = d.spotOf(n, at, at.key)
		d.r.error(at, "a value stands where keys are expected", expect)
	}
}

// scalar gives the text of a plain value as it was written. Anything else is
// reported and marks s as bad.
func (d *decoder) scalar(n ast.Node, s *spot, expect string) (string, bool) {
	value, ok := scalarText(n)
	if ok {
		return value, true
	}
	s.bad = true
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
	case *ast.NullNode, nil:
		if strings.HasSuffix(s.key, "]") {
			d.r.error(*s, "the list entry is empty", expect+", or remove the entry")
			break
		}
		d.r.error(*s, "the key has no value", expect+", or remove the key")
	case *ast.SequenceNode:
		d.r.error(*s, "a list stands where one value is expected", expect)
	default:
		d.r.error(*s, "keys stand where a value is expected", expect)
	}
	return "", false
}

func scalarText(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(n.GetToken().Value), true
	}
	return "", false
}

// spotOf is where n stands; a node without a token stands where its parent does.
func (d *decoder) spotOf(n ast.Node, parent spot, key string) spot {
	at := spot{file: d.file, line: parent.line, column: parent.column, key: key}
	// A mapping's token is its first colon: its first key is what people see.
	if pairs, ok := mapping(n); ok && len(pairs) > 0 {
		n = pairs[0].Key
	}
	if n != nil {
		if tk := n.GetToken(); tk != nil && tk.Position != nil {
			at.line, at.column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
		}
	}
	return at
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

func keyText(p *ast.MappingValueNode) string {
	if p.Key == nil || p.Key.GetToken() == nil {
		return ""
	}
	return p.Key.GetToken().Value
}

// printable makes any text fit to stand in a key path.
func printable(key string) string {
	if isName(key) {
		return key
	}
	return show(key)
}

// fieldFor finds the field of v that a key fills.
func fieldFor(v reflect.Value, key string) (reflect.Value, bool) {
	if key == "" {
		return reflect.Value{}, false
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keyNames lists the first keys of a structure, all of them for most < 0.
func keyNames(t reflect.Type, most int) []string {
	var names []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && len(names) != most {
			names = append(names, key)
		}
	}
	return names
}

// merge fills what v does not have from the defaults in base, key by key, at
// every depth. Lists are taken whole. Where keys exclude each other, one that
// v has keeps all of base's others away.
func merge(v, base reflect.Value) {
	self := v.Addr().Interface().(placed)
	if !self.where().set() {
		self.place(base.Addr().Interface().(placed).where())
	}
	taken := map[string]bool{}
	for i := range v.NumField() {
		if group := v.Type().Field(i).Tag.Get("either"); group != "" && v.Field(i).Addr().Interface().(placed).where().set() {
			taken[group] = true
		}
	}
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		if tag.Get("yaml") == "" {
			continue
		}
		field, from := v.Field(i), base.Field(i)
		written := field.Addr().Interface().(placed).where().set()
		if !written && taken[tag.Get("either")] {
			continue
		}
		if _, isLeaf := field.Addr().Interface().(leaf); !isLeaf {
			merge(field, from)
		} else if !written {
			field.Set(from)
		}
	}
}

// suggest says what an unknown key may have meant.
func suggest(t reflect.Type, key string) string {
	names := keyNames(t, -1)
	if near := nearest(key, names); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	var elsewhere []string
	keysOf(reflect.TypeFor[rawFile](), "", func(path string) {
		if path == key || strings.HasSuffix(path, "."+key) && !strings.HasPrefix(path, "defaults.") {
			elsewhere = append(elsewhere, path)
		}
	})
	if len(elsewhere) > 0 && len(elsewhere) <= 3 {
		return "it belongs at " + strings.Join(elsewhere, " or ")
	}
	return "the keys here are " + strings.Join(names, ", ")
}
