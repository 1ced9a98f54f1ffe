package files

import (
	"testing"

	"pgregory.net/rapid"
)

// rulesOf makes rules or ends the test.
func rulesOf(t testing.TB, include, exclude []Rule, fold bool) *Rules {
	t.Helper()
	r, err := NewRules(include, exclude, fold)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRulesMatch(t *testing.T) {
	wav := []Rule{{Directory: "Recordings", Patterns: []string{"*.wav"}, Recursive: true}}
	tests := map[string]struct {
		include, exclude []Rule
		fold             bool
		path             string
		isDir            bool
		want             bool
	}{
		"no rule takes everything":             {path: "a/b", want: true},
		"never the root":                       {path: ".", isDir: true},
		"never what is failoverd's":            {path: ".failoverd/root"},
		"whatever its case":                    {path: ".Failoverd", isDir: true},
		"a name like it":                       {path: ".failoverd2", want: true},
		"an included file":                     {include: wav, path: "Recordings/2026/a.wav", want: true},
		"of another pattern":                   {include: wav, path: "Recordings/2026/a.mp3"},
		"of another directory":                 {include: wav, path: "Messages/a.wav"},
		"a directory of a like name":           {include: wav, path: "Recordings2/a.wav"},
		"a directory below":                    {include: wav, path: "Recordings/2026", isDir: true, want: true},
		"the directory itself":                 {include: wav, path: "Recordings", isDir: true, want: true},
		"a directory beside":                   {include: wav, path: "Messages", isDir: true},
		"a directory above":                    {include: []Rule{{Directory: "a/b/c"}}, path: "a/b", isDir: true, want: true},
		"below one that is not recursive":      {include: []Rule{{Directory: "a"}}, path: "a/b/c"},
		"a directory below it":                 {include: []Rule{{Directory: "a"}}, path: "a/b", isDir: true},
		"case counts":                          {include: wav, path: "recordings/A.WAV"},
		"unless it is folded":                  {include: wav, fold: true, path: "recordings/A.WAV", want: true},
		"folded as Unicode does":               {include: []Rule{{Directory: "Ärger"}}, fold: true, path: "äRGER/x", want: true},
		"a backslash of Windows":               {include: []Rule{{Directory: `a\b`}}, fold: true, path: "A/B/x", want: true},
		"is a letter elsewhere":                {include: []Rule{{Directory: `a\b`}}, path: "a/b/x"},
		"*.* of Windows is every name":         {include: []Rule{{Patterns: []string{"*.*"}}}, fold: true, path: "README", want: true},
		"and a name with a dot elsewhere":      {include: []Rule{{Patterns: []string{"*.*"}}}, path: "README"},
		"an excluded pattern":                  {exclude: []Rule{{Patterns: []string{"*.tmp"}, Recursive: true}}, path: "a/b.tmp"},
		"in the root only":                     {exclude: []Rule{{Patterns: []string{"*.tmp"}}}, path: "a/b.tmp", want: true},
		"an excluded directory":                {exclude: []Rule{{Directory: "log", Recursive: true}}, path: "log", isDir: true},
		"and all that is below":                {exclude: []Rule{{Directory: "log", Recursive: true}}, path: "log/2026/a", want: false},
		"excluded by name, wherever":           {exclude: []Rule{{Patterns: []string{"cache"}, Recursive: true}}, path: "a/cache/x"},
		"not what only begins so":              {exclude: []Rule{{Patterns: []string{"cache"}, Recursive: true}}, path: "a/cached/x", want: true},
		"its files, but not the directory":     {exclude: []Rule{{Directory: "log"}}, path: "log", isDir: true, want: true},
		"exclusion comes after inclusion":      {include: wav, exclude: []Rule{{Patterns: []string{"t*"}, Recursive: true}}, path: "Recordings/t.wav"},
		"a name of bytes that are not UTF-8":   {include: []Rule{{Patterns: []string{"a*"}}}, fold: true, path: "A\xff", want: true},
		"a star does not reach over a slash":   {include: []Rule{{Patterns: []string{"a*"}}}, path: "ab/c"},
		"a pattern with a quoted character":    {include: []Rule{{Patterns: []string{`\*`}}}, path: "*", want: true},
		"a quoted character is only that":      {include: []Rule{{Patterns: []string{`\*`}}}, path: "x"},
		"every name, a directory not included": {include: []Rule{{Directory: "a", Patterns: []string{"*"}}}, path: "b", isDir: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := rulesOf(t, tt.include, tt.exclude, tt.fold).Match(tt.path, tt.isDir); got != tt.want {
				t.Errorf("Match(%q, %v) = %v", tt.path, tt.isDir, got)
			}
		})
	}
}

func TestRulesRefuse(t *testing.T) {
	for name, bad := range map[string]Rule{
		"an absolute directory":     {Directory: "/srv"},
		"one that climbs out":       {Directory: "a/../.."},
		"failoverd's own":           {Directory: ".failoverd/trash"},
		"a pattern over a slash":    {Patterns: []string{"a/b"}},
		"a pattern that is not one": {Patterns: []string{"[a"}},
		"an empty pattern":          {Patterns: []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewRules([]Rule{bad}, nil, false); err == nil {
				t.Error("an inclusion was accepted")
			}
			if _, err := NewRules(nil, []Rule{bad}, true); err == nil {
				t.Error("an exclusion was accepted")
			}
		})
	}
}

// TestRulesHash holds two spellings of one meaning equal, and two meanings apart.
func TestRulesHash(t *testing.T) {
	a := rulesOf(t, []Rule{{Directory: "./a/", Patterns: []string{"*", "x"}}}, nil, false)
	if b := rulesOf(t, []Rule{{Directory: "a"}}, nil, false); a.Hash() != b.Hash() {
		t.Error("two spellings of one meaning have different hashes")
	}
	for name, other := range map[string]*Rules{
		"exclusion": rulesOf(t, []Rule{{Directory: "a"}}, []Rule{{Directory: "a/b"}}, false),
		"case":      rulesOf(t, []Rule{{Directory: "a"}}, nil, true),
		"depth":     rulesOf(t, []Rule{{Directory: "a", Recursive: true}}, nil, false),
		"pattern":   rulesOf(t, []Rule{{Directory: "a", Patterns: []string{"x"}}}, nil, false),
	} {
		if a.Hash() == other.Hash() {
			t.Errorf("rules that differ in %s have one hash", name)
		}
	}
}

// TestRulesHaveParents: where a file belongs to the tree, so does every directory above it.
func TestRulesHaveParents(t *testing.T) {
	part := rapid.StringMatching(`[abAB.]{1,2}`).Filter(func(s string) bool { return s != "." && s != ".." })
	dir := rapid.Custom(func(t *rapid.T) string {
		out := ""
		for i, p := range rapid.SliceOfN(part, 0, 3).Draw(t, "parts") {
			if i > 0 {
				out += "/"
			}
			out += p
		}
		return out
	})
	one := rapid.Custom(func(t *rapid.T) Rule {
		return Rule{
			Directory: dir.Draw(t, "directory"),
			Patterns:  rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b*", "*", "?", "*.*"}), 0, 2).Draw(t, "patterns"),
			Recursive: rapid.Bool().Draw(t, "recursive"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(one, 0, 3)
		rules, err := NewRules(list.Draw(t, "include"), list.Draw(t, "exclude"), rapid.Bool().Draw(t, "fold"))
		if err != nil {
			t.Fatal(err)
		}
		p := dir.Draw(t, "path")
		if p == "" || !rules.Match(p, false) {
			return
		}
		for i := range p {
			if p[i] == '/' && !rules.Match(p[:i], true) {
				t.Fatalf("%q belongs to the tree, but not %q above it", p, p[:i])
			}
		}
	})
}
