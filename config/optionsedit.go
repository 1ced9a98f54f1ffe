package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// OptionChange is what one option is to become.
type OptionChange struct {
	Key    string
	Values []string // one, or those of a list; of a secret file:PATH, env:VARIABLE or credential:NAME
	Reset  bool     // it is taken away: what is written in failoverd.yaml holds, or else the default
}

// optionsHead begins a new file of options.
const optionsHead = `# Options that were set by command, over the API or in the console. They hold instead of those in failoverd.yaml.
# Edit it by hand if you like: comments stay. failoverd config reference explains the keys.
`

var (
	keyLines   = regexp.MustCompile(`^( *)([a-z_]+):(?: +(.*))?$`)
	itemLines  = regexp.MustCompile(`^( *)- +(.*)$`)
	plainValue = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(ms|s|m|h)?([0-9]+(ms|s|m|h))*$`)
)

// EditOptions changes options in the text of their file: only the lines of those, and no comment that has a line of its own is
// ever lost. What comes of it is read again: a text that does not say what it should is not returned. Errors name the option.
func EditOptions(name string, text []byte, changes []OptionChange) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte(optionsHead)
	}
	r := &report{}
	was, _ := optionsIn(r, Source{Name: name, Data: text})
	if len(r.errors) > 0 || bytes.ContainsRune(text, '\r') {
		return nil, notFromHere(name)
	}
	s := sheet{name: name, lines: strings.Split(strings.TrimRight(string(text), "\n"), "\n")}
	var wrong Errors
	for i, c := range changes {
		at := spot{file: name, line: 1, column: 1, key: printable(c.Key)}
		switch {
		case !slices.Contains(optionKeys, c.Key):
			at.key = show(c.Key)
			wrong = append(wrong, at.problem("this key is no option", "see failoverd config options; the others are changed in failoverd.yaml"))
			continue
		case slices.ContainsFunc(changes[:i], func(o OptionChange) bool { return o.Key == c.Key }):
			wrong = append(wrong, at.problem("the key is changed twice", "name it once"))
			continue
		case c.Reset && len(c.Values) > 0:
			wrong = append(wrong, at.problem("a value stands where the key is taken away", "either of the two"))
			continue
		case c.Reset:
			s.take(c.Key)
			continue
		}
		value, items, problem := yamlOf(c)
		if problem != "" {
			wrong = append(wrong, at.problem(problem, "write "+expectOf(c.Key)))
			continue
		}
		s.put(c.Key, value, items)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	next := []byte(strings.Join(s.lines, "\n") + "\n")
	if !s.proved(was, text, next, changes) {
		return nil, notFromHere(name)
	}
	return next, nil
}

// notFromHere refuses a file that is written in a way which is not understood line by line.
func notFromHere(name string) error {
	return Errors{{
		File: name, Line: 1, Column: 1, Problem: "the file is written in a way that cannot be changed from here",
		Expect: "write each key on a line of its own, without braces, or change it with an editor on the standby",
	}}
}

// expectOf is how the value of an option is given.
func expectOf(key string) string {
	switch kind, _ := kindOf(key, keyed(rawFile{}, key)); kind {
	case "secret":
		return "file:PATH, env:VARIABLE or credential:NAME: where the secret is, never the secret"
	case "list":
		return "a list"
	}
	return "one value"
}

// yamlOf is a value as YAML: on the key's line, or as the items of a list. The problem never has the value in it.
func yamlOf(c OptionChange) (value string, items []string, problem string) {
	kind, _ := kindOf(c.Key, keyed(rawFile{}, c.Key))
	switch {
	case c.Values == nil:
		return "", nil, "there is no value" // which is not an empty list
	case kind == "list" && len(c.Values) == 0:
		return "[]", nil, ""
	case kind == "list":
		for _, v := range c.Values {
			items = append(items, quotedYAML(v))
		}
		return "", items, ""
	case len(c.Values) != 1:
		return "", nil, fmt.Sprintf("there are %d values where one is expected", len(c.Values))
	case kind == "secret":
		source, name, ok := strings.Cut(c.Values[0], ":")
		if !ok || !slices.Contains([]string{"file", "env", "credential"}, source) {
			return "", nil, "this does not say where the secret is"
		}
		return fmt.Sprintf("{%s: %s}", source, quotedYAML(name)), nil, ""
	case (kind == "number" || kind == "duration") && len(c.Values[0]) < 40 && plainValue.MatchString(c.Values[0]):
		return c.Values[0], nil, ""
	}
	return quotedYAML(c.Values[0]), nil, ""
}

// quotedYAML is a text in the quotes of JSON, which YAML reads as well.
func quotedYAML(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// sheet is a file of options by its lines.
type sheet struct {
	name  string
	lines []string
}

// entry is a key, with the lines from its own to before last that belong to it.
type entry struct {
	key                 string // path
	indent, first, last int
}

// entries finds the keys of mappings that are written in block style. Comments behind the last line of a key are not its own.
func (s *sheet) entries() []entry {
	var all []entry
	var open []int // indexes of those that the line may belong to, the innermost last
	for i, line := range s.lines {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if m := keyLines.FindStringSubmatch(line); m != nil {
			for len(open) > 0 && all[open[len(open)-1]].indent >= len(m[1]) {
				open = open[:len(open)-1]
			}
			path := m[2]
			if len(open) > 0 {
				path = join(all[open[len(open)-1]].key, path)
			}
			all = append(all, entry{key: path, indent: len(m[1]), first: i})
			open = append(open, len(all)-1)
		}
		for _, at := range open {
			all[at].last = i + 1
		}
	}
	return all
}

// find is the entry of a key.
func (s *sheet) find(key string) (entry, bool) {
	all := s.entries()
	i := slices.IndexFunc(all, func(e entry) bool { return e.key == key })
	if i < 0 {
		return entry{}, false
	}
	return all[i], true
}

// behind is the comment at the end of a line, with the blank before it, or "".
func behind(line string) string {
	for _, t := range lexer.Tokenize(line) {
		if t.Type == token.CommentType {
			if at := strings.LastIndex(line, "#"+t.Value); at > 0 {
				return " " + line[at:]
			}
		}
	}
	return ""
}

// own are the comments between two lines that have a line of their own.
func (s *sheet) own(first, last int) []string {
	var kept []string
	for _, line := range s.lines[first:last] {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept = append(kept, line)
		}
	}
	return kept
}

// take removes a key, and the sections that it leaves empty.
func (s *sheet) take(key string) {
	for key != "" {
		e, found := s.find(key)
		if !found {
			return
		}
		s.lines = slices.Replace(s.lines, e.first, e.last, s.own(e.first, e.last)...)
		at := strings.LastIndexByte(key, '.')
		if at < 0 {
			return
		}
		key = key[:at]
		if parent, _ := s.find(key); parent.last > parent.first+1 {
			return
		}
	}
}

// put writes a value where the key is, or where it belongs.
func (s *sheet) put(key, value string, items []string) {
	if e, found := s.find(key); found {
		s.replace(e, value, items)
		return
	}
	indent, at := 0, len(s.lines)
	parts := strings.Split(key, ".")
	missing := parts
	for n := len(parts) - 1; n > 0; n-- {
		e, found := s.find(strings.Join(parts[:n], "."))
		if !found {
			continue
		}
		indent, at, missing = e.indent+2, e.last, parts[n:]
		for _, child := range s.entries() {
			if strings.HasPrefix(child.key, e.key+".") && child.indent > e.indent {
				indent = child.indent
				break
			}
		}
		break
	}
	var lines []string
	for i, part := range missing {
		line := strings.Repeat(" ", indent+2*i) + part + ":"
		if i == len(missing)-1 {
			lines = append(lines, valued(line, value, "", items, indent+2*i)...)
			break
		}
		lines = append(lines, line)
	}
	s.lines = slices.Insert(s.lines, at, lines...)
}

// valued is a key's line with its value, and the lines of the items of a list.
func valued(line, value, comment string, items []string, indent int) []string {
	if value != "" {
		line += " " + value
	}
	lines := []string{line + comment}
	for _, item := range items {
		lines = append(lines, strings.Repeat(" ", indent+2)+"- "+item)
	}
	return lines
}

// replace gives a key that is there another value. Items of a list that stay keep their lines, with the comments above them.
func (s *sheet) replace(e entry, value string, items []string) {
	head := s.lines[e.first][:strings.IndexByte(s.lines[e.first], ':')+1]
	lines := valued(head, value, behind(s.lines[e.first]), nil, e.indent)
	indent := e.indent + 2
	there := map[string][]string{} // lines of an item, by its value as it is written here
	var above []string
	for _, line := range s.lines[e.first+1 : e.last] {
		m := itemLines.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			above = append(above, line)
		case m != nil:
			indent = len(m[1])
			plain := strings.TrimSpace(strings.TrimSuffix(m[2], strings.TrimSpace(behind(line))))
			if !strings.HasPrefix(plain, `"`) {
				plain = quotedYAML(strings.Trim(plain, "'"))
			}
			if _, twice := there[plain]; !twice && slices.Contains(items, plain) {
				there[plain] = append(above, line)
				above = nil
			}
		}
	}
	lines = append(lines, above...) // of what is gone
	for _, item := range items {
		own, stays := there[item]
		if !stays {
			own = []string{strings.Repeat(" ", indent) + "- " + item}
		}
		lines = append(lines, own...)
	}
	s.lines = slices.Replace(s.lines, e.first, e.last, lines...)
}

// proved reads what has come of a text: each option that was changed says what it should, each other one what it did, and no comment with
// a line of its own is gone. Values of a wrong kind are the reader's to refuse.
func (s *sheet) proved(was rawFile, before, after []byte, changes []OptionChange) bool {
	is, _ := optionsIn(&report{}, Source{Name: s.name, Data: after})
	for _, key := range optionKeys {
		now := keyed(is, key)
		i := slices.IndexFunc(changes, func(c OptionChange) bool { return c.Key == key })
		switch {
		case i >= 0 && changes[i].Reset:
			if now.where().set() {
				return false
			}
		case i >= 0:
			kind, _ := kindOf(key, now)
			exact := kind != "number" && kind != "duration" && now.where().good()
			if !now.where().set() || exact && !slices.Equal(written(now), changes[i].Values) {
				return false
			}
		default:
			old := keyed(was, key)
			if old.where().set() != now.where().set() || !reflect.DeepEqual(written(old), written(now)) {
				return false
			}
		}
	}
	left := map[string]int{}
	count := func(text []byte, by int) {
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				left[line] += by
			}
		}
	}
	count(after, 1)
	count(before, -1)
	for _, n := range left {
		if n < 0 {
			return false
		}
	}
	return true
}
