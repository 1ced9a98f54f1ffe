package tdstest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shape is what kind of token it is.
type shape int

const (
	word        shape = iota // a keyword or a name without quotes
	quoted                   // a name in brackets or double quotes
	literal                  // a text
	number                   // with or without a point or an exponent
	hexadecimal              // 0x...
	variable                 // @x
	global                   // @@X
	sign                     // an operator, a parenthesis, a comma
)

// lexeme is a token of T-SQL.
type lexeme struct {
	shape shape
	text  string // without quotes
	at    int    // where it begins in the batch
	end   int
	line  int // of the batch, from 1
}

// is tells whether a token is a keyword or a sign.
func (l lexeme) is(text string) bool {
	return (l.shape == word || l.shape == sign) && strings.EqualFold(l.text, text)
}

// names tells whether a token can be a name.
func (l lexeme) names() bool { return l.shape == word || l.shape == quoted }

// lex cuts a batch into tokens.
func lex(batch string) ([]lexeme, error) {
	var list []lexeme
	line := 1
	for at := 0; at < len(batch); {
		rest := batch[at:]
		first, size := utf8.DecodeRuneInString(rest)
		n, s, text := size, sign, ""
		switch {
		case first == '\n':
			line++
			at++
			continue
		case unicode.IsSpace(first) || first == '\uFEFF':
			at += size
			continue
		case strings.HasPrefix(rest, "--"):
			if n = strings.IndexByte(rest, '\n'); n < 0 {
				n = len(rest)
			}
			at += n
			continue
		case strings.HasPrefix(rest, "/*"):
			n = strings.Index(rest, "*/")
			if n < 0 {
				return nil, fault(113, 15, "Missing end comment mark '*/'.")
			}
			line += strings.Count(rest[:n], "\n")
			at += n + 2
			continue
		case first == '\'', (first == 'N' || first == 'n') && strings.HasPrefix(rest[1:], "'"):
			s, n = literal, strings.IndexByte(rest, '\'')
			text, n = enclosed(rest, n, '\'')
		case first == '[':
			s = quoted
			text, n = enclosed(rest, 0, ']')
		case first == '"':
			s = quoted
			text, n = enclosed(rest, 0, '"')
		case strings.HasPrefix(rest, "0x"):
			s, n = hexadecimal, span(rest, 2, func(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) })
			text = rest[2:n]
		case first >= '0' && first <= '9', first == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
			s, n = number, span(rest, 0, func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
			if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
				n = span(rest, n+2, func(r rune) bool { return r >= '0' && r <= '9' })
			}
			text = rest[:n]
		case strings.HasPrefix(rest, "@@"):
			s, n = global, span(rest, 2, named)
			text = rest[:n]
		case first == '@':
			s, n = variable, span(rest, 1, named)
			text = rest[:n]
		case named(first):
			s, n = word, span(rest, 0, named)
			text = rest[:n]
		default:
			for _, two := range []string{"<>", "<=", ">=", "!=", "+=", "-=", "::"} {
				if strings.HasPrefix(rest, two) {
					n = 2
				}
			}
			text = rest[:n]
		}
		if n < 0 {
			return nil, fault(105, 15, "Unclosed quotation mark after the character string '%.40s'.", rest)
		}
		list = append(list, lexeme{s, text, at, at + n, line})
		line += strings.Count(rest[:n], "\n")
		at += n
	}
	return list, nil
}

func named(r rune) bool {
	return r == '_' || r == '#' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// span is where the run of characters ends that begins at from.
func span(s string, from int, belongs func(rune) bool) int {
	for i, r := range s[min(from, len(s)):] {
		if !belongs(r) {
			return from + i
		}
	}
	return len(s)
}

// enclosed is what stands between the quote at from and the closing one, which counts as one of it where it is doubled.
// The end is -1 where there is none.
func enclosed(s string, from int, closing byte) (text string, end int) {
	var b strings.Builder
	for i := from + 1; i < len(s); i++ {
		switch {
		case s[i] != closing:
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == closing:
			b.WriteByte(closing)
			i++
		default:
			return b.String(), i + 1
		}
	}
	return "", -1
}

// statement is a part of a batch between two semicolons.
type statement []lexeme

// cut cuts a batch at its semicolons. What makes a module is all of its batch.
func cut(list []lexeme) []statement {
	if isModule(list) {
		for len(list) > 0 && list[len(list)-1].is(";") {
			list = list[:len(list)-1]
		}
		return []statement{list}
	}
	var out []statement
	first := 0
	for i, l := range append(list, lexeme{shape: sign, text: ";"}) {
		if !l.is(";") {
			continue
		}
		if i > first {
			out = append(out, list[first:i])
		}
		first = i + 1
	}
	return out
}

// isModule tells whether a batch makes a view, a trigger or a procedure.
func isModule(list []lexeme) bool {
	if len(list) < 2 || !list[0].is("CREATE") {
		return false
	}
	for _, kind := range []string{"VIEW", "TRIGGER", "PROCEDURE", "PROC"} {
		if list[1].is(kind) {
			return true
		}
	}
	return false
}

// String is the statement's words, for faults to match and for sys.dm_exec_requests.
func (s statement) String() string {
	var words []string
	for _, l := range s {
		words = append(words, l.text)
	}
	return strings.Join(words, " ")
}

// begins tells whether a statement begins with words.
func (s statement) begins(words ...string) bool {
	if len(s) < len(words) {
		return false
	}
	for i, w := range words {
		if !s[i].is(w) {
			return false
		}
	}
	return true
}

// parser goes through a statement. The first error stays.
type parser struct {
	rest []lexeme
	err  error
}

func (p *parser) peek() lexeme {
	if len(p.rest) == 0 {
		return lexeme{shape: sign}
	}
	return p.rest[0]
}

func (p *parser) next() lexeme {
	l := p.peek()
	if len(p.rest) > 0 {
		p.rest = p.rest[1:]
	}
	return l
}

// accept goes on where all of the words stand.
func (p *parser) accept(words ...string) bool {
	if !statement(p.rest).begins(words...) {
		return false
	}
	p.rest = p.rest[len(words):]
	return true
}

// expect wants the words to stand there.
func (p *parser) expect(words ...string) {
	if !p.accept(words...) {
		p.fail()
	}
}

func (p *parser) fail() {
	if p.err == nil {
		p.err = syntax(p.peek().text)
	}
}

func (p *parser) name() string {
	l := p.next()
	if !l.names() && p.err == nil {
		p.err = syntax(l.text)
	}
	return l.text
}

// object is a name with or without dbo before it.
func (p *parser) object() string {
	first := p.name()
	for p.accept(".") {
		first = p.name()
	}
	return first
}

// text is a literal, or a variable that holds one.
func (p *parser) text(variables map[string]any) string {
	switch l := p.next(); l.shape {
	case literal, number:
		return l.text
	case variable:
		return asText(variables[strings.ToLower(l.text)])
	default:
		if p.err == nil {
			p.err = syntax(l.text)
		}
		return ""
	}
}

// finished wants nothing more to stand there.
func (p *parser) finished() error {
	if p.err == nil && len(p.rest) > 0 {
		p.fail()
	}
	return p.err
}

// parenthesized takes what stands between a parenthesis and the one that closes it.
func (p *parser) parenthesized() []lexeme {
	p.expect("(")
	depth := 1
	for i, l := range p.rest {
		if l.is("(") {
			depth++
		}
		if l.is(")") {
			depth--
		}
		if depth == 0 {
			inside := p.rest[:i]
			p.rest = p.rest[i+1:]
			return inside
		}
	}
	if p.err == nil {
		p.err = syntax("(")
	}
	return nil
}

// separated cuts at the commas outside of parentheses.
func separated(tokens []lexeme) [][]lexeme {
	var out [][]lexeme
	depth, first := 0, 0
	for i, l := range tokens {
		switch {
		case l.is("("):
			depth++
		case l.is(")"):
			depth--
		case l.is(",") && depth == 0:
			out = append(out, tokens[first:i])
			first = i + 1
		}
	}
	if first < len(tokens) {
		out = append(out, tokens[first:])
	}
	return out
}

// identifier quotes a name for SQLite.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quote writes a value for SQLite.
func quote(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case int64:
		return fmt.Sprint(v)
	case []byte:
		return fmt.Sprintf("X'%X'", v)
	}
	return "'" + strings.ReplaceAll(asText(v), "'", "''") + "'"
}
