package files

import (
	"errors"
	"fmt"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// commit carries the group out, and asks for what is missing after it.
func (r *receiver) commit() error {
	if err := r.apply(); err != nil {
		return err
	}
	if err := r.pump(); err != nil {
		return err
	}
	if time.Since(r.ackedAt) >= r.every && r.state.cursor > r.acked || r.options.Prompt && r.complete() {
		return r.acknowledge(time.Now())
	}
	r.tell()
	return nil
}

// complete says whether everything that the source has announced is here, and that was not said yet.
func (r *receiver) complete() bool {
	return !r.listing && r.state.cursor == r.cursor && (r.state.cursor > r.acked || r.lacked > 0) && r.whole()
}

// acknowledge makes the state durable and says how far that is.
func (r *receiver) acknowledge(now time.Time) error {
	if err := r.note(); err != nil {
		return err
	}
	r.tell()
	r.acked, r.ackedAt, r.lacked = r.state.cursor, now, r.lacking()
	return r.w.write(&ackFrame{Seq: r.acked, Lacks: r.lacked})
}

// lacking is how many files were announced and are not there yet.
func (r *receiver) lacking() (n uint64) {
	for _, m := range r.missing {
		if !m.final {
			n++
		}
	}
	return n
}

// apply carries the group out, and makes it durable.
func (r *receiver) apply() error {
	if err := r.land(); err != nil {
		return err
	}
	changes, list := r.changes, r.staged
	r.changes, r.staged, r.bytes, r.due = nil, nil, 0, nil
	if len(changes) > 0 {
		// Data first, then names, then the cursor: at each moment what is seen is whole.
		if err := r.target.syncStage(list); err != nil {
			r.throwAway(changes)
			return fmt.Errorf("make the stage durable: %w", err)
		}
		if err := r.carry(changes); err != nil {
			return err
		}
	}
	if !r.listing {
		if err := r.fasten(); err != nil {
			return err
		}
	}
	r.advance()
	return nil
}

// fasten makes durable what was carried out during a listing.
func (r *receiver) fasten() error {
	if !r.loose {
		return nil
	}
	r.loose = false
	return r.target.syncAll()
}

// carry carries changes out whose content is on the disk. During a listing nothing is acknowledged, and names need not
// be durable until its end.
func (r *receiver) carry(changes []change) error {
	g := r.group()
	defer g.end()
	hold := r.holds(g, changes)
	for i := range changes {
		c := &changes[i]
		superseded := r.superseded(c)
		if c.does == doGone && hold {
			if !superseded {
				r.held[c.path] = true
			}
			continue
		}
		if err := r.done(c, r.carryOut(g, c), superseded); err != nil {
			return err
		}
	}
	r.loose = r.loose || r.listing
	if err := g.finish(!r.listing); err != nil {
		return fmt.Errorf("make the copy durable: %w", err)
	}
	if g.tail != nil {
		if err := g.tail.brought.flush(); err != nil {
			return fmt.Errorf("write down which files were brought back: %w", err)
		}
	}
	r.state.files = uint64(max(0, int64(r.state.files)+g.files))
	return r.measure()
}

// superseded says whether something newer waits that is about the same path as a change whose turn it is. What could not be done
// of that is not remembered then: it would be tried again after the newer one, and stand in its way.
func (r *receiver) superseded(c *change) bool {
	p := c.about()
	if r.pending[p]--; r.pending[p] > 0 {
		return true
	}
	delete(r.pending, p)
	return false
}

// group begins a group.
func (r *receiver) group() *group {
	g := newGroup(r.target, time.Now(), r.options.Retention > 0)
	if r.options.Tail != nil {
		g.tail, g.aside = r.options.Tail, path.Join(rescueDir, r.begun.UTC().Format(rescueLayout))
	}
	return g
}

// holds says whether the deletions of a group are held back.
func (r *receiver) holds(g *group, changes []change) bool {
	n := uint64(0)
	gone := false
	for i := range changes {
		if changes[i].does == doGone {
			gone = true
			if s, err := g.lstat(changes[i].path); err == nil && s.kind != Directory {
				n++
			}
		}
	}
	if !gone {
		return false
	}
	return len(r.held) > 0 || n > 0 && (r.suspect || !r.options.Brake.passes(&r.state.deletions, time.Now(), r.state.files, n))
}

// carryOut does a change, unless its name is that of another file in other letters.
func (r *receiver) carryOut(g *group, c *change) outcome {
	if r.folded == nil || c.does == doGone || c.does == doRename {
		return g.do(c)
	}
	p := c.entry.Path
	for i := 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		key := FoldCase(p[:i])
		if other := r.folded[key]; other != "" && other != p[:i] {
			return outcome{refused: fmt.Sprintf("%q is there already, and case does not count", other)}
		}
		r.folded[key] = p[:i]
	}
	return g.do(c)
}

// done remembers what came of a change; superseded says that something newer is known of its path.
func (r *receiver) done(c *change, out outcome, superseded bool) error {
	e := c.entry
	switch {
	case c.does == doRename:
		return nil // only a hint
	case c.does == doGone:
		if out.err != nil && !superseded {
			r.stuck[c.path] = out.err.Error()
		}
		if out.err == nil {
			delete(r.stuck, c.path)
			r.freed(c.path)
		}
		return nil
	case superseded && (out.lacks || out.refused != "" || out.err != nil):
	case out.refused != "":
		r.missing[e.Path] = &lack{missing: missing{entry: e, reason: out.refused, final: true}}
		if err := r.w.write(&refusedFrame{Path: e.Path, Seq: e.Seq, Reason: out.refused}); err != nil {
			return err
		}
	case out.err != nil:
		reason := out.err.Error()
		if errors.Is(out.err, unix.ENOSPC) {
			reason = r.full(e.Size)
		}
		r.lacks(e, reason)
	case out.lacks:
		r.missing[e.Path] = &lack{missing: missing{entry: e}}
		r.fetcher.queue = append(r.fetcher.queue, e)
		return nil
	default:
		if m := r.missing[e.Path]; m != nil && m.entry.Seq == e.Seq {
			delete(r.missing, e.Path)
		}
		if out.plain != "" && !superseded && len(r.plain) < maxPlain {
			r.plain[e.Path] = missing{entry: e, reason: out.plain, plain: true}
		}
		return nil
	}
	if c.does == doPut {
		if err := r.target.unstage(c.staged); err != nil {
			return fmt.Errorf("clear the stage: %w", err)
		}
	}
	return nil
}

// whole says whether nothing is lacking; of many files that are, the first says so.
func (r *receiver) whole() bool {
	for _, m := range r.missing {
		if !m.final {
			return false
		}
	}
	return true
}

// confirmed deletes what was held back.
func (r *receiver) confirmed() error {
	if err := r.commit(); err != nil {
		return err
	}
	paths := make([]string, 0, len(r.held))
	for p := range r.held {
		paths = append(paths, p)
	}
	deepestFirst(paths)
	g := r.group()
	clear(r.held)
	r.suspect = false
	r.state.deletions = deletions{} // what was confirmed does not count
	for _, p := range paths {
		c := change{does: doGone, path: p}
		if err := r.done(&c, g.do(&c), false); err != nil {
			return err
		}
	}
	defer g.end()
	if err := g.finish(true); err != nil {
		return fmt.Errorf("make the copy durable: %w", err)
	}
	r.state.files = uint64(max(0, int64(r.state.files)+g.files))
	return r.commit()
}

// advance moves the cursor to what is durable now. It stands still while deletions are held back, or too much is missing
// to remember: then the source says it again after an interruption.
func (r *receiver) advance() {
	if r.listing || len(r.held) > 0 || len(r.stuck) > 0 || len(r.missing) > maxMissing || len(r.changes) > 0 {
		return
	}
	if r.cursor != r.state.cursor {
		r.state.cursor = r.cursor
		r.stale = true
	}
}

// note makes the state durable.
func (r *receiver) note() error {
	if r.stale {
		r.state.missing = r.state.missing[:0]
		times := map[string]int64{}
		for _, m := range r.missing {
			// What came after the cursor is announced again.
			if m.entry.Seq <= r.state.cursor {
				m.above = r.target.timeAbove(m.entry.Path, times)
				r.state.missing = append(r.state.missing, m.missing)
			}
		}
		for _, m := range r.plain {
			if m.entry.Seq <= r.state.cursor {
				r.state.missing = append(r.state.missing, m)
			}
		}
		if err := r.state.write(r.target.root); err != nil {
			return err
		}
		r.stale = false
	}
	return nil
}
