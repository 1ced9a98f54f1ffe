package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"failoverd/replicate/database"
)

// childEnv says what a child of the test binary does instead of running tests.
const childEnv = "FAILOVERD_MYSQL_CHILD"

func TestMain(m *testing.M) {
	if operation := os.Getenv(childEnv); operation != "" {
		os.Exit(child(operation, os.Args[1], os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

// errand is a pair as a child is told of it.
type errand struct{ Source, Catalog, Target, Live, Run string }

// child does one thing with the engine and kills itself, with SIGKILL, at the edge of that number: before a note, or
// when a copy has come to that phase. An edge that does not come lets it end by itself.
func child(operation, pair, edge string) int {
	var e errand
	at, err := strconv.Atoi(edge)
	if err = errors.Join(err, json.Unmarshal([]byte(pair), &e)); err != nil {
		fmt.Println(err)
		return 2
	}
	secret := func() (string, error) { return password, nil }
	p := database.Pair{
		Source: database.End{Host: "source", DSN: e.Source, Catalog: e.Catalog, Password: secret},
		Target: database.End{Host: "target", DSN: e.Target, Catalog: e.Live, Password: secret},
		Names:  database.NamesOf(e.Live), Run: e.Run,
	}
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
		_, err = Engine{}.Copy(ctx, p, func(progress database.Progress) {
			if progress.Phase != phase || progress.Phase == "data" && progress.Done > 0 {
				phase = progress.Phase
				_ = die(phase)
			}
		})
	case "swap":
		err = Engine{}.Swap(ctx, p, die)
	case "rollback":
		err = Engine{}.Rollback(ctx, p, die)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// bulk is how many rows a story has beside the company's.
const bulk = 4000

// story is a pair whose live copy holds 3 moves, the previous one 2, and the source 4.
type story struct {
	t *testing.T
	s servers
	p database.Pair
	n int
}

func newStory(t *testing.T, s servers) *story {
	t.Helper()
	st := &story{t: t, s: s, p: s.pair(t)}
	for _, script := range []string{s.words(schema), s.words(data), s.dialect().Bulk(bulk)} {
		st.exec(script)
	}
	for range 2 {
		st.next()
		st.copy()
		st.swap()
	}
	st.next()
	return st
}

func (st *story) exec(script string) {
	st.t.Helper()
	if _, err := ask(st.t.Context(), st.p.Source.DSN, st.p.Source.Catalog, script); err != nil {
		st.t.Fatal(err)
	}
}

// next begins another run of a source that has one move more.
func (st *story) next() {
	st.t.Helper()
	st.n++
	st.p.Run = fmt.Sprintf("run-%d", st.n)
	st.exec(st.s.dialect().Move)
}

func (st *story) do(err error) {
	st.t.Helper()
	if err != nil {
		st.t.Fatal(err)
	}
}

func (st *story) copy() {
	st.t.Helper()
	_, err := Engine{}.Copy(st.t.Context(), st.p, nil)
	st.do(err)
}

func (st *story) swap() {
	st.t.Helper()
	st.do(Engine{}.Swap(st.t.Context(), st.p, unnoted))
}

func (st *story) rollback() {
	st.t.Helper()
	st.do(Engine{}.Rollback(st.t.Context(), st.p, unnoted))
}

func (st *story) discard() {
	st.t.Helper()
	st.do(Engine{}.Discard(st.t.Context(), st.p))
	left, err := st.s.traces(st.t.Context(), st.p)
	if err != nil || len(left) > 0 {
		st.t.Errorf("left: %q, %v", left, err)
	}
}

func unnoted(string) error { return nil }

// killed has a child do something until it is killed at an edge; false if it came to its end.
func (st *story) killed(operation string, edge int) bool {
	st.t.Helper()
	return st.child(st.t.Context(), operation, edge)
}

// child is another process that does something with the engine; it says whether that was killed.
func (st *story) child(ctx context.Context, operation string, edge int) bool {
	st.t.Helper()
	pair, err := json.Marshal(errand{st.p.Source.DSN, st.p.Source.Catalog, st.p.Target.DSN, st.p.Target.Catalog, st.p.Run})
	st.do(err)
	cmd := exec.CommandContext(ctx, os.Args[0], string(pair), strconv.Itoa(edge))
	cmd.Env = append(os.Environ(), childEnv+"="+operation)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return true // before it was there
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		st.t.Fatalf("the child: %v: %s", err, out)
	}
	return true
}

// holds is the number of moves in a catalog at the target, -1 if it is not there. What is there must be whole.
func (st *story) holds(catalog string) int {
	st.t.Helper()
	dsn := st.p.Target.DSN
	all, err := columnOf(st.t.Context(), dsn, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
	st.do(err)
	if !slices.Contains(all, catalog) {
		return -1
	}
	sum := st.s.dialect().Sum
	rows, err := ask(st.t.Context(), dsn, catalog, sum.Query)
	if err != nil || len(rows) != 1 || !slices.Equal(rows[0], sum.Want[0]) {
		st.t.Errorf("%s: %q, %v", catalog, rows, err)
	}
	rows, err = ask(st.t.Context(), dsn, catalog, `SELECT (SELECT COUNT(*) FROM moves), (SELECT COUNT(*) FROM notes) > 4000,
		(SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()), (SELECT COUNT(*) FROM a_spenders)`)
	if err != nil || len(rows) != 1 || !slices.Equal(rows[0][1:], []string{"1", "3", "3"}) {
		st.t.Fatalf("%s: %q, %v", catalog, rows, err)
	}
	n, err := strconv.Atoi(rows[0][0])
	st.do(err)
	return n
}

// want compares what the live and the previous name hold.
func (st *story) want(when string, live, previous int) {
	st.t.Helper()
	n := st.p.Names
	if got := []int{st.holds(n.Live), st.holds(n.Previous)}; !slices.Equal(got, []int{live, previous}) {
		st.t.Errorf("%s live and previous hold %v moves, want %v", when, got, []int{live, previous})
	}
}

// TestKilledAtEveryEdge kills the process before each note of a swap and of a rollback, and several times in a copy.
func TestKilledAtEveryEdge(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	t.Run("copy", func(t *testing.T) {
		st := newStory(t, s)
		edge := 1
		for st.killed("copy", edge) {
			st.want(fmt.Sprintf("killed at edge %d,", edge), 3, 2)
			if edge == 2 {
				st.discard()
				st.want("discarded,", 3, 2)
			}
			edge++
		}
		if edge < 5 {
			t.Errorf("a copy has %d edges, want at least 4", edge-1)
		}
		st.swap()
		st.want("swapped,", 4, 3)
	})
	t.Run("swap", func(t *testing.T) {
		for edge := 1; ; edge++ {
			finished, back, dropped := newStory(t, s), newStory(t, s), newStory(t, s)
			for _, st := range []*story{finished, back, dropped} {
				st.copy()
				if !st.killed("swap", edge) {
					st.want("swapped,", 4, 3)
					if edge != 3 {
						t.Errorf("a swap has %d notes, want 2", edge-1)
					}
					return
				}
			}
			finished.swap()
			finished.want("finished,", 4, 3)
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
			st := newStory(t, s)
			st.copy()
			st.swap()
			if !st.killed("rollback", edge) {
				st.want("taken back,", 3, -1)
				if edge != 2 {
					t.Errorf("a rollback has %d notes, want 1", edge-1)
				}
				return
			}
			st.rollback()
			st.want("taken back,", 3, -1)
			st.discard()
		}
	})
}

// TestKilledAtAnyInstant kills a process that swaps, or takes back, again and again, wherever it happens to be, and
// has it finished or taken back.
func TestKilledAtAnyInstant(t *testing.T) {
	st := newStory(t, startServers(t))
	st.copy()
	begun := time.Now()
	if st.killed("swap", never) {
		t.Fatal("a child was killed by nobody")
	}
	took := time.Since(begun)
	live, kills := st.holds(st.p.Names.Live), 0
	for i := range 16 {
		st.next()
		st.copy()
		staged := st.holds(st.p.Names.Staging)
		if st.killedAfter("swap", time.Duration(rand.Int64N(int64(took)))) {
			kills++
		}
		if i%2 == 0 {
			st.swap()
			if got := st.holds(st.p.Names.Live); got != staged {
				t.Errorf("finished, the live copy holds %d moves, want %d", got, staged)
			}
			if got := st.holds(st.p.Names.Previous); got != live {
				t.Errorf("finished, the previous copy holds %d moves, want %d", got, live)
			}
			live = staged
		} else {
			st.rollback()
			if got := st.holds(st.p.Names.Live); got != live {
				t.Errorf("taken back, the live copy holds %d moves, want %d", got, live)
			}
		}
		st.discard()
	}
	t.Logf("16 swaps of %v: %d were killed", took, kills)
	if kills == 0 {
		t.Error("nobody was killed")
	}
}

// never is an edge that does not come.
const never = -1

// killedAfter has a child do something until it has had so much time; false if it came to its end.
func (st *story) killedAfter(operation string, time time.Duration) bool {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(st.t.Context(), time)
	defer cancel()
	return st.child(ctx, operation, never)
}
