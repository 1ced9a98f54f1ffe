package standby

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
)

func TestTheFirstStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		if diff := cmp.Diff([]string{"daemon.started"}, w.events("")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		w.stopDaemon()
		w.start()
		w.stopDaemon()
		if got := w.happened("daemon.started_after_crash"); got != 0 {
			t.Errorf("a clean stop is taken for a crash %d times", got)
		}
		w.start().crash()
		w.start()
		if got := count(w.mails(), "daemon.started_after_crash"); got != 1 {
			t.Errorf("a crash was mailed %d times", got)
		}
		if v := w.of("pbx"); v.FailAfter != 15 {
			t.Errorf("a restart of the service alone: fail after %d, want 15", v.FailAfter)
		}
		w.reboot()
		w.dies(pbx)
		w.start()
		if v := w.of("pbx"); v.FailAfter != 30 {
			t.Errorf("after a reboot: fail after %d, want 30", v.FailAfter)
		}
		w.returns(pbx)
		w.pass(5 * time.Second)
		if v := w.of("pbx"); v.FailAfter != 15 {
			t.Errorf("after its first answer: fail after %d, want 15", v.FailAfter)
		}
	})
}

func TestARestartWhileStandingInLeavesEverythingAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.standsIn("pbx", pbx)
		w.crash()
		w.start()
		w.pass(10 * time.Second)
		w.is("pbx", "Failure", "standing in")
		for _, act := range w.done() {
			if !strings.HasPrefix(act, "announce") {
				t.Errorf("after the restart: %s", act)
			}
		}
		if got := w.happened("takeover.adopted"); got != 1 {
			t.Errorf("takeover.adopted %d times, want 1", got)
		}
		// What was removed while nobody watched is put back.
		w.crash()
		w.set(func() { delete(w.held, pbx) })
		w.start()
		w.pass(time.Second)
		if !w.holds(pbx) {
			t.Error("the address is not held any more")
		}
	})
}

func TestAfterARebootWhileStandingIn(t *testing.T) {
	tests := map[string]struct {
		wire string
		role string
		held bool
	}{
		"the address is free":              {"", "standing in", true},
		"the primary is back":              {pbxMAC, "standing by", false},
		"another host has taken the place": {badMAC, "standing by", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				w.standsIn("pbx", pbx)
				w.reboot()
				if test.wire != "" {
					w.set(func() { w.wire[pbx] = test.wire })
				}
				// The interface comes up a while after failoverd.
				eth := w.links["eth0"]
				w.set(func() { delete(w.links, "eth0") })
				w.start()
				w.pass(20 * time.Second)
				if w.holds(pbx) {
					t.Fatal("the address is held on an interface that is not there")
				}
				w.set(func() { w.links["eth0"] = eth })
				w.tell()
				w.pass(20 * time.Second)
				if v := w.of("pbx"); v.Role != test.role || !v.Diverged {
					t.Errorf("role %s, diverged %t, %s; want %s, diverged", v.Role, v.Diverged, v.Summary, test.role)
				}
				if w.holds(pbx) != test.held || w.runs("pbx") != test.held {
					t.Errorf("holds %t, runs %t; want %t", w.holds(pbx), w.runs("pbx"), test.held)
				}
				if n := w.openOperations(); n != 0 {
					t.Errorf("%d operations are open", n)
				}
			})
		})
	}
}

// write puts facts and operations into the journal, as an earlier run left them.
func (w *world) write(facts kept, ops ...plan.Record) {
	w.t.Helper()
	if err := w.open(); err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(facts)
	if err != nil {
		w.t.Fatal(err)
	}
	b := journal.Batch{Facts: map[string]json.RawMessage{"pbx": body}, Values: map[string]string{valueBoot: "boot-1"}}
	for _, r := range ops {
		op, err := encode(r)
		if err != nil {
			w.t.Fatal(err)
		}
		b.Operations = append(b.Operations, op)
	}
	if _, err := w.memory.Commit(context.Background(), b); err != nil {
		w.t.Fatal(err)
	}
	w.done()
}

func TestEveryKindOfOpenOperation(t *testing.T) {
	step := func(name string, s plan.State) plan.Done { return plan.Done{Name: name, State: s} }
	takeover := func(state plan.State, steps ...plan.Done) plan.Record {
		return plan.Record{ID: "takeover-1", Kind: "takeover", Server: "pbx", State: state, By: automatic("decision"), Started: time.Now(), Steps: steps}
	}
	release := func(state plan.State, steps ...plan.Done) plan.Record {
		return plan.Record{ID: "release-1", Kind: "release", Server: "pbx", State: state, By: automatic("decision"), Started: time.Now(), Steps: steps}
	}
	tests := map[string]struct {
		role  monitor.Role
		ops   []plan.Record
		held  bool
		runs  bool
		in    bool
		event string
	}{
		"takeover, nothing begun": {
			monitor.TakingOver,
			[]plan.Record{takeover(plan.Running, step("probe", plan.Queued), step("assume", plan.Queued), step("announce", plan.Queued), step("start", plan.Queued), step("ready", plan.Queued))},
			false, false, true, "takeover.resumed",
		},
		"takeover, the address assumed and gone": {
			monitor.TakingOver,
			[]plan.Record{takeover(plan.Running, step("probe", plan.Succeeded), step("assume", plan.Succeeded), step("announce", plan.Succeeded), step("start", plan.Running), step("ready", plan.Queued))},
			false, false, true, "takeover.resumed",
		},
		"takeover, being undone": {
			monitor.TakingOver,
			[]plan.Record{takeover(plan.Cancelling, step("probe", plan.Succeeded), step("assume", plan.Succeeded), step("announce", plan.Succeeded), step("start", plan.Failed), step("ready", plan.Queued))},
			true, true, false, "takeover.failed",
		},
		"takeover, of other steps, being undone": {
			monitor.TakingOver,
			[]plan.Record{takeover(plan.Cancelling, step("assume", plan.Succeeded), step("start", plan.Failed))},
			true, true, false, "takeover.failed",
		},
		"takeover, and no operation": {monitor.TakingOver, nil, true, true, false, "takeover.failed"},
		"release, the stand-in stopped": {
			monitor.Releasing,
			[]plan.Record{release(plan.Running, step("stop", plan.Succeeded), step("drop", plan.Running))},
			true, false, false, "release.done",
		},
		"release, being undone": {
			monitor.Releasing,
			[]plan.Record{release(plan.Cancelling, step("stop", plan.Succeeded), step("drop", plan.Failed))},
			true, false, true, "release.failed",
		},
		"release, and no operation": {monitor.Releasing, nil, true, true, false, "release.done"},
		"standing by, and an operation left open": {
			monitor.StandingBy, []plan.Record{takeover(plan.Running, step("assume", plan.Running))}, true, false, false, "takeover.closed",
		},
		"standing in, and an operation left open": {
			monitor.StandingIn, []plan.Record{takeover(plan.Running, step("assume", plan.Running))}, true, true, true, "takeover.closed",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx))
				w.dies(pbx)
				facts := kept{Kept: monitor.Kept{Role: test.role, Health: monitor.Failure, Acknowledged: true, Incident: "pbx-1"}}
				w.write(facts, test.ops...)
				if test.held {
					w.held[pbx] = "eth0"
				}
				if test.runs {
					w.running["pbx"] = true
				}
				w.start()
				w.pass(10 * time.Second)
				acts := w.done()
				assumed, started := slices.Index(acts, "assume 192.168.11.1"), slices.Index(acts, "start pbx")
				if test.role == monitor.TakingOver && test.in && (assumed < 0 || assumed > started) {
					t.Errorf("the address is not assumed anew before the rest is done: %v", acts)
				}
				if in := w.ends(); in != test.in {
					t.Errorf("stands in: %t, want %t (%s)", in, test.in, w.of("pbx").Summary)
				}
				if !slices.Contains(w.events("pbx"), test.event) {
					t.Errorf("events %v, want %s", w.events("pbx"), test.event)
				}
			})
		})
	}
}

// An address that is failoverd's by its mark, and that the journal knows nothing of, is dropped at the start; one of
// somebody else is left alone.
func TestStrays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		stray, foreign := netip.MustParseAddr("192.168.11.77"), netip.MustParseAddr("192.168.11.78")
		w := newWorld(t, primary("pbx", pbx))
		w.held[stray], w.foreign[foreign] = "eth0", true
		w.start()
		if diff := cmp.Diff([]string{"drop 192.168.11.77"}, w.done()); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
		if got := w.happened("address.stray"); got != 1 {
			t.Errorf("address.stray %d times", got)
		}
	})
}

// The configuration has lost the server that is stood in for, or names other addresses: the daemon does not start
// with it, and nothing is forgotten.
func TestAConfigurationThatDoesNotDescribeWhatIsHeld(t *testing.T) {
	tests := map[string]func(w *world){
		"the server is gone": func(w *world) { w.conf.Servers = nil },
		"its addresses are others": func(w *world) {
			w.conf.Servers[0].Takeover.ServiceAddresses = []netip.Prefix{netip.PrefixFrom(crm, 32)}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				w.standsIn("pbx", pbx)
				w.crash()
				change(w)
				err := w.open()
				if err == nil || !strings.Contains(err.Error(), "release it") {
					t.Errorf("error %v, want one that says what to do", err)
				}
				if !w.holds(pbx) || !w.runs("pbx") {
					t.Error("what was held was given up")
				}
			})
		})
	}
}

func TestWhatIsHeldIsReleasedWhereItIs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.standsIn("pbx", pbx)
		w.crash()
		w.set(func() { w.links["eth1"] = w.links["eth0"] })
		w.conf.Servers[0].Takeover.Interface = "eth1"
		w.start()
		if _, err := w.s.Release(t.Context(), "pbx", by("")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if w.ends() {
			t.Error("it was not released")
		}
	})
}

func TestAnInterruptedOperationIsGoneOnWith(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		open := w.shut("start pbx")
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(40 * time.Second)
		w.is("pbx", "Failure", "taking over")
		w.stopDaemon()
		open()
		if n := w.openOperations(); n != 1 || !w.holds(pbx) {
			t.Fatalf("%d operations are open, holds %t; want it left as it is", n, w.holds(pbx))
		}
		w.start()
		w.pass(time.Second)
		if !w.ends() {
			t.Errorf("not finished: %s", w.of("pbx").Summary)
		}
		ops, err := w.s.Operations(t.Context(), journal.OperationQuery{Server: "pbx", Limit: 10})
		if err != nil || len(ops) != 1 || ops[0].Resumed != 1 {
			t.Errorf("operations %+v, %v; want one that was resumed once", ops, err)
		}
	})
}
