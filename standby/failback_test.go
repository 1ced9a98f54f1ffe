package standby

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/config"
	"failoverd/plan"
	"failoverd/replicate/files"
	"failoverd/replicate/trees"
	"failoverd/status"
	"failoverd/takeover"
)

var pbxManagement = netip.MustParseAddr("192.168.11.21")

// distant is the application of pbx, as its agent starts it.
type distant struct{ w *world }

func (d distant) Running(context.Context) (string, bool, error) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	return "pbx.service", d.w.running["pbx's own"], d.w.fail["ask pbx's own"]
}

func (d distant) Start(ctx context.Context) (string, error) {
	return "pbx.service runs", d.w.act(ctx, "start pbx's own", func() {
		d.w.running["pbx's own"] = true
		d.w.alive[pbx] = true
	})
}

func (d distant) Stop(ctx context.Context) (string, error) {
	return "pbx.service is stopped", d.w.act(ctx, "stop pbx's own", func() {
		delete(d.w.running, "pbx's own")
		delete(d.w.alive, pbx) // the address goes with it
		delete(d.w.wire, pbx)
	})
}

// newHomeWorld has a standby stand in for pbx, which is back: it answers over its management address.
func newHomeWorld(t *testing.T, change ...func(*config.Server)) *world {
	t.Helper()
	c := withFiles(replicated(primary("pbx", pbx)))
	c.Files = c.Files[1:] // what its agent has
	c.ManagementAddress = pbxManagement
	for _, f := range change {
		f(&c)
	}
	w := newWorld(t, c)
	w.fills(1)
	w.start()
	w.orders(status.FromLive)
	w.dies(pbx)
	w.pass(2 * time.Minute)
	w.returns(pbxManagement)
	w.pass(10 * time.Second)
	w.trees.found = foundBack()
	w.trees.result = trees.Brought{Files: 7, Bytes: 700, Sent: 300}
	if v := w.of("pbx"); v.Role != "standing in" {
		t.Fatalf("the standby is %s", v.Role)
	}
	w.done()
	return w
}

// foundBack is what is found at both ends of files that come back.
func foundBack() trees.Examined {
	return trees.Examined{
		Copy: files.Measured{Files: 7, Bytes: 700, Copy: true}, Synced: time.Now(),
		Far: trees.Far{Scanned: true, Files: 9, Bytes: 900, Alone: 2, AloneBytes: 20},
	}
}

// failsBack orders a failback, and waits for its end.
func (w *world) failsBack() plan.Record {
	w.t.Helper()
	r, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
	w.must(err)
	w.pass(time.Minute)
	r, err = w.s.Operation(context.Background(), r.ID)
	w.must(err)
	return r
}

// touched lists what was done to addresses and applications since it was last asked.
func (w *world) touched() []string {
	return slices.DeleteFunc(w.done(), func(act string) bool {
		return strings.HasPrefix(act, "commit ") || strings.HasPrefix(act, "announce ")
	})
}

// stepsOf are the steps of a record, each with its state unless it succeeded.
func stepsOf(r plan.Record) string {
	var list []string
	for _, d := range r.Steps {
		text := d.Name
		if d.State != plan.Succeeded {
			text += " (" + string(d.State) + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// TestFailback: the primary has its data, its address and its application back, in this order, and is replicated from
// live again.
func TestFailback(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHomeWorld(t)
		v, err := w.s.Preview(context.Background(), "pbx", status.Failback, by("look"))
		w.must(err)
		if v.Refused || len(v.Crossings) != 2 || len(v.Trees) != 1 || v.Trees[0].Files != 7 {
			t.Errorf("the preview: %+v", v)
		}
		if len(w.touched()) != 0 || len(w.trees.ahead) != 0 {
			t.Error("a preview has done something")
		}
		r := w.failsBack()
		const want = "back, look, ahead greetings, turn, stop, seal, check, copy calls, verify calls, copy users, verify users, bring greetings, swap calls, swap users, open calls, open users, drop, application"
		if got := stepsOf(r); r.State != plan.Succeeded || got != want {
			t.Fatalf("%s %s: %s", r.State, r.Error, got)
		}
		if got, want := w.touched(), []string{"stop pbx", "drop 192.168.11.1", "start pbx's own"}; !slices.Equal(got, want) {
			t.Errorf("done: %v, want %v", got, want)
		}
		s := w.of("pbx")
		if s.State != "OK" || s.Role != "standing by" || s.Diverged || s.Trees[0].Diverged {
			t.Errorf("it is %s, %s, diverged %v %v", s.State, s.Role, s.Diverged, s.Trees[0].Diverged)
		}
		w.follows("failed back", "greetings")
		for _, kind := range []string{"failback.started", "failback.final_stop", "failback.done", "files.brought_back", "server.answering"} {
			if !slices.Contains(w.events("pbx"), kind) {
				t.Errorf("%s is not in the history: %v", kind, w.events("pbx"))
			}
		}
		if !slices.Contains(w.took, "pbx failback succeeded") {
			t.Errorf("counted: %v", w.took)
		}
		if r := w.orders(status.FromLive); r.State != plan.Succeeded {
			t.Errorf("from live afterwards: %s %s", r.State, r.Error)
		}
	})
}

// TestFailbackIsRefused: where the primary is not back, serves already, or is asked at the address that the standby has,
// nothing is begun.
func TestFailbackIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world)
		want   string
	}{
		"nobody answers": {func(w *world) {
			w.dies(pbxManagement)
			w.set(func() { w.fail["ask pbx's own"] = errors.New("no agent answers") })
		}, "no agent answers"},
		"nobody asks": {func(w *world) {
			_, err := w.s.Suspend(context.Background(), "pbx", by("patches"))
			w.must(err)
			w.set(func() { w.fail["ask pbx's own"] = errors.New("no agent answers") })
		}, "no agent answers"},
		"its application runs":     {func(w *world) { w.set(func() { w.running["pbx's own"] = true }) }, "runs there already"},
		"another has its address":  {func(w *world) { w.set(func() { w.wire[pbx] = badMAC }) }, badMAC},
		"the primary's is missing": {func(w *world) { w.trees.silent = errors.New("the agent is away") }, "the agent is away"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newHomeWorld(t)
				test.change(w)
				w.pass(10 * time.Second)
				w.done()
				_, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("refused with %v, want %q", err, test.want)
				}
				if got := w.touched(); len(got) != 0 || w.of("pbx").Role != "standing in" {
					t.Errorf("done: %v", got)
				}
			})
		})
	}
}

// TestFailbackOfWhatItCannotReach: what is asked at the address that the standby has would be the standby's own, and files that
// are mounted are brought back by nobody: both are said before anything is stopped.
func TestFailbackOfWhatItCannotReach(t *testing.T) {
	for want, change := range map[string]func(*config.Server){
		"the database calls of pbx is configured at 192.168.11.1": func(c *config.Server) { c.Databases[0].Primary.DSN = "postgres://192.168.11.1:5432/calls" },
		"the agent of pbx is asked at 192.168.11.1":               func(c *config.Server) { c.Agent.Address = netip.AddrPortFrom(pbx, 7443) },
		"the files vm are mounted here":                           func(c *config.Server) { c.Files = withFiles(*c).Files },
	} {
		inBubble(t, func(t *testing.T) {
			w := newHomeWorld(t, change)
			_, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if got := w.touched(); len(got) != 0 {
				t.Errorf("done: %v", got)
			}
			if !strings.Contains(want, "mounted") {
				return
			}
			o := by("repaired")
			o.Accept = []string{status.LeaveFiles}
			r, err := w.s.Failback(context.Background(), "pbx", o)
			w.must(err)
			w.pass(time.Minute)
			r, err = w.s.Operation(context.Background(), r.ID)
			w.must(err)
			if s := w.of("pbx"); r.State != plan.Succeeded || s.Diverged || !s.Trees[0].Diverged || !s.Trees[1].Diverged || len(w.trees.brought) != 0 {
				t.Errorf("%s %s; diverged %v, %+v; brought %v", r.State, r.Error, s.Diverged, s.Trees, w.trees.brought)
			}
			w.follows("the files were left")
		})
	}
}

// TestFailbackUndone: what fails before the point of no return leaves the users with the stand-in.
func TestFailbackUndone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHomeWorld(t)
		w.trees.lost = errors.New("no room")
		r := w.failsBack()
		if r.State != plan.Undone || !strings.Contains(r.Error, "no room") {
			t.Fatalf("%s %s: %s", r.State, r.Error, stepsOf(r))
		}
		if got, want := w.touched(), []string{"stop pbx", "start pbx"}; !slices.Equal(got, want) {
			t.Errorf("done: %v, want %v", got, want)
		}
		s := w.of("pbx")
		if s.Role != "standing in" || !s.Diverged || !s.Trees[0].Diverged || s.Operation != "" {
			t.Errorf("afterwards: %+v", s)
		}
		if !slices.Contains(w.events("pbx"), "failback.failed") {
			t.Errorf("the history: %v", w.events("pbx"))
		}
		w.set(func() { delete(w.running, "pbx") })
		w.pass(time.Minute)
		if !slices.Contains(w.events("pbx"), "standin.restarted") {
			t.Error("nobody looks after the stand-in any more")
		}
		w.trees.lost = nil
		if r := w.failsBack(); r.State != plan.Succeeded {
			t.Errorf("ordered again: %s %s", r.State, r.Error)
		}
	})
}

// TestFailbackWithoutTheApplication: when only the start of the application fails, the rest stands.
func TestFailbackWithoutTheApplication(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHomeWorld(t)
		w.set(func() { w.fail["start pbx's own"] = errors.New("licence missing") })
		r := w.failsBack()
		s := w.of("pbx")
		if r.State != plan.Partial || s.Role != "standing by" || s.Diverged || s.State != "Failure" || w.running["pbx"] {
			t.Fatalf("%s %s: %s; %s, %s", r.State, r.Error, stepsOf(r), s.State, s.Role)
		}
		w.returns(pbx)
		w.pass(10 * time.Second)
		if s := w.of("pbx"); s.State != "OK" {
			t.Errorf("started by hand, it is %s", s.State)
		}
	})
}

// TestFailbackCancelled: before the final stop nobody notices; in it, the stand-in is started again.
func TestFailbackCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHomeWorld(t)
		w.trees.hold = make(chan struct{})
		r, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
		w.must(err)
		w.pass(time.Minute)
		if _, err := w.s.Release(context.Background(), "pbx", by("as well")); err == nil || !strings.Contains(err.Error(), "failback of pbx is running") {
			t.Errorf("a second operation: %v", err)
		}
		if s := w.of("pbx"); s.Role != "releasing" || !strings.Contains(s.Summary, "final stop") {
			t.Errorf("meanwhile: %s, %q", s.Role, s.Summary)
		}
		_, err = w.s.Cancel(context.Background(), r.ID, by("not now"))
		w.must(err)
		w.pass(time.Minute)
		r, err = w.s.Operation(context.Background(), r.ID)
		w.must(err)
		if s := w.of("pbx"); r.State != plan.Undone || s.Role != "standing in" || !w.running["pbx"] {
			t.Errorf("cancelled: %s, %s", r.State, s.Role)
		}
	})
}

// TestFailbackAfterACrash: what had begun to be exchanged is finished, everything else is taken back.
func TestFailbackAfterACrash(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(w *world)
		reboot  bool
		state   plan.State
		role    string
	}{
		"while files are brought":       {func(w *world) { w.trees.hold = make(chan struct{}) }, false, plan.Succeeded, "standing by"},
		"while the stand-in is stopped": {func(w *world) { w.shut("stop pbx") }, false, plan.Undone, "standing in"},
		"while the application starts":  {func(w *world) { w.shut("start pbx's own") }, false, plan.Succeeded, "standing by"},
		"rebooted, files are brought":   {func(w *world) { w.trees.hold = make(chan struct{}) }, true, plan.Succeeded, "standing by"},
		"rebooted, it is stopped":       {func(w *world) { w.shut("stop pbx") }, true, plan.Undone, "standing in"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newHomeWorld(t)
				test.prepare(w)
				r, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
				w.must(err)
				w.pass(10 * time.Second)
				w.trees.hold = nil
				w.set(func() { clear(w.gate) })
				if test.reboot {
					w.reboot()
				} else {
					w.crash()
				}
				w.start()
				w.pass(2 * time.Minute)
				r, err = w.s.Operation(context.Background(), r.ID)
				w.must(err)
				s := w.of("pbx")
				if r.State != test.state || s.Role != test.role || s.Diverged != (test.role == "standing in") {
					t.Errorf("%s %s: %s; %s, diverged %v", r.State, r.Error, stepsOf(r), s.Role, s.Diverged)
				}
				_, held := w.held[pbx]
				if in := test.role == "standing in"; held != in || w.running["pbx"] != in {
					t.Errorf("held %v, the stand-in runs %v, %s", held, w.running["pbx"], test.role)
				}
				if acts := w.touched(); test.reboot && s.Role == "standing in" && (acts[0] != "assume 192.168.11.1" || !slices.Contains(w.events("pbx"), "takeover.resumed")) {
					t.Errorf("after the reboot, before anybody was asked who has the address: %v", acts)
				}
				if !slices.Contains(w.events("pbx"), "failback.examined") {
					t.Errorf("the history: %v", w.events("pbx"))
				}
			})
		})
	}
}

// TestFailbackInterruptedBeforeTheFinalStop: a crash while the users still work is no matter to them.
func TestFailbackInterruptedBeforeTheFinalStop(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHomeWorld(t)
		w.trees.wait = make(chan struct{})
		r, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
		w.must(err)
		w.pass(time.Minute)
		if s := w.of("pbx"); s.Role != "standing in" || !strings.Contains(s.Summary, "being prepared") {
			t.Errorf("meanwhile: %s, %q", s.Role, s.Summary)
		}
		w.crash()
		w.start()
		w.pass(time.Minute)
		r, err = w.s.Operation(context.Background(), r.ID)
		w.must(err)
		if s := w.of("pbx"); r.State != plan.Undone || s.Role != "standing in" || !w.running["pbx"] {
			t.Errorf("%s %s, %s", r.State, r.Error, s.Role)
		}
		w.trees.wait = nil
		if r := w.failsBack(); r.State != plan.Succeeded {
			t.Errorf("ordered again: %s %s", r.State, r.Error)
		}
	})
}

// TestYieldingEndsAFailback: another host claims the address while a failback is prepared; on_claim: yield goes first.
func TestYieldingEndsAFailback(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHomeWorld(t)
		w.conf.Servers[0].Takeover.OnClaim = "yield"
		w.next = w.conf
		w.crash()
		w.start()
		w.pass(10 * time.Second)
		w.trees.wait = make(chan struct{})
		r, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
		w.must(err)
		w.pass(10 * time.Second)
		w.set(func() { w.wire[pbx] = badMAC })
		w.pass(time.Minute)
		r, err = w.s.Operation(context.Background(), r.ID)
		w.must(err)
		if s := w.of("pbx"); r.State.Open() || s.Role != "standing by" || !s.Diverged || w.running["pbx"] {
			t.Errorf("%s %s; %s, diverged %v", r.State, r.Error, s.Role, s.Diverged)
		}
		if n := w.happened("failback.failed"); n != 1 {
			t.Errorf("said %d times that it could not be failed back: %v", n, w.events("pbx"))
		}
	})
}

// TestMentions: which data sources name an address.
func TestMentions(t *testing.T) {
	for dsn, want := range map[string]bool{
		"sqlserver://sa@192.168.11.1/CTSERVER": true, "postgres://192.168.11.1:5432/x": true, "root@tcp(192.168.11.1:3306)/x": true,
		"host=192.168.11.1 user=x": true, "postgres://192.168.11.11/x": false, "postgres://1192.168.11.1/x": false, "/srv/x": false,
		"postgres://192.168.11.10/x?a=192.168.11.1": true,
	} {
		if got := mentions(dsn, pbx); got != want {
			t.Errorf("%s: %v, want %v", dsn, got, want)
		}
	}
	for dsn, want := range map[string]bool{"postgres://[fd00::1]:5432/x": true, "postgres://[fd00::11]/x": false} {
		if got := mentions(dsn, netip.MustParseAddr("fd00::1")); got != want {
			t.Errorf("%s: %v, want %v", dsn, got, want)
		}
	}
}

// distantOf is the application of every server with files by an agent.
func distantOf(w *world) func(config.Server) takeover.Application {
	return func(c config.Server) takeover.Application {
		if c.ManagementAddress != pbxManagement {
			return nil
		}
		return distant{w}
	}
}
