package trees

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"failoverd/replicate/files"
)

// Set keeps the copies of the trees of all servers. Its methods may be called by anybody at any time; none but Quiesce
// and Close waits.
type Set struct {
	open     Opener
	log      *slog.Logger
	patience patienceOf
	marking  sync.Mutex // held while a source is opened

	mu       sync.Mutex
	closed   bool
	kept     map[key]*kept
	recalled map[key]time.Time // when copies were last complete that were not followed yet
}

// key names a tree.
type key struct{ server, tree string }

// kept is a tree that is followed, or was.
type kept struct {
	order    Order // as it was given
	board    *board
	follower *follower // the last one
	ended    bool      // it was told to end
}

// NewSet returns a set that follows nothing yet.
func NewSet(open Opener, log *slog.Logger) *Set {
	return &Set{open: open, log: log, patience: usualPatience(), kept: map[key]*kept{}, recalled: map[key]time.Time{}}
}

// Follow says which trees of a server are followed from now on, and how. What is followed so already goes on
// undisturbed, the rest ends.
func (s *Set) Follow(server string, orders []Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	wanted := map[key]bool{}
	for _, o := range orders {
		k := key{server, o.Tree.Name}
		wanted[k] = true
		if now := s.kept[k]; now == nil || now.ended || !now.order.serves(o) {
			s.begin(k, o)
		}
	}
	for k, now := range s.kept {
		if k.server == server && !wanted[k] {
			now.end()
		}
	}
}

// serves reports whether whoever carries out o need not be told of next: that the source was accepted is not taken back.
func (o Order) serves(next Order) bool {
	next.Accept = next.Accept || o.Accept
	return reflect.DeepEqual(o, next)
}

// begin has a tree followed, by a new goroutine that waits until the one before has given the copy back.
func (s *Set) begin(k key, o Order) {
	next := &kept{order: o, board: &board{}}
	var after <-chan struct{}
	if before := s.kept[k]; before != nil {
		before.end()
		after = before.follower.done
		if before.order.Tree.place() == o.Tree.place() {
			next.board = before.board
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	next.follower = &follower{
		order: o, open: s.open, marking: &s.marking, board: next.board, after: after, cancel: cancel, done: make(chan struct{}),
		log: s.log.With("server", k.server, "tree", k.tree),
	}
	s.kept[k] = next
	go next.follower.run(ctx)
}

// end has a tree followed no longer. It does not wait.
func (k *kept) end() {
	k.ended = true
	k.follower.cancel()
	k.board.rest()
}

// Quiesce ends the copying of all trees of a server for somebody who is about to write in the copies. It returns when
// nothing is written to them any more; when they are followed again, everything is compared.
func (s *Set) Quiesce(ctx context.Context, server string) error {
	s.mu.Lock()
	var waiting []*kept
	for k, now := range s.kept {
		if k.server == server {
			now.end()
			waiting = append(waiting, now)
		}
	}
	s.mu.Unlock()
	for _, now := range waiting {
		t := now.order.Tree
		select {
		case <-now.follower.done:
		case <-ctx.Done():
			return fmt.Errorf("the copying of the tree %s has not ended: %w", t.Name, context.Cause(ctx))
		}
		if err := files.Afresh(t.Directory); err != nil {
			// Whoever waits is about to serve users; that the copy will have to be looked at is no reason to keep them waiting.
			s.log.Error("what is written in the copy from now on may not be found by a later comparison", "server", server, "tree", t.Name, "err", err)
		}
	}
	return nil
}

// Close ends the copying of everything, and waits until it has ended. Nothing is followed afterwards.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	var waiting []<-chan struct{}
	for _, now := range s.kept {
		now.end()
		waiting = append(waiting, now.follower.done)
	}
	s.mu.Unlock()
	for _, done := range waiting {
		<-done
	}
}

// Recall reads when the copy of a tree was last complete, so that Status knows it of one that is not followed: whoever
// stands in for a server when the daemon starts does not follow its trees. It is for the start, since it reads from the disk.
func (s *Set) Recall(t Tree) error {
	synced, err := recall(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recalled[key{t.Server, t.Name}] = synced
	return err
}

// Status tells how far the copy of a tree is. One that was not followed since the start has only what was recalled.
func (s *Set) Status(server, tree string) Status {
	s.mu.Lock()
	now, synced := s.kept[key{server, tree}], s.recalled[key{server, tree}]
	s.mu.Unlock()
	if now == nil {
		return Status{Synced: synced}
	}
	return now.board.read()
}

// Confirm lets the deletions of a tree happen that are held back. It reports whether any were.
func (s *Set) Confirm(server, tree string) bool {
	s.mu.Lock()
	now := s.kept[key{server, tree}]
	s.mu.Unlock()
	return now != nil && now.board.confirm()
}
