package trees

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/replicate/files"
)

// Examined is what is found at both ends before files are brought back.
type Examined struct {
	Copy   files.Measured // here
	Synced time.Time      // when the copy was last complete; zero if it never was
	Far    Far            // at the primary
}

// Progress is how far the bringing back of a tree is.
type Progress struct {
	Phase   string // "look", "compare", "transfer"
	Sent    uint64 // bytes
	Missing int    // paths whose content is not there yet
}

// Brought is what came of it.
type Brought struct {
	Files, Bytes uint64          // of the tree now
	Sent         uint64          // bytes
	Refused      []files.Problem // paths that the primary cannot hold
}

// backDir is where the source of a copy that is brought back remembers it, below the tree's state directory.
const backDir = "back"

// ErrWritten says that somebody writes in a copy that is brought back.
var ErrWritten = errors.New("somebody writes in the copy: stop what does, and order it again")

// wanted is a tree as its agent is asked for it.
func (o Order) wanted() Wanted {
	t := o.Tree
	return Wanted{Server: t.Server, Directory: t.Agent, Include: t.Include, Exclude: t.Exclude, FoldCase: t.FoldCase, Epoch: o.Epoch}
}

// Examine asks what there is at both ends, and changes nothing.
func (s *Set) Examine(ctx context.Context, o Order) (Examined, error) {
	var x Examined
	rules, err := files.NewRules(o.Tree.Include, o.Tree.Exclude, o.Tree.FoldCase)
	if err != nil {
		return x, err
	}
	if x.Copy, err = files.Measure(ctx, o.Tree.Directory, rules); err != nil {
		return x, err
	}
	if x.Synced, err = recall(o.Tree); err != nil {
		return x, err
	}
	x.Far, err = s.open.Look(ctx, o.wanted())
	return x, err
}

// Bring makes a tree at the primary as the copy is, and returns when it is, as the primary says. It may be called again
// after whatever interrupted it: what is there already does not travel again. The copy is only read, and may not be
// followed meanwhile.
func (s *Set) Bring(ctx context.Context, o Order, watch func(Progress)) (Brought, error) {
	return s.bring(ctx, o, watch, false)
}

// Ahead brings what the copy has now, while somebody may go on writing in it. Bring has to follow, for what is written
// meanwhile; it then has little to do.
func (s *Set) Ahead(ctx context.Context, o Order, watch func(Progress)) (Brought, error) {
	return s.bring(ctx, o, watch, true)
}

func (s *Set) bring(ctx context.Context, o Order, watch func(Progress), ahead bool) (_ Brought, err error) {
	rules, err := files.NewRules(o.Tree.Include, o.Tree.Exclude, o.Tree.FoldCase)
	if err != nil {
		return Brought{}, err
	}
	// What cannot be read would look as if it was gone, and so would the whole copy if its disk was not mounted.
	m, err := files.Measure(ctx, o.Tree.Directory, rules)
	switch {
	case err != nil:
		return Brought{}, err
	case !m.Copy || m.Files == 0:
		return Brought{}, fmt.Errorf("there is no copy in %s", o.Tree.Directory)
	}
	// What an earlier source knew of the copy is worth nothing: the stand-in has been at work in it.
	dir := filepath.Join(o.Tree.StateDir, backDir)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return Brought{}, err
	}
	source, err := files.OpenSource(files.SourceOptions{
		Directory: o.Tree.Directory, StateDir: dir, Rules: rules, Epoch: o.Epoch, Settle: settleBack(ahead), ScanInterval: time.Hour, Log: s.log,
	})
	if err != nil {
		return Brought{}, err
	}
	defer func() { err = errors.Join(err, source.Close(), os.RemoveAll(dir)) }()
	b := &bringing{open: s.open, order: o, source: source, watch: watch, patience: s.patience, ahead: ahead}
	return b.run(ctx)
}

// settleBack is when a file of a copy is read that is brought back. In the final stop of a failback nobody works in it any more,
// every file has been read once, and users wait: what nobody has open is as it will stay.
func settleBack(ahead bool) files.Settle {
	s := settle()
	if !ahead {
		s.Quiet = 50 * time.Millisecond
	}
	return s
}

// patienceOf is how long the bringing back waits; tests wait for less.
type patienceOf struct {
	look    time.Duration // between two looks at how far the other side is
	writing time.Duration // somebody may still write in the copy
	quiet   time.Duration // hardly anything is sent, ahead of the final stop of a failback
	stuck   time.Duration // nothing goes on, and there is a reason that will not go by itself
	lost    time.Duration // nothing goes on, whatever the reason
}

// usualPatience is how long it waits in the field.
func usualPatience() patienceOf {
	return patienceOf{look: time.Second, writing: time.Minute, quiet: time.Second, stuck: 30 * time.Second, lost: 10 * time.Minute}
}

// bringing is one copy on its way back.
type bringing struct {
	open     Opener
	order    Order
	source   *files.Source
	watch    func(Progress)
	patience patienceOf
	sent     atomic.Uint64 // bytes

	ahead bool   // somebody may write in the copy
	head  uint64 // of the source, when the copy was looked at whole and nobody wrote in it; not of bringing ahead

	before uint64    // sent, at the last look of bringing ahead
	quiet  time.Time // since when hardly anything was sent

	mu   sync.Mutex
	lost error // why the last conversation ended
}

// run has the source watch the copy and serve it, until the other side has everything.
func (b *bringing) run(ctx context.Context) (Brought, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel(nil)
	parts.Go(func() {
		if err := b.source.Run(ctx); err != nil {
			cancel(err)
		}
	})
	if err := b.settle(ctx); err != nil {
		return Brought{}, err
	}
	parts.Go(func() { b.serve(ctx) })
	return b.await(ctx)
}

// settle waits until the copy was looked at whole. Nothing is written anywhere before, and nothing is if somebody writes in
// the copy.
func (b *bringing) settle(ctx context.Context) error {
	var writing <-chan time.Time
	for {
		v, changed := b.source.Status()
		switch {
		case b.ahead && v.Scanned:
			return nil
		case v.Resting:
			b.head = v.Head
			return nil
		case v.Scanned && writing == nil:
			timer := time.NewTimer(b.patience.writing)
			defer timer.Stop()
			writing = timer.C
		}
		b.watch(Progress{Phase: "look"})
		select {
		case <-changed:
		case <-time.After(b.patience.look):
		case <-writing:
			return ErrWritten
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// serve has one conversation after the other, until ctx ends.
func (b *bringing) serve(ctx context.Context) {
	for attempts := 0; ctx.Err() == nil; attempts++ {
		began := time.Now()
		stream, err := b.open.Bring(ctx, b.order.wanted())
		if err == nil {
			if err = b.source.Serve(ctx, counted{stream, &b.sent}); err == nil {
				err = errors.New("the agent ended the conversation")
			}
		}
		if time.Since(began) > mostPause {
			attempts = 0
		}
		b.mu.Lock()
		b.lost = err
		b.mu.Unlock()
		timer := time.NewTimer(pause(attempts, rand.Float64()))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// counted counts what is written to a stream.
type counted struct {
	io.ReadWriteCloser
	n *atomic.Uint64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.ReadWriteCloser.Write(p)
	c.n.Add(uint64(max(n, 0)))
	return n, err
}

// still is how much may be sent without a file coming further: both sides show each other that they live.
const still = 64 << 10

// await waits until the other side has everything, or until nothing goes on any more.
func (b *bringing) await(ctx context.Context) (Brought, error) {
	var was mark
	moved := time.Now()
	tick := time.NewTicker(b.patience.look)
	defer tick.Stop()
	for {
		v, changed := b.source.Status()
		switch {
		case b.ahead && v.Resting && v.Whole == v.Head && v.Head > 0:
			return Brought{Files: v.Files, Bytes: v.Bytes, Sent: b.sent.Load(), Refused: v.Problems}, nil
		case b.ahead:
		case v.Head != b.head:
			return Brought{}, ErrWritten
		case v.Whole == v.Head && v.Resting:
			return Brought{Files: v.Files, Bytes: v.Bytes, Sent: b.sent.Load(), Refused: v.Problems}, nil
		}
		select {
		case <-changed:
			continue
		case <-tick.C:
		case <-ctx.Done():
			return Brought{}, context.Cause(ctx)
		}
		far, err := b.open.Look(ctx, b.order.wanted())
		if err != nil {
			far = Far{}
		}
		if b.ahead && b.enough(time.Now()) {
			return Brought{Files: v.Files, Bytes: v.Bytes, Sent: b.sent.Load(), Refused: v.Problems}, nil
		}
		now := mark{sent: b.sent.Load(), acked: v.Acked, missing: far.Missing}
		if now.further(was) {
			was, moved = now, time.Now()
		}
		b.watch(b.progress(far))
		if err := b.stands(time.Since(moved), v, far); err != nil {
			return Brought{}, err
		}
	}
}

// enough says whether bringing ahead has come as far as it can: somebody who goes on writing may keep the two sides from ever
// being equal.
func (b *bringing) enough(now time.Time) bool {
	if sent := b.sent.Load(); sent > b.before+still || b.quiet.IsZero() {
		b.before, b.quiet = sent, now
	}
	return b.sent.Load() > 0 && now.Sub(b.quiet) >= b.patience.quiet
}

// mark is how far it was at one instant.
type mark struct {
	sent, acked uint64
	missing     int
}

// further says whether it has come further since.
func (m mark) further(was mark) bool {
	return m.sent > was.sent+still || m.acked != was.acked || m.missing != was.missing
}

// stands says why nothing goes on, once that has lasted; nil before.
func (b *bringing) stands(lasted time.Duration, v files.SourceStatus, far Far) error {
	switch {
	case lasted < b.patience.stuck:
		return nil
	case far.Missing > 0 && len(v.Problems) > 0:
		return fmt.Errorf("%d paths do not come back, the first is %q: %s", far.Missing, v.Problems[0].Path, v.Problems[0].Reason)
	case far.Missing > 0 && len(far.Failed) > 0:
		return fmt.Errorf("%d paths do not come back, the first is %q: the primary says: %s", far.Missing, far.Failed[0].Path, far.Failed[0].Reason)
	case lasted < b.patience.lost:
		return nil
	}
	b.mu.Lock()
	why := b.lost
	b.mu.Unlock()
	if why == nil {
		why = errors.New("nothing has come further")
	}
	if far.Trouble != "" {
		why = fmt.Errorf("%w; the agent says: %s", why, far.Trouble)
	}
	return fmt.Errorf("given up after %s: %w", b.patience.lost, why)
}

// progress is how far both sides are.
func (b *bringing) progress(far Far) Progress {
	p := Progress{Phase: "transfer", Sent: b.sent.Load(), Missing: far.Missing}
	if far.Listing || !far.Bringing {
		p.Phase = "compare"
	}
	return p
}

// SetAside lists what was set aside at the primary when files were brought back, after a place in that list.
func (s *Set) SetAside(ctx context.Context, t Tree, after files.RescuePlace) ([]files.Rescued, bool, error) {
	return s.open.SetAside(ctx, Order{Tree: t}.wanted(), after)
}

// Restore puts something that was set aside at the primary into its place again.
func (s *Set) Restore(ctx context.Context, t Tree, set, path string) error {
	return s.open.Restore(ctx, Order{Tree: t}.wanted(), set, path)
}
