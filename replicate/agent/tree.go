package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"failoverd/replicate/agent/agentconfig"
	"failoverd/replicate/files"
)

// tree is a directory that is watched, and opened again and again while it is not there. What of it is copied, the
// standby says; the agent remembers that, so that after a restart it looks before it is asked.
type tree struct {
	grant agentconfig.Tree
	dir   *os.Root // what is remembered of it
	log   *slog.Logger
	retry time.Duration // how long is waited first before a tree that is not there is looked for again

	mu      sync.Mutex
	rules   *files.Rules
	watch   *watch        // nil while the tree is not there
	problem error         // why it is not
	changed chan struct{} // closed when watch or problem have changed
	again   chan struct{} // there are other rules: wait no longer
	epochs  epochs        // as they are remembered
	guest   *guest        // files are brought back: nothing is watched
	trouble error         // how that ended the last time

	own chan struct{} // holds a token while somebody has the tree: its source, or a sink
}

// watch is a source while it runs.
type watch struct {
	source *files.Source
	rules  *files.Rules
	ctx    context.Context // ends with it
	stop   context.CancelFunc
	talks  sync.WaitGroup
}

const (
	// rest is for how long a file must be quiet of which the system says that nobody has it open for writing.
	rest = 5 * time.Millisecond
	// soonest and latest bound the waiting before a tree that is not there is looked for again.
	soonest = time.Second
	latest  = time.Minute
	// restartPatience is how long a request may wait for a tree to be opened with other rules.
	restartPatience = 8 * time.Second

	rulesFile = "rules" // what of the tree is copied
	epochFile = "epoch" // under which takeovers it was read and written
	underFile = "under" // the hash of the rules under which the source remembers it
)

// The problems of a tree that pass by themselves: before it was opened, and while files are brought back to it.
var (
	errOpening  = errors.New("the tree is being opened")
	errBringing = errors.New("the standby brings its files back")
)

// newTree makes a tree ready, with the rules that the standby gave the last time.
func newTree(grant agentconfig.Tree, directory string, log *slog.Logger) (*tree, error) {
	dir, err := os.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	t := &tree{
		grant: grant, dir: dir, log: log, retry: soonest, problem: errOpening,
		changed: make(chan struct{}), again: make(chan struct{}, 1), own: make(chan struct{}, 1),
	}
	if err := t.recall(); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return t, nil
}

// recall reads what is remembered of the tree.
func (t *tree) recall() error {
	var remembered Rules
	if _, err := readJSON(t.dir, rulesFile, &remembered); err != nil {
		return err
	}
	var err error
	if t.rules, err = remembered.compile(); err != nil {
		return err
	}
	_, err = readJSON(t.dir, epochFile, &t.epochs)
	return err
}

// run watches the tree until ctx ends.
func (t *tree) run(ctx context.Context) {
	defer func() { _ = t.dir.Close() }()
	wait, said := t.retry, ""
	for {
		began := time.Now()
		err := t.once(ctx)
		if ctx.Err() != nil {
			if err != nil {
				t.log.Warn("the tree was not closed as it should be; it is compared whole at the next start", "err", err)
			}
			return
		}
		if err == nil {
			continue // other rules
		}
		if time.Since(began) > latest {
			wait, said = t.retry, ""
		}
		// Said once, and not each time that it is still so.
		if err.Error() != said {
			t.log.Error("the tree cannot be watched; it is tried again", "directory", t.grant.Directory, "err", err)
			said = err.Error()
		}
		t.withdraw(err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-t.again:
		case <-ctx.Done():
		}
		timer.Stop()
		wait = min(2*wait, latest)
	}
}

// once opens the tree, watches it and closes it, whichever way it ends.
func (t *tree) once(ctx context.Context) error {
	if !t.alone(ctx) {
		return nil
	}
	defer t.give()
	t.mu.Lock()
	rules, epoch := t.rules, t.epochs.last()
	t.mu.Unlock()
	state, err := t.stateDir(rules)
	if err != nil {
		return err
	}
	source, err := files.OpenSource(files.SourceOptions{
		Directory: t.grant.Directory, StateDir: state, Rules: rules, Epoch: epoch, ScanInterval: t.grant.ScanInterval, Log: t.log,
		Settle: files.Settle{Quiet: rest, Unknown: t.grant.Settle, MaxWait: t.grant.MaxWait},
	})
	if err != nil {
		return err
	}
	w := &watch{source: source, rules: rules}
	w.ctx, w.stop = context.WithCancel(ctx)
	defer w.stop()
	t.log.Info("the tree is watched", "directory", t.grant.Directory)
	t.offer(w)
	err = source.Run(w.ctx)
	w.stop()
	t.withdraw(errOpening)
	w.talks.Wait()
	return errors.Join(err, source.Close())
}

// stateDir is where the source remembers the tree. What it remembers under other rules is forgotten.
func (t *tree) stateDir(rules *files.Rules) (string, error) {
	hash := rules.Hash()
	want := hex.EncodeToString(hash[:])
	state := t.stateOf()
	had, err := read(t.dir, underFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if string(had) == want {
		return state, nil
	}
	if err := files.Forget(state); err != nil {
		return "", fmt.Errorf("forget the tree under other rules: %w", err)
	}
	return state, keep(t.dir, underFile, []byte(want))
}

// stateOf is where a source remembers the tree.
func (t *tree) stateOf() string { return filepath.Join(t.dir.Name(), "state") }

// offer has the source serve, unless there are other rules meanwhile, or files come back.
func (t *tree) offer(w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rules.Hash() != w.rules.Hash() || t.guest != nil {
		w.stop()
		return
	}
	t.set(w, nil)
}

// withdraw says that nothing is served, and why.
func (t *tree) withdraw(problem error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(nil, problem)
}

// set says whether the tree is watched. The lock is held.
func (t *tree) set(w *watch, problem error) {
	if t.guest != nil {
		w, problem = nil, errBringing
	}
	t.watch, t.problem = w, problem
	close(t.changed)
	t.changed = make(chan struct{})
}

// state is why the tree is not watched, nil if it is.
func (t *tree) state() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.problem
}

// use has the tree watched under rules, and returns when it is, or why it is not.
func (t *tree) use(ctx context.Context, raw Rules, rules *files.Rules) error {
	if err := t.adopt(raw, rules); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	for {
		t.mu.Lock()
		w, problem, changed := t.watch, t.problem, t.changed
		t.mu.Unlock()
		if w != nil && w.rules.Hash() == rules.Hash() {
			return nil
		}
		if w == nil && !errors.Is(problem, errOpening) {
			return t.unavailable(problem)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return t.unavailable(errOpening)
		}
	}
}

// unavailable is the problem of a tree that is not there.
func (t *tree) unavailable(err error) *Problem {
	return &Problem{Unavailable, fmt.Sprintf("tree %s of the agent cannot be watched now: %v", t.grant.Name, err)}
}

// adopt takes other rules over, remembers them and has the tree opened anew.
func (t *tree) adopt(raw Rules, rules *files.Rules) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rules.Hash() == rules.Hash() {
		return nil
	}
	if err := keepJSON(t.dir, rulesFile, raw); err != nil {
		return fmt.Errorf("remember the rules: %w", err)
	}
	t.log.Info("the standby copies other files of the tree; everything is looked at")
	t.rules = rules
	if t.watch != nil {
		t.watch.stop()
	}
	t.set(nil, errOpening)
	select {
	case t.again <- struct{}{}:
	default:
	}
	return nil
}

// serve has a conversation about the tree as it was agreed on. Each takeover raises the epoch, and the standby that asks
// for the files again has had the word of somebody that the primary's are the ones to go by: under that epoch nothing is
// brought back any more.
func (t *tree) serve(ctx context.Context, stream io.ReadWriteCloser, rules *files.Rules, epoch uint64) error {
	t.mu.Lock()
	w := t.watch
	if w == nil || w.rules.Hash() != rules.Hash() {
		t.mu.Unlock()
		return t.unavailable(errOpening)
	}
	if err := t.note(t.epochs.read(epoch)); err != nil {
		t.mu.Unlock()
		return err
	}
	w.talks.Add(1)
	t.mu.Unlock()
	defer w.talks.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.ctx, cancel)()
	w.source.Raise(epoch)
	return w.source.Serve(ctx, stream)
}
