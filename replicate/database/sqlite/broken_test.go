package sqlite

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// broken is the engine with one promise broken.
type broken struct {
	name string
	// part and proof are the subtests of the suite that must find it out.
	part, proof string
	engine      func(s *site) database.Engine
}

// afterCopy is an engine that does something to its copies.
func afterCopy(s *site, script string) database.Engine {
	return liar{copy: func(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
		snapshot, err := New().Copy(ctx, p, w)
		if err == nil {
			err = s.exec(ctx, p.Target, p.Names.Staging, script)
		}
		return snapshot, err
	}}
}

// probing is an engine that changes what Probe says.
func probing(change func(r *database.Report, err error) error) database.Engine {
	return liar{probe: func(ctx context.Context, p database.Pair) (database.Report, error) {
		r, err := New().Probe(ctx, p)
		return r, change(&r, err)
	}}
}

// wait waits; a test about gaps needs one.
func wait(d time.Duration) { <-time.After(d) }

func breakages() []broken {
	return []broken{
		{"none", "", "", func(*site) database.Engine { return New() }},
		{"no table lacks a key", "Probe", "tells what both", func(*site) database.Engine {
			return probing(func(r *database.Report, err error) error { r.NoKey = nil; return err })
		}},
		{"an object is not counted", "Probe", "tells what both", func(*site) database.Engine {
			return probing(func(r *database.Report, err error) error { delete(r.Objects, "view"); return err })
		}},
		{"nothing stands", "Probe", "tells what stands", func(*site) database.Engine {
			return probing(func(r *database.Report, err error) error { r.Standing = database.Standing{}; return err })
		}},
		{"unreachable is any error", "Probe", "says that the", func(*site) database.Engine {
			return probing(func(_ *database.Report, err error) error {
				if err != nil {
					err = errors.New(err.Error())
				}
				return err
			})
		}},
		{"an error holds the password", "Probe", "says that the", func(*site) database.Engine {
			return liar{probe: func(ctx context.Context, p database.Pair) (r database.Report, err error) {
				r, err = New().Probe(ctx, p)
				if err != nil {
					secret, _ := p.Source.Password()
					err = &database.UnreachableError{Host: p.Source.Host, Err: errors.New(secret)}
				}
				return r, err
			}}
		}},
		{"a missing catalog is empty", "Probe", "misses a catalog", func(*site) database.Engine {
			return probing(func(r *database.Report, err error) error { r.Problems = nil; return err })
		}},
		{"a copy lacks rows", "Copy", "holds all", func(s *site) database.Engine {
			return afterCopy(s, "DELETE FROM notes WHERE rowid = 1")
		}},
		{"a copy lacks a view", "Copy", "holds all", func(s *site) database.Engine {
			return afterCopy(s, "CREATE VIEW other AS SELECT 1; DROP VIEW busy_customers; CREATE VIEW busy_customers (name, calls) AS SELECT name, 0 FROM customers")
		}},
		{"a copy fires triggers", "Copy", "holds all", func(s *site) database.Engine {
			return afterCopy(s, "UPDATE tally SET customers = 2 * customers")
		}},
		{"a copy lacks a trigger", "Copy", "works as the source", func(s *site) database.Engine {
			return afterCopy(s, "DROP TRIGGER customers_in")
		}},
		{"a copy is of two instants", "Copy", "shows one instant", func(s *site) database.Engine {
			return afterCopy(s, "UPDATE till SET amount = amount + 5")
		}},
		{"progress goes back", "Copy", "says how far", func(*site) database.Engine {
			return liar{copy: func(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
				return New().Copy(ctx, p, func(progress database.Progress) {
					w(progress)
					progress.Done--
					w(progress)
				})
			}}
		}},
		{"no progress", "Copy", "says how far", func(*site) database.Engine {
			return liar{copy: func(ctx context.Context, p database.Pair, _ database.Watch) (database.Snapshot, error) {
				return New().Copy(ctx, p, nil)
			}}
		}},
		{"a copy cannot be cancelled", "Copy", "stops when", func(*site) database.Engine {
			return liar{copy: func(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
				return New().Copy(context.WithoutCancel(ctx), p, w)
			}}
		}},
		{"a cancelled copy leaves a file", "Copy", "stops when", func(s *site) database.Engine {
			return liar{copy: func(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
				snapshot, err := New().Copy(ctx, p, w)
				if err != nil {
					left := s.file(p.Target, p.Names.Live+mark+"left")
					err = errors.Join(err, os.WriteFile(left, nil, 0o600))
				}
				return snapshot, err
			}}
		}},
		{"a script ends early without a word", "Fix", "says which", func(*site) database.Engine {
			return liar{fix: func(ctx context.Context, p database.Pair, script string) error {
				_ = New().Fix(ctx, p, script)
				return nil
			}}
		}},
		{"a script runs in the live copy", "Fix", "does not touch", func(s *site) database.Engine {
			return liar{fix: func(ctx context.Context, p database.Pair, script string) error {
				return s.exec(ctx, p.Target, p.Names.Live, script)
			}}
		}},
		{"everything is complete", "Verify", "misses", func(*site) database.Engine {
			return liar{verify: func(_ context.Context, _ database.Pair, s database.Snapshot) (database.Verified, error) {
				return database.Verified{Objects: s.Objects, Rows: s.Rows, Check: "ok"}, nil
			}}
		}},
		{"the previous copy is not kept", "Swap", "keeps the copy", func(s *site) database.Engine {
			return liar{swap: func(ctx context.Context, p database.Pair, note func(string) error) error {
				err := New().Swap(ctx, p, note)
				return errors.Join(err, gone(os.Remove(s.file(p.Target, p.Names.Previous))))
			}}
		}},
		{"readers find nothing for a moment", "Swap", "leaves readers", func(s *site) database.Engine {
			return liar{swap: func(ctx context.Context, p database.Pair, note func(string) error) error {
				live := s.file(p.Target, p.Names.Live)
				if os.Rename(live, live+"x") == nil {
					wait(50 * time.Millisecond)
					if err := os.Rename(live+"x", live); err != nil {
						return err
					}
				}
				return New().Swap(ctx, p, note)
			}}
		}},
		{"readers find half", "Swap", "leaves readers", func(s *site) database.Engine {
			return liar{swap: func(ctx context.Context, p database.Pair, note func(string) error) error {
				err := s.exec(ctx, p.Target, p.Names.Live, "UPDATE till SET amount = amount + 1")
				wait(50 * time.Millisecond)
				return errors.Join(err, New().Swap(ctx, p, note))
			}}
		}},
		{"a swap does not listen to its notes", "Interrupted", "a later swap", func(*site) database.Engine {
			return liar{swap: func(ctx context.Context, p database.Pair, note func(string) error) error {
				return New().Swap(ctx, p, func(what string) error { _ = note(what); return nil })
			}}
		}},
		{"a swap is not noted", "Interrupted", "the first swap is noted", func(*site) database.Engine {
			return liar{swap: func(ctx context.Context, p database.Pair, _ func(string) error) error {
				return New().Swap(ctx, p, unnoted)
			}}
		}},
		{"a rollback only drops the staging", "Interrupted", "the rollback of a later swap", func(*site) database.Engine {
			return liar{rollback: func(ctx context.Context, p database.Pair, note func(string) error) error {
				return errors.Join(note("nothing"), New().Discard(ctx, p))
			}}
		}},
		{"a rollback does nothing", "Rollback", "makes the previous copy live again", func(*site) database.Engine {
			return liar{rollback: func(context.Context, database.Pair, func(string) error) error { return nil }}
		}},
		{"a second rollback drops what is live", "Rollback", "makes the previous copy live again", func(s *site) database.Engine {
			return liar{rollback: func(ctx context.Context, p database.Pair, note func(string) error) error {
				r, err := New().Probe(ctx, p)
				if err == nil && !r.Standing.Previous {
					return errors.Join(os.Remove(s.file(p.Target, p.Names.Live)), New().Discard(ctx, p))
				}
				return New().Rollback(ctx, p, note)
			}}
		}},
		{"nothing is discarded", "Discard", "drops the staging alone", func(*site) database.Engine {
			return liar{discard: func(context.Context, database.Pair) error { return nil }}
		}},
		{"the live copy is discarded", "Discard", "drops the staging alone", func(s *site) database.Engine {
			return liar{discard: func(ctx context.Context, p database.Pair) error {
				return errors.Join(gone(os.Remove(s.file(p.Target, p.Names.Live))), New().Discard(ctx, p))
			}}
		}},
		{"nothing is sealed", "Release", "seals a copy", func(*site) database.Engine {
			return liar{
				release: func(context.Context, database.End, bool) error { return nil },
				probe:   probing(func(r *database.Report, err error) error { r.Standing.Writable = false; return err }).(liar).probe,
			}
		}},
		{"nothing is opened", "Release", "seals a copy", func(*site) database.Engine {
			return liar{release: func(ctx context.Context, e database.End, _ bool) error { return New().Release(ctx, e, false) }}
		}},
		{"nobody is seen", "Sessions", "sees who writes", func(*site) database.Engine {
			return liar{sessions: func(context.Context, database.End) ([]database.Session, error) { return nil, nil }}
		}},
		{"nothing has changed", "Changes", "sees", func(*site) database.Engine {
			return liar{changes: func(context.Context, database.End, database.Snapshot) ([]database.Change, error) { return nil, nil }}
		}},
		{"everything has changed", "Changes", "sees nothing", func(*site) database.Engine {
			return liar{changes: func(_ context.Context, _ database.End, s database.Snapshot) (list []database.Change, err error) {
				for _, t := range s.Tables {
					list = append(list, database.Change{Table: t.Name, Rows: -1})
				}
				return list, nil
			}}
		}},
		{"the neighbours are sealed too", "Neighbours", "copies of two", func(s *site) database.Engine {
			return liar{release: func(ctx context.Context, e database.End, writable bool) error {
				all, err := s.catalogs(ctx, e)
				for _, catalog := range all {
					e.Catalog = catalog
					err = errors.Join(err, New().Release(ctx, e, writable))
				}
				return err
			}}
		}},
		{"the primary's database is not kept", "ToLive", "brings the standby", func(s *site) database.Engine {
			return liar{swap: func(ctx context.Context, p database.Pair, note func(string) error) error {
				err := New().Swap(ctx, p, note)
				if !strings.HasPrefix(p.Names.Live, "pbx_") {
					err = errors.Join(err, os.Remove(s.file(p.Target, p.Names.Previous)))
				}
				return err
			}}
		}},
		{"a full disk is not said", "Trouble", "the target's disk", func(*site) database.Engine {
			return liar{copy: func(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
				snapshot, err := New().Copy(ctx, p, w)
				if err != nil {
					err = errors.New("it did not work")
				}
				return snapshot, err
			}}
		}},
		{"half a source is a whole one", "Trouble", "the source's catalog", func(s *site) database.Engine {
			return liar{copy: func(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
				snapshot, err := New().Copy(ctx, p, w)
				if err == nil {
					err = s.exec(ctx, p.Target, p.Names.Staging, "DELETE FROM notes WHERE rowid % 2 = 0")
				}
				return snapshot, err
			}}
		}},
	}
}

// brokenEnv names the breakage that a child runs the suite on.
const brokenEnv = "FAILOVERD_SQLITE_BROKEN"

// TestSuiteSeesWhatIsBroken runs the suite on engines that break one promise each: each must be found out by the part
// of the suite that proves the promise.
func TestSuiteSeesWhatIsBroken(t *testing.T) {
	name := os.Getenv(brokenEnv)
	if name == "" {
		// One that breaks nothing must pass, or the rest would prove nothing.
		if out, err := runBroken(t, "none", "(Probe|Fix|Rollback|Discard)$/"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, b := range breakages() {
		switch name {
		case b.name:
			s := newSite(t, true, false)
			f := s.fixture(t)
			f.Engine, f.Patience = b.engine(s), 10*time.Second
			enginetest.Run(t, f)
		case "":
			if b.name == "none" {
				continue
			}
			t.Run(b.name, func(t *testing.T) {
				if b.name == "a full disk is not said" && newSite(t, true, false).fullDisk(t) == nil {
					t.Skip("a full disk cannot be tried here")
				}
				proof := regexp.QuoteMeta(strings.ReplaceAll(b.proof, " ", "_"))
				out, err := runBroken(t, b.name, b.part+"$/^"+proof)
				found := regexp.MustCompile(`--- FAIL: TestSuiteSeesWhatIsBroken/` + b.part + `/` + proof)
				if err == nil || !found.Match(out) {
					t.Errorf("nobody noticed: %v\n%s", err, out)
				}
			})
		}
	}
}

// runBroken runs a part of the suite on a breakage in a child.
func runBroken(t *testing.T, name, part string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSuiteSeesWhatIsBroken$/^"+part)
	cmd.Env = append(os.Environ(), brokenEnv+"="+name)
	return cmd.CombinedOutput()
}
