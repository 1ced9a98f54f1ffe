package files

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"
)

// freshFor is how young a change time may be so that another change could still have the same: the clock of the file
// system moves in ticks of up to ten milliseconds.
const freshFor = 20 * time.Millisecond

// look looks at the tree and takes what it sees into the index. It belongs to the source's goroutine.
type look struct {
	*Source
}

// entryOf is an entry from what the file system says. The problem is what is left out of it, and why.
func (l *look) entryOf(p string, s stat) (e Entry, problem string) {
	attributes, problem := l.announced(s.attributes)
	if problem == "" {
		problem = s.unread
	}
	return Entry{
		Attributes: attributes, Path: p, Kind: s.kind, Size: s.size, ModTime: s.modTime, Change: s.change, Mode: s.mode,
		Owner: l.users.name(s.uid), Group: l.groups.name(s.gid), Target: s.target, Inode: s.inode, Device: s.device,
	}, problem
}

// alike says whether two entries announce the same.
func alike(a, b *Entry) bool {
	return a.Kind == b.Kind && a.Size == b.Size && a.ModTime == b.ModTime && a.Mode == b.Mode && a.Owner == b.Owner &&
		a.Group == b.Group && a.Target == b.Target && a.Attributes == b.Attributes && a.Inode == b.Inode
}

// known is the entry of a path.
func (l *look) known(p string) (Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.index.entries[p]; e != nil {
		return *e, true
	}
	return Entry{}, false
}

// learn changes the index.
func (l *look) learn(change func(*index)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l.index)
	l.tell()
}

// problem remembers why a path is not copied; an empty reason forgets it.
func (l *look) problem(p, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reason == "" {
		delete(l.problems, p)
	} else if len(l.problems) < 10_000 {
		l.problems[p] = reason
	}
}

// scan looks at everything. Between directories, what changes meanwhile has its turn. After a loss every directory is
// watched afresh: the watch of one that moved and came back has ended (see unwatch), and the word of that may be what was lost.
func (l *look) scan(ctx context.Context) error {
	if err := l.there(); err != nil {
		return err
	}
	doubt := l.dirty.takeDoubt()
	todo := []string{"."}
	for len(todo) > 0 {
		if ctx.Err() != nil {
			return nil
		}
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if doubt {
			l.watches.drop(dir)
		}
		below, err := l.directory(dir)
		if err != nil {
			return err
		}
		todo = append(todo, below...)
		if err := l.dueNow(); err != nil {
			return err
		}
	}
	l.problem(".", l.watches.problem())
	unsettled := l.dirty.unsettled()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.scanned {
		for _, p := range unsettled {
			l.owed[p] = true
		}
	}
	l.scanned = true
	l.tell()
	return nil
}

// directory watches a directory, then looks at everything in it, and returns the directories that it has.
func (l *look) directory(dir string) (below []string, err error) {
	s, err := l.tree.lstat(dir)
	if err != nil || s.kind != Directory {
		return nil, nil // it went meanwhile: who looks at its parent sees that
	}
	if !l.isAnnounced(dir) {
		return nil, nil
	}
	// Watched before it is listed: what comes in between is seen twice rather than never.
	if err := l.watches.add(dir, identity{s.device, s.inode}); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	changed := false
	err = l.tree.list(dir, func(name string, s stat, statErr error) {
		seen[name] = true
		p := path.Join(dir, name)
		if isPrivate(p) || err != nil {
			return
		}
		if statErr != nil {
			l.problem(p, statErr.Error())
			return
		}
		if !l.options.Rules.Match(p, s.kind == Directory) {
			return
		}
		if s.kind == Directory {
			below = append(below, p)
		}
		if !l.dirty.has(p) { // or it has its turn by itself
			changed = l.at(p, s, dirt{written: true}) || changed
		}
	})
	switch {
	case errors.Is(err, fs.ErrNotExist), isNotDirectory(err):
		return nil, nil
	case err != nil:
		// What cannot be read is not gone.
		l.problem(dir, err.Error())
		return nil, nil
	}
	l.problem(dir, "")
	l.mu.Lock()
	known := l.index.names(dir)
	l.mu.Unlock()
	for _, name := range known {
		if !seen[name] {
			if err := l.gone(path.Join(dir, name)); err != nil {
				return nil, err
			}
			changed = true
		}
	}
	if changed {
		l.refresh(dir)
	}
	return below, nil
}

// isAnnounced says whether a directory is in the index; if it is not, it has its turn first, and everything in it after it.
// Of what is in the index without its directory nobody would see that it goes: the directory's own end says nothing where
// nothing is known of it, and a scan compares what is known of each directory.
func (l *look) isAnnounced(dir string) bool {
	if dir == "." {
		return true
	}
	if e, known := l.known(dir); known && e.Kind == Directory {
		return true
	}
	l.dirty.add(dir, true, true, true)
	return false
}

// refresh announces a directory again: something in it changed, and with that its time.
func (l *look) refresh(dir string) {
	if dir == "." {
		return
	}
	s, err := l.tree.lstat(dir)
	if err != nil || s.kind != Directory {
		return
	}
	e, problem := l.entryOf(dir, s)
	l.problem(dir, problem)
	l.learn(func(x *index) {
		if x.entries[dir] != nil {
			x.put(e, false)
		}
	})
}

// gone notes that nothing is at a path any more.
func (l *look) gone(p string) error {
	old, ok := l.known(p)
	l.problem(p, "")
	if !ok {
		return nil
	}
	// Before anything is called gone: is it the tree that is?
	if err := l.there(); err != nil {
		return err
	}
	if s, err := l.tree.lstat(p); err == nil && s.kind != 0 {
		l.dirty.add(p, true, true, true) // it is back
		return nil
	}
	if old.Kind == Directory {
		l.watches.remove(p)
	}
	l.forget(p)
	return nil
}

// forget notes that a path is gone, and everything below it.
func (l *look) forget(p string) {
	var others []string
	l.learn(func(x *index) { others = x.remove(p) })
	l.lookAt(others)
}

// lookAt has the other names of files looked at of which a name went: what was written through that before made no event
// for the others.
func (l *look) lookAt(others []string) {
	for _, p := range others {
		l.dirty.add(p, false, false, false)
	}
}

// at takes in what is at a path, and says whether anything was announced.
func (l *look) at(p string, s stat, d dirt) bool {
	old, known := l.known(p)
	if s.kind == 0 {
		l.problem(p, s.irregular+" is not copied")
		if known {
			l.watches.remove(p)
			l.forget(p)
		}
		return known
	}
	e, problem := l.entryOf(p, s)
	same := known && alike(&old, &e) && !old.Open && !d.force
	if same && (s.kind != File || old.Change == e.Change) {
		return false
	}
	if s.kind == File && (!known || d.force || old.Open || old.Size != e.Size || old.ModTime != e.ModTime || old.Change != e.Change) {
		ready, open := l.settle(p, s, &d)
		if !ready {
			return false
		}
		e.Open = open
	}
	if same && !d.written {
		// Only the number of its names has changed, say: that is nothing to a copy.
		e.Seq, e.Check = old.Seq, old.Check
		l.learn(func(x *index) { *x.entries[p] = e })
		return false
	}
	// With equal size and time, only a comparison tells.
	touched := d.written && old.Size == e.Size && old.ModTime == e.ModTime && old.Change != e.Change && old.Mode == e.Mode
	e.Check = known && old.Kind == File && (old.Open || touched || l.unchecked(&old))
	l.problem(p, problem)
	if known && old.Kind == Directory && (e.Kind != Directory || old.Inode != e.Inode) {
		// Another one under the same name: the watches are those of the old one.
		l.watches.remove(p)
	}
	var others []string
	l.learn(func(x *index) {
		switch {
		case !known || old.Kind == e.Kind && old.Inode == e.Inode:
		case old.Kind == Directory && e.Kind != Directory:
			others = x.remove(p)
		default:
			others = x.othersOf(&old)
		}
		x.put(e, false)
	})
	l.lookAt(others)
	if s.links > 1 && s.kind == File {
		l.others(&e, touched)
	}
	return true
}

// unchecked says whether an entry wants a comparison that the sink has not confirmed: what is announced instead of it has to
// want that too.
func (l *look) unchecked(e *Entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.Check && e.Seq > l.index.confirmed
}

// others has the other names of a file looked at: an event tells only of the one that was used.
func (l *look) others(e *Entry, touched bool) {
	l.mu.Lock()
	list := l.index.othersOf(e)
	l.mu.Unlock()
	for _, p := range list {
		if other, known := l.known(p); known && (other.Change != e.Change || !alike(&other, e)) {
			l.dirty.add(p, touched, false, false)
		}
	}
}

// settle says whether a file has come to rest, or is due although it has not; if neither, it is looked at again later.
func (l *look) settle(p string, s stat, d *dirt) (ready, open bool) {
	now := time.Now()
	if d.first.IsZero() { // found by a scan
		d.first, d.last, d.size, d.modTime = now, now, s.size, s.modTime
		if age := now.Sub(time.Unix(0, s.change)); age >= freshFor {
			d.last = now.Add(-age)
		}
		if now.Sub(d.last) >= l.options.Settle.MaxWait {
			return true, false // whoever may have it open has done nothing for so long: there is no need to ask
		}
	}
	if s.size != d.size || s.modTime != d.modTime {
		if d.told { // it has changed since it was announced as open
			d.told, d.first = false, now
		}
		d.size, d.modTime = s.size, s.modTime
	}
	d.writing, d.known = l.tree.beingWritten(p)
	ready, open, again := l.options.Settle.settled(d.unrest, now)
	switch {
	case !ready:
		d.due = now.Add(again)
		l.dirty.putBack(p, *d)
	case open:
		// It stays under watch until its writer is done.
		next := *d
		next.told, next.due = true, now.Add(slowestLook)
		l.dirty.putBack(p, next)
	}
	return ready, open
}
