package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"failoverd/status"
)

// worked has the stand-in of pbx work on the copy of the files, and the primary come back, whose agent has lost what it
// wrote last: nobody has copied that.
func (o *outpost) worked(m mount) {
	o.t.Helper()
	o.run()
	if out, err := o.pair(o.invite()); err != nil {
		o.t.Fatalf("pair: %v, %s", err, out)
	}
	o.same(m)
	o.end(syscall.SIGTERM)
	m.write(o.t, "own.wav", "by the primary, in its last moment")
	ok(o.t, o.PBX.Die())
	o.waitState("pbx", "Failure", "standing in")
	write := mount{m.dst, ""}.write
	write(o.t, "greetings/1.wav", "by the stand-in")
	write(o.t, "taken/call.wav", "by the stand-in")
	ok(o.t, os.Remove(filepath.Join(m.dst, "greetings/2.wav")))
}

// released has the primary serve again, its files older than the copy.
func (o *outpost) released() {
	o.t.Helper()
	o.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
	ok(o.t, o.PBX.Return())
	o.run()
	o.waitState("pbx", "OK", "standing by")
	o.waitTree("diverged", func(v status.Tree) bool { return v.State == "diverged" })
}

// TestFilesBackToLive: what the stand-in wrote comes back to the primary by its agent, where that is granted; what only
// the primary had is set aside, listed and restored; and the copy follows the primary again.
func TestFilesBackToLive(t *testing.T) {
	c, o, m := newFileOutpost(t, "")
	for i := range 20 {
		m.write(t, fmt.Sprintf("greetings/%d.wav", i), "by the primary")
	}
	m.write(t, "keep.part", "left out on both sides")
	c.start()
	o.worked(m)
	contains(t, c.cli(exitConflict, "replicate", "to-live", "pbx", "--yes"), "standing in")
	o.released()
	contains(t, c.cli(exitDone, "files", "pbx"), "failoverd replicate to-live pbx")
	contains(t, c.cli(exitRefused, "replicate", "to-live", "pbx", "--dry-run"), "writable: true", "leave-files")
	contains(t, c.cli(exitConflict, "replicate", "to-live", "pbx", "--yes", "--accept", "leave-files"), "no files that come from its agent")
	o.end(syscall.SIGTERM)
	o.configure(", writable: true")
	contains(t, o.cli(0, "agent", "config", "check", o.config), "and bring files back into it.")
	o.run()
	contains(t, c.cli(exitDone, "replicate", "to-live", "pbx", "--dry-run"), "--> pbx", m.dst+", 20 files", "there now: 21 files", "ONLY there: 1 file")
	if m.there("own.wav", "by the primary, in its last moment") || m.differences() == "" {
		t.Error("a dry run has done something")
	}
	contains(t, c.cli(exitDone, "replicate", "to-live", "pbx", "--yes", "--reason", "repaired"), "bring vm", "failoverd files set-aside pbx TREE")
	c.same(m)
	if got := (mount{"", m.src}); !got.there("greetings/1.wav", "by the stand-in") || !got.there("taken/call.wav", "by the stand-in") || !got.there("keep.part", "left out on both sides") {
		t.Errorf("the primary has not what the stand-in wrote, or not what is left out:\n%s", m.differences())
	}
	if v := c.waitServer("pbx", "through with it", func(v status.Server) bool { return v.Activity == "idle" }); v.Diverged || v.Trees[0].Diverged {
		t.Errorf("it is diverged: %+v", v.Trees[0])
	}
	if e, found := c.happened("pbx", "files.brought_back"); !found || !strings.Contains(e.Reason, "20 files") {
		t.Errorf("in the history: %+v", e)
	}

	var list status.SetAside
	ok(t, json.Unmarshal([]byte(c.cli(exitDone, "files", "set-aside", "pbx", "vm", "--json")), &list))
	if len(list.Files) != 1 || list.Files[0].Path != "own.wav" || list.Files[0].Reason != "the other side has not confirmed it" {
		t.Fatalf("set aside: %+v", list)
	}
	contains(t, c.cli(exitDone, "files", "set-aside", "pbx", "vm"), "own.wav", "the other side has not confirmed it", "failoverd files restore pbx vm")
	set := list.Files[0].Set
	contains(t, c.cli(exitUsage, "files", "restore", "pbx", "vm", set, "own.wav"), "--yes")
	c.cli(exitDone, "files", "restore", "pbx", "vm", set, "own.wav", "--yes", "--reason", "it was a call")
	c.eventually("what was restored to be in the copy", func() bool { return m.there("own.wav", "by the primary, in its last moment") })
	contains(t, c.cli(exitNotFound, "files", "restore", "pbx", "vm", set, "own.wav", "--yes"), "nothing is set aside")
	contains(t, c.cli(exitDone, "files", "set-aside", "pbx", "vm"), "Nothing of vm is set aside")
	c.same(m)

	// Under this takeover the copy has been the newer one for the last time.
	contains(t, c.cli(exitConflict, "replicate", "to-live", "pbx", "--yes"), "no files that come from its agent")
}

// TestKilledOnTheWayBack: agent and daemon are killed while files come back, again and again. What had begun is finished
// by whoever starts again, and nothing is half under its name.
func TestKilledOnTheWayBack(t *testing.T) {
	c, o, m := newFileOutpost(t, "")
	o.configure(", writable: true")
	for i := range 20 {
		m.write(t, fmt.Sprintf("greetings/%d.wav", i), "by the primary")
	}
	c.start()
	o.worked(m)
	sound := make([]byte, 32<<20)
	_, _ = rand.Read(sound) // never fails
	for i := range 8 {
		ok(t, os.WriteFile(filepath.Join(m.dst, fmt.Sprintf("big-%d.vox", i)), sound, 0o644))
	}
	o.released()
	c.cli(exitDone, "replicate", "to-live", "pbx", "--yes", "--no-wait")
	stage := filepath.Join(m.src, ".failoverd/stage")
	big := func() (n int) {
		for i := range 8 {
			if s, err := os.Stat(filepath.Join(m.src, fmt.Sprintf("big-%d.vox", i))); err == nil {
				n++
				if s.Size() != int64(len(sound)) {
					t.Errorf("big-%d.vox is there with %d bytes", i, s.Size())
				}
			}
		}
		return n
	}
	for _, dies := range []func(){
		func() { o.end(syscall.SIGKILL); o.run() },
		func() { ok(t, c.daemon.Kill()); c.launch() },
		func() { o.end(syscall.SIGKILL); o.run() },
	} {
		c.eventually("something to be on the stage", func() bool { return len(parts(stage)) > 0 || big() == 8 })
		dies()
		t.Logf("killed with %d of 8 files in their place", big())
	}
	v := c.waitServer("pbx", "through with it", func(v status.Server) bool { return v.Activity == "idle" && !v.Diverged })
	if v.Trees[0].Diverged {
		t.Errorf("the tree is diverged: %+v", v.Trees[0])
	}
	c.same(m)
	if e, found := c.happened("pbx", status.ToLive+".examined"); !found || !strings.Contains(e.Message, "is finished") {
		t.Errorf("said %q", e.Message)
	}
	if left := parts(stage); len(left) > 0 {
		t.Errorf("on the stage: %v", left)
	}
	contains(t, c.cli(exitDone, "files", "set-aside", "pbx", "vm"), "own.wav")
}

// TestKilledAtTheEdgesOfTheWayBack: the daemon dies when it has written down that files come back, before it has written
// down that they have, and after. They are back in the end, whichever it was.
func TestKilledAtTheEdgesOfTheWayBack(t *testing.T) {
	for edge, said := range map[string]bool{"1 after": true, "2 before": true, "2 after": false} {
		t.Run(edge, func(t *testing.T) {
			c, o, m := newFileOutpost(t, "")
			o.configure(", writable: true")
			for i := range 20 {
				m.write(t, fmt.Sprintf("greetings/%d.wav", i), "by the primary")
			}
			c.start()
			o.worked(m)
			o.released()
			ok(t, c.daemon.Stop())
			c.start(killAt + "=" + edge)
			c.waitState("pbx", "OK", "standing by")
			c.cliOrDeath("replicate", "to-live", "pbx", "--yes", "--no-wait")
			c.awaitDeath()
			c.launch()
			c.waitServer("pbx", "through with it", func(v status.Server) bool {
				return v.Activity == "idle" && !v.Diverged && !v.Trees[0].Diverged
			})
			c.same(m)
			if e, found := c.happened("pbx", status.ToLive+".examined"); found != said || said && !strings.Contains(e.Message, "is finished") {
				t.Errorf("said %q", e.Message)
			}
			if n := len(c.eventsOf("files.brought_back")); n != 1 {
				t.Errorf("%d times it is said that they are back", n)
			}
		})
	}
}

// eventsOf are the events of pbx of a kind.
func (c *company) eventsOf(kind string) []string {
	c.t.Helper()
	var list []string
	for _, e := range c.events("pbx") {
		if e.Kind == kind {
			list = append(list, e.Message)
		}
	}
	return list
}

// parts are what is on a stage.
func parts(stage string) []string {
	list, err := filepath.Glob(filepath.Join(stage, "*"))
	if err != nil {
		return nil
	}
	return list
}
