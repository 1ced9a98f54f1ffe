package standin

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// unitsOn returns a stand-in of the named units on f.
func unitsOn(t *testing.T, f *fakeSystemd, timeout time.Duration, names ...string) *units {
	t.Helper()
	return &units{
		spec: Spec{Units: names, Timeout: timeout, Dir: t.TempDir(), Environment: testEnvironment()},
		dial: f.dial,
		log:  slog.New(slog.DiscardHandler),
	}
}

// assertError fails unless err says all of the words.
func assertError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %q, want %q in it", err, word)
		}
	}
}

func TestUnitsStartInOrderAndStopInReverse(t *testing.T) {
	f := startFakeSystemd(t)
	for _, name := range []string{"a.service", "b.service", "c.service"} {
		f.add(name, fakeUnit{})
	}
	app := unitsOn(t, f, 10*time.Second, "a.service", "b.service", "c.service")
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"start a.service", "start b.service", "start c.service", "stop c.service", "stop b.service", "stop a.service"}
	if diff := cmp.Diff(want, f.history()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

func TestUnitsStartStopsAtTheFirstFailure(t *testing.T) {
	f := startFakeSystemd(t)
	f.add("a.service", fakeUnit{})
	f.add("b.service", fakeUnit{startResult: "dependency", startActive: "inactive"})
	f.add("c.service", fakeUnit{})
	err := unitsOn(t, f, 10*time.Second, "a.service", "b.service", "c.service").Start(t.Context())
	assertError(t, err, "b.service", `"dependency"`, "inactive (dead)")
	if diff := cmp.Diff([]string{"start a.service", "start b.service"}, f.history()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

func TestUnitsStopGoesOnAfterAFailure(t *testing.T) {
	f := startFakeSystemd(t)
	f.add("a.service", fakeUnit{active: "active", sub: "running"})
	f.add("b.service", fakeUnit{active: "active", sub: "running", stopResult: "failed"})
	err := unitsOn(t, f, 10*time.Second, "a.service", "b.service", "gone.service").Stop(t.Context())
	assertError(t, err, "b.service", `"failed"`, "active (running)")
	if diff := cmp.Diff([]string{"stop b.service", "stop a.service"}, f.history()); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

func TestUnitsThatCannotStart(t *testing.T) {
	refused := dbus.NewError("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", []any{"Interactive authentication required."})
	tests := map[string]struct {
		unit  fakeUnit
		words []string
		jobs  int
	}{
		"not there":       {fakeUnit{load: "not-found"}, []string{"not-found"}, 0},
		"masked":          {fakeUnit{load: "masked"}, []string{"masked"}, 0},
		"done, not there": {fakeUnit{startActive: "inactive"}, []string{`"done"`, "inactive (dead)"}, 1},
		"fails":           {fakeUnit{startResult: "failed", startActive: "failed"}, []string{`"failed"`, "exit status 3"}, 1},
		"timeout":         {fakeUnit{startResult: "timeout", startActive: "failed"}, []string{`"timeout"`}, 1},
		"cancelled":       {fakeUnit{startResult: "canceled", startActive: "active"}, []string{`"canceled"`, "active"}, 1},
		"refused":         {fakeUnit{refuse: refused}, []string{"Interactive authentication", "50-failoverd.rules"}, 1},
		"no signal":       {fakeUnit{startActive: "failed", mute: true}, []string{`"unknown"`, "failed"}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := startFakeSystemd(t)
			f.add("a.service", tt.unit)
			assertError(t, unitsOn(t, f, 10*time.Second, "a.service").Start(t.Context()), append(tt.words, "a.service")...)
			if got := len(f.history()); got != tt.jobs {
				t.Errorf("got %d jobs, want %d", got, tt.jobs)
			}
		})
	}
}

func TestUnitStartsWhoseSignalIsLost(t *testing.T) {
	f := startFakeSystemd(t)
	f.add("a.service", fakeUnit{mute: true})
	if err := unitsOn(t, f, 10*time.Second, "a.service").Start(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFailedUnitIsResetBeforeItsStart(t *testing.T) {
	f := startFakeSystemd(t)
	f.add("a.service", fakeUnit{active: "failed", sub: "failed"})
	if err := unitsOn(t, f, 10*time.Second, "a.service").Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"reset-failed a.service", "start a.service"}, f.history()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestHangingJobBlocksNothingElse gives up on a job, and starts another unit while the first one's job still hangs: its
// late result has nobody to read it.
func TestHangingJobBlocksNothingElse(t *testing.T) {
	f := startFakeSystemd(t)
	f.add("slow.service", fakeUnit{hang: true})
	f.add("a.service", fakeUnit{})
	err := unitsOn(t, f, 300*time.Millisecond, "slow.service").Start(t.Context())
	assertError(t, err, "slow.service", "300ms", "activating (start)", "with a job under way")
	if err := unitsOn(t, f, 10*time.Second, "a.service").Start(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBusDiesUnderAJob ends the bus before the request for a job was answered, or while its result is awaited, and
// starts it again: in one story the job has ended well meanwhile, in the other it was lost and is requested again.
func TestBusDiesUnderAJob(t *testing.T) {
	tests := map[string]struct{ accepted, survives bool }{
		"request unanswered, job survives": {false, true},
		"request unanswered, job is lost":  {false, false},
		"result awaited, job survives":     {true, true},
		"result awaited, job is lost":      {true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { goleak.VerifyNone(t) })
			f := startFakeSystemd(t)
			f.add("a.service", fakeUnit{hang: true})
			asked := make(chan struct{}, 100)
			tell := func() { asked <- struct{}{} }
			f.mu.Lock()
			if tt.accepted {
				f.onJobSeen = tell
			} else {
				f.onCall = tell
			}
			f.mu.Unlock()

			ended := make(chan error, 1)
			app := unitsOn(t, f, 20*time.Second, "a.service")
			go func() { ended <- app.Start(t.Context()) }()
			<-asked
			f.killBus()
			f.set("a.service", func(u *fakeUnit) {
				u.hang, u.job, u.active, u.sub = false, 0, "inactive", "dead"
				if tt.survives {
					u.active, u.sub = "active", "running"
				}
			})
			f.startBus()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			want := []string{"start a.service"}
			if !tt.survives {
				want = append(want, "start a.service")
			}
			if diff := cmp.Diff(want, f.history()); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
			if f.dials < 2 {
				t.Errorf("%d connections, want a new one after the bus died", f.dials)
			}
		})
	}
}

func TestBusDiesForGood(t *testing.T) {
	f := startFakeSystemd(t)
	f.add("a.service", fakeUnit{hang: true})
	asked := make(chan struct{}, 1)
	f.mu.Lock()
	f.onCall = func() { asked <- struct{}{} }
	f.mu.Unlock()
	ended := make(chan error, 1)
	app := unitsOn(t, f, time.Second, "a.service")
	go func() { ended <- app.Start(t.Context()) }()
	<-asked
	f.killBus()
	assertError(t, <-ended, "a.service", "within 1s")
	// Nobody can say now whether it runs, and nobody pretends to.
	if running, evidence, err := app.Running(t.Context()); err == nil {
		t.Errorf("running: got %v (%s), want an error", running, evidence)
	}
}

func TestSecondWayToSystemd(t *testing.T) {
	f := startFakeSystemd(t)
	noBus := func(context.Context) (*systemd.Conn, error) { return nil, errors.New("no system bus") }
	conn, err := dialFirst(t.Context(), noBus, f.dial)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	// A bus without systemd on it is no way to systemd either.
	empty := startFakeSystemd(t)
	if _, err := empty.conn.ReleaseName("org.freedesktop.systemd1"); err != nil {
		t.Fatal(err)
	}
	if conn, err = dialFirst(t.Context(), empty.dial, f.dial); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	_, err = dialFirst(t.Context(), noBus, empty.dial)
	assertError(t, err, "reach systemd", "no system bus", "subscribe")
}

func TestUnitsNeedTheirEnvironmentFile(t *testing.T) {
	f := startFakeSystemd(t)
	f.add("a.service", fakeUnit{})
	app := unitsOn(t, f, time.Second, "a.service")
	app.spec.Dir = "/dev/null/DEMOSERVER"
	assertError(t, app.Start(t.Context()), "environment")
	if got := f.history(); len(got) > 0 {
		t.Errorf("jobs %q although the environment of the units was not written", got)
	}
}
