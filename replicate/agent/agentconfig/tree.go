package agentconfig

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	// maxFile is the largest file that is read, in bytes. The parser's time grows with the square of some files; within
	// this bound it stays below a second.
	maxFile = 16 << 10
	// maxDepth bounds the nesting of brackets, and with it the parser's stack.
	maxDepth = 16
	// maxIndent bounds the nesting by indentation.
	maxIndent = 100
)

// tree parses the text and returns the content of its only document, nil if something was reported.
func tree(r *report, data []byte) ast.Node {
	top := spot{line: 1, column: 1}
	if len(data) > maxFile {
		r.add(top, fmt.Sprintf("the file is larger than %d KiB", maxFile>>10), "remove what is not configuration")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !plain(r, data) {
		return nil
	}
	file, err := parse(data)
	if err != nil {
		r.syntax(data, err)
		return nil
	}
	if len(file.Docs) > 1 {
		at := top
		if start := file.Docs[1].Start; start != nil {
			at.line, at.column = start.Position.Line, start.Position.Column
		}
		r.add(at, "a second document begins here", "remove the line ---: one file holds one document")
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		r.add(top, "the file is empty", "write at least one key")
		return nil
	}
	return file.Docs[0].Body
}

// parse calls the library's parser, which has panicked on garbage in the past.
func parse(data []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the parser failed: %v", p)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// plain refuses what no editor writes into a configuration, at the first place in each line: bytes that are no UTF-8,
// control characters, tabs in the indentation, and nesting without end.
func plain(r *report, data []byte) bool {
	good, depth := true, 0
	for i, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		at := spot{line: i + 1, column: 1}
		refuse := func(column int, problem, expect string) {
			at.column = column
			r.add(at, problem, expect)
			good = false
		}
		indent := len(line) - len(bytes.TrimLeft(line, " -\t"))
		tab := bytes.IndexByte(line[:indent], '\t')
		switch bad := strings.IndexFunc(string(line), control); {
		case !utf8.Valid(line):
			refuse(1, "the line is no UTF-8", "save the file as UTF-8")
		case bad >= 0:
			refuse(bad+1, "the line holds a control character", "remove it")
		case tab >= 0 && len(bytes.TrimSpace(line)) > 0:
			refuse(tab+1, "the line is indented with a tab", "indent with spaces")
		case indent > maxIndent && len(bytes.TrimSpace(line)) > 0:
			refuse(1, "the line is indented too far", "indent by two spaces")
		}
		// Brackets in quotes and comments are counted as well: no path or command has so many of them.
		for column, c := range line {
			switch c {
			case '[', '{':
				if depth++; depth == maxDepth+1 {
					refuse(column+1, fmt.Sprintf("brackets are nested more than %d deep", maxDepth), "close the brackets above")
				}
			case ']', '}':
				depth = max(depth-1, 0)
			}
		}
	}
	return good
}

// control says whether a character has no place in a line of a configuration.
func control(c rune) bool {
	return c < ' ' && c != '\t' || c >= 0x7f && c < 0xa0
}

// syntax reports the parser's one error.
func (r *report) syntax(data []byte, err error) {
	at := spot{line: 1, column: 1}
	message := err.Error()
	var known yaml.Error
	if errors.As(err, &known) {
		message = known.GetMessage()
		if tk := known.GetToken(); tk != nil && tk.Position != nil {
			at.line, at.column = tk.Position.Line, tk.Position.Column
		}
	}
	at.line = min(max(at.line, 1), bytes.Count(data, []byte("\n"))+1)
	message, _, _ = strings.Cut(message, "\n")
	r.add(at, "this is no valid YAML ("+message+")", "check the indentation, colons, quotes and brackets here and in the lines above")
}
