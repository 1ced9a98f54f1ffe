package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ours is the name of failoverd's way.
const ours = "failoverd"

// pair is failoverd's two sides.
type pair struct {
	keys, state  string
	address      string
	source, sink *process
}

// newPair starts a source that has never seen its tree.
func (b *bench) newPair(ctx context.Context, src string) (*pair, error) {
	state, err := os.MkdirTemp(b.work, "state")
	if err != nil {
		return nil, err
	}
	p := &pair{keys: b.keys, state: state}
	if p.source, err = start("/proc/self/exe", "source", src, state, b.keys); err != nil {
		return nil, err
	}
	p.address, err = p.source.line(ctx, func(string) bool { return true })
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// receive starts the other side.
func (p *pair) receive(dst string) (err error) {
	p.sink, err = start("/proc/self/exe", "sink", dst, p.address, p.keys)
	return err
}

// settled waits until everything is on the disk of the copy, and the source knows: so many files, and something more
// than a number. It returns the number.
func (p *pair) settled(ctx context.Context, files int, after uint64) (head uint64, err error) {
	if head, err = p.word(ctx, "settled", files, after); err != nil {
		return 0, err
	}
	// What the sink knows to be missing is acknowledged as well; whether it has come, only the sink knows.
	_, err = p.current(ctx, head)
	return head, err
}

// rest waits until the source has seen so many files, and something more than a number.
func (p *pair) rest(ctx context.Context, files int, after uint64) (head uint64, err error) {
	return p.word(ctx, "", files, after)
}

func (p *pair) word(ctx context.Context, word string, files int, after uint64) (head uint64, err error) {
	_, err = p.source.line(ctx, func(l string) bool {
		var n int
		var got string
		if _, err := fmt.Sscan(l, &got, &head, &n); err != nil {
			return false
		}
		return strings.HasPrefix(got, word) && n == files && head > after
	})
	if err != nil {
		err = fmt.Errorf("waiting for %d files: %w", files, err)
		if p.sink != nil {
			err = fmt.Errorf("%w; the sink: %s", err, p.sink.said.String())
		}
	}
	return head, err
}

// current waits until the copy says that it has everything, and how many bytes have travelled for it.
func (p *pair) current(ctx context.Context, from uint64) (travelled int64, err error) {
	_, err = p.sink.line(ctx, func(l string) bool {
		var cursor uint64
		_, err := fmt.Sscanf(l, "current %d %d", &cursor, &travelled)
		return err == nil && cursor >= from
	})
	return travelled, err
}

// hangUp ends the receiving side.
func (p *pair) hangUp() error {
	s := p.sink
	p.sink = nil
	return s.stop()
}

func (p *pair) close() error {
	return errors.Join(p.hangUp(), p.source.stop(), os.RemoveAll(p.state))
}

// took is how long it has been, on the disk.
func took(begun time.Time) sample { return sample{time: time.Since(begun)} }
