package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"failoverd/api"
	"failoverd/internal/site"
	"failoverd/status"
)

// mount is a directory of pbx as the standby has it mounted, and the standby's copy of it.
type mount struct{ src, dst string }

// newFileCompany builds a company whose pbx has a tree of files, vm. The daemon does not run yet.
func newFileCompany(t *testing.T) (*company, mount) {
	t.Helper()
	c := newCompany(t, site.Options{StandIn: true})
	m := mount{filepath.Join(c.Dir, "mnt-vm"), filepath.Join(c.Dir, "copy-vm")}
	ok(t, os.Mkdir(m.src, 0o755))
	ok(t, c.Configure(site.Options{
		Binary: c.Binary(), Interval: 100 * time.Millisecond, StandIn: true, PBX: fmt.Sprintf(`files:
  - name: vm
    source: {path: %q}
    directory: %q
    exclude: [{patterns: ["*.part"], recursive: true}]
    scan_interval: 1s
    reserve: 1MiB
    brake: {share: 20%%, least: 5}
`, m.src, m.dst),
	}))
	return c, m
}

func (m mount) write(t *testing.T, name, content string) {
	t.Helper()
	file := filepath.Join(m.src, name)
	ok(t, os.MkdirAll(filepath.Dir(file), 0o755))
	ok(t, os.WriteFile(file, []byte(content), 0o640))
}

// differences are what rsync finds between the source and the copy; it is the judge.
func (m mount) differences() string {
	out, err := exec.Command("rsync", "-nacH", "--delete", "--exclude=/.failoverd", "--exclude=*.part", "--itemize-changes", m.src+"/", m.dst+"/").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, ".d..t...... ./") { // failoverd's own directory lies in both
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// same waits until the copy is as its source, for failoverd and for rsync.
func (c *company) same(m mount) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			c.t.Logf("rsync finds:\n%s", m.differences())
		}
	}()
	c.eventually("the copy to be as its source", func() bool { return m.differences() == "" })
	c.waitTree("current", func(v status.Tree) bool { return v.State == "current" })
}

// waitTree waits until the copy of the files of pbx is as it is wanted.
func (c *company) waitTree(what string, wanted func(status.Tree) bool) status.Tree {
	c.t.Helper()
	v := c.waitServer("pbx", what, func(v status.Server) bool { return len(v.Trees) == 1 && wanted(v.Trees[0]) })
	return v.Trees[0]
}

// there reports whether the copy has a file of this content.
func (m mount) there(name, content string) bool {
	b, err := os.ReadFile(filepath.Join(m.dst, name))
	return err == nil && string(b) == content
}

// arriving reports whether a part of a large file has come since then, and lies on the stage.
func (m mount) arriving(t *testing.T, since time.Time) bool {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(m.dst, ".failoverd/stage/part-*"))
	ok(t, err)
	return slices.ContainsFunc(parts, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && !strings.HasSuffix(name, ".note") && info.ModTime().After(since) && info.Sys().(*syscall.Stat_t).Blocks > 0
	})
}

// A file appears, changes and goes; a suspended server's files rest, and come at once when it is resumed.
func TestFilesAreKeptCopied(t *testing.T) {
	c, m := newFileCompany(t)
	for i := range 20 {
		m.write(t, fmt.Sprintf("Extn/%d/hello.wav", i), strings.Repeat("hello ", 1000))
	}
	m.write(t, "half.part", "not whole yet")
	c.start()
	c.same(m)
	if _, err := os.Lstat(filepath.Join(m.dst, "half.part")); err == nil {
		t.Error("what is excluded was copied")
	}
	v := c.waitTree("measured", func(v status.Tree) bool { return v.Files == 20 && v.Bytes == 20*6000 })
	if v.Source != m.src || v.By != "path" || v.Directory != m.dst || v.Received == 0 {
		t.Errorf("the tree is shown as %+v", v)
	}
	contains(t, c.cli(exitDone, "files", "pbx"), "vm", "20 files", "as its source")
	contains(t, c.cli(exitDone, "show", "pbx"), "Copies of its files", "files vm")
	contains(t, c.cli(exitDone, "files", "crm"), "No files of crm")

	m.write(t, "Extn/3/new.wav", "a message")
	c.same(m)
	ok(t, os.Remove(filepath.Join(m.src, "Extn/3/new.wav")))
	c.same(m)
	if kept, err := filepath.Glob(filepath.Join(m.dst, ".failoverd/trash/*/*/Extn/3/new.wav")); err != nil || len(kept) != 1 {
		t.Errorf("in the trash: %v, %v", kept, err)
	}

	c.cli(exitDone, "suspend", "pbx", "--reason", "patches")
	c.waitTree("resting", func(v status.Tree) bool { return v.State == "resting" })
	m.write(t, "Extn/4/meanwhile.wav", "left while it rested")
	c.never("a suspended server's files are copied", 3*time.Second, func() bool { return m.there("Extn/4/meanwhile.wav", "left while it rested") })
	c.cli(exitDone, "resume", "pbx")
	c.same(m)
}

// What looks like an unmounted source is held back, mailed, and let go by order; what is unmounted deletes nothing; what
// was replaced is taken by order.
func TestFilesAreNotDeletedUnasked(t *testing.T) {
	c, m := newFileCompany(t)
	for i := range 30 {
		m.write(t, fmt.Sprintf("%d.wav", i), fmt.Sprint("message ", i))
	}
	c.start()
	c.same(m)
	c.cli(exitConflict, "files", "confirm-deletions", "pbx", "vm", "--yes")
	c.cli(exitNotFound, "files", "confirm-deletions", "pbx", "nothing", "--yes")

	for i := range 20 {
		ok(t, os.Remove(filepath.Join(m.src, fmt.Sprintf("%d.wav", i))))
	}
	contains(t, c.waitMail("files.held").Text(), "failoverd files confirm-deletions pbx vm")
	held := c.waitTree("holding deletions", func(v status.Tree) bool { return v.Ailment == "held" && v.Held > 0 })
	if !m.there("19.wav", "message 19") {
		t.Errorf("%d deletions are held, and one has happened that should not have", held.Held)
	}
	contains(t, c.cli(exitAttention, "status"), "files WAIT", "failoverd files confirm-deletions pbx vm")
	// Nobody can be asked here, so the command says what it would take.
	contains(t, c.cli(exitUsage, "files", "confirm-deletions", "pbx", "vm"), "--yes")
	c.cli(exitDone, "files", "confirm-deletions", "pbx", "vm", "--yes", "--reason", "cleaned up")
	c.same(m)
	c.waitMail("files.current")
	contains(t, c.cli(exitDone, "audit"), "files.confirmed")

	ok(t, os.Rename(m.src, m.src+".away"))
	ok(t, os.Mkdir(m.src, 0o755)) // an empty mount point
	contains(t, c.waitMail("files.root").Text(), "failoverd files accept-source pbx vm")
	if !m.there("29.wav", "message 29") {
		t.Error("an unmounted source has emptied the copy")
	}
	ok(t, os.Remove(m.src))
	ok(t, os.Rename(m.src+".away", m.src))
	c.eventually("the source to be found again", func() bool { return c.mails("files.current") == 2 })

	ok(t, os.Rename(m.src, m.src+".old"))
	for i := 20; i < 33; i++ {
		m.write(t, fmt.Sprintf("%d.wav", i), fmt.Sprint("on another disk ", i))
	}
	c.waitTree("missing its source", func(v status.Tree) bool { return v.Ailment == "root" })
	c.cli(exitDone, "files", "accept-source", "pbx", "vm", "--yes", "--reason", "new disk")
	c.same(m)
}

// The daemon is killed in the middle of a first copy and started again: the copy is whole in the end, and nothing is
// there half at any time.
func TestKilledInAFirstCopy(t *testing.T) {
	c, m := newFileCompany(t)
	big := make([]byte, 24<<20)
	_, _ = rand.Read(big)
	for i := range 4 {
		m.write(t, fmt.Sprintf("big-%d.vox", i), string(big))
	}
	for i := range 2000 {
		m.write(t, fmt.Sprintf("Extn/%d/%d.wav", i%50, i), strings.Repeat(fmt.Sprint(i), 500))
	}
	placed := func() int {
		names, err := filepath.Glob(filepath.Join(m.dst, "big-*.vox"))
		ok(t, err)
		return len(names)
	}
	caught := 0
	for range 3 {
		launched := time.Now()
		c.launch()
		c.eventually("a large file to be on its way", func() bool { return m.arriving(t, launched) || placed() == 4 })
		ok(t, c.daemon.Kill())
		if m.arriving(t, launched) {
			caught++
		}
		t.Logf("killed with %d large files of 4 in the copy", placed())
		for i := range 4 {
			if b, err := os.ReadFile(filepath.Join(m.dst, fmt.Sprintf("big-%d.vox", i))); err == nil && !bytes.Equal(b, big) {
				t.Errorf("big-%d.vox is there with %d bytes of %d, and they are not the file's", i, len(b), len(big))
			}
		}
	}
	if caught == 0 {
		t.Error("the daemon was never killed in the middle of a large file")
	}
	c.start()
	c.same(m)
	if left, err := os.ReadDir(filepath.Join(m.dst, ".failoverd/stage")); err != nil || len(left) > 0 {
		t.Errorf("on the stage: %v, %v", left, err)
	}
}

// A takeover leaves the files to the stand-in: nothing comes from live while it works, nor afterwards, before somebody
// has given up what it wrote.
func TestTakeoverWithFiles(t *testing.T) {
	c, m := newFileCompany(t)
	for i := range 20 {
		m.write(t, fmt.Sprintf("%d.wav", i), "by the primary")
	}
	c.start()
	c.same(m)
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	contains(t, c.waitMail("takeover.done").Text(), "files vm: as it was at")
	// The stand-in works, and the mounted directory, which is still there, changes as well.
	ok(t, os.WriteFile(filepath.Join(m.dst, "1.wav"), []byte("by the stand-in"), 0o644))
	ok(t, os.WriteFile(filepath.Join(m.dst, "taken.wav"), []byte("by the stand-in"), 0o644))
	m.write(t, "2.wav", "by the primary, later")
	untouched := func() bool {
		return m.there("1.wav", "by the stand-in") && m.there("taken.wav", "by the stand-in") && m.there("2.wav", "by the primary")
	}
	c.never("something comes from live while the stand-in works", 3*time.Second, func() bool { return !untouched() })

	c.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
	ok(t, c.PBX.Return())
	c.waitState("pbx", "OK", "standing by")
	c.waitTree("diverged", func(v status.Tree) bool { return v.State == "diverged" && v.Diverged })
	ok(t, c.daemon.Kill())
	c.launch()
	c.waitState("pbx", "OK", "standing by")
	c.never("something comes from live after the release", 3*time.Second, func() bool { return !untouched() })
	contains(t, c.cli(exitDone, "files", "pbx"), "failoverd files discard-diverged pbx vm")

	c.cli(exitDone, "files", "discard-diverged", "pbx", "vm", "--yes", "--reason", "brought back by hand")
	c.same(m)
	if kept, err := filepath.Glob(filepath.Join(m.dst, ".failoverd/trash/*/*/taken.wav")); err != nil || len(kept) != 1 {
		t.Errorf("what the stand-in wrote is not in the trash: %v, %v", kept, err)
	}
	client, err := c.API()
	ok(t, err)
	events, err := client.Events(c.waiting(), api.EventQuery{Server: "pbx", Kind: "files.discarded"})
	ok(t, err)
	if len(events.Events) != 1 || events.Events[0].Reason != "brought back by hand" {
		t.Errorf("in the history: %+v", events.Events)
	}
}
