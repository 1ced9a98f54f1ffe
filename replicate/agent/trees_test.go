package agent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failoverd/replicate/agent/agentconfig"
	"failoverd/replicate/files"
)

// forest is a bed whose agent has trees.
type forest struct {
	*bed
	data, base string
	trees      *Trees
}

// grow has an agent with the trees a and b below a new directory; b is not there.
func grow(t *testing.T) *forest {
	t.Helper()
	f := &forest{data: t.TempDir(), base: t.TempDir()}
	if err := os.Mkdir(filepath.Join(f.base, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	config := &agentconfig.Config{DataDir: f.data}
	for _, name := range []string{"a", "b"} {
		config.Trees = append(config.Trees, agentconfig.Tree{
			Name: name, Directory: filepath.Join(f.base, name), Writable: name == "a", Settle: 10 * time.Millisecond, MaxWait: time.Minute, ScanInterval: time.Hour,
		})
	}
	f.trees = runTrees(t, config)
	// The server ends before its trees do, as it does in the agent.
	f.bed = newBed(t, func(c *ServerConfig) { c.Files, c.Services = f.trees, f.trees.Services() })
	f.pair(f.client)
	return f
}

// runTrees has the trees of a configuration watched until the test ends.
func runTrees(t *testing.T, config *agentconfig.Config) *Trees {
	t.Helper()
	trees, err := OpenTrees(config, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		trees.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return trees
}

// write writes a file of the tree.
func (f *forest) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.base, name), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// until waits for a tree to be in a state.
func (f *forest) until(name, what string, good func(error) bool) {
	f.t.Helper()
	one := f.trees.trees[filepath.Join(f.base, name)]
	late := time.After(patience)
	for {
		one.mu.Lock()
		problem, changed := one.problem, one.changed
		one.mu.Unlock()
		if good(problem) {
			return
		}
		select {
		case <-changed:
		case <-late:
			f.t.Fatalf("tree %s is not %s: %v", name, what, problem)
		}
	}
}

// receive keeps a copy of tree a in dst under rules until the copy is as good wants it.
func (f *forest) receive(dst string, raw Rules, good func() bool) {
	f.t.Helper()
	rules, err := raw.compile()
	if err != nil {
		f.t.Fatal(err)
	}
	sink, err := files.OpenSink(files.SinkOptions{Directory: dst, Rules: rules, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.t.Fatal(err)
	}
	stream, err := f.client.Files(f.t.Context(), f.at, filepath.Join(f.base, "a"), raw, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sink.Receive(ctx, stream) }()
	late := time.After(patience)
	for {
		v, changed := sink.Status()
		if v.Connected && good() {
			break
		}
		select {
		case <-changed:
		case err := <-ended:
			f.t.Fatalf("the conversation ended: %v", err)
		case <-late:
			f.t.Fatalf("the copy does not come about: %+v", v)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		f.t.Error(err)
	}
	if err := sink.Close(); err != nil {
		f.t.Error(err)
	}
}

// holds says whether a file has a content; an empty text stands for no file.
func holds(path, text string) bool {
	got, err := os.ReadFile(path)
	return err == nil && string(got) == text || err != nil && text == ""
}

func TestATreeTravels(t *testing.T) {
	f := grow(t)
	dst := t.TempDir()
	f.write("a/hello.txt", "hello")
	f.receive(dst, Rules{}, func() bool { return holds(filepath.Join(dst, "hello.txt"), "hello") })
	// What changes meanwhile comes with the next conversation.
	f.write("a/more.txt", "more")
	f.receive(dst, Rules{}, func() bool { return holds(filepath.Join(dst, "more.txt"), "more") })
}

// TestOtherRulesHaveTheTreeLookedAtAnew changes what is copied, twice: the agent follows, and the copy loses nothing that
// it has by the change alone.
func TestOtherRulesHaveTheTreeLookedAtAnew(t *testing.T) {
	f := grow(t)
	f.write("a/one.wav", "1")
	f.write("a/two.txt", "2")
	dst := t.TempDir()
	wav := Rules{Include: []Rule{{Directory: ".", Patterns: []string{"*.wav"}}}}
	f.receive(dst, wav, func() bool { return holds(filepath.Join(dst, "one.wav"), "1") })
	if !holds(filepath.Join(dst, "two.txt"), "") {
		t.Error("a file came that the rules leave out")
	}
	f.receive(dst, Rules{}, func() bool { return holds(filepath.Join(dst, "two.txt"), "2") })
	if !holds(filepath.Join(dst, "one.wav"), "1") {
		t.Error("a file went with the change of the rules")
	}
	f.receive(dst, wav, func() bool { return holds(filepath.Join(dst, "one.wav"), "1") })
	text, err := os.ReadFile(filepath.Join(f.data, "trees", "a", rulesFile))
	if err != nil || !strings.Contains(string(text), "*.wav") {
		t.Errorf("the rules are not remembered: %s, %v", text, err)
	}
}

func TestOnlyWhatIsGrantedIsServed(t *testing.T) {
	f := grow(t)
	a := filepath.Join(f.base, "a")
	for _, directory := range []string{"", "/", "/etc", f.base, a + "/", a + "/..", a + "/sub", filepath.Join(f.base, "A"), "a"} {
		_, err := f.client.Files(t.Context(), f.at, directory, Rules{}, 0)
		if refusal(err) != NotGranted || !strings.Contains(err.Error(), "configuration has no tree") {
			t.Errorf("%q: %v", directory, err)
		}
	}
	if !strings.Contains(f.log.String(), "/etc") {
		t.Error("the log does not say what was asked for")
	}
	if _, err := f.client.Files(t.Context(), f.at, a, Rules{Include: []Rule{{Directory: "../.."}}}, 0); refusal(err) != BadRequest {
		t.Errorf("rules that climb out: %v", err)
	}
}

// TestATreeThatIsNotThereComesBack has one tree missing while the other is served.
func TestATreeThatIsNotThereComesBack(t *testing.T) {
	f := grow(t)
	f.until("b", "missing", func(err error) bool { return err != nil && strings.Contains(err.Error(), "no such file") })
	b := filepath.Join(f.base, "b")
	if _, err := f.client.Files(t.Context(), f.at, b, Rules{}, 0); refusal(err) != Unavailable || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a tree that is missing: %v", err)
	}
	dst := t.TempDir()
	f.write("a/hello.txt", "hello")
	f.receive(dst, Rules{}, func() bool { return holds(filepath.Join(dst, "hello.txt"), "hello") })

	if err := os.Mkdir(b, 0o755); err != nil {
		t.Fatal(err)
	}
	f.until("b", "there", func(err error) bool { return err == nil })
	stream, err := f.client.Files(t.Context(), f.at, b, Rules{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Close()
	if list := f.trees.Status(); len(list) != 2 || list[0].Name != "a" || list[0].Problem != "" || list[1].Problem != "" {
		t.Errorf("status: %+v", list)
	}
}

// TestAnotherDirectoryInATreesPlaceIsNotServed exchanges the directory, as an unmounted disk does.
func TestAnotherDirectoryInATreesPlaceIsNotServed(t *testing.T) {
	f := grow(t)
	a := filepath.Join(f.base, "a")
	f.until("a", "there", func(err error) bool { return err == nil })
	if err := os.Rename(a, a+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(a, 0o755); err != nil {
		t.Fatal(err)
	}
	f.trees.trees[a].mu.Lock()
	f.trees.trees[a].watch.source.Scan()
	f.trees.trees[a].mu.Unlock()
	f.until("a", "gone", func(err error) bool { return err != nil && strings.Contains(err.Error(), "not the tree that it was") })
	if _, err := f.client.Files(t.Context(), f.at, a, Rules{}, 0); refusal(err) != Unavailable {
		t.Errorf("another directory in its place: %v", err)
	}
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(a+".away", a); err != nil {
		t.Fatal(err)
	}
	f.until("a", "back", func(err error) bool { return err == nil })
}

// TestOtherRulesDoNotWaitForABackOff gives other rules to a tree that would not be looked for again for an hour.
func TestOtherRulesDoNotWaitForABackOff(t *testing.T) {
	f := grow(t)
	directory := filepath.Join(f.base, "c")
	one, err := newTree(agentconfig.Tree{Name: "c", Directory: directory, ScanInterval: time.Hour}, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	one.retry = time.Hour
	f.trees.trees[directory] = one
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		one.run(ctx)
	}()
	f.until("c", "missing", func(err error) bool { return err != nil && strings.Contains(err.Error(), "no such file") })
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	raw := Rules{Include: []Rule{{Directory: "x"}}}
	rules, err := raw.compile()
	if err != nil {
		t.Fatal(err)
	}
	if err := one.use(t.Context(), raw, rules); err != nil {
		t.Error(err)
	}
	cancel()
	<-ended
}
