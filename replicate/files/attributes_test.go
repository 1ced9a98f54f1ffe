package files

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// adorned is what rsync compares with its -X and -A: extended attributes and access control lists.
var adorned = []string{"-X", "-A"}

// listFor is an access control list that gives some users the right to read.
func listFor(users ...uint32) string {
	list := []grant{{tag: 0x01, rights: 6}}
	for _, u := range users {
		list = append(list, grant{tag: grantUser, rights: 4, number: u})
	}
	return writeList(append(list, grant{tag: 0x04, rights: 4}, grant{tag: grantGroup, rights: 6, number: 4321}, grant{tag: 0x10, rights: 6},
		grant{tag: 0x20}))
}

// capable is the capability to open low ports, as setcap(8) writes it: permitted and effective, version 2 of
// linux/capability.h.
const capable = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// TestAttributesTravel: extended attributes and access control lists arrive, are changed and are taken away; with the content, for
// a file that is there already, for a large one, and for a directory. The content does not travel again for them.
func TestAttributesTravel(t *testing.T) {
	b := newBed(t)
	set := func(p, name, value string) { b.must(unix.Lsetxattr(b.in(p), name, []byte(value), 0)) }
	b.write("d/small", []byte("content"))
	b.write("d/large", noise("large", 3*inlineSize))
	b.must(os.Chmod(b.in("d/small"), 0o640))
	set("d/small", "user.origin", "line 7")
	set("d/small", accessList, listFor(1234))
	set("d/large", "user.binary", "\x00\xff\x00")
	set("d", defaultList, listFor(1234, 65534))
	b.write("d/inherits", []byte("what a file gets from its directory"))
	if os.Geteuid() == 0 {
		set("d/large", capabilities, capable)
	}
	b.start()
	b.waitForCopy(adorned...)

	content, _ := b.to.Status()
	set("d/small", accessList, listFor(1234, 1235))
	set("d/small", "user.origin", strings.Repeat("another line ", 100))
	set("d/large", "user.more", "")
	set("d", "user.directory", "too")
	b.waitForCopy(adorned...)

	b.must(unix.Lremovexattr(b.in("d/small"), accessList))
	b.must(unix.Lremovexattr(b.in("d/small"), "user.origin"))
	b.must(unix.Lremovexattr(b.in("d/large"), "user.binary"))
	b.must(unix.Lremovexattr(b.in("d"), defaultList))
	b.waitForCopy(adorned...)
	if s, _ := b.to.Status(); s.Received-content.Received > 3*inlineSize {
		t.Errorf("%d bytes travelled for attributes: the content was among them", s.Received-content.Received)
	}
}

// TestAttributesFoundByAScan: what was changed while nobody watched is found, and what the copy has of its own is taken away.
func TestAttributesFoundByAScan(t *testing.T) {
	b := newBed(t)
	b.write("d/a", []byte("a"))
	b.start()
	b.waitForCopy(adorned...)
	b.disconnect()
	b.closeSource()
	b.must(unix.Lsetxattr(b.in("d/a"), "user.x", []byte("1"), 0))
	b.must(unix.Lsetxattr(b.in("d"), accessList, []byte(listFor(77)), 0))
	b.openSource()
	b.connect()
	b.waitForCopy(adorned...)

	// A copy that was made by somebody else: everything is compared.
	b.disconnect()
	b.closeSource()
	b.must(unix.Lsetxattr(b.dst+"/d/a", "user.own", []byte("1"), 0))
	b.must(unix.Lremovexattr(b.dst+"/d", accessList))
	b.must(os.Remove(b.source.StateDir + "/" + indexFile))
	b.openSource()
	b.connect()
	b.waitForCopy(adorned...)
}

// TestTheStageHandsNothingOn: a copy whose root gives what is made in it rights for others does not give them to files that have
// none at the source.
func TestTheStageHandsNothingOn(t *testing.T) {
	b := newBed(t)
	b.must(os.Mkdir(b.dst, 0o755))
	b.must(unix.Lsetxattr(b.dst, defaultList, []byte(listFor(77)), 0))
	b.write("d/small", []byte("content"))
	b.write("d/large", noise("large", 3*inlineSize))
	b.start()
	b.waitForCopy(adorned...)
}

// TestStrangers: of a list that names somebody whom the standby does not know the rest is kept, nobody else gets his rights, and it
// is said, also after a restart, until it is not so any more.
func TestStrangers(t *testing.T) {
	s := openCopy(t, nil)
	named := []grant{
		{tag: 0x01, rights: 6},
		{tag: grantUser, rights: 6, name: "nobody-has-this-name"},
		{tag: grantUser, rights: 4, name: "1234"},
		{tag: 0x04, rights: 4},
		{tag: 0x10, rights: 6},
		{tag: 0x20},
	}
	f := fileOf(1, "a", "content")
	f.Entry.Mode = 0o660
	f.Entry.Attributes = encodeAttributes([]attribute{{accessList, encodeList(named)}})
	c := talkTo(t, s, nil)
	c.list(f)
	if err := c.hangUp(); err != nil {
		t.Fatal(err)
	}
	told := func(s *Sink) {
		t.Helper()
		want := []Problem{{Path: "a", Reason: `its access control list names "nobody-has-this-name", whom this host does not know`}}
		if v, _ := s.Status(); v.Missing != 0 || cmp.Diff(want, v.Failed) != "" {
			t.Errorf("status %+v, want %+v", v, want)
		}
	}
	told(s)
	holds(t, s, "a", "content")
	file, err := s.target.root.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	have, err := attributed{fd: int(file.Fd())}.read()
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	want := writeList([]grant{
		{tag: 0x01, rights: 6},
		{tag: grantUser, rights: 4, number: 1234},
		{tag: 0x04, rights: 4},
		{tag: 0x10, rights: 6},
		{tag: 0x20},
	})
	if len(have) != 1 || have[0].value != want {
		t.Errorf("the copy has %q, want one list, %s", have, hex.EncodeToString([]byte(want)))
	}

	again := openCopy(t, func(o *SinkOptions) { o.Directory = s.options.Directory })
	if v, _ := again.Status(); v.Missing != 0 {
		t.Errorf("%d are missing after the restart", v.Missing)
	}
	c = talkTo(t, again, nil)
	c.hear(kindResume)
	c.settle(1 << 20)
	told(again)
	f = fileOf(2<<20, "a", "content")
	c.say(f)
	c.settle(2 << 20)
	if v, _ := again.Status(); len(v.Failed) != 0 {
		t.Errorf("still said: %+v", v.Failed)
	}
}

// TestBadAttributes: what no source of ours says is refused before anything is done with it.
func TestBadAttributes(t *testing.T) {
	for name, list := range map[string][]attribute{
		"a label":          {{"security.selinux", "x"}},
		"trusted":          {{"trusted.overlay.opaque", "y"}},
		"no name":          {{"user.", "y"}},
		"a NUL":            {{"user.a\x00b", "y"}},
		"a long name":      {{"user." + strings.Repeat("n", maxAttribute), "y"}},
		"in disorder":      {{"user.b", ""}, {"user.a", ""}},
		"twice":            {{"user.a", ""}, {"user.a", ""}},
		"a list of nobody": {{accessList, "\x03\x07"}},
		"too many rights":  {{accessList, encodeList([]grant{{tag: 1, rights: 8}})}},
		"half a list":      {{defaultList, "\x02\x07\x09abc"}},
	} {
		if _, err := decodeAttributes(encodeAttributes(list)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := decodeAttributes("\x06user.a"); err == nil {
		t.Error("a name without a value was accepted")
	}
}

// TestTooManyAttributes: what does not fit into an entry is left out and said, and what was not understood is the only thing left out.
func TestTooManyAttributes(t *testing.T) {
	o := hostOwners()
	large := strings.Repeat("x", maxAttributes-100)
	if got, problem := o.announced([]attribute{{"user.a", large}}); problem != "" || got == "" {
		t.Errorf("of what fits: %d bytes, %q", len(got), problem)
	}
	if got, problem := o.announced([]attribute{{"user.a", large}, {"user.b", large}}); got != "" || problem == "" {
		t.Errorf("of what does not fit: %d bytes, %q", len(got), problem)
	}
	got, problem := o.announced([]attribute{{accessList, "of another form"}, {"user.a", "1"}})
	if problem == "" || got != encodeAttributes([]attribute{{"user.a", "1"}}) {
		t.Errorf("%q, %q", got, problem)
	}
}

// TestManyStrangers: of many files that lack an attribute enough are remembered, and the cursor goes on.
func TestManyStrangers(t *testing.T) {
	s := openCopy(t, nil)
	list := encodeAttributes([]attribute{{accessList, encodeList([]grant{
		{tag: 0x01, rights: 6}, {tag: grantUser, rights: 6, name: "nobody-has-this-name"}, {tag: 0x04}, {tag: 0x10, rights: 6}, {tag: 0x20},
	})}})
	var frames []frame
	for i := range maxPlain + 10 {
		f := fileOf(uint64(i)+1, fmt.Sprint("f", i), "")
		f.Entry.Attributes = list
		frames = append(frames, f)
	}
	c := talkTo(t, s, nil)
	c.list(frames...)
	if err := c.hangUp(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.state.missing); n != maxPlain || s.state.cursor != 1<<20 {
		t.Errorf("%d are remembered at %d", n, s.state.cursor)
	}
}

// known are names without a host.
func known(list map[uint32]string) *names {
	n := &names{byNumber: list, byName: map[string]uint32{}}
	for number, name := range list {
		n.byName[name] = number
	}
	n.lookName = func(string) (string, error) { return "", os.ErrNotExist }
	n.lookID = func(string) (string, error) { return "", os.ErrNotExist }
	return n
}

// TestLists goes from the kernel's form to that of an entry and back.
func TestLists(t *testing.T) {
	host := owners{users: known(map[uint32]string{7: "anna"}), groups: known(map[uint32]string{4321: "staff"})}
	other := owners{users: known(map[uint32]string{70: "anna"}), groups: known(map[uint32]string{99: "staff"})}
	named, err := host.named(listFor(7, 8))
	if err != nil {
		t.Fatal(err)
	}
	got, unknown, err := other.numbered(named)
	want := strings.ReplaceAll(listFor(70, 8), "\xe1\x10\x00\x00", "\x63\x00\x00\x00") // 4321 is 99 there
	if err != nil || unknown != "" || got != want {
		t.Errorf("%x, %q, %v; want %x", got, unknown, err, want)
	}
	for name, bad := range map[string]string{"empty": "", "short": "\x02\x00\x00", "version 3": "\x03\x00\x00\x00", "half a grant": "\x02\x00\x00\x00\x01"} {
		if _, err := readList(bad); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
