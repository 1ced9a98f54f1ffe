package standby

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// rehearsable is a primary with two databases, whose application can be asked in a drill.
func rehearsable(c config.Server) config.Server {
	c = replicated(c)
	c.Drill = config.Drill{Check: []string{"/bin/check"}, Timeout: time.Minute, MaxAge: 192 * time.Hour}
	return c
}

// newDrillCompany is a standby that has copied such a primary.
func newDrillCompany(t *testing.T) *world {
	w := newWorld(t, rehearsable(primary("pbx", pbx)))
	w.fills(1)
	w.start()
	w.orders(status.FromLive)
	w.done()
	return w
}

// drills has an operator rehearse a takeover, and waits until that has ended.
func (w *world) drills() plan.Record {
	w.t.Helper()
	return w.endOf(w.begins().ID)
}

// begins has an operator begin a drill.
func (w *world) begins() plan.Record {
	w.t.Helper()
	r, err := w.s.Drill(context.Background(), "pbx", by("before the summer"))
	if err != nil {
		w.t.Fatalf("drill: %v", err)
	}
	return r
}

func TestADrillProvesATakeover(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		if c := w.check("pbx", "drill"); c.Result != "unknown" || c.Value != "never rehearsed" {
			t.Errorf("before: %+v", c)
		}
		r := w.drills()
		if r.State != plan.Succeeded || r.Kind != status.Drill || r.By.Name != "ann" {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		w.stands(1, 0)
		if !w.engine.Sealed("standby", "pbx_calls") {
			t.Error("the copy in service was opened")
		}
		v := w.of("pbx")
		d := v.Drills
		if d == nil || d.Last == nil || !d.Last.OK || d.Last.Operation != r.ID || d.Proved == nil || *d.MaxAge != 691200 || d.Operation != "" {
			t.Errorf("shown: %+v", d)
		}
		if c := w.check("pbx", "drill"); c.Result != "ok" || !strings.Contains(c.Value, "not rehearsed: the start of the stand-in") {
			t.Errorf("after: %+v", c)
		}
		if v.Readiness.Verdict != "ready" || v.State != "OK" {
			t.Errorf("%s, %s", v.Readiness.Verdict, v.State)
		}
		if got := []int{w.happened("drill.started"), w.happened("drill.step"), w.happened("drill.passed"), len(w.mails()), w.openOperations()}; !slices.Equal(got, []int{1, 9, 1, 0, 0}) {
			t.Errorf("started, steps, passed, mails, open: %v", got)
		}
		if !slices.Contains(w.done(), "check pbx") || !slices.Contains(w.took, "pbx drill succeeded true") {
			t.Errorf("measured: %v", w.took)
		}
		// It is remembered over a restart, and grows old.
		w.stopDaemon()
		w.pass(9 * 24 * time.Hour)
		w.start()
		if c := w.check("pbx", "drill"); c.Result != "warning" || c.Value != "the last drill was 9 days ago" || w.of("pbx").Drills.Last.Operation != r.ID {
			t.Errorf("nine days later: %+v", c)
		}
	})
}

func TestADrillThatFailsIsMailed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		w.set(func() { w.fail["check pbx"] = errors.New("no licence") })
		for range 2 {
			if r := w.drills(); r.State != plan.Failed || r.Error != "check: no licence" || r.Step("clear").State != plan.Succeeded {
				t.Fatalf("%s: %s", r.State, r.Error)
			}
		}
		w.stands(1, 0)
		if got := count(w.mails(), "drill.failed"); got != 2 {
			t.Errorf("%d mails", got)
		}
		v := w.of("pbx")
		if c := w.check("pbx", "drill"); c.Result != "warning" || !strings.HasSuffix(c.Value, "check: no licence") || v.Readiness.Verdict != "degraded" {
			t.Errorf("%s: %+v", v.Readiness.Verdict, c)
		}
		if !slices.ContainsFunc(w.s.Snapshot().Attention, func(n status.Notice) bool { return n.Text == "the last drill failed: check: no licence" }) {
			t.Errorf("attention: %+v", w.s.Snapshot().Attention)
		}
		incident := w.facts("pbx").Drills.Incident
		w.set(func() { delete(w.fail, "check pbx") })
		for range 2 {
			w.drills()
		}
		if got := count(w.mails(), "drill.passed"); got != 1 || incident == "" || w.facts("pbx").Drills.Incident != "" {
			t.Errorf("that it passes again was mailed %d times; incident %q", got, incident)
		}
	})
}

// A takeover does not wait for a drill, not even for one that cannot be cleared away.
func TestThePrimaryDiesDuringADrill(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		t.Run(fmt.Sprintf("stuck %t", stuck), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newDrillCompany(t)
				open := func() {}
				w.engine.Shut("copy")
				r := w.begins()
				w.pass(2 * time.Second)
				if stuck {
					open = w.engine.Shut("rollback")
				}
				if v := w.of("pbx"); v.State != "OK" || v.Drills.Operation != r.ID {
					t.Errorf("%s, %+v", v.State, v.Drills)
				}
				w.dies(pbx)
				w.pass(33 * time.Second)
				w.is("pbx", "Failure", "standing in")
				if w.engine.Sealed("standby", "pbx_calls") || !w.runs("pbx") {
					t.Error("the stand-in cannot work")
				}
				if got, err := w.s.Operation(context.Background(), r.ID); err != nil || got.State.Open() != stuck {
					t.Errorf("the drill is %s, %v", got.State, err)
				}
				open()
				if r := w.endOf(r.ID); r.State != plan.Undone {
					t.Errorf("%s: %s", r.State, r.Error)
				}
				w.pass(time.Second)
				w.stands(1, 0)
				if got := []int{w.happened("drill.gave_way"), w.happened("drill.broken_off"), w.happened("drill.failed")}; !slices.Equal(got, []int{1, 1, 0}) {
					t.Errorf("gave way, broken off, failed: %v", got)
				}
				if w.of("pbx").Drills.Last != nil {
					t.Error("a drill that gave way counts")
				}
				if _, err := w.s.Drill(context.Background(), "pbx", by("now?")); code(err) != status.WrongState {
					t.Errorf("a drill while standing in: %v", err)
				}
			})
		})
	}
}

// A failure ends a drill also where nobody takes over by himself: the operator is about to.
func TestAFailureThatWaitsForTheOperator(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := rehearsable(primary("pbx", pbx))
		c.Takeover.Mode = "manual"
		w := newWorld(t, c)
		w.fills(1)
		w.start()
		w.orders(status.FromLive)
		defer w.shut("check pbx")()
		r := w.begins()
		w.pass(2 * time.Second)
		w.dies(pbx)
		w.pass(33 * time.Second)
		w.is("pbx", "Failure", "standing by")
		if r := w.endOf(r.ID); r.State != plan.Undone || !strings.Contains(r.Error, "pbx has failed") {
			t.Errorf("%s: %s", r.State, r.Error)
		}
		w.stands(1, 0)
	})
}

func TestAnOrderedTakeoverDuringADrill(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		open := w.shut("check pbx")
		defer open()
		r := w.begins()
		w.pass(2 * time.Second)
		if _, err := w.s.Failover(context.Background(), "pbx", by("it burns", primaryAlive, "address-in-use")); err != nil {
			t.Fatal(err)
		}
		w.pass(3 * time.Second)
		if v := w.of("pbx"); v.Role != "standing in" {
			t.Errorf("%s: %s", v.Role, v.Summary)
		}
		if r := w.endOf(r.ID); r.State != plan.Undone || !strings.Contains(r.Error, "the standby is taking over") {
			t.Errorf("%s: %s", r.State, r.Error)
		}
		w.stands(1, 0)
	})
}

// A replication waits for the end of a drill, which it brings about.
func TestADrillGivesWayToAReplication(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		w.fills(2)
		open := w.shut("check pbx")
		defer open()
		r := w.begins()
		w.pass(time.Second)
		copied := w.orders(status.FromLive)
		if copied.State != plan.Succeeded {
			t.Errorf("the replication %s: %s", copied.State, copied.Error)
		}
		if ended := w.endOf(r.ID); ended.State != plan.Undone || !strings.Contains(ended.Error, copied.ID+" is to begin") || copied.Step("check").Started.Before(*ended.Ended) {
			t.Errorf("the drill %s: %s", ended.State, ended.Error)
		}
		w.stands(2, 1)
		if got := len(w.mails()); got != 0 {
			t.Errorf("%d mails", got)
		}
	})
}

func TestACancelledDrill(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		defer w.shut("check pbx")()
		r := w.begins()
		w.pass(time.Second)
		if _, err := w.s.Cancel(context.Background(), r.ID, by("not now")); err != nil {
			t.Fatal(err)
		}
		if ended := w.endOf(r.ID); ended.State != plan.Undone || !strings.Contains(ended.Error, "by ann") {
			t.Errorf("%s: %s", ended.State, ended.Error)
		}
		w.stands(1, 0)
		if w.of("pbx").Drills.Last != nil || w.happened("drill.cancelled") != 1 {
			t.Error("a drill that was cancelled counts, or nobody knows who cancelled it")
		}
	})
}

func TestDrillsByThemselves(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := slow(rehearsable(primary("pbx", pbx)))
		c.Drill.Weekly = "sunday 03:00"
		w := newWorld(t, c)
		w.fills(1)
		w.until("2000-01-01 12:00") // a Saturday
		w.start()
		w.orders(status.FromLive)
		if v := w.of("pbx"); v.Readiness.Verdict != "unverified" || v.Drills.Next.Local().Format("02 15:04") != "02 03:00" {
			t.Errorf("%s, next %v", v.Readiness.Verdict, v.Drills.Next)
		}
		w.until("2000-01-02 03:01")
		last := w.of("pbx").Drills.Last
		if last == nil || !last.OK || last.At.Local().Format("02 15:04") != "02 03:00" {
			t.Fatalf("on Sunday: %+v", last)
		}
		if v := w.of("pbx"); v.Readiness.Verdict != "ready" || v.Drills.Next.Local().Format("02 15:04") != "09 03:00" {
			t.Errorf("%s, next %v", v.Readiness.Verdict, v.Drills.Next)
		}
		// Restarted on the same day, it is not made again; the next week it is.
		w.idles("2000-01-02 04:00")
		w.idles("2000-01-09 02:59")
		w.until("2000-01-09 03:01")
		if got := w.happened("drill.started"); got != 2 {
			t.Errorf("%d drills", got)
		}
		// A Sunday night that the standby slept through is left out.
		w.idles("2000-01-16 12:00")
		w.pass(time.Minute)
		if got := w.happened("drill.started"); got != 2 {
			t.Errorf("%d drills, one at noon", got)
		}
	})
}

func TestNoDrillByItselfForASilentPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := rehearsable(primary("pbx", pbx))
		c.Drill.Monthly = "2 00:01"
		w := newWorld(t, c)
		w.fills(1)
		w.until("2000-01-01 23:58")
		w.start()
		w.orders(status.FromLive)
		w.until("2000-01-02 00:00")
		w.pass(50 * time.Second)
		w.dies(pbx)
		w.pass(20 * time.Second)
		w.is("pbx", "Suspect", "standing by")
		if got := w.happened("drill.started"); got != 0 {
			t.Errorf("%d drills", got)
		}
		w.returns(pbx)
		w.pass(10 * time.Second)
		if got := w.happened("drill.started"); got != 1 {
			t.Errorf("%d drills once it answers again", got)
		}
	})
}

func TestDrillsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, rehearsable(primary("pbx", pbx)), rehearsable(primary("crm", crm)))
		w.fills(1)
		w.start()
		drill := func(name, want string) {
			t.Helper()
			if _, err := w.s.Drill(context.Background(), name, by("try")); code(err) != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		drill("nobody", status.NotFound)
		open := w.engine.Shut("copy")
		copying, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("first"))
		if err != nil {
			t.Fatal(err)
		}
		drill("pbx", status.OperationRunning)
		open()
		w.endOf(copying.ID)
		open = w.engine.Shut("copy")
		first := w.begins()
		for _, name := range []string{"pbx", "crm"} {
			_, err := w.s.Drill(context.Background(), name, by("try"))
			var r *status.Refusal
			if !errors.As(err, &r) || r.Code != status.OperationRunning || r.Operation != first.ID {
				t.Errorf("%s beside another: %v", name, err)
			}
		}
		open()
		w.endOf(first.ID)
		// One that has no copies fails, and says so.
		r, err := w.s.Drill(context.Background(), "crm", by("try"))
		if err != nil {
			t.Fatal(err)
		}
		if r = w.endOf(r.ID); r.State != plan.Undone || !strings.Contains(r.Error, "calls: no copy was ever completed") || !strings.Contains(r.Error, "users: ") {
			t.Errorf("%s: %s", r.State, r.Error)
		}
		p, err := w.s.Preview(context.Background(), "crm", status.Drill, by(""))
		if err != nil || !p.Refused || len(p.Checks) != 2 {
			t.Errorf("preview: %+v, %v", p.Checks, err)
		}
	})
}

// What could be taken for a drill's copy is never touched.
func TestANameThatADrillWouldHave(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := rehearsable(primary("pbx", pbx))
		c.Databases = append(c.Databases, config.Database{Name: "calls__drill", Engine: "sqlite"})
		w := newWorld(t, c)
		w.fills(1)
		w.engine.Put("pbx", "calls__drill", 5)
		w.start()
		w.orders(status.FromLive)
		before := w.engine.All()
		_, err := w.s.Drill(context.Background(), "pbx", by("try"))
		if code(err) != status.WrongState || !strings.Contains(err.Error(), "pbx_calls__drill") {
			t.Errorf("got %v", err)
		}
		if diff := cmp.Diff(before, w.engine.All()); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})
}

func TestADrillShown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		p, err := w.s.Preview(context.Background(), "pbx", status.Drill, by(""))
		if err != nil || p.Refused || len(p.Steps) != 9 || p.Steps[7].Name != "check" || !slices.Equal(p.Skips, []string{"NOT REHEARSED: the start of the stand-in"}) {
			t.Errorf("%+v, %v", p, err)
		}
		if n := w.happened("drill.started"); n != 0 || w.engine.Holds("standby", "pbx_calls__drill") != 0 {
			t.Error("a dry run is a drill")
		}
	})
}

// TestADrillKilledAtEveryStatement kills the daemon before each statement that a drill executes at the servers.
func TestADrillKilledAtEveryStatement(t *testing.T) {
	atEveryStatement(t, 10, func(t *testing.T, n int) bool {
		w := newDrillCompany(t)
		w.killsAt(n)
		r := w.begins()
		w.pass(10 * time.Second)
		killed := w.crashed()
		if killed {
			w.crash()
			w.start()
		}
		w.engine.DieAt(0)
		w.cleared(r.ID, killed)
		return killed
	})
}

// TestADrillKilledAtEveryCommit kills the daemon at each record of a drill, before and after it is on disk.
func TestADrillKilledAtEveryCommit(t *testing.T) {
	for _, before := range []bool{true, false} {
		for n, killed := 1, true; killed; n++ {
			t.Run(fmt.Sprintf("%d, before %t", n, before), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					w := newDrillCompany(t)
					w.crashAt(n, before)
					_, err := w.s.Drill(context.Background(), "pbx", by("before the summer"))
					w.pass(10 * time.Second)
					if killed = w.crashed(); killed {
						w.crash()
						w.start()
					}
					w.memory.asks(nil)
					w.memory.dies = nil
					if err != nil && before && n == 1 {
						w.cleared("", killed) // it was never begun
						return
					}
					records, err := w.s.Operations(context.Background(), journal.OperationQuery{Server: "pbx", Limit: 1})
					if err != nil || records[0].Kind != status.Drill {
						t.Fatalf("%v, %v", records, err)
					}
					w.cleared(records[0].ID, killed && records[0].State != plan.Succeeded)
				})
			})
			if !killed && n < 5 {
				t.Errorf("only %d commits", n-1)
			}
		}
	}
}

// cleared wants nothing of a drill to be left, and the next one to prove.
func (w *world) cleared(id string, broken bool) {
	w.t.Helper()
	if id != "" {
		want := plan.Succeeded
		if broken {
			want = plan.Undone
		}
		if r := w.endOf(id); r.State != want {
			w.t.Errorf("%s: %s", r.State, r.Error)
		}
		w.pass(time.Second)
	}
	w.stands(1, 0)
	if n := w.openOperations(); n != 0 {
		w.t.Errorf("%d operations are open", n)
	}
	if broken && id != "" && (w.happened("drill.examined") != 1 || w.of("pbx").Drills.Last != nil) {
		w.t.Errorf("examined %d times; %+v", w.happened("drill.examined"), w.of("pbx").Drills.Last)
	}
	if r := w.drills(); r.State != plan.Succeeded {
		w.t.Errorf("the next one: %s: %s", r.State, r.Error)
	}
	w.stands(1, 0)
}

// The configuration has changed when a drill is taken up again: what it may have made of what is still configured goes.
func TestADrillTakenUpWithAnotherConfiguration(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		defer w.shut("check pbx")()
		r := w.begins()
		w.pass(time.Second)
		w.crash()
		c := w.conf.Servers[0]
		c.Drill.Check = nil
		w.with(c)
		w.conf = w.next
		w.start()
		if r := w.endOf(r.ID); r.State != plan.Undone {
			t.Errorf("%s: %s", r.State, r.Error)
		}
		w.stands(1, 0)
	})
}

func TestAServerIsNotRemovedDuringADrill(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		open := w.shut("check pbx")
		r := w.begins()
		w.pass(time.Second)
		w.with()
		if _, err := w.s.Reload(context.Background(), by("it is sold")); code(err) != status.InvalidConfig || !strings.Contains(err.Error(), r.ID) {
			t.Errorf("removed during %s: %v", r.ID, err)
		}
		open()
		w.endOf(r.ID)
		if _, err := w.s.Reload(context.Background(), by("it is sold")); err != nil {
			t.Errorf("removed afterwards: %v", err)
		}
	})
}

// A daemon that is told to stop leaves the drill to the next start, which is told apart from a takeover that failed.
func TestStoppedDuringADrill(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		open := w.shut("check pbx")
		r := w.begins()
		w.pass(time.Second)
		w.stopDaemon()
		open()
		w.start()
		if r := w.endOf(r.ID); r.State != plan.Undone {
			t.Errorf("%s: %s", r.State, r.Error)
		}
		w.stands(1, 0)
		if got := len(w.mails()); got != 0 {
			t.Errorf("%d mails", got)
		}
	})
}

func TestADrillThatCannotBeWrittenDown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newDrillCompany(t)
		w.memory.breaks(errors.New("disk full"))
		if _, err := w.s.Drill(context.Background(), "pbx", by("try")); code(err) != status.JournalUnwritable {
			t.Errorf("got %v", err)
		}
		w.pass(time.Second)
		w.memory.breaks(nil)
		w.pass(time.Second)
		w.stands(1, 0)
		if v := w.of("pbx"); v.Drills.Operation != "" {
			t.Errorf("it runs: %+v", v.Drills)
		}
		if r := w.drills(); r.State != plan.Succeeded {
			t.Errorf("%s: %s", r.State, r.Error)
		}
	})
}

func TestDrillLine(t *testing.T) {
	at := time.Date(2026, 11, 29, 3, 0, 0, 0, time.Local)
	age, limit := 9*86400.0, 8*86400.0
	for want, d := range map[string]status.Drills{
		"pbx: never rehearsed": {},
		"pbx: proved at 29 Nov 03:00, OVERDUE: 9 days since the last one that passed": {Last: &status.Drilled{At: at, OK: true}, Age: &age, MaxAge: &limit},
		"pbx: the last drill FAILED at 29 Nov 03:00: check: broken, the next is due at 29 Nov 03:00": {
			Last: &status.Drilled{At: at, Error: "check: broken"}, Next: &at,
		},
	} {
		if got := drillLine("pbx", d); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
