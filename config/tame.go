package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// Bounds on a file's shape. Beyond them the parser's time grows with the square
// of the file (100,000 keys in one mapping took it 25 s) or its stack without
// bound, and no configuration is written that way.
const (
	maxDepth  = 16  // brackets within brackets
	maxColumn = 200 // of a key or a dash: bounds nesting by indentation
	maxKeys   = 300 // in one mapping
	maxEmpty  = 100 // keys and list entries without a value, in one file
)

// tame refuses, before anything is parsed, YAML that this file format does not
// use, each place reported, and shapes that would take the parser too long.
func tame(r *report, name string, tokens token.Tokens) bool {
	t := tamer{r: r, name: name}
	for i, tk := range tokens {
		if tk.Type == token.CommentType {
			continue
		}
		var next *token.Token
		for _, n := range tokens[i+1:] {
			if n.Type != token.CommentType {
				next = n
				break
			}
		}
		if !t.token(tk, next) {
			return false
		}
	}
	if len(t.open) > 0 {
		first := t.open[len(t.open)-1].start
		t.refuse(first, "the "+first.Value+" that begins here is not closed", "close it, and check the brackets in the lines below")
		return false
	}
	return !t.foreign
}

// tamer walks a file's tokens.
type tamer struct {
	r         *report
	name      string
	foreign   bool         // a construct was found that the parser is not asked to read
	last      *token.Token // the one before, a key's text when a colon follows
	open      []bracket    // that are not closed yet
	block     []level      // block mappings that are open, by column
	empty     int
	anchors   int
	documents int
	line      int // of the last anchor that was reported
}

type level struct{ column, keys int }

type bracket struct {
	start *token.Token
	keys  int
}

func (t *tamer) at(tk *token.Token) spot {
	return spot{file: t.name, line: max(tk.Position.Line, 1), column: max(tk.Position.Column, 1)}
}

func (t *tamer) refuse(tk *token.Token, problem, expect string) bool {
	t.r.error(t.at(tk), problem, expect)
	return false
}

// token looks at one token; false ends the walk.
func (t *tamer) token(tk, next *token.Token) bool {
	defer func() { t.last = tk }()
	switch tk.Type {
	case token.AnchorType, token.AliasType, token.MergeKeyType:
		// These are parsed all the same, so that the file's other problems are
		// found with them; the decoder passes over them.
		t.anchors++
		t.foreign = t.foreign || t.anchors > maxEmpty
		if t.line == tk.Position.Line {
			break // one line, one problem
		}
		t.line = tk.Position.Line
		t.refuse(tk, "anchors (&), aliases (*) and merge keys (<<) are not used here", "write the value out, or put what servers share into defaults")
	case token.TagType:
		t.foreign = true
		t.refuse(tk, "tags (!) are not used here", "write the value without it, in quotes if it begins with !")
	case token.MappingKeyType:
		t.foreign = true
		t.refuse(tk, "a key cannot begin with a question mark and a space", "write key: value")
	case token.DocumentHeaderType:
		if t.documents++; t.documents > maxEmpty {
			return t.refuse(tk, fmt.Sprintf("more than %d lines begin with ---", maxEmpty), "remove them: one file holds one document")
		}
	case token.DirectiveType:
		t.foreign = true
		t.refuse(tk, "directives (%) are not used here", "remove the line")
	case token.SequenceStartType, token.MappingStartType:
		if t.open = append(t.open, bracket{start: tk}); len(t.open) > maxDepth {
			return t.refuse(tk, fmt.Sprintf("brackets are nested more than %d deep", maxDepth), "remove the brackets that are too many")
		}
	case token.SequenceEndType, token.MappingEndType:
		if len(t.open) > 0 {
			t.open = t.open[:len(t.open)-1]
		}
	case token.SequenceEntryType:
		if len(t.open) == 0 && !t.enter(tk.Position.Column, tk) {
			return false
		}
		return t.filled(tk, tk.Position.Column+1, next)
	case token.CollectEntryType:
		if len(t.open) > 0 {
			return true
		}
	case token.MappingValueType:
		return t.key(tk, next)
	}
	return true
}

// enter leaves the block mappings that a dash or key in this column ends.
func (t *tamer) enter(column int, tk *token.Token) bool {
	if column > maxColumn {
		return t.refuse(tk, fmt.Sprintf("the nesting goes beyond column %d", maxColumn), "indent by two spaces, and check the dashes in this line")
	}
	for len(t.block) > 0 && t.block[len(t.block)-1].column > column {
		t.block = t.block[:len(t.block)-1]
	}
	return true
}

// key counts a key, at its colon, in the mapping that it belongs to.
func (t *tamer) key(colon, next *token.Token) bool {
	const few = "check that no line was repeated"
	if depth := len(t.open); depth > 0 {
		if t.open[depth-1].keys++; t.open[depth-1].keys > maxKeys {
			return t.refuse(colon, fmt.Sprintf("one mapping has more than %d keys", maxKeys), few)
		}
		return t.filled(colon, 0, next)
	}
	column := colon.Position.Column
	if t.last != nil && t.last.Position.Line == colon.Position.Line {
		column = t.last.Position.Column
	}
	if !t.enter(column, colon) {
		return false
	}
	if len(t.block) == 0 || t.block[len(t.block)-1].column < column {
		t.block = append(t.block, level{column: column})
	}
	top := &t.block[len(t.block)-1]
	if top.keys++; top.keys > maxKeys {
		return t.refuse(colon, fmt.Sprintf("one mapping has more than %d keys", maxKeys), few)
	}
	return t.filled(colon, column, next)
}

// filled counts the places where a value is missing: each makes the parser
// move all tokens behind it.
func (t *tamer) filled(tk *token.Token, column int, next *token.Token) bool {
	missing := next == nil || strings.Contains("]},-", next.Value) && next.Position.Line == tk.Position.Line ||
		next.Position.Line > tk.Position.Line && next.Position.Column <= column
	if missing && next != nil && next.Type == token.SequenceEntryType && tk.Type == token.MappingValueType && next.Position.Column >= column {
		missing = false // a list may stand in its key's own column
	}
	if missing {
		if t.empty++; t.empty > maxEmpty {
			return t.refuse(tk, fmt.Sprintf("more than %d keys or list entries have no value", maxEmpty), "give them values, or remove them")
		}
	}
	return true
}
