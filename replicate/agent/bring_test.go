package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failoverd/replicate/agent/agentconfig"
	"failoverd/replicate/files"
)

// place is tree a.
func (f *forest) place() Place { return Place{f.at, filepath.Join(f.base, "a")} }

// confirmed waits until the standby has confirmed everything of tree a.
func (f *forest) confirmed(dst string) {
	f.t.Helper()
	one := f.trees.trees[f.place().Directory]
	f.receive(dst, Rules{}, func() bool {
		one.mu.Lock()
		defer one.mu.Unlock()
		s, _ := one.watch.source.Status()
		return s.Scanned && s.Dirty == 0 && s.Files > 0 && s.Whole == s.Head
	})
}

// bring has the standby's copy brought back under an epoch, until the tree has everything or the conversation has ended.
func (f *forest) bring(dst string, epoch uint64) error {
	f.t.Helper()
	stream, err := f.client.Bring(f.t.Context(), f.place(), Rules{}, epoch)
	if err != nil {
		return err
	}
	rules, err := files.NewRules(nil, nil, false)
	if err != nil {
		f.t.Fatal(err)
	}
	source, err := files.OpenSource(files.SourceOptions{
		Directory: dst, StateDir: f.t.TempDir(), Rules: rules, Epoch: epoch, ScanInterval: time.Hour, Log: slog.New(slog.DiscardHandler),
		Settle: files.Settle{Quiet: 5 * time.Millisecond, Unknown: 10 * time.Millisecond, MaxWait: time.Minute},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	watched, served := make(chan error, 1), make(chan error, 1)
	go func() { watched <- source.Run(ctx) }()
	go func() { served <- source.Serve(ctx, stream) }()
	defer func() {
		cancel()
		if err := <-watched; err != nil {
			f.t.Error(err)
		}
		if err := source.Close(); err != nil {
			f.t.Error(err)
		}
	}()
	late := time.After(patience)
	for {
		v, changed := source.Status()
		if v.Scanned && v.Dirty == 0 && v.Head > 0 && v.Whole == v.Head {
			cancel()
			return <-served
		}
		select {
		case <-changed:
		case err := <-served:
			return err
		case <-late:
			f.t.Fatalf("it does not come back: %+v", v)
		}
	}
}

// TestFilesComeBack brings the standby's copy back into the tree: what only the tree had is set aside, told and restored;
// then the tree is the source again, and is not written under that epoch any more.
func TestFilesComeBack(t *testing.T) {
	f := grow(t)
	a, dst := f.place().Directory, t.TempDir()
	f.write("a/both.txt", "old")
	f.write("a/gone.txt", "old")
	f.confirmed(dst)
	f.write("a/own.txt", "only here")
	for name, text := range map[string]string{"both.txt": "by the stand-in", "new.txt": "new"} {
		if err := os.WriteFile(filepath.Join(dst, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dst, "gone.txt")); err != nil {
		t.Fatal(err)
	}
	late := time.After(patience)
	for {
		v, err := f.client.Look(t.Context(), f.place(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if v.Scanned && v.Files == 3 && v.Alone == 1 && v.AloneBytes == 9 && v.Refused == "" && !v.Bringing {
			break
		}
		select {
		case <-late:
			t.Fatalf("the tree is told as %+v", v)
		default:
		}
	}
	if err := f.bring(dst, 1); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"both.txt": "by the stand-in", "new.txt": "new", "gone.txt": "", "own.txt": ""} {
		if !holds(filepath.Join(a, name), text) {
			t.Errorf("%s is not as it is on the standby", name)
		}
	}
	list, more, err := f.client.SetAside(t.Context(), f.place(), files.RescuePlace{})
	if err != nil || more || len(list) != 1 || list[0].Path != "own.txt" || !strings.Contains(list[0].Reason, "has not confirmed") || list[0].Size != 9 {
		t.Fatalf("set aside: %+v, %v, %v", list, more, err)
	}
	if rest, more, err := f.client.SetAside(t.Context(), f.place(), files.RescuePlace{Set: list[0].Set, Path: "own.txt"}); err != nil || more || len(rest) != 0 {
		t.Errorf("after it: %+v, %v, %v", rest, more, err)
	}
	for _, bad := range [][2]string{{list[0].Set, "../own.txt"}, {"..", "own.txt"}, {list[0].Set, "nothing"}} {
		if err := f.client.Restore(t.Context(), f.place(), bad[0], bad[1]); refusal(err) != BadRequest {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := f.client.Restore(t.Context(), f.place(), list[0].Set, "own.txt"); err != nil || !holds(filepath.Join(a, "own.txt"), "only here") {
		t.Errorf("it was not restored: %v", err)
	}
	// The tree is watched again. What comes from it now makes it the newer one.
	f.until("a", "watched again", func(err error) bool { return err == nil })
	rules := Rules{}
	stream, err := f.client.Files(t.Context(), f.at, a, rules, 1)
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1)
	if _, err := stream.Read(buffer); err != nil { // the conversation has begun
		t.Fatal(err)
	}
	_ = stream.Close()
	if err := f.bring(dst, 1); refusal(err) != OlderEpoch {
		t.Errorf("under an epoch in which the tree was the source: %v", err)
	}
}

// TestOlderFilesDoNotComeBack: what is remembered of the takeovers outlives the agent.
func TestOlderFilesDoNotComeBack(t *testing.T) {
	f := grow(t)
	dst := t.TempDir()
	f.write("a/one.txt", "1")
	f.confirmed(dst)
	if err := f.bring(dst, 7); err != nil {
		t.Fatal(err)
	}
	again, err := newTree(agentconfig.Tree{Name: "a", Directory: f.place().Directory, Writable: true}, filepath.Join(f.data, "trees", "a"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.dir.Close() }()
	for epoch, want := range map[uint64]bool{0: false, 6: false, 7: true, 8: true} {
		if err := again.mayBring(epoch); (err == nil) != want {
			t.Errorf("epoch %d: %v", epoch, err)
		}
	}
	if got := again.epochs; got != (epochs{Written: 7}) {
		t.Errorf("remembered: %+v", got)
	}
	if err := f.bring(dst, 6); refusal(err) != OlderEpoch || !strings.Contains(err.Error(), "the tree is newer") {
		t.Errorf("an older epoch: %v", err)
	}
}

// TestOnlyWritableTreesAreWritten: the grant is missing, the tree is, or somebody is at it already.
func TestOnlyWritableTreesAreWritten(t *testing.T) {
	f := grow(t)
	b := Place{f.at, filepath.Join(f.base, "b")}
	if err := os.Mkdir(b.Directory, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := f.client.Bring(t.Context(), b, Rules{}, 1); refusal(err) != NotGranted || !strings.Contains(err.Error(), "writable: true") {
		t.Errorf("a tree that is not writable: %v", err)
	}
	if err := f.client.Restore(t.Context(), b, "", "x"); refusal(err) != NotGranted {
		t.Errorf("a tree that is not writable is restored to: %v", err)
	}
	for _, directory := range []string{"/etc", f.base, f.place().Directory + "/.."} {
		other := Place{f.at, directory}
		_, bring := f.client.Bring(t.Context(), other, Rules{}, 1)
		_, look := f.client.Look(t.Context(), other, 1)
		_, _, aside := f.client.SetAside(t.Context(), other, files.RescuePlace{})
		for _, err := range []error{bring, look, aside, f.client.Restore(t.Context(), other, "", "x")} {
			if refusal(err) != NotGranted {
				t.Errorf("%s: %v", directory, err)
			}
		}
	}
	if _, err := f.client.Bring(t.Context(), f.place(), Rules{Include: []Rule{{Directory: "../.."}}}, 1); refusal(err) != BadRequest {
		t.Errorf("rules that climb out: %v", err)
	}
	f.write("a/one.txt", "1")
	stream, err := f.client.Bring(t.Context(), f.place(), Rules{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	one := f.trees.trees[f.place().Directory]
	f.until("a", "being written", func(err error) bool { return errors.Is(err, errBringing) })
	if _, err := f.client.Bring(t.Context(), f.place(), Rules{}, 1); refusal(err) != Unavailable {
		t.Errorf("a second one: %v", err)
	}
	if _, err := f.client.Files(t.Context(), f.at, f.place().Directory, Rules{}, 1); refusal(err) != Unavailable {
		t.Errorf("from live meanwhile: %v", err)
	}
	if v, err := f.client.Look(t.Context(), f.place(), 1); err != nil || !v.Bringing {
		t.Errorf("it is told as %+v, %v", v, err)
	}
	_ = stream.Close()
	f.until("a", "watched again", func(err error) bool { return err == nil })
	if got := one.epochs; got != (epochs{Written: 1}) {
		t.Errorf("remembered: %+v", got)
	}
}

// earlierAgent tells what was set aside as agents of earlier versions do: from its beginning, whatever it was asked for.
type earlierAgent struct{}

func (earlierAgent) Begin(context.Context, Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	return func(_ context.Context, stream io.ReadWriteCloser) error {
		first := Aside{Path: []byte("own.txt"), Rescued: files.Rescued{Set: "2026-09-21T22-10-00.000000001Z"}}
		return errors.Join(writeFrame(stream, first), writeFrame(stream, Aside{More: true, End: true}), stream.Close())
	}, nil
}

// TestAsideOfAnEarlierAgent: an agent that does not know of places in the list is not taken for one that has more to tell, again and
// again the same.
func TestAsideOfAnEarlierAgent(t *testing.T) {
	b := newBed(t, func(c *ServerConfig) { c.Services = map[string]Service{serviceAside: earlierAgent{}} })
	b.pair(b.client)
	list, more, err := b.client.SetAside(t.Context(), Place{Agent: b.at, Directory: "/srv/a"}, files.RescuePlace{})
	if err != nil || !more || len(list) != 1 {
		t.Fatalf("from the beginning: %+v, %v, %v", list, more, err)
	}
	after := files.RescuePlace{Set: list[0].Set, Path: list[0].Path}
	if _, _, err := b.client.SetAside(t.Context(), Place{Agent: b.at, Directory: "/srv/a"}, after); err == nil || !strings.Contains(err.Error(), "earlier version") {
		t.Errorf("after the first: %v", err)
	}
}
