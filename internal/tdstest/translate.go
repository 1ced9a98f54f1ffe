package tdstest

import (
	"fmt"
	"strings"
)

// scope is what a translation needs to know of where a statement is run.
type scope struct {
	variables map[string]any // by their names in lower case, with the @
	call      func(name string, args []any) (value any, known bool, err error)
	next      func(sequence string) (int64, error)
	global    func(name string) (any, bool)
	inserted  map[string]string // in a trigger: what stands for the tables inserted and deleted
	views     map[string]bool   // the system's views that were met
}

// translate writes a query, or a statement that changes rows, as SQLite understands it.
func (sc *scope) translate(tokens []lexeme) (string, error) {
	var out []string
	limit := ""
	for i := 0; i < len(tokens); i++ {
		l := tokens[i]
		after := func(n int) lexeme {
			if i+n < len(tokens) {
				return tokens[i+n]
			}
			return lexeme{shape: sign}
		}
		switch {
		case l.shape == literal:
			out = append(out, quote(l.text))
		case strings.EqualFold(l.text, "dbo") && l.names() && after(1).is("."):
			i++
		case l.shape == quoted:
			out = append(out, identifier(l.text))
		case l.shape == hexadecimal:
			if len(l.text)%2 != 0 {
				l.text = "0" + l.text
			}
			out = append(out, "X'"+l.text+"'")
		case l.shape == variable:
			v, known := sc.variables[strings.ToLower(l.text)]
			if !known {
				return "", fault(137, 15, "Must declare the scalar variable \"%s\".", l.text)
			}
			out = append(out, quoteExact(v))
		case l.shape == global:
			v, known := sc.global(strings.ToUpper(l.text))
			if !known {
				return "", syntax(l.text)
			}
			out = append(out, quote(v))
		case l.shape == number:
			out = append(out, exact(out, l.text))
		case l.is("TOP"):
			n := after(1)
			i++
			if n.is("(") {
				n = after(1)
				i += 2
			}
			limit = " LIMIT " + n.text
		case l.is("NEXT") && after(1).is("VALUE") && after(2).is("FOR"):
			p := parser{rest: tokens[i+3:]}
			name := p.object()
			n, err := sc.next(name)
			if err != nil {
				return "", err
			}
			out = append(out, fmt.Sprint(n))
			i = len(tokens) - len(p.rest) - 1
		case l.is("CONVERT") && after(1).is("("), l.is("CAST") && after(1).is("("):
			p := parser{rest: tokens[i+1:]}
			text, err := sc.convert(l, p.parenthesized())
			if err != nil {
				return "", err
			}
			out = append(out, text)
			i = len(tokens) - len(p.rest) - 1
		case l.is("DATEDIFF") && after(1).is("("):
			out = append(out, "tsql_datediff", "(", quote(after(2).text))
			i += 2
		case l.names() && after(1).is(".") && after(2).names() && after(3).is("(") && l.is("sys"):
			// A function of rows, as sys.dm_os_volume_stats: one view for all arguments.
			p := parser{rest: tokens[i+3:]}
			p.parenthesized()
			out = append(out, sc.view("sys."+after(2).text))
			i = len(tokens) - len(p.rest) - 1
		case (l.is("sys") || l.is("INFORMATION_SCHEMA")) && after(1).is("."):
			out = append(out, sc.view("sys."+after(2).text))
			i += 2
		case l.is("msdb") && after(1).is(".") && after(3).is("."):
			out = append(out, sc.view("msdb."+after(4).text))
			i += 4
		case sc.inserted[strings.ToLower(l.text)] != "" && !after(1).is("."):
			out = append(out, sc.inserted[strings.ToLower(l.text)], "AS", l.text)
		case l.shape == word && after(1).is("("):
			text, skip, err := sc.function(l.text, tokens[i+1:])
			if err != nil {
				return "", err
			}
			out = append(out, text)
			i += skip
		case l.is("WITH") && after(1).is("(") && after(2).is("NOLOCK"):
			i += 3
		case l.is("CURRENT_TIMESTAMP"):
			out = append(out, sqliteNow)
		default:
			out = append(out, l.text)
		}
	}
	return strings.Join(out, " ") + limit, nil
}

// sqliteNow is the present instant as the tables hold it.
const sqliteNow = "strftime('%Y-%m-%dT%H:%M:%f', 'now')"

// view notes that a view of the system is asked, and gives the name of the table that stands for it.
func (sc *scope) view(name string) string {
	name = strings.ToLower(name)
	sc.views[name] = true
	return `temp.` + identifier(name)
}

// exact writes a number so that none of its digits are lost: as a text where it has a point and no exponent, since
// the tables hold decimals as texts. A sign before it goes into the text.
func exact(out []string, text string) string {
	if !strings.Contains(text, ".") || strings.ContainsAny(text, "eE") {
		return text
	}
	n := len(out)
	if n > 1 && out[n-1] == "-" && (out[n-2] == "(" || out[n-2] == ",") {
		out[n-1] = ""
		text = "-" + text
	}
	return "'" + text + "'"
}

func quoteExact(v any) string {
	if f, is := v.(float64); is {
		return fmt.Sprintf("%e", f)
	}
	return quote(v)
}

// function translates the name of a function, or the whole call where only the server knows the answer. skip is how
// many tokens after the name were used.
func (sc *scope) function(name string, after []lexeme) (text string, skip int, err error) {
	p := parser{rest: after}
	inside := p.parenthesized()
	if p.err == nil {
		if args, simple := sc.values(inside); simple {
			v, known, err := sc.call(strings.ToUpper(name), args)
			if err != nil {
				return "", 0, err
			}
			if known {
				return quote(v), len(after) - len(p.rest), nil
			}
		}
	}
	switch strings.ToUpper(name) {
	case "GETDATE", "SYSDATETIME", "GETUTCDATE", "SYSUTCDATETIME":
		return sqliteNow, 2, nil
	case "ISNULL":
		return "ifnull", 0, nil
	case "LEN":
		return "length", 0, nil
	case "COUNT_BIG":
		return "count", 0, nil
	case "CRYPT_GEN_RANDOM":
		return "randomblob", 0, nil
	case "SUM", "CHECKSUM_AGG", "BINARY_CHECKSUM", "TYPE_NAME":
		return "tsql_" + strings.ToLower(name), 0, nil
	}
	return name, 0, nil
}

// values are the arguments of a call where each of them is a literal or a variable.
func (sc *scope) values(tokens []lexeme) ([]any, bool) {
	var args []any
	for _, a := range separated(tokens) {
		if len(a) != 1 {
			return nil, false
		}
		switch l := a[0]; {
		case l.shape == literal, l.shape == number:
			args = append(args, l.text)
		case l.shape == variable:
			args = append(args, sc.variables[strings.ToLower(l.text)])
		case l.is("NULL"):
			args = append(args, nil)
		default:
			return nil, false
		}
	}
	return args, true
}

// convert translates CONVERT(type, value) and CAST(value AS type).
func (sc *scope) convert(function lexeme, inside []lexeme) (string, error) {
	var typed, value []lexeme
	if function.is("CONVERT") {
		parts := separated(inside)
		if len(parts) < 2 {
			return "", syntax(function.text)
		}
		typed, value = parts[0], parts[1]
	} else {
		depth := 0
		for i, l := range inside {
			switch {
			case l.is("("):
				depth++
			case l.is(")"):
				depth--
			case l.is("AS") && depth == 0:
				value, typed = inside[:i], inside[i+1:]
			}
		}
	}
	if len(typed) == 0 || len(value) == 0 {
		return "", syntax(function.text)
	}
	text, err := sc.translate(value)
	if err != nil {
		return "", err
	}
	k, known := parseKind(joined(typed))
	if !known {
		return "", fault(243, 16, "Type %s is not a defined system type.", typed[0].text)
	}
	switch k.id {
	case typeIntN, typeBitN:
		return "CAST(" + text + " AS INTEGER)", nil
	case typeFloatN:
		return "CAST(" + text + " AS REAL)", nil
	case typeNumericN:
		return fmt.Sprintf("tsql_decimal(%s, %d)", text, k.scale), nil
	case typeVarBinary:
		return "CAST(" + text + " AS BLOB)", nil
	case typeVarChar, typeNVarChar, typeXML:
		if k.length > 0 {
			characters := k.length
			if k.id == typeNVarChar {
				characters /= 2
			}
			return fmt.Sprintf("substr(CAST(%s AS TEXT), 1, %d)", text, characters), nil
		}
		return "CAST(" + text + " AS TEXT)", nil
	}
	return text, nil
}

// joined writes tokens without blanks, as a type is written.
func joined(tokens []lexeme) string {
	var b strings.Builder
	for _, l := range tokens {
		b.WriteString(l.text)
	}
	return b.String()
}
