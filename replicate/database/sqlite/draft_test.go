package sqlite

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
)

// drafted is a draft of so many pages in a file of a test's own, and what its pages hold.
func drafted(t *testing.T, size, pages int64) (*draft, []byte) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "draft"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	content := make([]byte, size*pages)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // It never fails.
	return newDraft(f, size, pages), content
}

// feed gives a draft so many of its pages, and ends it.
func feed(ctx context.Context, d *draft, content []byte) error {
	for at := 0; at < len(content); at += d.size {
		if err := d.take(ctx, content[at:at+d.size]); err != nil {
			return err
		}
	}
	return d.end(ctx)
}

// TestDraftIsReadWhileItIsWritten has pages read in many orders, from the first instant on: each is what was written.
func TestDraftIsReadWhileItIsWritten(t *testing.T) {
	const size, pages = 512, 20_000 // ten chunks and a part of one
	d, content := drafted(t, size, pages-1)
	work, ctx := errgroup.WithContext(t.Context())
	for name, order := range map[string]func(i uint32) uint32{
		"forwards":  func(i uint32) uint32 { return i },
		"backwards": func(i uint32) uint32 { return pages - 2 - i },
		"jumping":   func(i uint32) uint32 { return i * 7919 % (pages - 1) },
		"in runs":   func(i uint32) uint32 { return (i/50*50*31 + i%50) % (pages - 1) },
	} {
		work.Go(func() error {
			s, page := stretch{draft: d}, make([]byte, size)
			for i := range uint32(pages - 1) {
				number := order(i)
				if err := s.page(ctx, number+1, page); err != nil {
					return err
				}
				if !bytes.Equal(page, content[number*size:][:size]) {
					t.Errorf("%s: page %d is another one", name, number+1)
					return nil
				}
			}
			return nil
		})
	}
	var seen int64
	work.Go(func() error { return d.write(ctx, func(done int64) { seen = done }) })
	work.Go(func() error { return feed(ctx, d, content) })
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	if seen != int64(len(content)) || !d.complete() {
		t.Errorf("%d of %d bytes were told", seen, len(content))
	}
	if got, err := os.ReadFile(d.file.Name()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file is another one: %d bytes, %v", len(got), err)
	}
}

// TestDraftEnds has a draft end early, for whatever reason: everybody who waits for it goes on, with that reason.
func TestDraftEnds(t *testing.T) {
	const size, pages = 4096, 10_000
	unwanted := errors.New("the operator does not want it any more")
	for name, c := range map[string]struct {
		feed func(ctx context.Context, d *draft, content []byte, cancel context.CancelCauseFunc) error
		want error
	}{
		"a page is missing": {func(ctx context.Context, d *draft, content []byte, _ context.CancelCauseFunc) error {
			return feed(ctx, d, content[size:])
		}, errDamaged},
		"SQLite fails": {func(ctx context.Context, d *draft, content []byte, _ context.CancelCauseFunc) error {
			return errors.Join(d.take(ctx, content[:size]), unwanted)
		}, unwanted},
		"it is cancelled": {func(ctx context.Context, d *draft, content []byte, cancel context.CancelCauseFunc) error {
			cancel(unwanted)
			<-ctx.Done()
			return context.Cause(ctx)
		}, unwanted},
		"the file cannot be written": {func(ctx context.Context, d *draft, content []byte, _ context.CancelCauseFunc) error {
			return feed(ctx, d, content)
		}, syscall.EBADF},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			d, content := drafted(t, size, pages)
			if c.want == syscall.EBADF {
				f, err := os.Open(d.file.Name())
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				d.file = f
			}
			work, ctx := errgroup.WithContext(ctx)
			work.Go(func() error { return c.feed(ctx, d, content, cancel) })
			work.Go(func() error { return d.write(ctx, func(int64) {}) })
			work.Go(func() error {
				s := stretch{draft: d}
				return s.page(ctx, pages, make([]byte, size))
			})
			if err := work.Wait(); !errors.Is(err, c.want) {
				t.Errorf("it ended with %v, want %v", err, c.want)
			}
		})
	}
}
