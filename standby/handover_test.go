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
	"failoverd/replicate/trees"
	"failoverd/status"
	"failoverd/takeover"
)

// newHandoverWorld has pbx serve its users, with an agent that can stop its application, and all of it copied.
func newHandoverWorld(t *testing.T, change ...func(*config.Server)) *world {
	t.Helper()
	c := withFiles(replicated(primary("pbx", pbx)))
	c.Files = c.Files[1:] // what its agent has
	c.ManagementAddress = pbxManagement
	for _, f := range change {
		f(&c)
	}
	w := newWorld(t, c)
	w.fills(1)
	w.running["pbx's own"] = true
	w.wire[pbx] = pbxMAC
	w.trees.fare("pbx", "greetings", trees.Status{Connected: true, Current: true, Synced: time.Now(), Files: 7})
	w.trees.result = trees.Brought{Files: 7, Bytes: 700, Sent: 300}
	w.start()
	w.orders(status.FromLive)
	w.pass(10 * time.Second)
	w.done()
	return w
}

// handsOver orders a hand-over, and waits for its end.
func (w *world) handsOver(accept ...string) plan.Record {
	w.t.Helper()
	o := by("new power supply")
	o.Accept = accept
	r, err := w.s.Handover(context.Background(), "pbx", o)
	w.must(err)
	w.pass(time.Minute)
	r, err = w.s.Operation(context.Background(), r.ID)
	w.must(err)
	return r
}

// TestHandover: a primary that serves is stopped, its last changes are copied, and the standby serves; nobody calls that a
// failure. A failback brings everything back.
func TestHandover(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHandoverWorld(t)
		w.fills(2) // the users have gone on since the last copy
		v, err := w.s.Preview(context.Background(), "pbx", status.Handover, by("look"))
		w.must(err)
		if v.Refused || len(v.Crossings) != 2 || v.Crossings[0].From != "pbx" {
			t.Errorf("the preview: %+v", v)
		}
		if got := w.touched(); len(got) != 0 {
			t.Errorf("a preview has done %v", got)
		}
		r := w.handsOver()
		const want = "live, look, ahead greetings, turn, leave, gone, level greetings, check, copy calls, verify calls, copy users, verify users, swap calls, swap users, seal calls, seal users, quiesce, promote, probe, assume, announce, start, ready"
		if got := stepsOf(r); r.State != plan.Succeeded || got != want {
			t.Fatalf("%s %s: %s", r.State, r.Error, got)
		}
		if got, want := w.touched(), []string{"stop pbx's own", "assume 192.168.11.1", "start pbx", "ready pbx"}; !slices.Equal(got, want) {
			t.Errorf("done: %v, want %v", got, want)
		}
		s := w.of("pbx")
		if s.Role != "standing in" || !s.Diverged || !s.Trees[0].Diverged || s.Operation != "" {
			t.Errorf("it is %s, diverged %v %v", s.Role, s.Diverged, s.Trees[0].Diverged)
		}
		for _, kind := range []string{"handover.started", "handover.final_stop", "handover.done"} {
			if !slices.Contains(w.events("pbx"), kind) {
				t.Errorf("%s is not in the history: %v", kind, w.events("pbx"))
			}
		}
		for _, kind := range []string{"server.failure", "takeover.done", "primary.back"} {
			if slices.Contains(w.events("pbx"), kind) {
				t.Errorf("%s is in the history: %v", kind, w.events("pbx"))
			}
		}
		if !slices.Contains(w.took, "pbx handover succeeded true") {
			t.Errorf("counted: %v", w.took)
		}
		w.follows("handed over")
		w.returns(pbxManagement)
		w.pass(time.Minute)
		w.trees.found = foundBack()
		if r := w.failsBack(); r.State != plan.Succeeded {
			t.Errorf("back: %s %s: %s", r.State, r.Error, stepsOf(r))
		}
		if s := w.of("pbx"); s.State != "OK" || s.Diverged || !w.running["pbx's own"] {
			t.Errorf("back: %s, diverged %v", s.State, s.Diverged)
		}
	})
}

// TestHandoverIsRefused: of a primary that does not serve, that could not be reached any more, or whose copies are the newer
// ones, nothing is stopped.
func TestHandoverIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*config.Server)
		before func(w *world)
		want   string
	}{
		"it does not answer":    {nil, func(w *world) { w.dies(pbx); w.pass(5 * time.Second) }, "does not answer as it should"},
		"it is suspended":       {nil, func(w *world) { _, err := w.s.Suspend(context.Background(), "pbx", by("x")); w.must(err) }, "is suspended"},
		"its agent is away":     {nil, func(w *world) { w.set(func() { w.fail["ask pbx's own"] = errors.New("no agent answers") }) }, "no agent answers"},
		"nobody stops it":       {func(c *config.Server) { c.ManagementAddress = netip.Addr{} }, func(*world) {}, "you would have to, by hand"},
		"its database goes":     {func(c *config.Server) { c.Databases[0].Primary.DSN = "postgres://192.168.11.1:5432/calls" }, func(*world) {}, "which moves to the standby: write its management address"},
		"its agent goes":        {func(c *config.Server) { c.Agent.Address = netip.AddrPortFrom(pbx, 7443) }, func(*world) {}, "the agent of pbx is asked at 192.168.11.1"},
		"its files do not come": {nil, func(w *world) { w.trees.fare("pbx", "greetings", trees.Status{}) }, "was never complete"},
		"the standby stands in": {nil, func(w *world) { w.dies(pbx); w.set(func() { delete(w.wire, pbx) }); w.pass(2 * time.Minute) }, "the standby is standing in for pbx"},
		"nothing could be told": {func(c *config.Server) { c.ManagementAddress, c.Takeover.AssumeAddress = netip.Addr{}, false }, func(*world) {}, "nobody could tell that it is stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				change := test.change
				if change == nil {
					change = func(*config.Server) {}
				}
				w := newHandoverWorld(t, change)
				test.before(w)
				w.done()
				_, err := w.s.Handover(context.Background(), "pbx", by("x"))
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("refused with %v, want %q", err, test.want)
				}
				if got := w.touched(); len(got) != 0 {
					t.Errorf("done: %v", got)
				}
			})
		})
	}
}

// TestHandoverByHand: where no agent stops the application, somebody has promised to; the standby waits until the address is
// off the primary, for as long as it takes, and nobody else takes over meanwhile.
func TestHandoverByHand(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHandoverWorld(t, func(c *config.Server) { c.ManagementAddress = netip.Addr{} })
		o := by("new power supply")
		o.Accept = []string{takeover.StopByHand}
		r, err := w.s.Handover(context.Background(), "pbx", o)
		w.must(err)
		w.pass(time.Minute)
		if s := w.of("pbx"); s.Role != "taking over" || !strings.Contains(s.Summary, "final stop of the hand-over") {
			t.Errorf("meanwhile: %s, %q", s.Role, s.Summary)
		}
		if got := w.touched(); len(got) != 0 {
			t.Errorf("before it is given up: %v", got)
		}
		w.follows("the final stop", "greetings")
		w.dies(pbx)
		w.pass(2 * time.Minute) // pings have been missed for long, and it still answers ARP
		if s := w.of("pbx"); s.Role != "taking over" {
			t.Errorf("meanwhile: %s", s.Role)
		}
		w.set(func() { delete(w.wire, pbx) })
		w.pass(time.Minute)
		r, err = w.s.Operation(context.Background(), r.ID)
		w.must(err)
		if s := w.of("pbx"); r.State != plan.Succeeded || s.Role != "standing in" || !slices.Equal(w.trees.levelled, []string{"greetings"}) {
			t.Errorf("%s %s: %s; %s, level %v", r.State, r.Error, stepsOf(r), s.Role, w.trees.levelled)
		}
	})
}

// TestHandoverUndone: what fails before the stand-in runs leaves the users with the primary, whose files follow again; and
// ordered again it is done.
func TestHandoverUndone(t *testing.T) {
	for name, fails := range map[string]func(w *world) (mend func()){
		"a file does not come": func(w *world) func() {
			w.trees.lost = errors.New("no room")
			return func() { w.trees.lost = nil }
		},
		"the stand-in does not start": func(w *world) func() {
			w.set(func() { w.fail["start pbx"] = errors.New("licence missing") })
			return func() { w.set(func() { delete(w.fail, "start pbx") }) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newHandoverWorld(t)
				mend := fails(w)
				r := w.handsOver()
				if r.State != plan.Undone {
					t.Fatalf("%s %s: %s", r.State, r.Error, stepsOf(r))
				}
				acts := w.touched()
				if _, held := w.held[pbx]; held || !w.running["pbx's own"] || acts[len(acts)-1] != "start pbx's own" {
					t.Errorf("held %v, done %v", held, acts)
				}
				w.pass(time.Minute)
				s := w.of("pbx")
				started := strings.Contains(name, "start")
				if s.Role != "standing by" || s.State != "OK" || s.Diverged != started {
					t.Errorf("afterwards: %s, %s, diverged %v", s.Role, s.State, s.Diverged)
				}
				if !slices.Contains(w.events("pbx"), "handover.failed") || !slices.Contains(w.events("pbx"), "server.answering") {
					t.Errorf("the history: %v", w.events("pbx"))
				}
				if started {
					return // the stand-in may have written: an operator decides
				}
				w.follows("taken back", "greetings")
				mend()
				if r := w.handsOver(); r.State != plan.Succeeded {
					t.Errorf("ordered again: %s %s", r.State, r.Error)
				}
			})
		})
	}
}

// TestThePrimaryDiesInAHandover: before the final stop the takeover that is decided supersedes it; in the final stop it is
// taken back, and the primary is taken over as soon as it has been silent for as long as always.
func TestThePrimaryDiesInAHandover(t *testing.T) {
	for name, final := range map[string]bool{"while it is prepared": false, "in the final stop": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newHandoverWorld(t)
				if final {
					w.trees.hold = make(chan struct{})
				} else {
					w.trees.wait = make(chan struct{})
				}
				r, err := w.s.Handover(context.Background(), "pbx", by("x"))
				w.must(err)
				w.pass(10 * time.Second)
				w.dies(pbx)
				w.set(func() {
					delete(w.wire, pbx)
					delete(w.running, "pbx's own")
					w.fail["start pbx's own"] = errors.New("no agent answers")
				})
				if final {
					w.trees.lost = errors.New("no agent answers")
					close(w.trees.hold)
					w.trees.hold = nil
				}
				w.pass(3 * time.Minute)
				r, err = w.s.Operation(context.Background(), r.ID)
				w.must(err)
				if s := w.of("pbx"); r.State.Open() || s.Role != "standing in" || !w.running["pbx"] {
					t.Errorf("%s %s; %s", r.State, r.Error, s.Role)
				}
				if !slices.Contains(w.events("pbx"), "takeover.done") {
					t.Errorf("the history: %v", w.events("pbx"))
				}
			})
		})
	}
}

// TestHandoverCancelled: while it is prepared nobody notices; in the final stop the primary's application is started again;
// once the stand-in is being started it is too late.
func TestHandoverCancelled(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(w *world)
		acts    []string
		late    bool
	}{
		"while it is prepared":       {func(w *world) { w.trees.wait = make(chan struct{}) }, nil, false},
		"in the final stop":          {func(w *world) { w.trees.hold = make(chan struct{}) }, []string{"stop pbx's own", "start pbx's own"}, false},
		"when the stand-in is begun": {func(w *world) { w.shut("start pbx") }, []string{"stop pbx's own", "assume 192.168.11.1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newHandoverWorld(t)
				test.prepare(w)
				r, err := w.s.Handover(context.Background(), "pbx", by("x"))
				w.must(err)
				w.pass(10 * time.Second)
				if _, err := w.s.Failover(context.Background(), "pbx", by("as well")); err == nil || !strings.Contains(err.Error(), "handover of pbx is running") {
					t.Errorf("a second operation: %v", err)
				}
				if _, err = w.s.Cancel(context.Background(), r.ID, by("not now")); (err != nil) != test.late {
					t.Errorf("cancelled: %v", err)
				}
				w.pass(10 * time.Second)
				if test.late { // what is written in the copies from now on is the stand-in's
					_, err := w.s.Resume(context.Background(), "pbx", by("seen")) // a turn that is about pbx
					w.must(err)
					w.follows("the stand-in is begun")
				}
				if got := w.touched(); !slices.Equal(got, test.acts) {
					t.Errorf("done: %v, want %v", got, test.acts)
				}
				if s := w.of("pbx"); !test.late && (s.Role != "standing by" || !w.running["pbx's own"]) {
					t.Errorf("cancelled: %s", s.Role)
				}
			})
		})
	}
}

// TestHandoverAfterACrash: what had begun to be put in service is finished, everything else is taken back; what was only being
// prepared has not been.
func TestHandoverAfterACrash(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(w *world)
		reboot  bool
		state   plan.State
		in      bool
		said    bool
	}{
		"while it is prepared":               {func(w *world) { w.trees.wait = make(chan struct{}) }, false, plan.Undone, false, false},
		"while the application is stopped":   {func(w *world) { w.shut("stop pbx's own") }, false, plan.Undone, false, true},
		"while files come":                   {func(w *world) { w.trees.hold = make(chan struct{}) }, false, plan.Undone, false, true},
		"while the address is taken":         {func(w *world) { w.shut("assume 192.168.11.1") }, false, plan.Succeeded, true, true},
		"while the stand-in starts":          {func(w *world) { w.shut("start pbx") }, false, plan.Succeeded, true, true},
		"rebooted, files come":               {func(w *world) { w.trees.hold = make(chan struct{}) }, true, plan.Undone, false, true},
		"rebooted, the address is taken":     {func(w *world) { w.shut("assume 192.168.11.1") }, true, plan.Succeeded, true, true},
		"rebooted, the stand-in was started": {func(w *world) { w.shut("start pbx") }, true, plan.Partial, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newHandoverWorld(t)
				test.prepare(w)
				r, err := w.s.Handover(context.Background(), "pbx", by("x"))
				w.must(err)
				w.pass(10 * time.Second)
				w.trees.hold, w.trees.wait = nil, nil
				w.set(func() { clear(w.gate) })
				if test.reboot {
					own := w.running["pbx's own"]
					w.reboot()
					w.set(func() { w.running["pbx's own"] = own }) // which is another host's
				} else {
					w.crash()
				}
				w.start()
				w.pass(2 * time.Minute)
				r, err = w.s.Operation(context.Background(), r.ID)
				w.must(err)
				s := w.of("pbx")
				if r.State != test.state || (s.Role == "standing in") != test.in || s.Diverged != test.in {
					t.Errorf("%s %s: %s; %s, diverged %v", r.State, r.Error, stepsOf(r), s.Role, s.Diverged)
				}
				_, held := w.held[pbx]
				if held != test.in || w.running["pbx"] != test.in || w.running["pbx's own"] == test.in {
					t.Errorf("held %v, the stand-in runs %v, the primary's application %v", held, w.running["pbx"], w.running["pbx's own"])
				}
				if slices.Contains(w.events("pbx"), "handover.examined") != test.said {
					t.Errorf("the history: %v", w.events("pbx"))
				}
			})
		})
	}
}
