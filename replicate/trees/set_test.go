package trees

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/replicate/files"
)

// patience bounds how long a test waits for what has to happen.
const patience = time.Minute

// bed is a source, a copy, and the set that keeps it.
type bed struct {
	t        *testing.T
	set      *Set
	src, dst string
	order    Order
}

func newBed(t *testing.T, open Opener) *bed {
	t.Helper()
	dir := t.TempDir()
	b := &bed{t: t, src: filepath.Join(dir, "src"), dst: filepath.Join(dir, "dst")}
	b.set = NewSet(open, slog.New(slog.NewTextHandler(t.Output(), nil)))
	b.order = Order{Tree: Tree{
		Server: "pbx", Name: "vm", Directory: b.dst, Path: b.src, StateDir: filepath.Join(dir, "state"),
		ScanInterval: time.Second, Retention: time.Hour, Brake: files.Brake{Share: 0.2, Least: 5, Window: time.Hour},
	}}
	b.must(os.Mkdir(b.src, 0o755))
	t.Cleanup(b.set.Close)
	return b
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) write(name, content string) {
	b.t.Helper()
	b.must(os.WriteFile(filepath.Join(b.src, name), []byte(content), 0o644))
}

func (b *bed) follow() { b.set.Follow("pbx", []Order{b.order}) }
func (b *bed) rest()   { b.set.Follow("pbx", nil) }

// wait waits until the status is as it is wanted.
func (b *bed) wait(what string, wanted func(Status) bool) Status {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for {
		s := b.set.Status("pbx", "vm")
		if wanted(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-end:
			b.t.Fatalf("waited in vain until %s: %+v", what, s)
		}
	}
}

// same waits until rsync finds no difference.
func (b *bed) same() {
	b.t.Helper()
	b.wait("rsync finds no difference", func(s Status) bool { return s.Current && b.differences() == "" })
}

// differences are what rsync finds between source and copy.
func (b *bed) differences() string {
	out, err := exec.Command("rsync", "-nacH", "--delete", "--exclude=/.failoverd", "--itemize-changes", b.src+"/", b.dst+"/").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, ".d..t") { // that of the root itself, in which .failoverd lies
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// openerFunc reaches agents by a function, for copies only.
type openerFunc struct {
	noAgents
	open func(context.Context, Wanted) (io.ReadWriteCloser, error)
}

func (f openerFunc) Open(ctx context.Context, w Wanted) (io.ReadWriteCloser, error) {
	return f.open(ctx, w)
}

// TestFollows: what appears in the source is in the copy, what goes is in the trash, and a rest costs nothing but time.
func TestFollows(t *testing.T) {
	b := newBed(t, noAgents{})
	b.write("a.wav", "first")
	b.follow()
	b.same()
	if s := b.set.Status("pbx", "vm"); !s.Following || s.Files != 1 || s.Received == 0 || s.Problem != "" || s.Bytes != 5 {
		t.Errorf("the status is %+v", s)
	}
	b.write("b.wav", "second")
	b.wait("the second file is there", func(s Status) bool { return s.Files == 2 })
	b.same()

	b.must(os.Remove(filepath.Join(b.src, "a.wav")))
	b.wait("the first file is gone", func(s Status) bool { return s.Files == 1 })
	b.same()
	kept, err := filepath.Glob(filepath.Join(b.dst, files.Private, "trash", "*", "*", "a.wav"))
	if err != nil || len(kept) == 0 {
		t.Errorf("the trash has %v (%v), not a.wav", kept, err)
	}

	b.rest()
	b.must(b.set.Quiesce(t.Context(), "pbx"))
	s := b.set.Status("pbx", "vm")
	if s.Following || s.Connected {
		t.Errorf("at rest the status is %+v", s)
	}
	b.write("c.wav", "while it rested")
	if _, err := os.Stat(filepath.Join(b.dst, "c.wav")); err == nil {
		t.Error("a file was copied while the tree was not followed")
	}
	b.follow()
	b.wait("the third file is there", func(s Status) bool { return s.Files == 2 })
	b.same()
}

// TestBrakeHoldsUntilConfirmed: what looks like an unmounted source is held back, and nothing else is confirmed by it.
func TestBrakeHoldsUntilConfirmed(t *testing.T) {
	b := newBed(t, noAgents{})
	for i := range 20 {
		b.write(fmt.Sprint(i, ".wav"), "content")
	}
	b.follow()
	b.same()
	if b.set.Confirm("pbx", "vm") {
		t.Error("something was confirmed though nothing was held")
	}
	for i := range 15 {
		b.must(os.Remove(filepath.Join(b.src, fmt.Sprint(i, ".wav"))))
	}
	s := b.wait("deletions are held", func(s Status) bool { return s.Held > 0 })
	if s.Current {
		t.Error("a copy with deletions held back counts as current")
	}
	// A rest does not lose them.
	b.rest()
	b.must(b.set.Quiesce(t.Context(), "pbx"))
	b.follow()
	b.wait("deletions are held again", func(s Status) bool { return s.Connected && s.Held > 0 })
	if !b.set.Confirm("pbx", "vm") {
		t.Error("nothing was confirmed")
	}
	b.wait("nothing is held", func(s Status) bool { return s.Held == 0 && s.Files == 5 })
	b.same()
}

// TestAnotherSource: an unmounted source changes nothing; a replaced one is taken when somebody has said so.
func TestAnotherSource(t *testing.T) {
	b := newBed(t, noAgents{})
	b.write("a.wav", "first")
	b.follow()
	b.same()

	b.must(os.Rename(b.src, b.src+".gone"))
	b.must(os.Mkdir(b.src, 0o755))
	s := b.wait("the source is missed", func(s Status) bool { return s.Root })
	if s.Problem == "" || s.Connected {
		t.Errorf("the status is %+v", s)
	}
	if _, err := os.Stat(filepath.Join(b.dst, "a.wav")); err != nil {
		t.Errorf("an unmounted source has emptied the copy: %v", err)
	}

	b.write("b.wav", "of another disk")
	b.order.Accept = true
	b.follow()
	b.same()
	accepted := b.set.kept[key{"pbx", "vm"}]
	b.order.Accept = false
	b.follow()
	if b.set.kept[key{"pbx", "vm"}] != accepted {
		t.Error("that it was accepted is used up, and the conversation was interrupted for it")
	}
}

// TestNoRoom: what the reserve leaves no room for is missing, and it is said why.
func TestNoRoom(t *testing.T) {
	b := newBed(t, noAgents{})
	b.order.Tree.Reserve = 1 << 60
	b.write("a.wav", "first")
	b.follow()
	s := b.wait("there is no room", func(s Status) bool { return s.Full })
	if s.Missing != 1 || len(s.Failed) != 1 || s.Current {
		t.Errorf("the status is %+v", s)
	}
	b.order.Tree.Reserve = 0
	b.follow()
	b.same()
}

// TestRemembersWhenItWasComplete: over a restart of the daemon, but not of another copy.
func TestRemembersWhenItWasComplete(t *testing.T) {
	b := newBed(t, noAgents{})
	b.write("a.wav", "first")
	b.follow()
	b.same()
	b.set.Close()
	b.must(os.Rename(b.src, b.src+".gone"))
	b.set = NewSet(noAgents{}, slog.New(slog.DiscardHandler))
	t.Cleanup(b.set.Close)
	b.must(b.set.Recall(b.order.Tree))
	if s := b.set.Status(b.order.Tree.Server, b.order.Tree.Name); s.Synced.IsZero() || s.Following {
		t.Errorf("of a copy that is not followed: %+v", s)
	}
	b.follow()
	if s := b.wait("the source is missed", func(s Status) bool { return s.Problem != "" }); s.Synced.IsZero() {
		t.Error("it is forgotten that the copy was complete")
	}
	b.order.Tree.Directory += "2"
	b.follow()
	if s := b.wait("the source is missed", func(s Status) bool { return s.Problem != "" }); !s.Synced.IsZero() {
		t.Error("what was known of one copy is said of another")
	}
}

// TestTriesAgain: an agent that is not reached is tried again, later and later, and never while the tree rests.
func TestTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		refused := errors.New("connection refused")
		b := newBed(t, openerFunc{open: func(_ context.Context, w Wanted) (io.ReadWriteCloser, error) {
			if w.Directory != "/srv/vm" || w.Server != "pbx" || w.Epoch != 3 {
				t.Errorf("asked for %+v", w)
			}
			at = append(at, time.Since(began))
			return nil, refused
		}})
		b.order.Tree.Path, b.order.Tree.Agent, b.order.Epoch = "", "/srv/vm", 3
		b.follow()
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if s := b.set.Status("pbx", "vm"); s.Problem != refused.Error() || !s.Following || s.Root {
			t.Errorf("the status is %+v", s)
		}
		if len(at) < 12 || len(at) > 26 {
			t.Errorf("in ten minutes it was tried %d times: %v", len(at), at)
		}
		for i := 1; i < len(at); i++ {
			if between := at[i] - at[i-1]; between < firstPause/2 || between > mostPause {
				t.Errorf("%s between two attempts", between)
			}
		}
		b.rest()
		synctest.Wait()
		tried := len(at)
		<-time.After(10 * time.Minute)
		if len(at) != tried {
			t.Error("it was tried while the tree rests")
		}
		b.set.Close()
	})
}

// TestOneConversationAtATime: a changed order waits until the copy has been given back, and the others go on.
func TestOneConversationAtATime(t *testing.T) {
	b := newBed(t, noAgents{})
	b.write("a.wav", "first")
	other := b.order
	other.Tree.Name, other.Tree.Directory, other.Tree.StateDir = "other", b.dst+"-other", b.order.Tree.StateDir+"-other"
	b.set.Follow("pbx", []Order{b.order, other})
	b.same()
	untouched := b.set.kept[key{"pbx", "other"}]
	for i := range 10 {
		b.order.Tree.Retention += time.Hour
		b.order.Epoch = uint64(i)
		b.set.Follow("pbx", []Order{b.order, other})
	}
	b.write("b.wav", "second")
	b.wait("the second file is there", func(s Status) bool { return s.Files == 2 })
	b.same()
	if b.set.kept[key{"pbx", "other"}] != untouched {
		t.Error("a tree whose order has not changed was begun again")
	}
}

// noAgents reaches none.
type noAgents struct{}

var errNoAgent = errors.New("there is no agent")

func (noAgents) Open(context.Context, Wanted) (io.ReadWriteCloser, error) { return nil, errNoAgent }

func (noAgents) Bring(context.Context, Wanted) (io.ReadWriteCloser, error) { return nil, errNoAgent }

func (noAgents) Look(context.Context, Wanted) (Far, error)             { return Far{}, errNoAgent }
func (noAgents) Rest(context.Context, Wanted) (uint64, error)          { return 0, errNoAgent }
func (noAgents) Restore(context.Context, Wanted, string, string) error { return errNoAgent }
func (noAgents) SetAside(context.Context, Wanted, files.RescuePlace) ([]files.Rescued, bool, error) {
	return nil, false, errNoAgent
}
