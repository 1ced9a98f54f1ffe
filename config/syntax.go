package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// tree parses one file and gives its only document's content. It reports what
// is wrong with the text or its syntax and gives nil then.
func tree(r *report, src Source) ast.Node {
	at := spot{file: src.Name, line: 1, column: 1}
	if len(src.Data) > maxFile {
		r.error(at, "the file is larger than 1 MiB", "put servers into files of their own in servers.d")
		return nil
	}
	data := bytes.TrimPrefix(src.Data, []byte("\ufeff"))
	if !plainText(r, src.Name, data) {
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if !tame(r, src.Name, tokens) {
		return nil
	}
	file, err := parseTokens(tokens)
	if err != nil {
		reportSyntax(r, src.Name, data, err)
		return nil
	}
	var body ast.Node
	for i, doc := range file.Docs {
		if i > 0 {
			at := spot{file: src.Name, line: 1, column: 1}
			if doc.Start != nil {
				at.line, at.column = doc.Start.Position.Line, doc.Start.Position.Column
			}
			r.error(at, "a second document begins here", "remove the line ---: one file holds one document")
			continue
		}
		body = doc.Body
	}
	if body == nil {
		r.error(at, "the file is empty", "write at least one key")
		return nil
	}
	return body
}

// parseTokens calls the library's parser. It has panicked on garbage in the
// past; a configuration file must not be able to end the daemon.
func parseTokens(tokens token.Tokens) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("parsing: the parser failed: %v", p)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// plainText refuses bytes that are no UTF-8 and control characters, at the
// first one of each line.
func plainText(r *report, name string, data []byte) bool {
	good := true
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		r.error(spot{file: name, line: 1, column: 1}, "the file is in UTF-16", "save it as UTF-8")
		return false
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		column := 0
		for len(line) > 0 {
			column++
			c, size := utf8.DecodeRune(line)
			at := spot{file: name, line: i + 1, column: column}
			if c == utf8.RuneError && size == 1 {
				r.errorf(at, "save the file as UTF-8", "byte 0x%02x in column %d is no UTF-8", line[0], column)
				good = false
				break
			}
			if c < ' ' && c != '\t' && c != '\r' || c >= 0x7f && c < 0xa0 {
				r.errorf(at, "remove it", "control character 0x%02x in column %d", c, column)
				good = false
				break
			}
			line = line[size:]
		}
	}
	return good
}

// Syntax that goccy's parser has answered with an error, in the words of people.
var syntaxErrors = []struct{ message, problem, expect string }{
	{"sequence end token ']'", "the list that begins here has no ]", "close it"},
	{"flow mapping end token '}'", "the { that begins here has no }", "close it"},
	{"end character of single-quoted", "the quote ' that begins here is not closed", "close it"},
	{"end character of double-quoted", "the quote \" that begins here is not closed", "close it"},
	{"map key-value is pre-defined", "something stands after the end of the value", "put the whole value in quotes, and begin a key on a line of its own"},
	{"mapping value is not allowed", "a key stands where it cannot: wrong indentation, or a second colon in one line", "indent each key exactly like its neighbours, and put a value that holds a colon and a space in quotes"},
	{"non-map value is specified", "a line that is no key: value", "write a space after the colon of a key and after the dash of a list entry"},
	{"block sequence entries are not allowed", "a list cannot begin on the key's own line", "begin each entry on a line of its own, or write [a, b]"},
	{"is a reserved character", "the value begins with a reserved character", "put it in quotes"},
	{"unexpected directive", "a value cannot begin with %", "put it in quotes"},
	{"unexpected key name", "a colon without a key", "write the key before the colon"},
	{"value is not allowed in this context", "something stands where a key is expected", "check the indentation and the brackets above"},
	{"invalid key for this map", "a list or a mapping cannot be a key", "write a plain key"},
	{"invalid header option", "text stands after | or >", "put the value in quotes, on one line"},
	{"sequence element", "the list has an entry with nothing in it", "remove the extra comma"},
	{"unexpected scalar value type", "the list has an entry with nothing in it", "remove the extra comma"},
}

// quoted matches what a syntax error may repeat from the file, which may be a
// part of a password.
var quoted = regexp.MustCompile(`:? *["'` + "`" + `].*`)

// reportSyntax reports the parser's one error. Tabs in the indentation are the
// usual cause and are all reported then.
func reportSyntax(r *report, name string, data []byte, err error) {
	tabs := false
	for i, line := range strings.Split(string(data), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if col := strings.IndexByte(indent, '\t'); col >= 0 && strings.TrimSpace(line) != "" {
			r.error(spot{file: name, line: i + 1, column: col + 1}, "the line is indented with a tab", "indent with spaces")
			tabs = true
		}
	}
	if tabs {
		return
	}
	at := spot{file: name, line: 1, column: 1}
	message := ""
	var known yaml.Error
	if errors.As(err, &known) {
		message = known.GetMessage()
		if tk := known.GetToken(); tk != nil && tk.Position != nil {
			at.line, at.column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
			// Lines that continue a plain value belong to its token: the
			// mistake is in the last of them.
			if tk.Type == token.StringType && strings.Contains(message, "mapping value") {
				at.line += strings.Count(strings.TrimSpace(tk.Origin), "\n")
			}
		}
	}
	for _, s := range syntaxErrors {
		if strings.Contains(message, s.message) {
			r.error(at, s.problem, s.expect)
			return
		}
	}
	if message = quoted.ReplaceAllString(message, ""); message != "" {
		message = " (" + message + ")"
	}
	r.error(at, "this is no valid YAML"+message, "check the indentation, quotes and brackets here and in the lines above")
}
