package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/replicate/files"
)

// keepReplaced is how long the tree's trash keeps what was replaced or deleted when files came back, and the other side
// has had. What it has not had is set aside, and kept until somebody decides.
const keepReplaced = 30 * 24 * time.Hour

// guest is the sink that has a tree while files are brought back to it.
type guest struct {
	done chan struct{} // closed when the tree is given back
	sink *files.Sink   // nil until the tree is there for it
}

// alone waits until nobody else has the tree and no files are brought back, and takes it. It is false when ctx ends first.
func (t *tree) alone(ctx context.Context) bool {
	for {
		select {
		case t.own <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		t.mu.Lock()
		g := t.guest
		t.mu.Unlock()
		if g == nil {
			return true
		}
		t.give()
		select {
		case <-g.done:
		case <-ctx.Done():
			return false
		}
	}
}

// give gives the tree back.
func (t *tree) give() { <-t.own }

// mayBring says why files of an epoch may not be brought back; nil if they may.
func (t *tree) mayBring(epoch uint64) error {
	if !t.grant.Writable {
		return &Problem{NotGranted, fmt.Sprintf("the agent's configuration lets nobody bring files back into tree %s: write writable: true there, and restart the agent", t.grant.Name)}
	}
	t.mu.Lock()
	g, refused := t.guest, t.epochs.refuses(epoch)
	t.mu.Unlock()
	switch {
	case refused != nil:
		return refused
	case g != nil:
		return &Problem{Unavailable, fmt.Sprintf("files are brought back into tree %s already", t.grant.Name)}
	}
	return t.mayWrite()
}

// mayWrite says why the agent's own rights do not let it write in the tree; nil if they do.
func (t *tree) mayWrite() error {
	err := unix.Faccessat(unix.AT_FDCWD, t.grant.Directory, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	switch {
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return &Problem{NotGranted, fmt.Sprintf("the agent's service may not write in %s (%v): give its unit ReadWritePaths and the capabilities that the unit names", t.grant.Directory, err)}
	case err != nil:
		return t.unavailable(fmt.Errorf("%s: %w", t.grant.Directory, err))
	}
	return nil
}

// bring has a conversation in which the standby is the source, and its files come back into the tree. What the standby
// never had of the tree is set aside. The source that watches the tree ends meanwhile, and begins anew afterwards.
func (t *tree) bring(ctx context.Context, stream io.ReadWriteCloser, rules *files.Rules, epoch uint64) (err error) {
	if err := t.invite(epoch); err != nil {
		return errors.Join(err, stream.Close())
	}
	defer func() { t.part(err) }()
	select {
	case t.own <- struct{}{}:
	case <-ctx.Done():
		return stream.Close()
	}
	defer t.give()
	tail, err := files.ReadTail(t.stateOf(), epoch)
	if err != nil {
		return errors.Join(err, stream.Close())
	}
	defer func() { err = errors.Join(err, tail.Close()) }()
	sink, err := t.openSink(rules, tail, epoch)
	if err != nil {
		return errors.Join(err, stream.Close())
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	t.mu.Lock()
	t.guest.sink = sink
	t.mu.Unlock()
	t.log.Warn("the standby brings its files back", "directory", t.grant.Directory, "epoch", epoch)
	return sink.Receive(ctx, stream)
}

// invite keeps everybody else out of the tree, once it is remembered under which epoch it is about to be written.
func (t *tree) invite(epoch uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.guest != nil {
		return errBringing
	}
	if err := t.epochs.refuses(epoch); err != nil {
		return err
	}
	if err := t.note(t.epochs.written(epoch)); err != nil {
		return err
	}
	if t.watch != nil {
		t.watch.stop()
	}
	t.guest, t.trouble = &guest{done: make(chan struct{})}, nil
	t.set(nil, errBringing)
	return nil
}

// part lets others have the tree again.
func (t *tree) part(trouble error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.guest.done)
	t.guest, t.trouble = nil, trouble
	t.set(nil, errOpening)
}

// openSink opens the tree as a copy of the standby's. Nothing that was known of an earlier time counts: everything is
// compared. The brake is off, because somebody has said that the standby's files are the ones to go by.
func (t *tree) openSink(rules *files.Rules, tail *files.Tail, epoch uint64) (*files.Sink, error) {
	if err := files.Afresh(t.grant.Directory); err != nil {
		return nil, err
	}
	return files.OpenSink(files.SinkOptions{
		Directory: t.grant.Directory, Rules: rules, Epoch: epoch, Retention: keepReplaced, Brake: files.Brake{Least: math.MaxUint64},
		Tail: tail, AcceptSource: true, Prompt: true, Log: t.log,
	})
}
