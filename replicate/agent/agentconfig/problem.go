package agentconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong, and where.
type Problem struct {
	File         string
	Line, Column int    // from 1
	Key          string // path of the key, such as trees[vm].directory; "" for the whole file
	Problem      string // what is wrong
	Expect       string // what to write instead
}

// String gives file:line:column: key: problem; expect.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Problem)
	if p.Expect != "" {
		b.WriteString("; " + p.Expect)
	}
	return b.String()
}

// Errors are all problems that make a configuration unusable, in the order of the file.
type Errors []Problem

// Error gives one problem a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds what is reported: a file of garbage must not become thousands of lines.
const maxProblems = 100

// report collects the problems of one file, and the keys that it might have had.
type report struct {
	file     string
	problems Errors
	dropped  int
	known    map[string]bool // paths of the keys that the sections met so far may hold
}

// add reports a problem at a place.
func (r *report) add(at spot, problem, expect string) {
	if len(r.problems) >= maxProblems {
		r.dropped++
		return
	}
	r.problems = append(r.problems, Problem{
		File: r.file, Line: max(at.line, 1), Column: max(at.column, 1), Key: at.key, Problem: problem, Expect: expect,
	})
}

// err returns all problems in the order of the file, or nil.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if r.dropped > 0 {
		r.problems = append(r.problems, Problem{
			File: r.file, Line: 1, Column: 1,
			Problem: fmt.Sprintf("%d more problems are not shown", r.dropped), Expect: "mend the ones above first",
		})
	}
	return r.problems
}

// spot is a place in the file.
type spot struct {
	line, column int
	key          string
}

// child is the place of a key below s that is not written.
func (s spot) child(key string) spot {
	s.key = join(s.key, key)
	return s
}

// join appends a key to a path of keys.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// show quotes a value for a message, cut to what a line can hold.
func show(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return strconv.Quote(s)
}
