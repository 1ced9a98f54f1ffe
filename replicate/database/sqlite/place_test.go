package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

func TestLocate(t *testing.T) {
	tests := map[string]struct {
		dsn, live, path string // "" is an error
	}{
		"directory":             {"/srv/copies/", "pbx_app", "/srv/copies/pbx_app.db"},
		"file":                  {"/mnt/pbx/calls.sqlite3", "calls", "/mnt/pbx/calls.sqlite3"},
		"file of another name":  {"/mnt/pbx/calls.sqlite3", "app", "/mnt/pbx/calls.sqlite3"},
		"without an extension":  {"/mnt/pbx/calls", "app", "/mnt/pbx/calls"},
		"only an extension":     {"/mnt/pbx/.db", "app", "/mnt/pbx/.db"},
		"climbing":              {"/mnt/pbx/../calls.db", "app", "/mnt/calls.db"},
		"root":                  {"/", "app", "/app.db"},
		"relative":              {"calls.db", "app", ""},
		"empty":                 {"", "app", ""},
		"address":               {"postgres://pbx/app", "app", ""},
		"name that climbs":      {"/srv/copies/", "../app", ""},
		"name of a directory":   {"/srv/copies/", "..", ""},
		"no name":               {"/srv/copies/", "", ""},
		"name too long":         {"/srv/copies/", strings.Repeat("a", 200), ""},
		"name with a zero byte": {"/srv/copies/", "a\x00b", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir, base, ext, err := locate(tt.dsn, tt.live)
			if got := filepath.Join(dir, base+ext); err == nil && got != tt.path || err != nil && tt.path != "" {
				t.Errorf("locate(%q, %q) = %q, %v; want %q", tt.dsn, tt.live, got, err, tt.path)
			}
		})
	}
}

func TestTheNamesLieBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	p, err := open(database.End{DSN: filepath.Join(dir, "calls.sqlite3")}, "app")
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	n := database.NamesOf("app")
	got := []string{p.link(n.Live), p.link(n.Staging), p.link(n.Previous), p.generation("r-1")}
	want := []string{"calls.sqlite3", "calls__new.sqlite3", "calls__prev.sqlite3", "calls.failoverd-r-1.sqlite3"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNobodyElsesFilesAreTouched lets a whole story happen in a directory in which others have files with like names.
func TestNobodyElsesFilesAreTouched(t *testing.T) {
	st := newStory(t, newSite(t, false, true))
	dir, base := filepath.Dir(st.p.Source.DSN), strings.TrimSuffix(filepath.Base(st.p.Source.DSN), ".sqlite3")
	others := []string{
		base + ".backup.sqlite3", base + ".failoverd.sqlite3", base + "x.failoverd-run-1.sqlite3", base + ".failoverd-run-1.sqlite3.gz",
		base + ".failoverd-a b.sqlite3", base + ".failoverd-.sqlite3", base + "__old.sqlite3", base + "-journal",
	}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	st.next()
	st.copy()
	st.swap()
	st.do(New().Discard(t.Context(), st.p))
	back := st.back()
	for range 2 {
		back.n++
		back.p.Run = "back-" + strconv.Itoa(back.n)
		back.copy()
		back.swap()
		back.rollback()
		back.copy()
		back.do(New().Discard(t.Context(), back.p))
	}
	for _, name := range others {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != name {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestALinkOfSomebodyElseIsRefused(t *testing.T) {
	s := newSite(t, false, false)
	p := s.newPair(t, s.copies)
	live := s.file(p.Target, p.Names.Live)
	if err := errors.Join(os.WriteFile(live+".elsewhere", nil, 0o600), os.Symlink(live+".elsewhere", live)); err != nil {
		t.Fatal(err)
	}
	r, err := New().Probe(t.Context(), p)
	if err != nil || len(r.Blocking()) != 1 || r.Blocking()[0].Code != "not-ours" {
		t.Errorf("probe: %+v, %v", r.Problems, err)
	}
	if _, err := New().Copy(t.Context(), p, nil); err == nil {
		t.Error("a copy succeeded")
	}
	for what, err := range map[string]error{
		"swap":     New().Swap(t.Context(), p, unnoted),
		"rollback": New().Rollback(t.Context(), p, unnoted),
		"discard":  New().Discard(t.Context(), p),
	} {
		if err == nil {
			t.Errorf("%s succeeded", what)
		}
	}
	if to, err := os.Readlink(live); err != nil || to != live+".elsewhere" {
		t.Errorf("the link points to %q, %v", to, err)
	}
}

// back is the way from a story's live copy to its source.
func (st *story) back() *story {
	out := *st
	out.p.Source, out.p.Target = st.p.Target, st.p.Source
	out.p.Names = database.NamesOf(st.p.Source.Catalog)
	out.n = 0
	return &out
}
