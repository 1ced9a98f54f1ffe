package guards

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed list/*.txt
var lists embed.FS

// Guard is a piece of the program by which a promise is kept.
type Guard struct {
	What    string // what it sees to, a sentence
	List    string // the list that it is in
	Changes []Change
	Red     []Scenario // what goes red without it
}

// Change takes a part of a file out, and puts something in its place.
type Change struct {
	File     string // from the root of the repository
	Old, New string // whole lines
}

// Scenario is a test that proves a promise: "monitor TestScenarios/isolated".
type Scenario struct {
	Package string // its folder, from the root of the repository
	Test    string
}

func (s Scenario) String() string { return s.Package + " " + s.Test }

// has reports whether another scenario is this one, or a part of it.
func (s Scenario) has(part Scenario) bool {
	return part.Package == s.Package && (part.Test == s.Test || strings.HasPrefix(part.Test, s.Test+"/"))
}

// All returns the guards of all lists.
func All() ([]Guard, error) {
	files, err := fs.Glob(lists, "list/*.txt")
	if err != nil {
		return nil, err
	}
	var all []Guard
	for _, file := range files {
		text, err := lists.ReadFile(file)
		if err != nil {
			return nil, err
		}
		list, err := parse(strings.TrimSuffix(strings.TrimPrefix(file, "list/"), ".txt"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// Of returns the guards without which a scenario, or a part of it, goes red, in the order of what they see to.
func Of(all []Guard, s Scenario) []Guard {
	var found []Guard
	for _, g := range all {
		if slices.ContainsFunc(g.Red, s.has) {
			found = append(found, g)
		}
	}
	slices.SortFunc(found, func(a, b Guard) int { return cmp.Compare(a.What, b.What) })
	return found
}

// Apply returns text without the change's old lines and with its new ones. It is an error where they do not stand there once.
func (c Change) Apply(text string) (string, error) {
	if n := strings.Count(text, c.Old); n != 1 {
		return "", fmt.Errorf("%s: what is to be taken out stands there %d times, not once:\n%s", c.File, n, c.Old)
	}
	return strings.Replace(text, c.Old, c.New, 1), nil
}

// parse reads a list.
func parse(name, text string) ([]Guard, error) {
	var (
		list  []Guard
		file  string
		fresh bool // whether a minus begins another change
	)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		wrong := func(format string, args ...any) error {
			return fmt.Errorf("list/%s.txt:%d: %s", name, number, fmt.Sprintf(format, args...))
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if what, ok := strings.CutPrefix(line, "guard: "); ok {
			list, file = append(list, Guard{What: what, List: name}), ""
			continue
		}
		if len(list) == 0 {
			return nil, wrong("a list begins with a guard")
		}
		g := &list[len(list)-1]
		switch key, rest, _ := strings.Cut(line, ": "); {
		case key == "file":
			file, fresh = rest, true
		case key == "red":
			pkg, test, ok := strings.Cut(rest, " ")
			if !ok {
				return nil, wrong("want a package and a test")
			}
			g.Red = append(g.Red, Scenario{pkg, test})
		case file == "":
			return nil, wrong("%q: which file?", line)
		case line[0] == '-':
			if fresh {
				g.Changes, fresh = append(g.Changes, Change{File: file}), false
			}
			c := &g.Changes[len(g.Changes)-1]
			if c.New != "" {
				g.Changes = append(g.Changes, Change{File: file})
				c = &g.Changes[len(g.Changes)-1]
			}
			c.Old += line[1:] + "\n"
		case line[0] == '+' && !fresh:
			g.Changes[len(g.Changes)-1].New += line[1:] + "\n"
		default:
			return nil, wrong("%q is neither guard:, file:, red:, nor a line after a minus or a plus", line)
		}
	}
	for _, g := range list {
		switch {
		case len(g.Changes) == 0:
			return nil, fmt.Errorf("list/%s.txt: %s: nothing is taken out", name, g.What)
		case len(g.Red) == 0:
			return nil, fmt.Errorf("list/%s.txt: %s: nothing notices", name, g.What)
		}
	}
	return list, nil
}
