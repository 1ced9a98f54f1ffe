package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
)

// TestSinkRefusesSource does not even answer a source that is not the right one.
func TestSinkRefusesSource(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*helloFrame)
		code   string
	}{
		"another version":      {func(h *helloFrame) { h.Version = 9 }, byeVersion},
		"an older epoch":       {func(h *helloFrame) { h.Epoch = 4 }, byeEpoch},
		"other rules":          {func(h *helloFrame) { h.Rules[0]++ }, byeRules},
		"another root":         {func(h *helloFrame) { h.Tree = [16]byte{9} }, byeRoot},
		"a root without mark":  {func(h *helloFrame) { h.Tree, h.Marked = [16]byte{}, false }, byeRoot},
		"the right one passes": {func(*helloFrame) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := openCopy(t, func(o *SinkOptions) { o.Epoch = 5 })
			right := func(h *helloFrame) { h.Epoch = 5 }
			c := talkTo(t, s, right)
			c.list(fileOf(1, "a", "precious"))
			if err := c.hangUp(); err != nil {
				t.Fatal(err)
			}
			c = talkTo(t, s, func(h *helloFrame) { right(h); tt.change(h) })
			if tt.code == "" {
				c.hear(kindResume)
				_ = c.hangUp()
				return
			}
			if bye := c.hear(kindBye).(*byeFrame); bye.Code != tt.code {
				t.Errorf("refused with %q, want %q", bye.Code, tt.code)
			}
			if err := c.hangUp(); err == nil {
				t.Error("the conversation ended without an error")
			}
			holds(t, s, "a", "precious")
		})
	}
}

// TestSinkRemembersEpoch: a source of an epoch that was overtaken is refused after a restart as well.
func TestSinkRemembersEpoch(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, func(h *helloFrame) { h.Epoch = 7 })
	c.list()
	_ = c.hangUp()
	again := openCopy(t, func(o *SinkOptions) { o.Directory = s.options.Directory })
	if bye := talkTo(t, again, func(h *helloFrame) { h.Epoch = 6 }).hear(kindBye).(*byeFrame); bye.Code != byeEpoch {
		t.Errorf("refused with %q", bye.Code)
	}
}

// TestSinkLies: a source that breaks the rules is sent away, and nothing of what it lied about is there.
func TestSinkLies(t *testing.T) {
	big := Entry{Seq: 1, Path: "big", Kind: File, Size: 1 << 20}
	wrong := fileOf(1, "a", "content")
	wrong.Entry.Hash[0]++
	for name, say := range map[string]func(c *script){
		"a wrong hash":        func(c *script) { c.say(wrong) },
		"outside the rules":   func(c *script) { c.say(fileOf(1, "excluded", "x")) },
		"a question's answer": func(c *script) { c.say(&endFrame{ID: 7}) },
		"a cursor backwards":  func(c *script) { c.settle(5); c.say(&cursorFrame{Seq: 4}) },
		"a sink's word":       func(c *script) { c.say(&ackFrame{}) },
		"listed, not listing": func(c *script) { c.say(&listedFrame{}) },
		"an end too early": func(c *script) {
			c.say(&entryFrame{Entry: big}, &cursorFrame{Seq: 1, Idle: true})
			c.say(&endFrame{ID: c.hear(kindWant).(*wantFrame).ID})
		},
		"bytes out of order": func(c *script) {
			c.say(&entryFrame{Entry: big}, &cursorFrame{Seq: 1, Idle: true})
			data := []byte("x")
			c.say(&dataFrame{ID: c.hear(kindWant).(*wantFrame).ID, Offset: 1, Sum: xxhash.Sum64(data), Data: data})
		},
		"bytes that are others": func(c *script) {
			c.say(&entryFrame{Entry: big}, &cursorFrame{Seq: 1, Idle: true})
			c.say(&dataFrame{ID: c.hear(kindWant).(*wantFrame).ID, Data: []byte("x")})
		},
		"an endless hole": func(c *script) {
			c.say(&entryFrame{Entry: big}, &cursorFrame{Seq: 1, Idle: true})
			c.say(&holeFrame{ID: c.hear(kindWant).(*wantFrame).ID, Length: 1 << 62})
		},
		"another file's content": func(c *script) {
			small := fileOf(1, "a", "x").Entry
			c.say(&entryFrame{Entry: small}, &cursorFrame{Seq: 1, Idle: true})
			f := fileOf(1, "b", "y")
			f.ID = c.hear(kindWant).(*wantFrame).ID
			c.say(f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openCopy(t, func(o *SinkOptions) {
				o.Rules = rulesOf(t, nil, []Rule{{Patterns: []string{"excluded"}, Recursive: true}}, false)
			})
			c := talkTo(t, s, nil)
			c.hear(kindResume)
			if !strings.HasPrefix(name, "listed") && !strings.HasPrefix(name, "a cursor") {
				c.say(&listingFrame{}, &listedFrame{})
			}
			say(c)
			if bye := c.hear(kindBye).(*byeFrame); bye.Code != byeProtocol {
				t.Errorf("sent away with %q", bye.Code)
			}
			if err := c.hangUp(); !errors.Is(err, errWire) {
				t.Errorf("ended with %v", err)
			}
			items, err := os.ReadDir(s.options.Directory)
			if err != nil || len(items) != 1 { // failoverd's own
				t.Errorf("there is %v, %v", items, err)
			}
		})
	}
}

// TestSinkFollowsNoLink: what is written below a link does not go where it points.
func TestSinkFollowsNoLink(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "f"), []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	c.list(
		&entryFrame{Entry: Entry{Seq: 1, Path: "out", Kind: Symlink, Target: outside}},
		&entryFrame{Entry: Entry{Seq: 2, Path: "in", Kind: Symlink, Target: "d"}},
		fileOf(3, "d/f", "inside"),
	)
	c.say(fileOf(11, "out/f", "new"), fileOf(12, "in/f", "other"), &goneFrame{Path: "in/x", Seq: 13})
	c.settle(1 << 21)
	holds(t, s, "out/f", "new")
	holds(t, s, "in/f", "other")
	holds(t, s, "d/f", "inside")
	// And a link over which something is taken away.
	c.say(&entryFrame{Entry: Entry{Seq: 14, Path: "out", Kind: Symlink, Target: outside}}, &goneFrame{Path: "out/f", Seq: 15})
	c.settle(1 << 22)
	if got, err := os.ReadFile(filepath.Join(outside, "f")); err != nil || string(got) != "untouched" {
		t.Errorf("outside there is %q, %v", got, err)
	}
	if err := c.hangUp(); err != nil {
		t.Error(err)
	}
}

// TestSinkTrash keeps what was deleted or overwritten, and throws it away when its time is over.
func TestSinkTrash(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	c.list(fileOf(1, "d/over", "old"), fileOf(2, "d/gone", "lost"), fileOf(3, "kind", "file"))
	c.say(fileOf(11, "d/over", "new"), &goneFrame{Path: "d/gone", Seq: 12}, fileOf(13, "kind/inside", "x"))
	c.settle(1 << 21)
	got := trashed(t, s)
	for p, want := range map[string]string{"d/over": "old", "d/gone": "lost", "kind": "file"} {
		if got[p] != want {
			t.Errorf("in the trash %s is %q, want %q", p, got[p], want)
		}
	}
	if len(got) != 3 {
		t.Errorf("the trash holds %v", got)
	}
	holds(t, s, "d/over", "new")
	if err := c.hangUp(); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{50 * time.Minute, 3}, {26 * time.Hour, 0}} {
		if err := s.target.prune(time.Now().Add(tt.after), time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := trashed(t, s); len(got) != tt.want {
			t.Errorf("after %v the trash holds %v", tt.after, got)
		}
	}
}

// TestSinkBrake holds back what looks like an unmounted source, in a listing and live, and does it when told to.
func TestSinkBrake(t *testing.T) {
	for _, how := range []string{"listing", "live"} {
		t.Run(how, func(t *testing.T) {
			s := openCopy(t, nil)
			c := talkTo(t, s, nil)
			var all, gone []frame
			for i := range uint64(10) {
				all = append(all, fileOf(i+1, fmt.Sprint("f", i), "x"))
				gone = append(gone, &goneFrame{Path: fmt.Sprint("f", i), Seq: 100 + i})
			}
			c.list(all...)
			if how == "listing" {
				_ = c.hangUp()
				c = talkTo(t, s, func(h *helloFrame) { h.Index[0]++ })
				c.hear(kindResume)
				c.say(&listingFrame{}, fileOf(20, "new", "comes"), &listedFrame{})
			} else {
				c.say(append(gone, fileOf(200, "new", "comes"))...)
			}
			c.say(&cursorFrame{Seq: 1 << 21, Idle: true})
			for s, changed := s.Status(); s.Held != 10; s, changed = c.next(s, changed) {
			}
			holds(t, s, "f0", "x")
			holds(t, s, "new", "comes")
			if got, _ := s.Status(); got.Cursor >= 1<<21 {
				t.Error("what is held back was acknowledged")
			}
			s.Confirm()
			for c.hear(kindAck).(*ackFrame).Seq < 1<<21 {
			}
			if _, err := os.Lstat(s.at("f0")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("confirmed, and still there: %v", err)
			}
			holds(t, s, "new", "comes")
			if got := trashed(t, s); len(got) != 10 {
				t.Errorf("the trash holds %v", got)
			}
			if got, _ := s.Status(); got.Files != 1 || got.Held != 0 {
				t.Errorf("%d files, %d held", got.Files, got.Held)
			}
			_ = c.hangUp()
		})
	}
}

// TestSinkBrakeRemembers: a restart within the window lets no more be deleted.
func TestSinkBrakeRemembers(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	var all []frame
	for i := range uint64(10) {
		all = append(all, fileOf(i+1, fmt.Sprint("f", i), "x"))
	}
	c.list(all...)
	for i := range uint64(3) { // as many as always pass
		c.say(&goneFrame{Path: fmt.Sprint("f", i), Seq: 1<<20 + 1 + i})
	}
	c.say(&cursorFrame{Seq: 1<<20 + 3, Idle: true})
	for c.hear(kindAck).(*ackFrame).Seq < 1<<20+3 {
	}
	_ = c.hangUp()
	s = openCopy(t, func(o *SinkOptions) { o.Directory = s.options.Directory })
	c = talkTo(t, s, nil)
	c.hear(kindResume)
	c.say(&goneFrame{Path: "f3", Seq: 1<<20 + 4}, &cursorFrame{Seq: 1<<20 + 4, Idle: true})
	for s, changed := s.Status(); s.Held != 1; s, changed = c.next(s, changed) {
	}
	holds(t, s, "f3", "x")
	_ = c.hangUp()
}

// TestSinkReserve leaves free what is to stay free, says so, and has the file when there is room.
func TestSinkReserve(t *testing.T) {
	s := openCopy(t, func(o *SinkOptions) { o.Reserve = 1 << 60 })
	c := talkTo(t, s, nil)
	big := Entry{Seq: 2, Path: "big", Kind: File, Size: 1 << 20, ModTime: 3, Mode: 0o600}
	c.list(fileOf(1, "small", "x"), &entryFrame{Entry: big})
	got, _ := s.Status()
	if len(got.Failed) != 2 || !strings.Contains(got.Failed[0].Reason, "full") {
		t.Errorf("failed: %+v", got.Failed)
	}
	if list := onStage(t, s); len(list) > 0 {
		t.Errorf("on the stage there is %v", list)
	}
	_ = c.hangUp()
	again := openCopy(t, func(o *SinkOptions) { o.Directory = s.options.Directory })
	c = talkTo(t, again, nil)
	if r := c.hear(kindResume).(*resumeFrame); r.Seq != 1<<20 {
		t.Errorf("it resumes after %d", r.Seq)
	}
	for range 2 { // both are asked for by themselves
		want := c.hear(kindWant).(*wantFrame)
		if want.Path == "small" {
			f := fileOf(1, "small", "x")
			f.ID = want.ID
			c.say(f)
			continue
		}
		c.say(&holeFrame{ID: want.ID, Length: 1 << 20}, &endFrame{ID: want.ID})
	}
	for s, changed := again.Status(); s.Files != 2; s, changed = c.next(s, changed) {
	}
	holds(t, again, "small", "x")
	_ = c.hangUp()
	info, err := os.Stat(again.at("big"))
	if err != nil || info.Size() != 1<<20 || info.Sys().(*syscall.Stat_t).Blocks != 0 {
		t.Errorf("the hole is %v, %v", info, err)
	}
}

// TestSinkResumes a large file where it was cut off.
func TestSinkResumes(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	big := Entry{Seq: 2, Path: "big", Kind: File, Size: window + 100, ModTime: 3, Change: 4, Inode: 5, Mode: 0o600}
	c.hear(kindResume)
	c.say(&listingFrame{}, &entryFrame{Entry: big}, &listedFrame{}, &cursorFrame{Seq: 1 << 20, Idle: true})
	head, tail := []byte("the beginning"), noise("tail", 100)
	want := c.hear(kindWant).(*wantFrame)
	c.say(&dataFrame{ID: want.ID, Sum: xxhash.Sum64(head), Data: head},
		&holeFrame{ID: want.ID, Offset: int64(len(head)), Length: window - int64(len(head))}, &endFrame{ID: want.ID})
	want = c.hear(kindWant).(*wantFrame)
	c.say(&dataFrame{ID: want.ID, Offset: window, Sum: xxhash.Sum64(tail[:50]), Data: tail[:50]})
	c.settle(1 << 21)
	_ = c.hangUp()

	c = talkTo(t, s, nil)
	c.hear(kindResume)
	want = c.hear(kindWant).(*wantFrame)
	if len(want.Ranges) != 1 || want.Ranges[0] != (span{Offset: window, Length: 100}) {
		t.Errorf("it asks for %v", want.Ranges)
	}
	c.say(&dataFrame{ID: want.ID, Offset: window, Sum: xxhash.Sum64(tail), Data: tail}, &endFrame{ID: want.ID})
	for s, changed := s.Status(); s.Files != 1; s, changed = c.next(s, changed) {
	}
	content := make([]byte, window+100)
	copy(content, head)
	copy(content[window:], tail)
	holds(t, s, "big", string(content))
	if list := onStage(t, s); len(list) > 0 {
		t.Errorf("on the stage there is %v", list)
	}
	_ = c.hangUp()

	// Another version of a file is not mixed with what has come of the one before.
	newer := big
	newer.Seq, newer.Change = 9, 6
	cut := big
	cut.Seq, cut.Path, cut.Inode = 10, "cut", 7
	ask := func(index byte, entries ...frame) *wantFrame {
		t.Helper()
		c = talkTo(t, s, func(h *helloFrame) { h.Index[0] += index })
		c.hear(kindResume)
		c.say(&listingFrame{})
		c.say(entries...)
		c.say(&listedFrame{}, &cursorFrame{Seq: 1 << 20, Idle: true})
		return c.hear(kindWant).(*wantFrame)
	}
	want = ask(1, &entryFrame{Entry: newer}, &entryFrame{Entry: cut}) // The one is equal in size and time: it is not asked for.
	if want.Path != "cut" {
		t.Errorf("it asks for %q", want.Path)
	}
	c.say(&holeFrame{ID: want.ID, Length: window}, &endFrame{ID: want.ID})
	c.hear(kindWant)
	_ = c.hangUp()
	cut.Change++
	if want := ask(2, &entryFrame{Entry: newer}, &entryFrame{Entry: cut}); len(want.Ranges) != 1 || want.Ranges[0] != (span{Length: window}) {
		t.Errorf("of another version it asks for %v", want.Ranges)
	}
	_ = c.hangUp()
}

// TestSinkMendsTheTimeAbove: a sink was killed when it had put a file that was missing into its directory, and had not put the
// directory's time back. Nobody announces the directory again.
func TestSinkMendsTheTimeAbove(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	content := noise("big", inlineSize+1)
	c.hear(kindResume)
	c.say(&listingFrame{}, &entryFrame{Entry: Entry{Seq: 1, Path: "d", Kind: Directory, ModTime: 12345678900, Mode: 0o755}},
		&entryFrame{Entry: Entry{Seq: 2, Path: "d/big", Kind: File, Size: int64(len(content)), ModTime: 3, Change: 4, Inode: 5, Mode: 0o600}},
		&listedFrame{}, &cursorFrame{Seq: 1 << 20, Idle: true})
	c.hear(kindWant)
	c.settle(1 << 21)
	_ = c.hangUp()
	if err := os.WriteFile(s.at("d/big"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.at("d/big"), time.Time{}, time.Unix(0, 3)); err != nil {
		t.Fatal(err)
	}
	c = talkTo(t, s, nil)
	c.hear(kindResume)
	c.settle(1 << 22)
	if info, err := os.Stat(s.at("d")); err != nil || info.ModTime().UnixNano() != 12345678900 {
		t.Errorf("the directory is of %v, %v", info.ModTime().UnixNano(), err)
	}
	if v, _ := s.Status(); v.Missing != 0 {
		t.Errorf("%d are missing", v.Missing)
	}
}

// TestOlderState: what the version before has written is read, and what nobody knows is not.
func TestOlderState(t *testing.T) {
	var e encoder
	e.uint(2)
	e.uuid(&[16]byte{1})
	e.flag(true)
	for range 3 {
		e.uint(7) // device, inode, epoch
	}
	e.uuid(&[16]byte{2})
	e.uint(40) // cursor
	e.uint(3)  // files
	e.int(0)
	e.uint(0)
	e.uint(0)
	e.uint(1)
	e.entry(&Entry{Seq: 5, Path: "d/a", Kind: File, Size: 9})
	e.text("no room")
	e.flag(false)
	got, err := decodeState(sealed(e.b))
	if err != nil || got.cursor != 40 || len(got.missing) != 1 || got.missing[0].entry.Path != "d/a" || got.missing[0].above != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, version := range []uint64{1, stateVersion + 1} {
		var e encoder
		e.uint(version)
		if _, err := decodeState(sealed(e.b)); err == nil || !strings.Contains(err.Error(), "version") {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// TestSinkCase: of two names that are one where case does not count, the first stays and the other is listed.
func TestSinkCase(t *testing.T) {
	s := openCopy(t, func(o *SinkOptions) { o.Rules = rulesOf(t, nil, nil, true) })
	c := talkTo(t, s, nil)
	c.hear(kindResume)
	c.say(&listingFrame{}, fileOf(1, "Dir/A.wav", "first"), fileOf(2, "Dir/a.WAV", "second"), fileOf(3, "dir/b", "third"), &listedFrame{})
	for _, want := range []string{"Dir/a.WAV", "dir/b"} {
		if got := c.hear(kindRefused).(*refusedFrame); got.Path != want {
			t.Errorf("%q was refused, want %q", got.Path, want)
		}
	}
	c.settle(10)
	holds(t, s, "Dir/A.wav", "first")
	// The next conversation says it again.
	_ = c.hangUp()
	c = talkTo(t, s, nil)
	c.hear(kindResume)
	said := map[string]bool{}
	for range 2 {
		said[c.hear(kindRefused).(*refusedFrame).Path] = true
	}
	if !said["Dir/a.WAV"] || !said["dir/b"] {
		t.Errorf("said again: %v", said)
	}
	if got, _ := s.Status(); got.Files != 1 || len(got.Failed) != 2 {
		t.Errorf("%+v", got)
	}
	// The name becomes free.
	c.say(&goneFrame{Path: "Dir/A.wav", Seq: 11}, &cursorFrame{Seq: 11, Idle: true})
	want := c.hear(kindWant).(*wantFrame)
	if want.Path != "Dir/a.WAV" {
		t.Fatalf("it asks for %q", want.Path)
	}
	f := fileOf(2, "Dir/a.WAV", "second")
	f.ID = want.ID
	c.say(f)
	for s, changed := s.Status(); s.Missing != 1; s, changed = c.next(s, changed) {
	}
	holds(t, s, "Dir/a.WAV", "second")
	_ = c.hangUp()
}

// TestSinkSetID: the owner does not take the set-user-ID bit away.
func TestSinkSetID(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	f := fileOf(1, "a", "x")
	f.Entry.Mode, f.Entry.Owner, f.Entry.Group = 0o6755, "1", "2"
	c.list(f)
	info, err := os.Stat(s.at("a"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o755|os.ModeSetuid|os.ModeSetgid || info.ModTime().UnixNano() != 1 {
		t.Errorf("mode %v, time %v", info.Mode(), info.ModTime())
	}
	if st := info.Sys().(*syscall.Stat_t); os.Getuid() == 0 && (st.Uid != 1 || st.Gid != 2) {
		t.Errorf("owner %d:%d", st.Uid, st.Gid)
	}
	_ = c.hangUp()
}

// TestSinkBusy has one conversation at a time.
func TestSinkBusy(t *testing.T) {
	s := openCopy(t, nil)
	c := talkTo(t, s, nil)
	c.hear(kindResume)
	_, there := net.Pipe()
	if err := s.Receive(context.Background(), there); !errors.Is(err, ErrBusy) {
		t.Errorf("the second one ended with %v", err)
	}
	_ = c.hangUp()
}
