package standby

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/status"
)

// space is the check of the space for a catalog's next run, and what else is said about that run.
func (w *world) space(catalog string) (space, next status.Check) {
	w.t.Helper()
	for _, c := range w.of("pbx").Readiness.Checks {
		switch c.Name {
		case "space " + catalog:
			space = c
		case "next run " + catalog:
			next = c
		}
	}
	return space, next
}

// TestSpaceForTheNextRun shows the room for one more copy before anybody orders it, and refuses to begin one that does not fit.
func TestSpaceForTheNextRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		const limit = "64 MiB free for one more copy"
		for _, tt := range []struct {
			free  int64
			why   string
			space status.Check
			next  string // result of the other check, "" for none
			word  string
		}{
			{1 << 30, "", status.Check{Result: "ok", Value: "1.0 GiB free in /memory", Help: "failoverd replicate from-live pbx --dry-run"}, "ok", "ready"},
			{-1, "it runs elsewhere", status.Check{Result: "unknown", Value: "not known: it runs elsewhere", Help: "failoverd replicate from-live pbx --dry-run"}, "ok", "ready"},
			{32 << 20, "", status.Check{
				Result: "warning", Value: "standby has 32 MiB free in /memory, and one more copy of calls takes 1000 B, beside the one in service and the one before",
				Help: "make room for 32 MiB more at standby: df -h '/memory'",
			}, "ok", "degraded"},
			{999, "", status.Check{
				Result: "warning", Value: "standby has 999 B free in /memory, and one more copy of calls takes 1000 B, beside the one in service and the one before",
				Help: "make room for 64 MiB more at standby: df -h '/memory'",
			}, "", "degraded"},
		} {
			w.engine.Room(tt.free, tt.why)
			w.pass(2 * probeEvery)
			tt.space.Name, tt.space.Limit = "space calls", limit
			space, next := w.space("calls")
			if diff := cmp.Diff(tt.space, space); diff != "" {
				t.Errorf("with %d bytes free (-want +got):\n%s", tt.free, diff)
			}
			if next.Result != tt.next {
				t.Errorf("with %d bytes free the next run is %+v, want %q", tt.free, next, tt.next)
			}
			v := w.of("pbx")
			if v.Readiness.Verdict != tt.word {
				t.Errorf("with %d bytes free pbx is %s, want %s", tt.free, v.Readiness.Verdict, tt.word)
			}
			s := v.Copies[0].Space
			if s == nil || s.Bytes != 1000 || s.Need != 1000+64<<20 || (s.Free == nil) != (tt.free < 0) || s.Unknown != tt.why || s.Directory != "/memory" {
				t.Errorf("with %d bytes free: %+v", tt.free, s)
			}
		}

		w.fills(2)
		_ = w.engine.Calls()
		_, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("no room"))
		var r *status.Refusal
		if !errors.As(err, &r) || r.Code != status.ChecksFailed || !strings.Contains(r.Detail+err.Error(), "999 B free in /memory") {
			t.Errorf("a copy that does not fit: %v", err)
		}
		for _, call := range w.engine.Calls() {
			if strings.HasPrefix(call, "copy ") {
				t.Errorf("it was begun: %s", call)
			}
		}
		w.stands(1, 1) // a night has gone by while there was room
		w.engine.Room(1<<30, "")
		w.orders(status.FromLive)
		w.stands(2, 1)
		// What a replication has found in passing is shown at once.
		if space, _ := w.space("calls"); space.Result != "ok" {
			t.Errorf("afterwards: %+v", space)
		}
	})
}

// TestNoRoomAtNight refuses the daily run before it begins, says why in the history and by mail, and keeps the copy.
func TestNoRoomAtNight(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		w.fills(2)
		w.engine.Room(10, "")
		_ = w.engine.Calls()
		w.pass(2 * time.Hour) // It is midnight when a bubble begins.
		w.stands(1, 0)
		if got := count(w.mails(), "replication.failed"); got != 1 {
			t.Errorf("%d mails that it failed", got)
		}
		for _, call := range w.engine.Calls() {
			if strings.HasPrefix(call, "copy ") {
				t.Errorf("it was begun: %s", call)
			}
		}
		if a := w.of("pbx").Copies[0].Attempt; a == nil || a.OK || !strings.Contains(a.Error, "10 B free in /memory") {
			t.Errorf("the attempt: %+v", a)
		}
		w.engine.Room(1<<30, "")
		w.pass(24 * time.Hour)
		w.stands(2, 1)
	})
}
