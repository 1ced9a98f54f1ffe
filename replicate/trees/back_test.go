package trees

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"failoverd/replicate/files"
)

// far is a primary whose tree is written by a sink of this process.
type far struct {
	noAgents
	t       *testing.T
	dir     string
	reserve int64
	cuts    int // so many conversations are cut in their middle

	mu      sync.Mutex
	sink    *files.Sink // while a conversation goes on
	talks   int
	running sync.WaitGroup
}

func (f *far) Bring(_ context.Context, w Wanted) (io.ReadWriteCloser, error) {
	here, there, err := pair()
	if err != nil {
		return nil, err
	}
	rules, err := files.NewRules(w.Include, w.Exclude, w.FoldCase)
	if err != nil {
		return nil, err
	}
	f.running.Wait() // one after the other
	sink, err := files.OpenSink(files.SinkOptions{
		Directory: f.dir, Rules: rules, Epoch: w.Epoch, Retention: time.Hour, Reserve: f.reserve, Brake: files.Brake{Least: math.MaxUint64},
		Tail: &files.Tail{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sink = sink
	f.talks++
	cut := f.talks <= f.cuts
	f.running.Go(func() {
		if err := sink.Receive(context.Background(), there); err != nil && !cut {
			f.t.Log("the primary's side: ", err)
		}
		f.mu.Lock()
		f.sink = nil
		f.mu.Unlock()
		if err := sink.Close(); err != nil {
			f.t.Error(err)
		}
	})
	if cut {
		return &cutting{ReadWriteCloser: here, left: 256 << 10}, nil
	}
	return here, nil
}

// cutting is a stream that ends after so many bytes.
type cutting struct {
	io.ReadWriteCloser
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		_ = c.Close()
		return 0, io.ErrClosedPipe
	}
	return c.ReadWriteCloser.Write(p)
}

func (f *far) Look(context.Context, Wanted) (Far, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sink == nil {
		return Far{Scanned: true, Files: 3}, nil
	}
	s, _ := f.sink.Status()
	return Far{Bringing: true, Listing: s.Listing, Missing: s.Missing, Failed: s.Failed}, nil
}

func (f *far) Rest(context.Context, Wanted) (uint64, error) { return 0, errNoAgent }

// newBack has a copy in b.dst that the stand-in has worked in, and a primary with the tree b.src.
func newBack(t *testing.T) (*bed, *far) {
	t.Helper()
	f := &far{t: t}
	b := newBed(t, f)
	b.set.patience = patienceOf{look: 10 * time.Millisecond, writing: patience, quiet: 3 * time.Second, stuck: 300 * time.Millisecond, lost: patience}
	f.dir = b.src
	b.write("a.wav", "first")
	b.write("own.wav", "only at the primary")
	b.order.Tree.Exclude = []files.Rule{{Directory: ".", Patterns: []string{"own.wav"}}}
	b.follow()
	b.wait("the copy is whole", func(s Status) bool { return s.Current && s.Files == 1 })
	b.must(b.set.Quiesce(t.Context(), "pbx"))
	b.order.Tree.Exclude, b.order.Tree.Path, b.order.Tree.Agent, b.order.Epoch = nil, "", "/srv/vm", 1
	b.must(os.WriteFile(filepath.Join(b.dst, "a.wav"), []byte("by the stand-in"), 0o644))
	return b, f
}

// bring brings the copy back, and returns the phases that were told.
func (b *bed) bring(ctx context.Context) (Brought, map[string]bool, error) {
	b.t.Helper()
	phases := map[string]bool{}
	v, err := b.set.Bring(ctx, b.order, func(p Progress) { phases[p.Phase] = true })
	return v, phases, err
}

// TestBringsBack: the primary becomes as the copy is; what it had alone is set aside.
func TestBringsBack(t *testing.T) {
	b, f := newBack(t)
	for i := range 50 {
		b.must(os.WriteFile(filepath.Join(b.dst, fmt.Sprintf("%d.wav", i)), []byte(strings.Repeat("call ", i)), 0o640))
	}
	x, err := b.set.Examine(t.Context(), b.order)
	if err != nil || x.Copy.Files != 51 || !x.Copy.Copy || x.Far.Files != 3 {
		t.Fatalf("examined: %+v, %v", x, err)
	}
	got, phases, err := b.bring(t.Context())
	f.running.Wait()
	if err != nil || got.Files != 51 || got.Bytes != x.Copy.Bytes || got.Sent == 0 || len(got.Refused) > 0 {
		t.Fatalf("brought: %+v, %v", got, err)
	}
	if !phases["look"] {
		t.Errorf("told: %v", phases)
	}
	if d := b.differences(); d != "" {
		t.Errorf("rsync finds:\n%s", d)
	}
	list, _, err := files.ListRescued(b.src, files.RescuePlace{}, 10)
	b.must(err)
	if len(list) != 2 { // and a.wav: nothing is known of what the standby had
		t.Errorf("set aside: %+v", list)
	}
	if _, err := os.Lstat(filepath.Join(b.order.Tree.StateDir, backDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left of it: %v", err)
	}
}

// TestBroughtBackThoughItIsCut: whatever interrupts it, it goes on where it was.
func TestBroughtBackThoughItIsCut(t *testing.T) {
	b, f := newBack(t)
	f.cuts = 3
	sound := make([]byte, 200<<10)
	for i := range 8 {
		_, _ = rand.Read(sound) // never fails
		b.must(os.WriteFile(filepath.Join(b.dst, fmt.Sprintf("%d.vox", i)), sound, 0o640))
	}
	_, _, err := b.bring(t.Context())
	f.running.Wait()
	if err != nil || f.talks < 4 {
		t.Fatalf("after %d conversations: %v", f.talks, err)
	}
	if d := b.differences(); d != "" {
		t.Errorf("rsync finds:\n%s", d)
	}
}

// TestNotBroughtBack: where the copy is none, or not at rest, nothing is done at the primary; where the primary has no
// room, that is said; and it can be cancelled.
func TestNotBroughtBack(t *testing.T) {
	cancelled := errors.New("cancelled")
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, b *bed, f *far, cancel context.CancelCauseFunc)
		want  string
		talks int
	}{
		"the copy is not mounted": {func(_ *testing.T, b *bed, _ *far, _ context.CancelCauseFunc) {
			b.must(os.Rename(b.dst, b.dst+".away"))
			b.must(os.Mkdir(b.dst, 0o755))
		}, "there is no copy in", 0},
		"the copy is gone": {func(_ *testing.T, b *bed, _ *far, _ context.CancelCauseFunc) {
			b.must(os.RemoveAll(b.dst))
		}, "no such file", 0},
		"the copy is empty": {func(_ *testing.T, b *bed, _ *far, _ context.CancelCauseFunc) {
			b.must(os.Remove(filepath.Join(b.dst, "a.wav")))
		}, "there is no copy in", 0},
		"somebody writes in it": {func(t *testing.T, b *bed, _ *far, _ context.CancelCauseFunc) {
			w, err := os.OpenFile(filepath.Join(b.dst, "late.wav"), os.O_CREATE|os.O_WRONLY, 0o644)
			b.must(err)
			t.Cleanup(func() { _ = w.Close() })
			b.set.patience.writing = 100 * time.Millisecond
			_, err = w.WriteString("half")
			b.must(err)
		}, "somebody writes in the copy", 0},
		"the primary has no room": {func(_ *testing.T, _ *bed, f *far, _ context.CancelCauseFunc) {
			f.reserve = 1 << 60
		}, "the disk of the copy is full", 1},
		"it is cancelled": {func(_ *testing.T, _ *bed, _ *far, cancel context.CancelCauseFunc) { cancel(cancelled) }, "cancelled", 0},
	} {
		t.Run(name, func(t *testing.T) {
			b, f := newBack(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			tt.spoil(t, b, f, cancel)
			_, _, err := b.bring(ctx)
			f.running.Wait()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if f.talks > tt.talks {
				t.Errorf("%d conversations with the primary", f.talks)
			}
			for name, text := range map[string]string{"a.wav": "first", "own.wav": "only at the primary"} {
				if got, err := os.ReadFile(filepath.Join(b.src, name)); tt.talks == 0 && (err != nil || string(got) != text) {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			}
		})
	}
}

// TestAheadWhileTheStandInWorks: what there is goes to the primary while somebody writes on, and what is written meanwhile
// comes in the end, by much less.
func TestAheadWhileTheStandInWorks(t *testing.T) {
	b, f := newBack(t)
	sound := make([]byte, 200<<10)
	for i := range 8 {
		_, _ = rand.Read(sound) // never fails
		b.must(os.WriteFile(filepath.Join(b.dst, fmt.Sprintf("%d.vox", i)), sound, 0o640))
	}
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		n := 0
		for {
			if err := errors.Join(
				os.WriteFile(filepath.Join(b.dst, fmt.Sprintf("late-%d.wav", n)), []byte("a call"), 0o644),
				os.WriteFile(filepath.Join(b.dst, "log"), fmt.Appendf(nil, "%d calls", n), 0o644),
			); err != nil {
				t.Error(err)
			}
			n++
			select {
			case <-tick.C:
			case <-stop:
				stopped <- n
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := b.set.Ahead(ctx, b.order, func(Progress) {})
	close(stop)
	written := <-stopped
	if err != nil || got.Sent < 8*200<<10 {
		t.Fatalf("ahead: %+v, %v", got, err)
	}
	f.running.Wait()
	for i := range 8 {
		if _, err := os.Lstat(filepath.Join(b.src, fmt.Sprintf("%d.vox", i))); err != nil {
			t.Error(err)
		}
	}
	got, _, err = b.bring(t.Context())
	f.running.Wait()
	if err != nil || got.Files != uint64(written)+8+1+1 || got.Sent > 1<<20 {
		t.Errorf("then: %+v, %v; %d calls were written", got, err, written)
	}
	if d := b.differences(); d != "" {
		t.Errorf("rsync finds:\n%s", d)
	}
}
