package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"failoverd/replicate/database"
)

// engineChild does one thing with the engine and kills itself, with SIGKILL, at the edge of that number: before a note,
// or when a copy has come to that phase. An edge that does not come lets it end by itself.
func engineChild(operation, pair, edge string) int {
	var e errand
	at, err := strconv.Atoi(edge)
	if err = errors.Join(err, json.Unmarshal([]byte(pair), &e)); err != nil {
		fmt.Println(err)
		return 2
	}
	p := e.pair()
	die := func(string) error {
		if at--; at == 0 {
			return syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		}
		return nil
	}
	ctx := context.Background()
	switch operation {
	case "copy":
		phase := ""
		_, err = New().Copy(ctx, p, func(progress database.Progress) {
			if progress.Phase != phase {
				phase = progress.Phase
				_ = die(phase)
			}
		})
	case "swap":
		err = New().Swap(ctx, p, die)
	case "rollback":
		err = New().Rollback(ctx, p, die)
	case "probe":
		var r database.Report
		if r, err = New().Probe(ctx, p); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(r)
		}
	case "replicate":
		if _, err = New().Copy(ctx, p, nil); err == nil {
			err = New().Swap(ctx, p, die)
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// errand is a pair as a child is told of it.
type errand struct{ Source, Catalog, Target, Live, Run string }

func (e errand) pair() database.Pair {
	return database.Pair{
		Source: database.End{Host: "pbx", DSN: e.Source, Catalog: e.Catalog},
		Target: database.End{Host: "standby", DSN: e.Target, Catalog: e.Live},
		Names:  database.NamesOf(e.Live),
		Run:    e.Run,
	}
}

// never is an edge that does not come.
const never = -1

// story is a pair in a test about crashes, and what its catalogs hold: the number of moves.
type story struct {
	t *testing.T
	s *site
	p database.Pair
	n int
}

func newStory(t *testing.T, s *site) *story {
	t.Helper()
	st := &story{t: t, s: s, p: s.newPair(t, s.copies)}
	st.exec(schema)
	st.exec(data)
	st.exec(bulk(40_000))
	return st
}

func (st *story) exec(script string) {
	st.t.Helper()
	if err := st.s.exec(st.t.Context(), st.p.Source, st.p.Source.Catalog, script); err != nil {
		st.t.Fatal(err)
	}
}

// holds is the number of moves in a catalog at the target, -1 if it is not there. What is there must be whole.
func (st *story) holds(catalog string) int {
	st.t.Helper()
	all, err := st.s.catalogs(st.t.Context(), st.p.Target)
	if err != nil {
		st.t.Fatal(err)
	}
	if !slices.Contains(all, catalog) {
		return -1
	}
	if _, err := os.Stat(st.s.file(st.p.Target, catalog)); errors.Is(err, fs.ErrNotExist) {
		return -1 // A link to nothing, by which a run finds out whether it can make one, is nothing.
	}
	sum := dialect().Sum
	rows, err := st.s.query(st.t.Context(), st.p.Target, catalog, sum.Query)
	if err != nil || len(rows) != 1 || !slices.Equal(rows[0], sum.Want[0]) {
		st.t.Errorf("%s: %q, %v", catalog, rows, err)
	}
	rows, err = st.s.query(st.t.Context(), st.p.Target, catalog,
		`SELECT (SELECT count(*) FROM moves), (SELECT count(*) FROM notes) > 40000, * FROM pragma_integrity_check`)
	if err != nil || len(rows) != 1 || rows[0][1] != "1" || rows[0][2] != "ok" {
		st.t.Fatalf("%s: %q, %v", catalog, rows, err)
	}
	n, err := strconv.Atoi(rows[0][0])
	if err != nil {
		st.t.Fatal(err)
	}
	return n
}

// want compares what the three names hold.
func (st *story) want(live, previous, staging int) {
	st.t.Helper()
	n := st.p.Names
	got := []int{st.holds(n.Live), st.holds(n.Previous), st.holds(n.Staging)}
	if !slices.Equal(got, []int{live, previous, staging}) {
		st.t.Errorf("live, previous and staging hold %v moves, want %v", got, []int{live, previous, staging})
	}
}

// next begins another run of a source that has one move more.
func (st *story) next() {
	st.t.Helper()
	st.n++
	st.p.Run = fmt.Sprintf("run-%d", st.n)
	st.exec(dialect().Move)
}

// do does something with the engine.
func (st *story) do(err error) {
	st.t.Helper()
	if err != nil {
		st.t.Fatal(err)
	}
}

func (st *story) copy() {
	st.t.Helper()
	_, err := New().Copy(st.t.Context(), st.p, nil)
	st.do(err)
}

func (st *story) swap() {
	st.t.Helper()
	st.do(New().Swap(st.t.Context(), st.p, unnoted))
}

func (st *story) rollback() {
	st.t.Helper()
	st.do(New().Rollback(st.t.Context(), st.p, unnoted))
}

func (st *story) discard() {
	st.t.Helper()
	st.do(New().Discard(st.t.Context(), st.p))
	left, err := st.s.traces(st.t.Context(), st.p)
	if err != nil || len(left) > 0 {
		st.t.Errorf("left: %q, %v", left, err)
	}
}

func unnoted(string) error { return nil }

// killed has a child do something until it is killed at an edge; false if it came to its end.
func (st *story) killed(operation string, edge int) bool {
	st.t.Helper()
	out, err := st.child(st.t.Context(), operation, edge).CombinedOutput()
	return st.ended(out, err)
}

// child is another process that does something with the engine.
func (st *story) child(ctx context.Context, operation string, edge int) *exec.Cmd {
	st.t.Helper()
	pair, err := json.Marshal(errand{st.p.Source.DSN, st.p.Source.Catalog, st.p.Target.DSN, st.p.Target.Catalog, st.p.Run})
	if err != nil {
		st.t.Fatal(err)
	}
	return child(ctx, "engine", operation, string(pair), strconv.Itoa(edge))
}

// ended tells a child that was killed from one that came to its end.
func (st *story) ended(out []byte, err error) (killed bool) {
	st.t.Helper()
	if err == nil {
		return false
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return true // Its time was up before it had begun.
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		st.t.Fatalf("the child: %v: %s", err, out)
	}
	return true
}

// TestKilledAtEveryEdge kills the process before each note of a swap and of a rollback, and in each phase of a copy.
// The live copy is what it was, or what it was to become, before anything is repaired.
func TestKilledAtEveryEdge(t *testing.T) {
	s := newSite(t, true, false)
	three := func(t *testing.T) *story { // live 2, previous 1, source 3; the source has had one move before
		st := newStory(t, s)
		for range 2 {
			st.next()
			st.copy()
			st.swap()
		}
		st.next()
		return st
	}
	t.Run("copy", func(t *testing.T) {
		for edge := 1; ; edge++ {
			st := three(t)
			if !st.killed("copy", edge) {
				st.want(3, 2, 4)
				if edge != 3 {
					t.Errorf("a copy has %d edges, want 2", edge-1)
				}
				return
			}
			st.want(3, 2, -1)
			st.discard()
			st.want(3, 2, -1)
			st.copy()
			st.swap()
			st.want(4, 3, -1)
		}
	})
	t.Run("swap", func(t *testing.T) {
		for edge := 1; ; edge++ {
			finished, back, dropped := three(t), three(t), three(t)
			for _, st := range []*story{finished, back, dropped} {
				st.copy()
				if !st.killed("swap", edge) {
					st.want(4, 3, -1)
					if edge != 3 {
						t.Errorf("a swap has %d notes, want 2", edge-1)
					}
					return
				}
				if live := st.holds(st.p.Names.Live); live != 3 {
					t.Errorf("the live copy holds %d moves after a crash before note %d", live, edge)
				}
			}
			finished.swap()
			finished.want(4, 3, -1)
			back.rollback()
			if live := back.holds(back.p.Names.Live); live != 3 {
				t.Errorf("taken back, the live copy holds %d moves", live)
			}
			back.discard()
			dropped.discard()
			if live := dropped.holds(dropped.p.Names.Live); live != 3 {
				t.Errorf("dropped, the live copy holds %d moves", live)
			}
			for _, st := range []*story{finished, back, dropped} {
				st.next()
				st.copy()
				st.swap()
				if live := st.holds(st.p.Names.Live); live != 5 {
					t.Errorf("the next run brought %d moves", live)
				}
				st.discard()
			}
		}
	})
	t.Run("rollback", func(t *testing.T) {
		for edge := 1; ; edge++ {
			st := three(t)
			st.copy()
			st.swap()
			if !st.killed("rollback", edge) {
				st.want(3, -1, -1)
				if edge != 2 {
					t.Errorf("a rollback has %d notes, want 1", edge-1)
				}
				return
			}
			st.want(4, 3, -1)
			st.rollback()
			st.want(3, -1, -1)
			st.discard()
		}
	})
}

// TestKilledAtAnyInstant kills a process that replicates, or only swaps, again and again, wherever it happens to be.
func TestKilledAtAnyInstant(t *testing.T) {
	st := newStory(t, newSite(t, true, true))
	took := map[string]time.Duration{}
	for _, operation := range []string{"replicate", "swap"} {
		st.next()
		if operation == "swap" {
			st.copy()
		}
		begun := time.Now()
		if st.killed(operation, never) {
			t.Fatal("a child was killed by nobody")
		}
		took[operation] = time.Since(begun)
	}
	live := st.holds(st.p.Names.Live)
	kills, swapped := 0, 0 // and among the killed
	for i := range 45 {
		operation := "replicate"
		st.next()
		if i%3 > 0 {
			operation = "swap"
			st.copy()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.Int64N(int64(took[operation]))))
		killed := st.ended(st.child(ctx, operation, never).CombinedOutput())
		cancel()
		after := st.holds(st.p.Names.Live)
		if killed {
			kills++
		}
		switch {
		case after == st.n+1:
			if killed {
				swapped++
			}
			if previous := st.holds(st.p.Names.Previous); previous != live {
				t.Errorf("the previous copy holds %d moves, want %d", previous, live)
			}
		case after != live || !killed:
			t.Errorf("the live copy holds %d moves, want %d or %d; killed %v", after, live, st.n+1, killed)
		}
		live = after
		// Half of them are finished, as a restart would, where there is something to finish.
		if staged := st.holds(st.p.Names.Staging); staged >= 0 && i%2 == 0 {
			st.swap()
			if live = st.holds(st.p.Names.Live); live != staged {
				t.Errorf("finished, the live copy holds %d moves, want %d", live, staged)
			}
		}
		st.discard()
	}
	t.Logf("45 runs of %v: %d were killed, %d of them after the swap", took, kills, swapped)
	if kills == 0 {
		t.Error("nobody was killed")
	}
}
