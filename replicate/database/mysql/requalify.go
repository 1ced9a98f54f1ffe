package mysql

import "bytes"

// requalified is a statement in which the names that are in one schema are in another one, and whether that is clear:
// where the schema's name stands for something else as well, such as a table's alias, it is not.
func requalified(statement []byte, from, to string) (changed []byte, clear bool) {
	clear = true
	var out []byte
	for i := 0; i < len(statement); {
		end := token(statement, i)
		word := statement[i:end]
		named := string(word) == from && i > 0 && statement[i-1] != '@' && statement[i-1] != '.' ||
			string(word) == ident(from)
		switch {
		case named && bytes.HasPrefix(statement[end:], []byte(".")):
			word = []byte(ident(to))
		case named:
			clear = false
		}
		out = append(out, word...)
		i = end
	}
	return out, clear
}

// token is where the token that begins at i ends: a name, something in quotes, a comment, or a single byte.
func token(statement []byte, i int) int {
	rest := statement[i:]
	until := func(mark string) int {
		if n := bytes.Index(rest, []byte(mark)); n >= 0 {
			return i + n + len(mark)
		}
		return len(statement)
	}
	switch c := rest[0]; {
	case c == '`' || c == '\'' || c == '"':
		return quotedEnd(statement, i)
	case c == '#' || bytes.HasPrefix(rest, []byte("-- ")) || bytes.HasPrefix(rest, []byte("--\t")):
		return until("\n")
	case bytes.HasPrefix(rest, []byte("/*")) && !bytes.HasPrefix(rest, []byte("/*!")):
		return until("*/")
	}
	end := i
	for end < len(statement) && nameByte(statement[end]) {
		end++
	}
	return max(end, i+1)
}

// nameByte says whether a byte may be in a name without quotes.
func nameByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// quotedEnd is where what is quoted from i on has ended.
func quotedEnd(statement []byte, i int) int {
	quote := statement[i]
	for i++; i < len(statement); i++ {
		switch {
		case statement[i] == '\\' && quote != '`':
			i++
		case statement[i] == quote && i+1 < len(statement) && statement[i+1] == quote:
			i++
		case statement[i] == quote:
			return i + 1
		}
	}
	return len(statement)
}
