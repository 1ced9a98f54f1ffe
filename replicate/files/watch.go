package files

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// notifier is the part of fsnotify that watches and is told of directories.
type notifier interface {
	Add(directory string) error
	Remove(directory string) error
}

// watches are the directories of a tree that are watched. They belong to the source's goroutine.
type watches struct {
	directory string   // the root
	notifier  notifier // nil: nothing is watched
	why       string   // why not
	watched   map[string]identity
	names     map[identity]string // the same the other way round
	refused   map[string]bool     // directories for which there is no watch left
}

// sysctlDir is where Linux tells and takes its limits.
const sysctlDir = "/proc/sys/fs/inotify/"

// newWatches begins to watch; the watcher is nil where that is not possible, and the reason is in why.
func newWatches(directory string) (*watches, *fsnotify.Watcher) {
	s := &watches{directory: directory, watched: map[string]identity{}, names: map[identity]string{}, refused: map[string]bool{}}
	if kind, remote, err := fileSystem(directory); err != nil || remote {
		s.why = "scans only: changes that other hosts make on " + kind + " are not reported"
		return s, nil
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		s.why = "scans only: " + err.Error()
		if errors.Is(err, unix.EMFILE) {
			s.why = "scans only: no watcher is left: " + sysctl("max_user_instances", 1)
		}
		return s, nil
	}
	s.notifier = w
	return s, w
}

// sysctl is the command that raises a limit so that there is room for n more.
func sysctl(name string, n int) string {
	limit, err := readNumber(sysctlDir + name)
	if err != nil {
		limit = 0
	}
	return fmt.Sprintf("sysctl -w fs.inotify.%s=%d", name, max(2*limit, limit+2*n))
}

// add watches a directory, which is the one that id says.
//
// fsnotify knows an inode by the name that it was first added under, and goes on calling it so: what was renamed must be
// removed under the old name before it is added under the new one.
func (s *watches) add(p string, id identity) error {
	if was, ok := s.watched[p]; s.notifier == nil || ok && was == id {
		return nil
	}
	s.drop(p)
	if old, ok := s.names[id]; ok {
		s.drop(old)
	}
	switch err := s.notifier.Add(filepath.Join(s.directory, p)); {
	case err == nil:
		s.watched[p], s.names[id] = id, p
		delete(s.refused, p)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		// It went meanwhile; its parent's events tell.
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENAMETOOLONG):
		s.refused[p] = true
	default:
		return fmt.Errorf("watch %q: %w", p, err)
	}
	return nil
}

// drop ends the watch of a directory, if there is one.
func (s *watches) drop(p string) {
	id, ok := s.watched[p]
	if !ok {
		return
	}
	// What went by itself has no watch any more.
	_ = s.notifier.Remove(filepath.Join(s.directory, p))
	delete(s.watched, p)
	if s.names[id] == p {
		delete(s.names, id)
	}
}

// remove ends the watches of a directory and of all below.
func (s *watches) remove(p string) {
	for dir := range s.watched {
		if dir == p || below(dir, p) {
			s.drop(dir)
		}
	}
	for dir := range s.refused {
		if dir == p || below(dir, p) {
			delete(s.refused, dir)
		}
	}
}

// problem says what is not watched, and the command that helps; empty if all is.
func (s *watches) problem() string {
	if s.why != "" {
		return s.why
	}
	if n := len(s.refused); n > 0 {
		return fmt.Sprintf("%d directories are not watched and wait for scans: %s", n, sysctl("max_user_watches", n))
	}
	return ""
}

// whole says whether every change is reported.
func (s *watches) whole() bool { return s.why == "" && len(s.refused) == 0 }

// path is the path in the tree that an event is about; ok is false if it is about the root or outside.
func (s *watches) path(name string) (p string, ok bool) {
	p, ok = strings.CutPrefix(name, s.directory+"/")
	return p, ok && p != ""
}
