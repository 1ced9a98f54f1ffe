// Package replicatetest is a database engine in memory, for tests of what replicates: it keeps the contract of
// database.Engine in the way that a server with renames does, outlives the daemon that uses it, and fails, waits or dies
// as it is told.
package replicatetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"failoverd/replicate/database"
)

// ErrDead is what a daemon that has been killed sees of every call: nothing happens any more.
var ErrDead = errors.New("the daemon is dead")

// Engine is any number of database servers, told apart by their data source.
type Engine struct {
	mu         sync.Mutex
	catalogs   map[string]int  // by data source and name: what is in it
	sealed     map[string]bool // the same
	away       map[string]bool // data sources that cannot be asked
	fail       map[string]error
	gates      map[string]chan struct{}
	later      map[string]later
	calls      []string
	statements int
	dieAt      int // statements that change something, until the daemon dies; 0 is never
	dead       bool
	Died       func() // called once, when the daemon dies by dieAt
	changes    []database.Change
	sessions   []database.Session
	problems   []database.Problem
	target     database.Server // what probes find at the target
}

// New returns servers with nothing in them.
func New() *Engine {
	return &Engine{
		catalogs: map[string]int{}, sealed: map[string]bool{}, away: map[string]bool{}, fail: map[string]error{}, gates: map[string]chan struct{}{}, later: map[string]later{},
		target: database.Server{Product: "Memory", Version: "1", Free: 1 << 30, Data: "/memory"},
	}
}

func key(e database.End, catalog string) string { return e.DSN + "/" + catalog }

// Put writes what a catalog holds.
func (e *Engine) Put(dsn, catalog string, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.catalogs[dsn+"/"+catalog] = n
}

// Holds is what a catalog holds, 0 if there is none.
func (e *Engine) Holds(dsn, catalog string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.catalogs[dsn+"/"+catalog]
}

// All is every catalog that there is, by data source and name.
func (e *Engine) All() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.catalogs)
}

// Sealed reports whether nobody may write to a catalog.
func (e *Engine) Sealed(dsn, catalog string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sealed[dsn+"/"+catalog]
}

// Away has a server not answer, or answer again.
func (e *Engine) Away(dsn string, away bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away[dsn] = away
}

// Fail has every call of a name fail: "copy", "fix", "verify", "swap", "rollback", "discard", "release". nil ends that.
func (e *Engine) Fail(call string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail[call] = err
}

// Newer has the target hold what the source does not.
func (e *Engine) Newer(changes ...database.Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes = changes
}

// Connected has somebody be connected.
func (e *Engine) Connected(sessions ...database.Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions = sessions
}

// Found has every probe find problems.
func (e *Engine) Found(problems ...database.Problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.problems = problems
}

// Room has every probe find that much room at the target; -1 is that it is not known, and why.
func (e *Engine) Room(free int64, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.target.Free, e.target.Unknown = free, why
}

// Shut has every copy wait, until what it returns is called or the copy is cancelled.
func (e *Engine) Shut(call string) (open func()) {
	ch := make(chan struct{})
	e.mu.Lock()
	e.gates[call] = ch
	e.mu.Unlock()
	return func() {
		e.mu.Lock()
		delete(e.gates, call)
		e.mu.Unlock()
		close(ch)
	}
}

// Calls lists what was called since it was last asked.
func (e *Engine) Calls() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls
	e.calls = nil
	return calls
}

// DieAt has the daemon die just before the n-th statement from now that changes something.
func (e *Engine) DieAt(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dieAt, e.statements = n, 0
}

// Kill has nothing happen any more, and Revive has a new daemon find what the old one has left.
func (e *Engine) Kill()   { e.mu.Lock(); e.dead = true; e.mu.Unlock() }
func (e *Engine) Revive() { e.mu.Lock(); e.dead, e.dieAt = false, 0; e.mu.Unlock() }

// enter begins a call.
func (e *Engine) enter(ctx context.Context, call, name string, ends ...database.End) error {
	e.mu.Lock()
	e.calls = append(e.calls, call+" "+name)
	gate := e.gates[call]
	e.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dead {
		return ErrDead
	}
	for _, end := range ends {
		if e.away[end.DSN] {
			return &database.UnreachableError{Host: end.Host, Err: errors.New("connection refused")}
		}
	}
	if l, ok := e.later[call]; ok {
		if l.n--; l.n < 0 {
			delete(e.later, call)
			return l.err
		}
		e.later[call] = l
	}
	return e.fail[call]
}

// change executes one statement, unless the daemon dies before it.
func (e *Engine) change(f func()) error {
	e.mu.Lock()
	e.statements++
	dies := e.dieAt > 0 && e.statements == e.dieAt
	if dies {
		e.dead = true
	}
	died := e.Died
	if !e.dead {
		f()
	}
	dead := e.dead
	e.mu.Unlock()
	if dies && died != nil {
		died()
	}
	if dead {
		return ErrDead
	}
	return nil
}

func (e *Engine) has(end database.End, catalog string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.catalogs[key(end, catalog)]
	return ok
}

// Probe finds what stands at the target.
func (e *Engine) Probe(ctx context.Context, p database.Pair) (database.Report, error) {
	if err := e.enter(ctx, "probe", p.Names.Live, p.Source, p.Target); err != nil {
		return database.Report{}, err
	}
	r := database.Report{
		Source: database.Server{Product: "Memory", Version: "1", Free: -1}, Bytes: 1000, Objects: map[string]int{"table": 2},
		Standing: database.Standing{Live: e.has(p.Target, p.Names.Live), Staging: e.has(p.Target, p.Names.Staging), Previous: e.has(p.Target, p.Names.Previous)},
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r.Target = e.target
	r.Problems = append(r.Room(p, 0), e.problems...)
	return r, nil
}

// Copy stages what the source holds.
func (e *Engine) Copy(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
	at := time.Now()
	if err := e.change(func() { e.catalogs[key(p.Target, p.Names.Staging)] = -1 }); err != nil { // half
		return database.Snapshot{}, err
	}
	w(database.Progress{Phase: "data", Object: "calls", Done: 500, Total: 1000, Rows: 5})
	if err := e.enter(ctx, "copy", p.Names.Staging, p.Source, p.Target); err != nil {
		return database.Snapshot{}, err
	}
	var n int
	err := e.change(func() {
		n = e.catalogs[key(p.Source, p.Source.Catalog)]
		e.catalogs[key(p.Target, p.Names.Staging)] = n
	})
	table := database.Table{Name: "calls", Rows: int64(n), Sum: fmt.Sprint(n)}
	return database.Snapshot{
		At: at, Identity: key(p.Source, p.Source.Catalog), Position: fmt.Sprint(n), Bytes: 1000, Rows: int64(n),
		Objects: map[string]int{"table": 1}, Tables: []database.Table{table},
	}, err
}

// Fix adds to what is staged the number of times that the script says "more".
func (e *Engine) Fix(ctx context.Context, p database.Pair, script string) error {
	if err := e.enter(ctx, "fix", p.Names.Staging+": "+strings.TrimSpace(script), p.Target); err != nil {
		return err
	}
	return nil
}

// Verify finds what is staged.
func (e *Engine) Verify(ctx context.Context, p database.Pair, s database.Snapshot) (database.Verified, error) {
	if err := e.enter(ctx, "verify", p.Names.Staging, p.Target); err != nil {
		return database.Verified{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := e.catalogs[key(p.Target, p.Names.Staging)]; int64(n) != s.Rows {
		return database.Verified{}, fmt.Errorf("%d rows, want %d", n, s.Rows)
	}
	return database.Verified{Objects: s.Objects, Rows: s.Rows, Check: "memory: no errors"}, nil
}

// rename is a statement that gives a catalog another name.
func (e *Engine) rename(end database.End, from, to string) error {
	return e.change(func() {
		e.catalogs[key(end, to)] = e.catalogs[key(end, from)]
		delete(e.catalogs, key(end, from))
	})
}

// drop is a statement that drops a catalog.
func (e *Engine) drop(end database.End, name string) error {
	return e.change(func() { delete(e.catalogs, key(end, name)) })
}

// Swap drops the previous one and renames the two others, one statement at a time.
func (e *Engine) Swap(ctx context.Context, p database.Pair, note func(string) error) error {
	if err := e.enter(ctx, "swap", p.Names.Live, p.Target); err != nil {
		return err
	}
	t, n := p.Target, p.Names
	if !e.has(t, n.Staging) {
		if !e.has(t, n.Live) {
			return errors.New("neither staging nor live stands")
		}
		return nil
	}
	steps := []struct {
		when bool
		what string
		do   func() error
	}{
		{e.has(t, n.Live) && e.has(t, n.Previous), "drop " + n.Previous, func() error { return e.drop(t, n.Previous) }},
		{e.has(t, n.Live), "rename " + n.Live + " to " + n.Previous, func() error { return e.rename(t, n.Live, n.Previous) }},
		{true, "rename " + n.Staging + " to " + n.Live, func() error { return e.rename(t, n.Staging, n.Live) }},
	}
	for _, s := range steps {
		if !s.when {
			continue
		}
		if err := note(s.what); err != nil {
			return err
		}
		if err := s.do(); err != nil {
			return err
		}
	}
	return nil
}

// Rollback takes the newest swap back. Like a real one, it cannot tell a first copy from one whose previous one is back.
func (e *Engine) Rollback(ctx context.Context, p database.Pair, note func(string) error) error {
	if err := e.enter(ctx, "rollback", p.Names.Live, p.Target); err != nil {
		return err
	}
	t, n := p.Target, p.Names
	do := func(what string, f func() error) error {
		if err := note(what); err != nil {
			return err
		}
		return f()
	}
	switch {
	case e.has(t, n.Staging) && e.has(t, n.Live):
		return nil // the swap has renamed nothing
	case e.has(t, n.Live):
		if err := do("drop "+n.Live, func() error { return e.drop(t, n.Live) }); err != nil {
			return err
		}
	}
	if e.has(t, n.Previous) {
		return do("rename "+n.Previous+" to "+n.Live, func() error { return e.rename(t, n.Previous, n.Live) })
	}
	return nil
}

// Discard drops what is staged.
func (e *Engine) Discard(ctx context.Context, p database.Pair) error {
	if err := e.enter(ctx, "discard", p.Names.Staging, p.Target); err != nil {
		return err
	}
	return e.drop(p.Target, p.Names.Staging)
}

// Release opens or seals a catalog.
func (e *Engine) Release(ctx context.Context, end database.End, writable bool) error {
	if err := e.enter(ctx, "release", fmt.Sprintf("%s %t", end.Catalog, writable), end); err != nil {
		return err
	}
	return e.change(func() { e.sealed[key(end, end.Catalog)] = !writable })
}

// Sessions lists who is connected.
func (e *Engine) Sessions(ctx context.Context, end database.End) ([]database.Session, error) {
	err := e.enter(ctx, "sessions", end.Catalog, end)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions, err
}

// Changes lists what is newer.
func (e *Engine) Changes(ctx context.Context, end database.End, _ database.Snapshot) ([]database.Change, error) {
	err := e.enter(ctx, "changes", end.Catalog, end)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changes, err
}

// FailAfter has a call succeed n times, and then fail.
func (e *Engine) FailAfter(call string, n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.later[call] = later{n, err}
}

// later is a failure that is to come.
type later struct {
	n   int
	err error
}
