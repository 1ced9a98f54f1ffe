package files

import (
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rule names files of a tree: those in a directory whose name matches one of the patterns.
type Rule struct {
	// Directory is relative to the root, slash-separated; "." or empty is the root itself.
	Directory string
	// Patterns are as path.Match has them (*, ?, [a-z], \ before a character that stands for itself) and are compared
	// with the whole name. None means every name.
	Patterns []string
	// Recursive takes the directories below too.
	Recursive bool
}

// Rules say what belongs to a tree. They are the same on both ends, which compare their hashes.
type Rules struct {
	include, exclude []rule
	fold             bool
	hash             [32]byte
}

// rule is a Rule made ready: cleaned, and folded if case does not count.
type rule struct {
	directory string // "" is the root
	patterns  []string
	all       bool // every name
	recursive bool
}

// NewRules makes rules ready. No inclusion at all includes everything. fold compares names without regard to case, and
// reads rules as Windows users write them: a backslash separates as well, and *.* means every name. An error names the
// rule.
func NewRules(include, exclude []Rule, fold bool) (*Rules, error) {
	r := &Rules{fold: fold}
	var err error
	if r.include, err = r.compileAll("include", include); err != nil {
		return nil, err
	}
	if r.exclude, err = r.compileAll("exclude", exclude); err != nil {
		return nil, err
	}
	// Rules are hashed in the form that they are used in, so that two spellings of one meaning have one hash.
	r.hash = sha256.Sum256(fmt.Appendf(nil, "%#v %#v %t", r.include, r.exclude, r.fold))
	return r, nil
}

func (r *Rules) compileAll(what string, list []Rule) ([]rule, error) {
	var out []rule
	for i, raw := range list {
		ready, err := r.compile(raw)
		if err != nil {
			return nil, fmt.Errorf("%s rule %d: %w", what, i+1, err)
		}
		out = append(out, ready)
	}
	return out, nil
}

func (r *Rules) compile(raw Rule) (rule, error) {
	directory := raw.Directory
	if r.fold {
		directory = strings.ReplaceAll(directory, `\`, "/")
	}
	if strings.HasPrefix(directory, "/") {
		return rule{}, fmt.Errorf("directory %q is absolute", raw.Directory)
	}
	if directory = path.Clean(directory); directory == "." {
		directory = ""
	} else if err := CheckPath(directory); err != nil {
		return rule{}, fmt.Errorf("directory %q: %w", raw.Directory, err)
	}
	out := rule{directory: r.folded(directory), all: len(raw.Patterns) == 0, recursive: raw.Recursive}
	for _, pattern := range raw.Patterns {
		if pattern == "" || strings.Contains(pattern, "/") {
			return rule{}, fmt.Errorf("pattern %q is not for a name", pattern)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return rule{}, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if pattern == "*" || r.fold && pattern == "*.*" {
			out.all = true
		}
		out.patterns = append(out.patterns, r.folded(pattern))
	}
	if out.all {
		out.patterns = nil
	}
	return out, nil
}

// Hash identifies the rules: equal hashes include the same files.
func (r *Rules) Hash() [32]byte { return r.hash }

// FoldsCase says whether names are compared without regard to case.
func (r *Rules) FoldsCase() bool { return r.fold }

// Match says whether a path belongs to the tree. A directory does if something that does may lie in it: one that is
// included, or above or (recursively) below one. An excluded directory excludes all that is below. What is failoverd's
// own, and the root, never match.
func (r *Rules) Match(p string, isDir bool) bool {
	if p == "" || p == "." || isPrivate(p) {
		return false
	}
	if len(r.include) == 0 && len(r.exclude) == 0 {
		return true
	}
	p = r.folded(p)
	for i := 0; i < len(p); i++ {
		if p[i] == '/' && r.excluded(p[:i], true) {
			return false
		}
	}
	return !r.excluded(p, isDir) && r.included(p, isDir)
}

// isPrivate says whether a path is in failoverd's own directory.
func isPrivate(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.EqualFold(first, Private)
}

func (r *Rules) included(p string, isDir bool) bool {
	if len(r.include) == 0 {
		return true
	}
	for _, one := range r.include {
		if isDir {
			if p == one.directory || below(one.directory, p) || one.recursive && below(p, one.directory) {
				return true
			}
			continue
		}
		if one.names(p) {
			return true
		}
	}
	return false
}

// excluded looks at the path itself, not at the directories above it.
func (r *Rules) excluded(p string, isDir bool) bool {
	for _, one := range r.exclude {
		if !isDir {
			if one.names(p) {
				return true
			}
			continue
		}
		// Of a directory that is excluded whole, nothing is left to hold.
		if one.recursive && (one.names(p) || one.all && one.directory != "" && p == one.directory) {
			return true
		}
	}
	return false
}

// names says whether a rule's directory and patterns cover a path.
func (one rule) names(p string) bool {
	directory, name := "", p
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		directory, name = p[:i], p[i+1:]
	}
	if directory != one.directory && (!one.recursive || !below(directory, one.directory)) {
		return false
	}
	if one.all {
		return true
	}
	for _, pattern := range one.patterns {
		// The pattern was tried when the rules were made.
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// below says whether p lies below a directory; everything lies below the root, "".
func below(p, directory string) bool {
	if directory == "" {
		return p != ""
	}
	return len(p) > len(directory) && p[len(directory)] == '/' && p[:len(directory)] == directory
}

// folded is a name in the form in which names that differ only in case are equal; itself if case counts.
func (r *Rules) folded(s string) string {
	if !r.fold {
		return s
	}
	return FoldCase(s)
}

// FoldCase returns s so that two names that differ only in case become equal: each character is replaced by the least
// of those that Unicode's simple folding makes equal. Bytes that are not UTF-8 stay.
func FoldCase(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if c == utf8.RuneError && n == 1 {
			b.WriteByte(s[i])
			i++
			continue
		}
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		b.WriteRune(least)
		i += n
	}
	return b.String()
}
