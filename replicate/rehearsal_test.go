package replicate

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/plan"
	"failoverd/replicate/database"
	"failoverd/replicate/replicatetest"
)

// stage is a standby with copies of two catalogs, and a drill on them.
type stage struct {
	t      *testing.T
	engine *replicatetest.Engine
	run    Rehearsal
	asked  int
	refuse error
	copies map[string]Copy
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, engine: replicatetest.New(), copies: map[string]Copy{}}
	fix := filepath.Join(t.TempDir(), "fix.sql")
	if err := os.WriteFile(fix, []byte("more {{.Copy}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run = Rehearsal{ID: "drill-1", Kind: "drill", Server: "pbx", Standby: "standby", Watch: func(string, database.Progress) {}}
	for i, name := range []string{"calls", "users"} {
		end := database.End{Host: "standby", DSN: "standby", Catalog: "pbx_" + name}
		s.engine.Put("standby", end.Catalog, 5+i)
		s.engine.Put("standby", end.Catalog+"__prev", 3+i)
		s.run.Catalogs = append(s.run.Catalogs, Catalog{Name: name, Engine: s.engine, Standby: end, Drill: database.Beside(end)})
		s.copies[name] = Copy{Last: &Complete{}}
	}
	s.run.Catalogs[0].Scripts = []string{fix}
	s.run.Check = Check{Command: "check", Timeout: time.Minute, Run: func(context.Context) (string, error) {
		s.asked++
		for _, c := range []string{"pbx_calls__drill", "pbx_users__drill"} {
			if s.engine.Holds("standby", c) == 0 || s.engine.Sealed("standby", c) {
				return "", errors.New(c + " cannot be worked on")
			}
		}
		return "it works", s.refuse
	}}
	return s
}

// recorder keeps nothing.
type recorder struct{}

func (recorder) Record(context.Context, plan.Record, bool) error { return nil }

// play carries the drill out.
func (s *stage) play(ctx context.Context) (plan.Record, error) {
	s.run.Use(s.copies)
	p := s.run.Plan()
	return plan.Run(ctx, p, plan.New(p, s.run.ID, plan.Actor{}, "", nil, time.Now()), recorder{})
}

// intact wants the copies to be as they were, and nothing of the drill.
func (s *stage) intact() {
	s.t.Helper()
	want := map[string]int{"standby/pbx_calls": 5, "standby/pbx_users": 6, "standby/pbx_calls__prev": 3, "standby/pbx_users__prev": 4}
	if diff := cmp.Diff(want, s.engine.All()); diff != "" {
		s.t.Errorf("at the standby (-want +got):\n%s", diff)
	}
}

// states are the steps and what became of them.
func states(r plan.Record) string {
	var list []string
	for _, d := range r.Steps {
		text := d.Name + " " + string(d.State)
		if strings.HasPrefix(d.Note, "NOT REHEARSED") {
			text = d.Name + " not rehearsed"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestADrillThatProves(t *testing.T) {
	s := newStage(t)
	r, err := s.play(t.Context())
	if err != nil || r.State != plan.Succeeded || s.asked != 1 {
		t.Fatalf("%s, %v, asked %d times: %s", r.State, err, s.asked, states(r))
	}
	const want = "look succeeded, copy calls succeeded, verify calls succeeded, fix calls succeeded, open calls succeeded, " +
		"copy users succeeded, verify users succeeded, open users succeeded, check succeeded, clear succeeded"
	if got := states(r); got != want {
		t.Errorf("steps: %s", got)
	}
	if !slices.Contains(s.engine.Calls(), "fix pbx_calls__drill__new: more pbx_calls__drill") {
		t.Error("the fix-up was not run in the drill's copy")
	}
	s.intact()
}

// What fails does not hide what else would fail, and what could not be tried is said.
func TestWhatWouldHaveFailed(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		breaks func(*stage)
		states string
		says   string
	}{
		{"the check", func(s *stage) { s.refuse = broken }, "check failed, clear succeeded", "check: broken"},
		{
			"the fix-up", func(s *stage) { s.engine.Fail("fix", broken) },
			"fix calls failed, open calls succeeded, copy users succeeded, verify users succeeded, open users succeeded, check succeeded, clear succeeded", "fix calls: ",
		},
		{
			"every copy", func(s *stage) { s.engine.Fail("copy", broken) },
			"copy calls failed, verify calls not rehearsed, fix calls not rehearsed, open calls not rehearsed, copy users failed, " +
				"verify users not rehearsed, open users not rehearsed, check not rehearsed, clear succeeded", "copy calls: broken; copy users: broken",
		},
		{"that it can be written to", func(s *stage) { s.engine.Fail("release", broken) }, "open users failed, check not rehearsed, clear succeeded", "open calls: broken"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t)
			test.breaks(s)
			r, err := s.play(t.Context())
			if err != nil || r.State != plan.Partial {
				t.Fatalf("%s, %v: %s", r.State, err, states(r))
			}
			if got := states(r); !strings.HasSuffix(got, test.states) {
				t.Errorf("steps: %s, want at the end: %s", got, test.states)
			}
			if out := Rehearsed(r); out.State != plan.Failed || !strings.Contains(out.Error, test.says) {
				t.Errorf("the drill is %s: %s", out.State, out.Error)
			}
			s.intact()
		})
	}
}

func TestADrillThatDoesNotBegin(t *testing.T) {
	for name, breaks := range map[string]func(*stage){
		"no copy was ever completed": func(s *stage) { delete(s.copies, "users") },
		"was neither finished nor":   func(s *stage) { s.copies["users"] = s.copies["users"].Stage(Complete{}, false, true).Begin("rename") },
		"connection refused":         func(s *stage) { s.engine.Fail("probe", errors.New("connection refused")) },
		"no room":                    func(s *stage) { s.engine.Found(database.Problem{Code: "no-space", Blocks: true, Text: "no room"}) },
		"no drill has made it": func(s *stage) {
			s.engine.Put("standby", "pbx_users__drill", 8)
			s.engine.Put("standby", "pbx_users__drill__prev", 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			breaks(s)
			before := s.engine.All()
			r, err := s.play(t.Context())
			if err == nil || !strings.Contains(err.Error(), name) || !strings.HasPrefix(states(r), "look failed, copy calls queued") {
				t.Errorf("%v: %s", err, states(r))
			}
			if diff := cmp.Diff(before, s.engine.All()); diff != "" {
				t.Errorf("it has changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A drill that dies at any statement leaves what the next one, or its undoing, drops.
func TestADrillThatDies(t *testing.T) {
	for statement := 1; ; statement++ {
		s := newStage(t)
		before := s.engine.All()
		s.engine.DieAt(statement)
		r, _ := s.play(t.Context())
		if r.State == plan.Succeeded {
			if statement < 10 {
				t.Errorf("a drill has only %d statements", statement-1)
			}
			return
		}
		s.engine.Revive()
		for _, c := range s.run.Catalogs {
			if err := vanish(t.Context(), c); err != nil {
				t.Errorf("died at statement %d: %v", statement, err)
			}
		}
		if !maps.Equal(before, s.engine.All()) {
			t.Errorf("died at statement %d: left %v", statement, s.engine.All())
		}
		if r, err := s.play(t.Context()); err != nil || r.State != plan.Succeeded {
			t.Errorf("the drill after one that died at statement %d: %s, %v", statement, r.State, err)
		}
		s.intact()
	}
}

func TestCancelledDrill(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s.run.Check.Run = func(ctx context.Context) (string, error) {
		cancel(errors.Join(plan.ErrCancelled, errors.New("a takeover")))
		<-ctx.Done()
		return "", ctx.Err()
	}
	r, err := s.play(ctx)
	if !errors.Is(err, plan.ErrCancelled) || r.State != plan.Undone {
		t.Errorf("%s, %v", r.State, err)
	}
	s.intact()
}
