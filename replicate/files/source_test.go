package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestRecorder: a recorder that pauses and patches its header at the end is not copied before it is done.
func TestRecorder(t *testing.T) {
	b := newBed(t)
	b.start()
	f, err := os.Create(b.in("recording.wav"))
	b.must(err)
	_, err = f.WriteString("RIFF????" + strings.Repeat("sound", 100))
	b.must(err)
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Dirty > 0 })
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for v, _ := b.from.Status(); v.Oldest < 1500*time.Millisecond; v, _ = b.from.Status() {
		if v.Dirty == 0 {
			t.Fatal("it has come to rest in the pause")
		}
		<-pause.C
	}
	b.write("other", []byte("x"))
	b.waitForCopy("--exclude=/recording.wav")
	if _, err := os.Lstat(filepath.Join(b.dst, "recording.wav")); err == nil {
		t.Error("it was copied in the pause")
	}
	_, err = f.WriteAt([]byte("size"), 4)
	b.must(errors.Join(err, f.Close()))
	b.waitForCopy()
	if got := trashed(t, b.to); len(got) > 0 {
		t.Errorf("there was another version of it before: %v", got)
	}
}

// TestGrowing: a file that is never closed arrives within a bound all the same, and whole when it is.
func TestGrowing(t *testing.T) {
	b := newBed(t)
	b.source.Settle.MaxWait = 300 * time.Millisecond
	b.start()
	f, err := os.Create(b.in("log"))
	b.must(err)
	write := func(text string) {
		_, err := f.WriteString(text)
		b.must(err)
	}
	arrived := func(text string) {
		t.Helper()
		b.waitForSink(text, func(SinkStatus) bool {
			got, err := os.ReadFile(filepath.Join(b.dst, "log"))
			return err == nil && strings.HasSuffix(string(got), text)
		})
	}
	// Too large to come with its announcement: only a comparison finds what was rewritten.
	body := strings.Repeat("line\n", inlineSize/4)
	write("first\n" + body)
	arrived(body)
	write("second\n")
	arrived("second\n")
	// Its beginning is rewritten, its size and time are as before: the last word brings that as well.
	info, err := f.Stat()
	b.must(err)
	_, err = f.WriteAt([]byte("FIRST"), 0)
	b.must(err)
	b.must(os.Chtimes(b.in("log"), time.Time{}, info.ModTime()))
	b.must(f.Close())
	b.waitForCopy()
	if got := b.copyOf("log"); got != "FIRST\n"+body+"second\n" {
		t.Errorf("the copy begins with %.20q and has %d bytes", got, len(got))
	}
}

// TestUnmounted: a source that is not there any more ends, and nothing is deleted; nor is one opened.
func TestUnmounted(t *testing.T) {
	for name, unmount := range map[string]func(b *bed){
		"moved away": func(b *bed) { b.must(os.Rename(b.src, b.src+".away")) },
		"replaced by an empty directory": func(b *bed) {
			b.must(os.Rename(b.src, b.src+".away"))
			b.must(os.Mkdir(b.src, 0o755))
		},
		"emptied, its mark too": func(b *bed) {
			b.must(os.RemoveAll(b.in(".failoverd")))
			b.must(os.Remove(b.in("a")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("a", []byte("precious"))
			b.start()
			b.waitForCopy()
			unmount(b)
			b.from.Scan()
			if err := b.ended(); !errors.Is(err, ErrRoot) {
				t.Errorf("the source ended with %v", err)
			}
			b.disconnect()
			if got := b.copyOf("a"); got != "precious" {
				t.Errorf("the copy is %q", got)
			}
			b.must(b.from.Close())
			b.from = nil
			if s, err := OpenSource(b.source); err == nil {
				t.Errorf("it was opened again: %v", s.Close())
			}
		})
	}
}

// TestOverflow: when events were lost, everything is looked at. A write by mmap makes no event at all.
func TestOverflow(t *testing.T) {
	b := newBed(t)
	b.write("mapped", make([]byte, 4096))
	b.start()
	b.waitForCopy()
	f, err := os.OpenFile(b.in("mapped"), os.O_RDWR, 0)
	b.must(err)
	m, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	b.must(err)
	m[7] = 'x'
	b.must(errors.Join(unix.Msync(m, unix.MS_SYNC), unix.Munmap(m), f.Close()))
	b.from.watcher.Errors <- fsnotify.ErrEventOverflow
	b.waitForCopy()
	if got := b.copyOf("mapped"); got[7] != 'x' {
		t.Error("the write is lost")
	}
}

// stingy is a notifier that has only so many watches.
type stingy struct {
	notifier
	left int
}

func (s *stingy) Add(directory string) error {
	if s.left == 0 {
		return fmt.Errorf("add: %w", unix.ENOSPC)
	}
	s.left--
	return s.notifier.Add(directory)
}

// TestWatchLimit: what cannot be watched is found by scans, and the command that helps is said.
func TestWatchLimit(t *testing.T) {
	b := newBed(t)
	b.write("a/b/f", []byte("1"))
	s, err := OpenSource(b.source)
	b.must(err)
	s.watches.notifier = &stingy{notifier: s.watches.notifier, left: 2}
	b.runSource(s)
	b.openSink()
	b.connect()
	b.waitForCopy()
	b.write("a/b/f", []byte("two"))
	b.from.Scan()
	b.waitForCopy()
	v, _ := b.from.Status()
	limit, err := readNumber(sysctlDir + "max_user_watches")
	b.must(err)
	want := fmt.Sprintf("1 directories are not watched and wait for scans: sysctl -w fs.inotify.max_user_watches=%d", 2*limit)
	if v.Problem != want {
		t.Errorf("the problem is %q, want %q", v.Problem, want)
	}
	if got := b.from.scanInterval(); got != unwatchedInterval {
		t.Errorf("scanned every %v", got)
	}
	b.waitForSink("the source's problem", func(v SinkStatus) bool { return v.Source == want })
}

// TestIrregular: pipes and sockets are listed, not copied, and not waited for.
func TestIrregular(t *testing.T) {
	b := newBed(t)
	b.must(unix.Mkfifo(b.in("pipe"), 0o600))
	b.write("a", []byte("x"))
	b.start()
	b.waitForCopy("--exclude=/pipe")
	v, _ := b.from.Status()
	if diff := cmp.Diff([]Problem{{Path: "pipe", Reason: "a named pipe is not copied"}}, v.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestNothingChanged: after a restart of either side, and of both, next to nothing travels; after a crash of the
// source, a listing.
func TestNothingChanged(t *testing.T) {
	b := newBed(t)
	for i := range 200 {
		b.write(fmt.Sprintf("d%d/f%d", i%5, i), noise(fmt.Sprint(i), 2000))
	}
	b.start()
	b.waitForCopy()
	synced := func(v SinkStatus) bool {
		from, _ := b.from.Status()
		return v.Connected && from.Scanned && v.Cursor == from.Head && from.Dirty == 0
	}
	b.waitForSink("the cursor", synced)
	for _, step := range []struct {
		name string
		do   func()
		most uint64
	}{
		{"reconnected", func() {}, 2000},
		{"the sink restarted", func() { b.closeSink(); b.openSink() }, 2000},
		{"the source restarted", func() { b.closeSource(); b.openSource() }, 2000},
		{"the source crashed", func() {
			b.must(b.stopRun())
			b.must(b.from.close())
			b.openSource()
		}, 200 * 150},
	} {
		b.disconnect()
		step.do()
		b.connect()
		// The cursor passes this file only after everything that came before it in this conversation, a listing too.
		b.write("mark", []byte(step.name))
		written, err := os.Stat(b.in("mark"))
		b.must(err)
		l := &look{Source: b.from}
		waitForSource(t, b.from, func(v SourceStatus) bool {
			e, _ := l.known("mark")
			return e.ModTime == written.ModTime().UnixNano() && v.Scanned && v.Dirty == 0
		})
		if v := b.waitForSink(step.name, synced); v.Received > step.most {
			t.Errorf("%s: %d bytes travelled", step.name, v.Received)
		}
	}
}

// TestRenameIsOne: a directory that is renamed does not travel again, nor does a file.
func TestRenameIsOne(t *testing.T) {
	b := newBed(t)
	for i := range 20 {
		b.write(fmt.Sprintf("d/e/f%d", i), noise(fmt.Sprint(i), 50_000))
	}
	b.start()
	b.waitForCopy()
	before, _ := b.to.Status()
	b.must(os.Rename(b.in("d"), b.in("moved")))
	b.waitForCopy()
	b.must(os.Rename(b.in("moved/e/f0"), b.in("moved/e/g")))
	b.waitForCopy()
	after, _ := b.to.Status()
	if n := after.Received - before.Received; n > 20_000 {
		t.Errorf("%d bytes travelled for a rename", n)
	}
	if got := trashed(t, b.to); len(got) > 0 {
		t.Errorf("the trash holds %d files", len(got))
	}
}

// TestRenamedWithoutWhatHadGone: while the sink is away, something in a directory goes, the directory is renamed, and both are made
// anew. What had gone is not left under the directory's new name.
func TestRenamedWithoutWhatHadGone(t *testing.T) {
	b := newBed(t)
	b.write("a/x/f", []byte("x"))
	b.write("a/y", []byte("y"))
	b.start()
	b.waitForCopy()
	b.disconnect()
	l := &look{Source: b.from}
	knows := func(p string, want bool) {
		t.Helper()
		waitForSource(t, b.from, func(v SourceStatus) bool {
			_, known := l.known(p)
			return known == want && v.Dirty == 0
		})
	}
	b.must(os.RemoveAll(b.in("a/x")))
	knows("a/x", false)
	b.must(os.Rename(b.in("a"), b.in("b")))
	knows("b/y", true)
	knows("a/y", false)
	b.write("a/x/f", []byte("new"))
	knows("a/x/f", true)
	b.connect()
	b.waitForCopy()
}

// TestChangedBlocks: of a large file that changed here and there, only that travels.
func TestChangedBlocks(t *testing.T) {
	b := newBed(t)
	content := noise("large", 8<<20)
	b.write("large", content)
	b.start()
	b.waitForCopy()
	b.waitForSink("the file", func(v SinkStatus) bool { return v.Missing == 0 })
	before, _ := b.to.Status()
	f, err := os.OpenFile(b.in("large"), os.O_WRONLY, 0)
	b.must(err)
	for _, at := range []int64{100, 3 << 20, 8<<20 - 10} {
		_, err := f.WriteAt([]byte("changed"), at)
		b.must(err)
	}
	b.must(f.Close())
	b.waitForCopy()
	b.waitForSink("the file", func(v SinkStatus) bool { return v.Missing == 0 })
	after, _ := b.to.Status()
	hashes := uint64(len(content) / blockSize * 40)
	if n := after.Received - before.Received; n > 3*blockSize+hashes {
		t.Errorf("%d bytes travelled for three blocks", n)
	}
}

// TestIndexSaved: an index is the same after it was written down, and a damaged one is none.
func TestIndexSaved(t *testing.T) {
	x := newIndex()
	x.put(Entry{Path: "d", Kind: Directory, Inode: 1}, false)
	x.put(Entry{Path: "d/f", Kind: File, Size: 7, Inode: 2}, false)
	x.put(Entry{Path: "d/g", Kind: File, Size: 1, Inode: 3}, false)
	x.remove("d/g")
	x.rename("d", "e")
	b := x.encode()
	again, err := decodeIndex(b)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := x.since(0, x.head, 100)
	got, _ := again.since(0, again.head, 100)
	for i := range want { // hints, and what is bare, do not outlive a run: they cost only bytes
		want[i].bare = false
	}
	if diff := cmp.Diff(withoutHints(want), got, cmp.AllowUnexported(news{}, logItem{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again.files != 1 || again.bytes != 7 || again.epoch != x.epoch || again.head != x.head {
		t.Errorf("%+v", again)
	}
	b[len(b)/2] ^= 1
	if _, err := decodeIndex(b); err == nil {
		t.Error("a damaged index was taken")
	}
}

// withoutHints leaves the hints out.
func withoutHints(list []news) (out []news) {
	for _, n := range list {
		if n.from == "" {
			out = append(out, n)
		}
	}
	return out
}

// TestBehind: a sink that is so far behind that what went was forgotten gets a listing instead.
func TestBehind(t *testing.T) {
	b := newBed(t)
	b.write("stays", []byte("x"))
	b.write("goes", []byte("x"))
	b.start()
	b.waitForCopy()
	b.disconnect()
	b.must(os.Remove(b.in("goes")))
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Files == 1 })
	b.from.mu.Lock()
	b.from.index.forget(b.from.index.head)
	gone := len(b.from.index.gone)
	b.from.mu.Unlock()
	if gone != 0 {
		t.Fatalf("%d paths that went are remembered", gone)
	}
	b.connect()
	b.waitForCopy()
}
