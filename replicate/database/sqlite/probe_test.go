package sqlite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"failoverd/replicate/database"
)

// problems is what a probe found, by its code.
func problems(r database.Report) map[string]database.Problem {
	out := map[string]database.Problem{}
	for _, p := range r.Problems {
		out[p.Code] = p
	}
	return out
}

func TestProbeKnowsWhatIsNoDatabase(t *testing.T) {
	s := newSite(t, false, true)
	p := s.newPair(t, s.copies)
	if err := os.WriteFile(p.Source.DSN, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := New().Probe(t.Context(), p)
	if found := problems(r)["not-a-database"]; err != nil || !found.Blocks || found.Remedy == "" {
		t.Errorf("probe: %+v, %v", r.Problems, err)
	}
}

func TestProbeSaysThatWritersWillWait(t *testing.T) {
	for _, wal := range []bool{true, false} {
		s := newSite(t, wal, true)
		p := s.newPair(t, s.copies)
		r, err := New().Probe(t.Context(), p)
		if found, said := problems(r)["journal-mode"]; err != nil || said == wal || found.Blocks {
			t.Errorf("in WAL mode %v: %+v, %v", wal, r.Problems, err)
		}
	}
}

// TestProbeNamesTheRightThatIsMissing looks as somebody who may only read the target's directory.
func TestProbeNamesTheRightThatIsMissing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	s := newSite(t, false, true)
	p := s.newPair(t, s.copies)
	for _, dir := range []string{filepath.Dir(s.copies), s.copies, s.primary} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(p.Source.DSN, 0o644); err != nil {
		t.Fatal(err)
	}
	// Nobody must be able to run the test binary, which lies where nobody may look.
	program := filepath.Join(s.copies, "program")
	text, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := (&story{t: t, s: s, p: p}).child(t.Context(), "probe", never)
	cmd.Path, cmd.Dir = program, "/"
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	out, err := cmd.Output()
	var r database.Report
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	found := problems(r)["missing-right"]
	if err != nil || !found.Blocks || found.Remedy != "setfacl -m u:nobody:rwx "+s.copies {
		t.Errorf("probe: %+v, %v: %s", r.Problems, err, out)
	}
}
