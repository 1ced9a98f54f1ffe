package standby

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/replicate"
	"failoverd/replicate/database"
)

// ends checks that the standby either stands in or stands by, completely.
func (w *world) ends() (standsIn bool) {
	w.t.Helper()
	v := w.of("pbx")
	switch v.Role {
	case "standing in", "standing by":
	default:
		w.t.Fatalf("the standby is %s", v.Role)
	}
	in := v.Role == "standing in"
	if w.holds(pbx) != in || w.runs("pbx") != in {
		w.t.Fatalf("%s (%s), holds %t, runs %t", v.Role, v.Summary, w.holds(pbx), w.runs("pbx"))
	}
	if n := w.openOperations(); n != 0 {
		w.t.Fatalf("%d operations are open", n)
	}
	return in
}

// crashAt has the daemon die at the n-th commit that tells of an operation.
func (w *world) crashAt(n int, before bool) {
	tells := func(b journal.Batch) bool {
		if len(b.Operations) == 0 {
			return false
		}
		n--
		return n == 0
	}
	if !before {
		w.memory.dies = tells
		return
	}
	w.memory.asks(func(b journal.Batch) error {
		if tells(b) {
			w.set(func() { w.dead = true })
			return fmt.Errorf("the daemon is dead")
		}
		return nil
	})
}

func TestACrashAtEveryCommit(t *testing.T) {
	stories := map[string]func(w *world){
		"takeover": func(w *world) {
			w.pass(9 * time.Second)
			w.dies(pbx)
			w.pass(40 * time.Second)
		},
		"takeover that is undone": func(w *world) {
			w.set(func() { w.fail["start pbx"] = fmt.Errorf("unit not found") })
			w.pass(9 * time.Second)
			w.dies(pbx)
			w.pass(40 * time.Second)
		},
		"release": func(w *world) {
			_, _ = w.s.Release(context.Background(), "pbx", by("repaired"))
			w.pass(10 * time.Second)
		},
	}
	ways := map[string]func(w *world){
		"restarted": (*world).crash,
		"rebooted":  (*world).reboot,
		"rebooted, and the primary is back": func(w *world) {
			w.reboot()
			w.set(func() { w.wire[pbx] = pbxMAC })
		},
		"restarted with other steps": func(w *world) {
			w.crash()
			w.conf.Servers[0].Takeover.AddressOrder = "first"
			w.conf.Servers[0].Databases = []config.Database{{Name: "calls"}}
			w.remembers("calls", replicate.Copy{Last: &replicate.Complete{Snapshot: database.Snapshot{At: time.Now()}}})
		},
	}
	for story, play := range stories {
		for way, crash := range ways {
			for _, before := range []bool{true, false} {
				for n := 1; n <= 4; n++ {
					t.Run(fmt.Sprintf("%s, commit %d, before %t, %s", story, n, before, way), func(t *testing.T) {
						inBubble(t, func(t *testing.T) {
							w := newWorld(t, primary("pbx", pbx)).start()
							if story == "release" {
								w.standsIn("pbx", pbx)
							}
							w.crashAt(n, before)
							play(w)
							if !w.crashed() {
								if n == 1 {
									t.Fatal("the story tells nothing")
								}
								return
							}
							crash(w)
							w.set(func() { delete(w.fail, "start pbx") })
							w.start()
							w.pass(90 * time.Second)
							in := w.ends()
							switch {
							case story == "release" && in && !(before && n == 1):
								t.Error("the release was forgotten")
							case story == "takeover" && !in && !strings.Contains(way, "primary is back"):
								t.Errorf("the takeover was forgotten: %s", w.of("pbx").Summary)
							}
							if strings.Contains(way, "primary is back") && in {
								t.Error("two hold the address")
							}
						})
					})
				}
			}
		}
	}
}

// The key of an order is remembered with the operation that it has begun, or both are forgotten: at whatever commit the daemon
// dies, and whatever the next start makes of the operation.
func TestACrashForgetsNoOrderKey(t *testing.T) {
	for _, before := range []bool{true, false} {
		for n := 1; n <= 3; n++ {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				w.standsIn("pbx", pbx)
				w.crashAt(n, before)
				o := by("repaired")
				o.Key = "caller-order"
				_, _ = w.s.Release(context.Background(), "pbx", o)
				w.pass(10 * time.Second)
				if !w.crashed() {
					return
				}
				w.crash()
				// Other steps, so that the record is made anew.
				w.conf.Servers[0].Databases = []config.Database{{Name: "calls"}}
				w.remembers("calls", replicate.Copy{Last: &replicate.Complete{Snapshot: database.Snapshot{At: time.Now()}}})
				w.start()
				w.pass(time.Minute)
				last, err := w.s.Operations(context.Background(), journal.OperationQuery{Limit: 100})
				w.must(err)
				var keys []string
				for _, r := range last {
					if r.Kind == "release" {
						keys = append(keys, r.OrderKey)
					}
				}
				if want := !before || n > 1; want && fmt.Sprint(keys) != "[caller-order]" || !want && len(keys) != 0 {
					t.Errorf("commit %d, before %t: releases with the keys %q", n, before, keys)
				}
			})
		}
	}
}
