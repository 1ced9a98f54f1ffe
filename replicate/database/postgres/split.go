package postgres

import (
	"regexp"
	"strings"
)

// split cuts a script into its statements at the semicolons that are between them: not those in quotes of any kind,
// in comments, or in the body of a routine that is written in SQL itself.
func split(script string) []string {
	var statements []string
	var s scanner
	start := 0
	for at := 0; at < len(script); {
		token := next(script[at:])
		at += len(token)
		if s.ends(token) {
			statements = add(statements, script[start:at-1])
			start = at
		}
	}
	return add(statements, script[start:])
}

// add adds a statement unless it says nothing.
func add(statements []string, statement string) []string {
	for rest := statement; rest != ""; {
		token := next(rest)
		rest = rest[len(token):]
		if strings.TrimSpace(token) != "" && !strings.HasPrefix(token, "--") && !strings.HasPrefix(token, "/*") {
			return append(statements, strings.TrimSpace(statement))
		}
	}
	return statements
}

// scanner follows the words of a statement as psql does: only the body of CREATE FUNCTION or PROCEDURE may hold
// semicolons, from BEGIN to END, with CASE ... END in it.
type scanner struct {
	words []string // the first ones
	depth int
}

// ends takes the next token and says whether the statement ends with it.
func (s *scanner) ends(token string) bool {
	if token == ";" {
		if s.depth > 0 {
			return false
		}
		*s = scanner{}
		return true
	}
	if !wordStart.MatchString(token) {
		return false
	}
	word := strings.ToUpper(token)
	if len(s.words) < 4 {
		s.words = append(s.words, word)
	}
	switch {
	case word == "BEGIN" && s.routine(), word == "CASE" && s.depth > 0:
		s.depth++
	case word == "END" && s.depth > 0:
		s.depth--
	}
	return false
}

// routine says whether the statement makes a function or a procedure.
func (s *scanner) routine() bool {
	words := s.words
	if len(words) == 0 || words[0] != "CREATE" {
		return false
	}
	words = words[1:]
	if len(words) > 1 && words[0] == "OR" && words[1] == "REPLACE" {
		words = words[2:]
	}
	return len(words) > 0 && (words[0] == "FUNCTION" || words[0] == "PROCEDURE")
}

// The forms of PostgreSQL's tokens, as far as they matter for where a statement ends.
var (
	wordStart   = regexp.MustCompile(`^[A-Za-z_\x80-\xff]`)
	wordToken   = regexp.MustCompile(`^[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*`)
	dollarToken = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$`)
)

// next is the first token of a text: a quoted text with its quotes, a comment, a word, or a single byte.
func next(text string) string {
	switch {
	case strings.HasPrefix(text, "--"):
		return upTo(text, 0, "\n")
	case strings.HasPrefix(text, "/*"):
		return comment(text)
	case (text[0] == 'e' || text[0] == 'E') && strings.HasPrefix(text[1:], "'"):
		return quoted(text, 1, true)
	case text[0] == '\'' || text[0] == '"':
		return quoted(text, 0, false)
	case text[0] == '$':
		if tag := dollarToken.FindString(text); tag != "" {
			return upTo(text, len(tag), tag)
		}
	}
	if word := wordToken.FindString(text); word != "" {
		return word
	}
	return text[:1]
}

// upTo is a text with the end that follows the position, all of it if there is none.
func upTo(text string, from int, end string) string {
	if i := strings.Index(text[from:], end); i >= 0 {
		return text[:from+i+len(end)]
	}
	return text
}

// quoted is a text in the quotes at the position. A doubled quote is read as the end of one and the begin of another.
func quoted(text string, from int, escapes bool) string {
	quote := text[from]
	for i := from + 1; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] == quote:
			return text[:i+1]
		}
	}
	return text
}

// comment is a comment with those that are in it.
func comment(text string) string {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return text[:i+1]
			}
		}
	}
	return text
}
