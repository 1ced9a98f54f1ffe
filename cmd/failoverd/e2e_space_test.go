package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"failoverd/status"
)

// A copy that does not fit on the standby's disk is not begun, and people are told what is missing where; the copy in
// service stays. With room again the next one is made.
func TestNoRoomForTheNextCopy(t *testing.T) {
	c, d := newCalls(t, newFiles)
	copies := filepath.Join(c.Dir, "copies")
	ok(t, unix.Mount("tmpfs", copies, "tmpfs", 0, "size=96m"))
	t.Cleanup(func() { ok(t, unix.Unmount(copies, unix.MNT_DETACH)) })
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	space := func(result string) status.Check {
		t.Helper()
		var found status.Check
		c.waitServer("pbx", "the space to be "+result, func(v status.Server) bool {
			for _, check := range v.Readiness.Checks {
				if check.Name == "space calls" {
					found = check
				}
			}
			return found.Result == result
		})
		return found
	}
	if check := space("ok"); !strings.Contains(check.Value, " free in "+copies) || check.Limit != "64 MiB free for one more copy" {
		t.Errorf("with room: %+v", check)
	}

	execute(t, d.at(t, primary, "calls"), "CREATE TABLE recordings AS SELECT 1 AS id, randomblob(8000000) AS sound", "INSERT INTO calls VALUES (3, 'carl')")
	filler := filepath.Join(copies, "filler")
	f, err := os.Create(filler)
	ok(t, err)
	ok(t, errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, 92<<20), f.Close()))
	out := c.cli(exitRefused, "replicate", "from-live", "pbx", "--yes")
	contains(t, out, "free in "+copies, "one more copy of calls takes 7.6 MiB", "make room for", "df -h '"+copies+"'")
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "1 anna, 2 bert" {
		t.Errorf("after a refusal the copy has %q", got)
	}
	if files := regular(t, copies); len(files) != 1 {
		t.Errorf("after a refusal there are %q", files)
	}
	// What a start finds is shown before anybody orders anything.
	ok(t, c.daemon.Stop())
	c.start()
	check := space("warning")
	contains(t, c.cli(exitDone, "show", "pbx"), "space calls", check.Help)
	if v := c.waitServer("pbx", "asked", func(v status.Server) bool { return v.Copies[0].Space != nil }); *v.Copies[0].Space.Free >= v.Copies[0].Space.Bytes {
		t.Errorf("without room: %+v", v.Copies[0].Space)
	}

	ok(t, os.Remove(filler))
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "1 anna, 2 bert, 3 carl" {
		t.Errorf("with room again the copy has %q", got)
	}
	space("ok")
}
