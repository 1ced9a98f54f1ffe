package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/site"
	"failoverd/status"
)

// The journal's disk is full to the last byte, its reserve is used up, and pbx dies. It is not taken over, and although alerts wait
// in the journal people are told so. With room again it is taken over, and they are told that too.
func TestTheJournalTakesNothingForLong(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	disk := filepath.Join(c.DataDir(), "journal")
	ok(t, os.MkdirAll(disk, 0o700))
	ok(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=16m,mode=0700"))
	t.Cleanup(func() { ok(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	c.start()
	client, err := c.API()
	ok(t, err)
	hogs := 0
	c.eventually("the journal to take nothing", func() bool {
		hogs++
		fillUp(t, filepath.Join(disk, fmt.Sprintf("hog-%d", hogs)))
		_, code := c.CLI(c.waiting(), "suspend", "crm", "--reason", "new disk")
		if code == exitDone {
			c.cli(exitDone, "resume", "crm")
		}
		s, err := client.Status(c.t.Context())
		return err == nil && !s.Standby.Journal.OK
	})
	ok(t, c.PBX.Die())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // they are told after half a minute
	defer cancel()
	mail, err := c.Inbox.Wait(ctx, "journal.unwritable")
	ok(t, err)
	letter := strings.Join(strings.Fields(mail.Text()), " ")
	contains(t, letter, "pbx failed and NOT TAKEN OVER: the journal cannot be written since", "no space left", "NOTHING IS TAKEN OVER")
	contains(t, c.cli(exitAttention, "status"), "journal FAILS: cannot be written", "df -h")
	c.assertHeld(site.PBXAddress, false)

	found, err := filepath.Glob(filepath.Join(disk, "hog-*"))
	ok(t, err)
	for _, hog := range found {
		ok(t, os.Remove(hog))
	}
	c.waitServer("pbx", "taken over", func(v status.Server) bool { return v.Role == "standing in" })
	c.waitMail("journal.writable")
	c.waitMail("takeover.done")
	if n := c.mails("journal.unwritable"); n != 1 {
		t.Errorf("they were told %d times, want once", n)
	}
}

// fillUp takes what is free on a disk.
func fillUp(t *testing.T, file string) {
	t.Helper()
	var room unix.Statfs_t
	ok(t, unix.Statfs(filepath.Dir(file), &room))
	if room.Bavail == 0 {
		return
	}
	f, err := os.Create(file)
	ok(t, err)
	ok(t, errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, int64(room.Bavail)*room.Bsize), f.Close()))
}
