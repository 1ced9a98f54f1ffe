package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/fsnotify/fsnotify"
)

// first is the first copy of a tree.
func (b *bench) first(ctx context.Context, way string) (s sample, err error) {
	src, dst, err := b.trees(way)
	if err != nil {
		return s, err
	}
	if way != ours && way != "lsyncd" {
		s, err = b.rsync(ctx, way, src, dst)
		return s, errors.Join(err, b.equalAndAway(ctx, src, dst))
	}
	begun := time.Now()
	stop, err := b.follow(ctx, way, src, dst)
	if err != nil {
		return s, err
	}
	if way == ours {
		if _, err = b.pair.settled(ctx, b.files, 0); err == nil {
			s = took(begun)
		}
		return s, errors.Join(err, stop(), b.equalAndAway(ctx, src, dst))
	}
	err = await(ctx, func() bool { return have(dst, b.files) == b.files })
	early := time.Since(begun)
	err = errors.Join(err, syncDisk(dst))
	s = took(begun)
	s.early = early
	return s, errors.Join(err, stop(), b.equalAndAway(ctx, src, dst))
}

// same asks whether anything has changed, when nothing has.
func (b *bench) same(ctx context.Context, way string) (s sample, err error) {
	src, dst, err := b.trees(way)
	if err != nil {
		return s, err
	}
	if way != ours {
		if _, err := b.rsync(ctx, way, src, dst); err != nil {
			return s, err
		}
		s, err = b.rsync(ctx, way, src, dst)
		return s, errors.Join(err, b.equalAndAway(ctx, src, dst))
	}
	p, err := b.newPair(ctx, src)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, p.close(), b.equalAndAway(ctx, src, dst)) }()
	if err := p.receive(dst); err != nil {
		return s, err
	}
	head, err := p.settled(ctx, b.files, 0)
	if err != nil {
		return s, err
	}
	if err := errors.Join(p.hangUp(), syncDisk(dst)); err != nil {
		return s, err
	}
	begun := time.Now()
	if err := p.receive(dst); err != nil {
		return s, err
	}
	bytes, err := p.current(ctx, head)
	s = took(begun)
	s.bytes = bytes
	return s, err
}

// large is the first copy of one large file; changed what it takes to bring a hundredth of its pages up to date.
func (b *bench) large(ctx context.Context, way string) (sample, error) {
	whole, _, err := b.largeAndChanged(ctx, way, false)
	return whole, err
}

func (b *bench) changed(ctx context.Context, way string) (sample, error) {
	_, changed, err := b.largeAndChanged(ctx, way, true)
	return changed, err
}

func (b *bench) largeAndChanged(ctx context.Context, way string, and bool) (whole, changed sample, err error) {
	src, dst := filepath.Join(b.work, "large"), filepath.Join(b.work, "copy-"+way)
	file := filepath.Join(src, "file")
	if _, err := os.Stat(file); err != nil {
		if err := errors.Join(os.MkdirAll(src, 0o755), makeLarge(file, b.size)); err != nil {
			return whole, changed, err
		}
	}
	if err := errors.Join(os.MkdirAll(dst, 0o755), syncDisk(src)); err != nil {
		return whole, changed, err
	}
	defer func() { err = errors.Join(err, b.equalAndAway(ctx, src, dst)) }()
	b.seed++
	if way != ours {
		whole, err = b.rsync(ctx, way, src, dst)
		if err != nil || !and {
			return whole, changed, err
		}
		if err := errors.Join(change(file, b.size, b.seed), syncDisk(src)); err != nil {
			return whole, changed, err
		}
		changed, err = b.rsync(ctx, way, src, dst)
		return whole, changed, err
	}
	begun := time.Now()
	p, err := b.newPair(ctx, src)
	if err != nil {
		return whole, changed, err
	}
	defer func() { err = errors.Join(p.close(), err) }()
	if err := p.receive(dst); err != nil {
		return whole, changed, err
	}
	head, err := p.settled(ctx, 1, 0)
	if err != nil {
		return whole, changed, err
	}
	whole = took(begun)
	if !and {
		return whole, changed, nil
	}
	if err := errors.Join(p.hangUp(), change(file, b.size, b.seed), syncDisk(src)); err != nil {
		return whole, changed, err
	}
	if head, err = p.rest(ctx, 1, head); err != nil {
		return whole, changed, err
	}
	begun = time.Now()
	if err := p.receive(dst); err != nil {
		return whole, changed, err
	}
	travelled, err := p.current(ctx, head)
	changed = took(begun)
	changed.bytes = travelled
	return whole, changed, err
}

// liveSize and liveEvery are the files that come while a tree is followed.
const (
	liveSize  = 32 << 10
	liveEvery = 50 * time.Millisecond
)

// liveRun writes files into a tree that is followed, and sees how long after it was closed each is whole in the copy.
func (b *bench) liveRun(ctx context.Context, way string) (s sample, err error) {
	src, dst, stop, err := b.followed(ctx, way)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, stop(), b.equalAndAway(ctx, src, dst), os.RemoveAll(src)) }()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Add(filepath.Join(dst, "live")); err != nil {
		return s, err
	}
	closed := make([]time.Time, b.live)
	content := make([][]byte, b.live)
	random := rand.NewChaCha8([32]byte{3})
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	deadline := time.After(patience)
	written, arrived := 0, map[int]time.Duration{}
	for len(arrived) < b.live {
		next := tick.C
		if written == b.live {
			next = nil
		}
		select {
		case <-next:
			data := make([]byte, liveSize)
			_, _ = random.Read(data)
			content[written] = data
			if err := os.WriteFile(filepath.Join(src, "live", strconv.Itoa(written)), data, 0o644); err != nil {
				return s, err
			}
			closed[written] = time.Now()
			written++
		case e := <-w.Events:
			n, err := strconv.Atoi(filepath.Base(e.Name))
			if _, known := arrived[n]; err != nil || known || n >= written {
				continue
			}
			if got, err := os.ReadFile(e.Name); err == nil && bytes.Equal(got, content[n]) {
				arrived[n] = time.Since(closed[n])
			}
		case err := <-w.Errors:
			return s, err
		case <-ctx.Done():
			return s, ctx.Err()
		case <-deadline:
			return s, fmt.Errorf("%d of %d files have come", len(arrived), b.live)
		}
	}
	for _, d := range arrived {
		s.latencies = append(s.latencies, d)
	}
	return s, nil
}

// burstOf writes many files at once into a tree that is followed, and sees how long after the last one all have come.
func (b *bench) burstOf(ctx context.Context, way string) (s sample, err error) {
	src, dst, stop, err := b.followed(ctx, way)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, stop(), b.equalAndAway(ctx, src, dst), os.RemoveAll(src)) }()
	b.seed++
	begun := time.Now()
	if err := makeTree(src, b.burst, 4<<10, 16<<10, b.seed); err != nil {
		return s, err
	}
	s.early = time.Since(begun) // of writing them
	begun = time.Now()
	if way == ours {
		_, err = b.pair.settled(ctx, b.burst+1, 0)
	} else {
		err = await(ctx, func() bool { return have(dst, b.burst) == b.burst })
	}
	s.time = time.Since(begun)
	return s, err
}

// followed is an empty tree that a way follows already: a first file has come.
func (b *bench) followed(ctx context.Context, way string) (src, dst string, stop func() error, err error) {
	src, dst = filepath.Join(b.work, "followed"), filepath.Join(b.work, "copy-"+way)
	if err := errors.Join(os.MkdirAll(filepath.Join(src, "live"), 0o755), os.MkdirAll(dst, 0o755)); err != nil {
		return src, dst, nil, err
	}
	if stop, err = b.follow(ctx, way, src, dst); err != nil {
		return src, dst, nil, err
	}
	err = os.WriteFile(filepath.Join(src, "live", "first"), nil, 0o644)
	if err == nil {
		err = await(ctx, func() bool {
			_, err := os.Stat(filepath.Join(dst, "live", "first"))
			return err == nil
		})
	}
	if err != nil {
		err = errors.Join(err, stop())
	}
	return src, dst, stop, err
}

// memory is how much both sides have had when a tree of so many files was copied and then watched.
func (b *bench) memory(ctx context.Context, files int) (source, sink int64, err error) {
	src, dst := filepath.Join(b.work, "many"), filepath.Join(b.work, "copy-"+ours)
	if files == b.files {
		src = filepath.Join(b.work, "tree")
	} else if err := makeTree(src, files, 1, 16, 9); err != nil {
		return 0, 0, err
	}
	p, err := b.newPair(ctx, src)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.close(), os.RemoveAll(dst)) }()
	if err := p.receive(dst); err != nil {
		return 0, 0, err
	}
	if _, err := p.settled(ctx, files, 0); err != nil {
		return 0, 0, err
	}
	source, err = p.source.peak()
	if err != nil {
		return 0, 0, err
	}
	sink, err = p.sink.peak()
	return source, sink, err
}

// await asks again and again whether something has happened.
func await(ctx context.Context, happened func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !happened(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return errors.New("nothing happens")
		}
	}
	return nil
}

// trees is the tree that is copied, and where a way copies it.
func (b *bench) trees(way string) (src, dst string, err error) {
	src, dst = filepath.Join(b.work, "tree"), filepath.Join(b.work, "copy-"+way)
	return src, dst, errors.Join(os.MkdirAll(dst, 0o755), syncDisk(src))
}

// equalAndAway makes sure that a copy is one, and removes it.
func (b *bench) equalAndAway(ctx context.Context, src, dst string) error {
	return errors.Join(equal(ctx, src, dst), os.RemoveAll(dst))
}
