package sqlite

import "strings"

// split cuts a script into its statements, as SQLite's own shell does: at a semicolon, but not in quotes or comments,
// and in a trigger's definition only at the one after its END.
func split(script string) []string {
	var list []string
	var words []string // of the statement, in upper case, as far as they decide
	start := 0
	for i := 0; i < len(script); {
		n := token(script[i:])
		text := script[i : i+n]
		i += n
		switch {
		case text == ";" && !within(words):
			if len(words) > 0 {
				list = append(list, strings.TrimSpace(script[start:i]))
			}
			start, words = i, nil
		case text == ";":
			words = append(words, ";")
		case letter(text[0]):
			words = append(words, strings.ToUpper(text))
		case strings.TrimSpace(text) != "" && !comment(text):
			words = append(words, "?")
		}
	}
	if len(words) > 0 {
		list = append(list, strings.TrimSpace(script[start:]))
	}
	return list
}

// within says whether a semicolon after these words is one inside a trigger's definition.
func within(words []string) bool {
	if len(words) > 0 && words[0] == "EXPLAIN" {
		words = words[1:]
	}
	if len(words) < 2 || words[0] != "CREATE" {
		return false
	}
	rest := words[1:]
	if rest[0] == "TEMP" || rest[0] == "TEMPORARY" {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] != "TRIGGER" {
		return false
	}
	// It ends with a semicolon, END and this semicolon.
	n := len(rest)
	return n < 2 || rest[n-1] != "END" || rest[n-2] != ";"
}

// token is how long the first token of a text is: a word, something in quotes, a comment, or one character.
func token(text string) int {
	quoted := func(end string, from int) int {
		if i := strings.Index(text[from:], end); i >= 0 {
			return from + i + len(end)
		}
		return len(text)
	}
	switch c := text[0]; {
	case c == '\'' || c == '"' || c == '`':
		return quoted(string(c), 1) // A doubled quote begins the next token, which is one in quotes again.
	case c == '[':
		return quoted("]", 1)
	case strings.HasPrefix(text, "--"):
		return quoted("\n", 2)
	case strings.HasPrefix(text, "/*"):
		return quoted("*/", 2)
	case letter(c):
		n := 1
		for n < len(text) && (letter(text[n]) || text[n] >= '0' && text[n] <= '9') {
			n++
		}
		return n
	}
	return 1
}

// letter says whether a word can begin so.
func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// comment says whether a token is one.
func comment(text string) bool {
	return strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*")
}
