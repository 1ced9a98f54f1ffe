package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong, or worth knowing, and where.
type Problem struct {
	File         string
	Line, Column int    // from 1; a problem of a whole file is at line 1
	Key          string // path of the key, such as servers[PBX].ping.timeout; "" for the whole file
	Problem      string // what is wrong
	Expect       string // what to write instead, or what happens instead; may be ""
}

// String gives file:line: key: problem; expect.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	if p.Key != "" {
		fmt.Fprintf(&b, "%s: ", p.Key)
	}
	b.WriteString(p.Problem)
	if p.Expect != "" {
		fmt.Fprintf(&b, "; %s", p.Expect)
	}
	return b.String()
}

// Errors are all problems that make a configuration unusable, by file and line.
type Errors []Problem

// Error gives one problem a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds what is reported for one configuration: a file of garbage
// must not become a hundred thousand lines in a mail.
const maxProblems = 500

// report collects problems and notices while a configuration is read.
type report struct {
	files   []string // order in which files are shown
	errors  Errors
	notices []Problem
	dropped int
}

func (r *report) error(at spot, problem, expect string) {
	if len(r.errors) >= maxProblems {
		r.dropped++
		return
	}
	r.errors = append(r.errors, at.problem(problem, expect))
}

func (r *report) errorf(at spot, expect, format string, args ...any) {
	r.error(at, fmt.Sprintf(format, args...), expect)
}

func (r *report) notice(at spot, problem, instead string) {
	if len(r.notices) < maxProblems {
		r.notices = append(r.notices, at.problem(problem, instead))
	}
}

// sorted returns the problems by file (in the order in which the files were
// read), line and column, each once: a mistake in defaults is found again for
// every server that it reaches.
func (r *report) sorted(problems []Problem) []Problem {
	order := func(name string) int { return slices.Index(r.files, name) }
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(order(a.File), order(b.File)),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Key, b.Key),
		)
	})
	return slices.Compact(problems)
}

// err returns all errors, or nil. What did not fit is counted, never hidden.
func (r *report) err() error {
	if len(r.errors) == 0 {
		return nil
	}
	all := Errors(r.sorted(r.errors))
	if r.dropped > 0 {
		last := all[len(all)-1]
		all = append(all, Problem{
			File: last.File, Line: last.Line, Column: last.Column,
			Problem: fmt.Sprintf("%d more problems are not shown", r.dropped),
			Expect:  "mend the ones above first",
		})
	}
	return all
}

// spot is where something was written, and under which key.
type spot struct {
	file         string
	line, column int
	key          string
	bad          bool // its value was refused already: no further rule is applied to it
}

// set tells whether the key was written at all.
func (s spot) set() bool { return s.line > 0 }

// good tells whether the key was written with a value of the right kind.
func (s spot) good() bool { return s.line > 0 && !s.bad }

// child is the spot of a key below s that is not written itself.
func (s spot) child(key string) spot {
	s.key = join(s.key, key)
	return s
}

func (s spot) problem(problem, expect string) Problem {
	return Problem{File: s.file, Line: max(s.line, 1), Column: max(s.column, 1), Key: s.key, Problem: problem, Expect: expect}
}

// join appends a key to a path of keys.
func join(path, key string) string {
	switch {
	case path == "":
		return key
	case key == "":
		return path
	}
	return path + "." + key
}
