package files

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"
)

// dueNow looks at what changed and has come to rest.
func (l *look) dueNow() error {
	due := l.dirty.take(time.Now())
	if len(due) == 0 {
		return nil
	}
	defer l.looked()
	// Parents first; what was moved before what is gone, so that a rename is seen as one.
	paths := slices.Sorted(maps.Keys(due))
	stats := make(map[string]stat, len(paths))
	for _, p := range paths {
		s, err := l.tree.lstat(p)
		switch {
		case err == nil:
			stats[p] = s
		case !errors.Is(err, fs.ErrNotExist):
			l.problem(p, err.Error())
			delete(due, p)
		}
	}
	parents := map[string]bool{}
	for _, p := range paths {
		s, there := stats[p]
		if !there || !l.options.Rules.Match(p, s.kind == Directory) || !l.isAnnounced(path.Dir(p)) {
			continue
		}
		moved, err := l.moved(p, s)
		if err != nil {
			return err
		}
		if moved != "" {
			parents[path.Dir(p)], parents[path.Dir(moved)] = true, true
		} else if _, known := l.known(p); s.kind == Directory && !known && l.at(p, s, due[p]) {
			parents[path.Dir(p)] = true // before what was moved into it
		}
	}
	for _, p := range paths {
		d, ok := due[p]
		if s, there := stats[p]; !ok || there && s.kind != 0 && !l.isAnnounced(path.Dir(p)) {
			continue
		}
		changed, err := l.one(p, stats[p], d)
		if err != nil {
			return err
		}
		if changed {
			parents[path.Dir(p)] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(parents)) {
		l.refresh(dir)
	}
	return nil
}

// looked notes that what was taken has been looked at.
func (l *look) looked() {
	l.dirty.done()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell()
}

// one looks at a path that changed.
func (l *look) one(p string, s stat, d dirt) (changed bool, err error) {
	if s.kind == 0 && s.irregular == "" {
		_, known := l.known(p)
		return known, l.gone(p)
	}
	if !l.options.Rules.Match(p, s.kind == Directory) {
		return false, nil
	}
	if d.left {
		l.unwatch(p)
	}
	changed = l.at(p, s, d)
	if s.kind == Directory && l.watches.watched[p] != (identity{s.device, s.inode}) {
		return changed, l.subtree(p)
	}
	return changed, nil
}

// unwatch ends the watches of what came or went, and of all below. fsnotify drops that of a directory as well when it moves
// or goes, even if one comes back; until it is watched again, nobody is told what comes and goes in it, and an inode may
// get the number of the one before.
func (l *look) unwatch(p string) {
	l.watches.drop(p)
	l.mu.Lock()
	directories := l.index.directories(p)
	l.mu.Unlock()
	for _, below := range directories {
		l.unwatch(below)
	}
}

// subtree looks at everything in a directory and below.
func (l *look) subtree(dir string) error {
	todo := []string{dir}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		more, err := l.directory(next)
		if err != nil {
			return err
		}
		todo = append(todo[:len(todo)-1], more...)
	}
	if why := l.watches.problem(); why != "" {
		l.problem(".", why)
	}
	return nil
}

// moved finds out whether what is at a path is something that was elsewhere and is not there any more, and moves it in
// the index. It returns from where.
func (l *look) moved(p string, s stat) (from string, err error) {
	if s.kind != File && s.kind != Directory {
		return "", nil
	}
	l.mu.Lock()
	from = l.index.inodes[identity{s.device, s.inode}]
	l.mu.Unlock()
	if from == "" || from == p || below(p, from) || below(from, p) {
		return "", nil
	}
	old, known := l.known(from)
	at, taken := l.known(p)
	switch {
	case !known || old.Kind != s.kind || old.Open:
		return "", nil
	case s.kind == File && (old.Size != s.size || old.ModTime != s.modTime):
		return "", nil // the number of a file that is no more, given to another
	case taken && (at.Kind != File || s.kind != File):
		return "", nil
	}
	if now, err := l.tree.lstat(from); err == nil && now.inode == s.inode && now.device == s.device {
		return "", nil // a second name
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err := l.there(); err != nil {
		return "", err
	}
	if s.kind == Directory {
		l.watches.remove(from)
	}
	e, problem := l.entryOf(p, s)
	l.problem(p, problem)
	e.Check = l.unchecked(&old)
	l.learn(func(x *index) {
		x.rename(from, p)
		x.put(e, true)
	})
	if s.links > 1 && s.kind == File {
		l.others(&e, false)
	}
	if s.kind == Directory {
		if err := l.subtree(p); err != nil {
			return "", fmt.Errorf("look at %q: %w", p, err)
		}
	}
	return from, nil
}
