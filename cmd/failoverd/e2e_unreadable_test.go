package main

import (
	"bytes"
	"database/sql"
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

// The standby stands in for pbx, and is started with a journal that cannot be read. It watches, tells people, and does nothing:
// the users of pbx are served as before, crm fails and is not taken over, orders are refused. With a journal again, everything
// is as it was.
func TestStartedWithoutItsJournal(t *testing.T) {
	for name, trouble := range map[string]struct {
		make func(t *testing.T, dir string) (mend func() error)
		says string
	}{
		"torn":        {tear, "damaged"},
		"newer":       {fromTheFuture, "newer version"},
		"read-only":   {lockUp, "read-only file system"},
		"unreachable": {barricade, "not a directory"},
		"unwritable":  {clog, "clogged"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, site.Options{StandIn: true})
			user := c.standsIn()
			pid := c.standInPID("pbx")
			token, outages := c.token("viewer"), len(user.Outages(time.Second))
			ok(t, c.daemon.Stop())
			mend := trouble.make(t, filepath.Join(c.DataDir(), "journal"))

			c.launch()
			letter := strings.Join(strings.Fields(c.waitMail("journal.unreadable").Text()), " ") // its lines are short
			contains(t, letter, trouble.says, "NOTHING IS TAKEN OVER", "left as it is: "+site.PBXAddress+" on ")
			contains(t, c.cli(exitAttention, "status"), "journal FAILS: cannot be read", trouble.says)
			c.waitServer("crm", "answering", func(v status.Server) bool { return v.LastAnswer != nil })
			ok(t, c.CRM.Die())
			c.waitServer("crm", "failed", func(v status.Server) bool {
				return v.State == "Failure" && v.Hold != nil && v.Hold.Code == "unreadable"
			})
			c.waitMail("server.failure")
			contains(t, c.cli(exitFailed, "release", "pbx", "--yes"), "the journal cannot be read")
			contains(t, c.cli(exitFailed, "token", "create", "night", "--role", "viewer"), "cannot be read")
			contains(t, c.cli(exitFailed, "token", "list"), "cannot be read")
			contains(t, c.remote(exitFailed, token, "status"), "no token can be checked")
			c.assertHeld(site.CRMAddress, false)
			c.assertHeld(site.PBXAddress, true)
			if got := c.standInPID("pbx"); got != pid {
				t.Errorf("the stand-in is process %d, want still %d", got, pid)
			}

			if n := len(user.Outages(time.Second)); n != outages {
				t.Errorf("the user saw %d outages more, want none", n-outages)
			}

			ok(t, mend())
			if name != "torn" && name != "newer" {
				select {
				case <-c.daemon.Exited(): // by itself, for systemd to start it anew
				case <-c.waiting().Done():
					t.Fatal("failoverd goes on without a journal that can be read again")
				}
			} else {
				ok(t, c.daemon.Stop())
			}
			left, err := filepath.Glob(filepath.Join(filepath.Dir(c.Socket()), "journal-*"))
			ok(t, err)
			if len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			c.launch()
			c.waitState("pbx", "Failure", "standing in")
			c.remote(exitDone, token, "events")
			if got := c.standInPID("pbx"); got != pid {
				t.Errorf("with its journal again the stand-in is process %d, want still %d", got, pid)
			}
			ok(t, c.PBX.Return())
			c.cli(exitDone, "release", "pbx", "--yes")
			c.assertHeld(site.PBXAddress, false)
		})
	}
}

// tear writes over the middle of the journal.
func tear(t *testing.T, dir string) (mend func() error) {
	t.Helper()
	file := filepath.Join(dir, "journal.db")
	whole, err := os.ReadFile(file)
	ok(t, err)
	torn := bytes.Clone(whole)
	for i := len(torn) / 4; i < len(torn)*3/4; i++ {
		torn[i] = 0x5a
	}
	ok(t, os.WriteFile(file, torn, 0o600))
	return func() error { return os.WriteFile(file, whole, 0o600) }
}

// fromTheFuture gives the journal a version of its schema that is not known: the user_version of its header, which is at offset 60
// (https://sqlite.org/fileformat2.html#the_database_header).
func fromTheFuture(t *testing.T, dir string) (mend func() error) {
	t.Helper()
	file := filepath.Join(dir, "journal.db")
	whole, err := os.ReadFile(file)
	ok(t, err)
	newer := bytes.Clone(whole)
	newer[62] = 0x7f
	ok(t, os.WriteFile(file, newer, 0o600))
	return func() error { return os.WriteFile(file, whole, 0o600) }
}

// lockUp lets nobody write into the data directory.
func lockUp(t *testing.T, dir string) (mend func() error) {
	t.Helper()
	dir = filepath.Dir(dir)
	ok(t, unix.Mount(dir, dir, "", unix.MS_BIND, ""))
	mend = func() error { return unix.Unmount(dir, unix.MNT_DETACH) }
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(errors.Join(err, mend()))
	}
	return mend
}

// barricade puts a file where the journal's directory was.
func barricade(t *testing.T, dir string) (mend func() error) {
	t.Helper()
	ok(t, os.Rename(dir, dir+".away"))
	ok(t, os.WriteFile(dir, nil, 0o600))
	return func() error { return errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)) }
}

// clog lets the journal be opened, and take nothing.
func clog(t *testing.T, dir string) (mend func() error) {
	t.Helper()
	run := func(queries ...string) error {
		db, err := sql.Open("sqlite", filepath.Join(dir, "journal.db")+"?_pragma=busy_timeout(10000)")
		if err != nil {
			return err
		}
		_, err = db.Exec(strings.Join(queries, ";"))
		return errors.Join(err, db.Close())
	}
	var clogs, mends []string
	for _, table := range []string{"events", "facts", "standby_values", "buckets"} {
		clogs = append(clogs, fmt.Sprintf("CREATE TRIGGER clog_%[1]s BEFORE INSERT ON %[1]s BEGIN SELECT RAISE(ABORT, 'clogged'); END", table))
		mends = append(mends, "DROP TRIGGER clog_"+table)
	}
	ok(t, run(clogs...))
	return func() error { return run(mends...) }
}
