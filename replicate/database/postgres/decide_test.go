package postgres

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

func TestChoosesPrograms(t *testing.T) {
	at := func(majors ...int) []programs {
		var list []programs
		for _, n := range majors {
			list = append(list, programs{major: n})
		}
		return list
	}
	tests := map[string]struct {
		found          []programs
		source, target int
		want           int // 0: none
	}{
		"the target's own":            {at(13, 15, 17), 13, 15, 15},
		"older than the source":       {at(13), 15, 15, 0},
		"newer than the target":       {at(17, 16), 14, 15, 16},
		"the source's for a newer":    {at(13), 13, 17, 13},
		"none":                        {nil, 15, 15, 0},
		"the target's, but too old":   {at(13, 16), 15, 13, 16},
		"the oldest that will do":     {at(17, 14, 15), 14, 16, 14},
		"equal at both, among others": {at(17, 15, 13), 15, 15, 15},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := choose(tt.found, tt.source, tt.target)
			var none *noProgramsError
			if got.major != tt.want || (tt.want == 0) != errors.As(err, &none) {
				t.Errorf("chose %d, %v; want %d", got.major, err, tt.want)
			}
		})
	}
}

// TestParts holds that every page of a table is read once, and that the last part has no end.
func TestParts(t *testing.T) {
	const large = 100
	for _, pages := range []int64{0, 1, large, 2 * large, 10*large + 7} {
		tab := table{name: "t", columns: []string{"a"}, pages: pages, bytes: pages * 8192}
		parts := tab.parts(large, 15)
		if len(parts) == 1 {
			if parts[0].reads() != "COPY t (a) TO STDOUT" || parts[0].share() != tab.bytes {
				t.Errorf("%d pages in one: %s, %d bytes", pages, parts[0].reads(), parts[0].share())
			}
			continue
		}
		var at, bytes int64
		for i, p := range parts {
			if p.from != at || (p.to == 0) != (i == len(parts)-1) {
				t.Errorf("%d pages: part %d goes from %d to %d, after %d", pages, i, p.from, p.to, at)
			}
			at = p.to
			bytes += p.share()
		}
		if bytes != tab.bytes {
			t.Errorf("%d pages: the parts have %d of %d bytes", pages, bytes, tab.bytes)
		}
		if got := len(tab.parts(large, 13)); got != 1 {
			t.Errorf("PostgreSQL 13 would read the table %d times", got)
		}
	}
	const want = `COPY (SELECT a, b FROM ONLY t WHERE ctid >= '(5,0)' AND ctid < '(9,0)') TO STDOUT (FORMAT binary)`
	p := part{table: table{name: "t", columns: []string{"a", "b"}, binary: true}, from: 5, to: 9}
	if diff := cmp.Diff(want, p.reads()); diff != "" {
		t.Errorf("statement (-want +got):\n%s", diff)
	}
}

// TestFreezes holds which tables are filled by a transaction that has them for itself.
func TestFreezes(t *testing.T) {
	large := table{name: "t", columns: []string{"a"}, bytes: worthFreezing, binary: true}
	small, lent := large, large
	small.bytes--
	lent.lent = true
	for name, tt := range map[string]struct {
		part part
		want bool
	}{
		"a large table":     {part{table: large, whole: true}, true},
		"a small one":       {part{table: small, whole: true}, false},
		"an extension's":    {part{table: lent, whole: true}, false},
		"some of its pages": {part{table: large, to: 5}, false},
	} {
		if got := tt.part.freezes(); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	whole := part{table: large, whole: true}
	if got, want := whole.writes(true), "COPY t (a) FROM STDIN (FORMAT binary, FREEZE)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	whole.binary = false
	if got, want := whole.writes(true)+"; "+whole.writes(false), "COPY t (a) FROM STDIN (FREEZE); COPY t (a) FROM STDIN"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestSumOfRows holds that the order of rows and how they are cut into parts make no difference, and their contents
// and number do.
func TestSumOfRows(t *testing.T) {
	header, err := hex.DecodeString("5047434f50590aff0d0a00" + "00000000" + "00000000")
	must(t, err)
	add := func(s *sum, messages ...string) *sum {
		for _, m := range messages {
			before := s.rows
			if row, err := s.add([]byte(m)); row != (s.rows > before) || err != nil {
				t.Fatalf("add %q: a row %v, %v", m, row, err)
			}
		}
		return s
	}
	want := add(&sum{}, "one\n", "two\n", "two\n")
	for name, got := range map[string]*sum{
		"another order":    add(&sum{}, "two\n", "one\n", "two\n"),
		"binary":           add(&sum{binary: true}, string(header)+"one\n", "two\n", "two\n", binaryTrailer),
		"header of itself": add(&sum{binary: true}, string(header), "one\n", "two\n", "two\n", binaryTrailer),
	} {
		if got.rows != want.rows || got.hash != want.hash {
			t.Errorf("%s: %d rows, %x; want %d, %x", name, got.rows, got.hash, want.rows, want.hash)
		}
	}
	for name, got := range map[string]*sum{
		"once":       add(&sum{}, "one\n", "two\n"),
		"not at all": add(&sum{}, "one\n"),
		"other rows": add(&sum{}, "one\n", "two\n", "twO\n"),
		"one row":    add(&sum{}, "one\ntwo\ntwo\n"),
	} {
		if got.hash == want.hash {
			t.Errorf("%s: the same sum", name)
		}
	}
	if empty := add(&sum{binary: true}, string(header), binaryTrailer); empty.rows != 0 || empty.hash != 0 {
		t.Errorf("an empty table has %d rows", empty.rows)
	}
	if _, err := (&sum{binary: true}).add([]byte("short")); err == nil {
		t.Error("a binary COPY without its header was taken")
	}
}

func TestChangeSaysWhatItCan(t *testing.T) {
	then := database.Table{Name: "t", Rows: 10, Sum: "a"}
	tests := map[string]struct {
		now     int64
		written int64
		want    int64
		says    string
	}{
		"inserted":         {12, 2, 2, "2 written"},
		"updated":          {10, 3, 3, "3 written or changed, 3 changed or deleted"},
		"deleted":          {8, 0, 2, "2 deleted"},
		"both":             {9, 3, 4, "3 written or changed, 4 changed or deleted"},
		"not known":        {11, -1, -1, "other contents; 10 rows then, 11 now"},
		"cannot be":        {15, 1, -1, "other contents; 10 rows then, 15 now"},
		"nothing to be by": {10, 0, -1, "other contents; 10 rows then, 10 now"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := database.Table{Name: "t", Rows: tt.now, Sum: "b"}
			got := difference{then: &then, now: &now}.change(tt.written)
			if diff := cmp.Diff(database.Change{Table: "t", Rows: tt.want, What: tt.says}, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	then := []database.Table{{Name: "same", Rows: 1, Sum: "a"}, {Name: "other", Rows: 1, Sum: "a"}, {Name: "gone", Rows: 2}, {Name: "gone empty"}}
	now := []database.Table{{Name: "same", Rows: 1, Sum: "a"}, {Name: "other", Rows: 1, Sum: "b"}, {Name: "new", Rows: 3}, {Name: "new empty"}}
	var got []string
	for _, d := range differences(then, now) {
		c := d.change(-1)
		got = append(got, c.Table+": "+c.What)
	}
	want := []string{"other: other contents; 1 rows then, 1 now", "new: a new table with 3 rows", "gone: gone, with 2 rows"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

func TestExpectationNamesWhatIsWrong(t *testing.T) {
	s := database.Snapshot{Tables: []database.Table{{Name: "a", Rows: 1, Sum: "x"}, {Name: "b", Rows: 2, Sum: "y"}, {Name: "c", Rows: 3, Sum: "z"}}}
	good := []database.Table{{Name: "a", Rows: 1, Sum: "x"}, {Name: "b", Rows: 2, Sum: "y"}, {Name: "c", Rows: 3, Sum: "z"}}
	if err := expect(s, nil).compare(good); err != nil {
		t.Errorf("what is as it must be: %v", err)
	}
	bad := []database.Table{{Name: "a", Rows: 1, Sum: "other"}, {Name: "b", Rows: 1, Sum: "y"}, {Name: "d"}}
	err := expect(s, nil).compare(bad)
	for _, word := range []string{"a has other contents", "b has 1 of 2 rows", "d is not expected", "c is missing"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
	fixed := &fixed{Rows: map[string]int64{"a": 1, "b": 1, "c": -1, "d": 0}}
	if err := expect(s, fixed).compare(bad); err != nil {
		t.Errorf("what a script has made: %v", err)
	}
}

func TestMarkKeepsWhatPeopleWrote(t *testing.T) {
	m := mark{Run: "r", First: true, Fixed: &fixed{Objects: map[string]int{"table": 1}, Rows: map[string]int64{"t": -1}}}
	for _, people := range []string{"", "the company's", "two\nlines"} {
		comment, err := m.comment(people)
		must(t, err)
		gotPeople, got := splitComment(comment)
		if diff := cmp.Diff(m, got); diff != "" || gotPeople != people {
			t.Errorf("%q came back as %q, mark (-want +got):\n%s", people, gotPeople, diff)
		}
	}
	const theirs = "see\nfailoverd: the manual"
	if people, m := splitComment(theirs); people != theirs || m != (mark{}) {
		t.Errorf("people's own comment became %q and %+v", people, m)
	}
}

// TestWraps tells a program from Debian's script that chooses one.
func TestWraps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, program, link := filepath.Join(dir, "pg_wrapper"), filepath.Join(dir, "pg_dump-15"), filepath.Join(dir, "pg_dump")
	for _, name := range []string{script, program} {
		must(t, os.WriteFile(name, nil, 0o755))
	}
	for target, want := range map[string]bool{script: true, program: false} {
		must(t, os.Symlink(target, link))
		if got := wraps(link); got != want {
			t.Errorf("a link to %s wraps: %v, want %v", filepath.Base(target), got, want)
		}
		must(t, os.Remove(link))
	}
	if wraps(filepath.Join(dir, "none")) {
		t.Error("what is not there wraps something")
	}
}
