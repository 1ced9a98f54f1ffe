package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/status"
)

// The journal takes nothing any more, and pbx dies. It is not taken over, and although alerts wait in the journal people are told so.
// When the journal can be written again pbx is taken over, and they are told that too.
func TestTheJournalTakesNothingForLong(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	c.start()
	mend := clog(t, filepath.Join(c.DataDir(), "journal"))
	ok(t, c.PBX.Die())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // they are told after half a minute
	defer cancel()
	mail, err := c.Inbox.Wait(ctx, "journal.unwritable")
	ok(t, err)
	letter := strings.Join(strings.Fields(mail.Text()), " ") // its lines are short
	contains(t, letter, "pbx failed and NOT TAKEN OVER: the journal cannot be written since", "clogged", "NOTHING IS TAKEN OVER")
	out, _ := c.CLI(c.waiting(), "status") // that pbx has failed cannot be written down, and is said at some instants only
	contains(t, out, "journal FAILS: cannot be written", "clogged", "df -h")
	c.assertHeld(site.PBXAddress, false)

	ok(t, mend())
	c.waitServer("pbx", "taken over", func(v status.Server) bool { return v.Role == "standing in" })
	c.waitMail("journal.writable")
	c.waitMail("takeover.done")
	if n := c.mails("journal.unwritable"); n != 1 {
		t.Errorf("they were told %d times, want once", n)
	}
}
