package standin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// world is one kind of stand-in with the application behind it.
type world struct {
	app      func(timeout time.Duration) App
	dir      string
	starts   func() int  // how often the application was really started
	alive    func() bool // whether it really runs
	die      func()      // ends it behind the stand-in's back
	breakIt  func()      // makes the next start fail with exit status 3
	hang     func()      // makes the next start and stop hang
	hangStop func()      // makes the next stop hang
}

// testEnvironment is the environment of the stand-ins in the tests.
func testEnvironment() Environment {
	return Environment{
		Server:    "DEMOSERVER",
		Addresses: []netip.Addr{netip.MustParseAddr("192.168.11.1"), netip.MustParseAddr("2001:db8::1")},
		Catalogs:  []Catalog{{`CT"SERVER`, "c", "d"}, {"second $HOME `id` \\ one", "c", "d"}},
	}
}

// TestConformance is what every kind of stand-in promises, proved for each.
func TestConformance(t *testing.T) {
	kinds := map[string]func(t *testing.T) world{"commands": commandWorld, "units": unitWorld}
	tests := map[string]func(t *testing.T, w world){
		"start and stop, each twice":          testStartStopTwice,
		"dies by itself and is started again": testDies,
		"start fails":                         testStartFails,
		"start hangs":                         testStartHangs,
		"stop hangs":                          testStopHangs,
		"context ends during start":           testContextEnds,
		"stop before any start":               testStopFirst,
		"environment file":                    testEnvironmentFile,
	}
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					// Registered first, so that it looks when everything else was cleaned up.
					t.Cleanup(func() { goleak.VerifyNone(t) })
					test(t, open(t))
				})
			}
		})
	}
}

func testStartStopTwice(t *testing.T, w world) {
	app := w.app(10 * time.Second)
	assertRunning(t, app, false)
	for range 2 {
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		assertRunning(t, app, true)
	}
	if got := w.starts(); got != 1 {
		t.Errorf("the application was started %d times, want 1", got)
	}
	for range 2 {
		if err := app.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		assertRunning(t, app, false)
		if w.alive() {
			t.Error("the application still runs")
		}
	}
}

func testDies(t *testing.T, w world) {
	app := w.app(10 * time.Second)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.die()
	assertRunning(t, app, false)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertRunning(t, app, true)
	if got := w.starts(); got != 2 {
		t.Errorf("the application was started %d times, want 2", got)
	}
}

func testStartFails(t *testing.T, w world) {
	app := w.app(10 * time.Second)
	w.breakIt()
	err := app.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("got %v, want an error that says exit status 3", err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Errorf("stop after the failed start: %v", err)
	}
}

func testStartHangs(t *testing.T, w world) {
	app := w.app(700 * time.Millisecond)
	w.hang()
	begun := time.Now()
	err := app.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "700ms") {
		t.Fatalf("got %v, want an error that names the time-out", err)
	}
	if took := time.Since(begun); took < 700*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %v, want little more than 700ms", took)
	}
	assertRunning(t, app, false)
}

func testStopHangs(t *testing.T, w world) {
	app := w.app(700 * time.Millisecond)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.hangStop()
	begun := time.Now()
	err := app.Stop(t.Context())
	if err == nil || !strings.Contains(err.Error(), "700ms") {
		t.Fatalf("got %v, want an error that names the time-out", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v, want little more than 700ms", took)
	}
}

func testContextEnds(t *testing.T, w world) {
	app := w.app(time.Minute)
	w.hang()
	reason := errors.New("the operator changed her mind")
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(300*time.Millisecond, func() { cancel(reason) })
	defer timer.Stop()
	begun := time.Now()
	if err := app.Start(ctx); !errors.Is(err, reason) {
		t.Errorf("got %v, want an error that wraps the reason", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v, want little more than 300ms", took)
	}
}

func testStopFirst(t *testing.T, w world) {
	if err := w.app(10 * time.Second).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func testEnvironmentFile(t *testing.T, w world) {
	if err := w.app(10 * time.Second).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(w.dir, EnvironmentFile)
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	// A shell must read exactly what a command is given; systemd's parser follows the same rules.
	out, err := RunCommand(t.Context(), Command{Args: []string{
		"sh", "-c",
		`. "$1"; for v in SERVER ADDRESSES DATA_DIR CATALOGS ROLE; do eval "printf '%s\n' \"\$FAILOVERD_$v\""; done`, "sh", name,
	}})
	if err != nil {
		t.Fatal(err)
	}
	env := testEnvironment()
	want := fmt.Sprintf("DEMOSERVER\n192.168.11.1 2001:db8::1\n%s\n%s\nstanding-in", w.dir, env.Catalogs[0].Name+"\n"+env.Catalogs[1].Name)
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	// The same once more needs no disk.
	if err := w.app(10 * time.Second).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the file was written again although nothing in it changed")
	}
}

// assertRunning compares what the stand-in says about itself with want.
func assertRunning(t *testing.T, app App, want bool) {
	t.Helper()
	running, evidence, err := app.Running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if running != want || evidence == "" {
		t.Errorf("running: got %v (%s), want %v", running, evidence, want)
	}
}

// unitWorld is a stand-in of two units of a fake systemd.
func unitWorld(t *testing.T) world {
	f := startFakeSystemd(t)
	// Looks while the bus is still up: its end would end a forgotten connection too.
	beforehand := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, beforehand) })
	f.add("db.service", fakeUnit{})
	f.add("ct-server@1.service", fakeUnit{})
	dir := filepath.Join(t.TempDir(), "DEMOSERVER")
	last := "ct-server@1.service"
	return world{
		dir: dir,
		app: func(timeout time.Duration) App {
			spec := Spec{Units: []string{"db.service", last}, Timeout: timeout, Dir: dir, Environment: testEnvironment()}
			return &units{spec: spec, dial: f.dial, log: slog.New(slog.DiscardHandler)}
		},
		starts: func() int {
			n := 0
			for _, call := range f.history() {
				if call == "start "+last {
					n++
				}
			}
			return n
		},
		alive: func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.units[last].active != "inactive" || f.units["db.service"].active != "inactive"
		},
		die: func() { f.set(last, func(u *fakeUnit) { u.active, u.sub = "failed", "failed" }) },
		breakIt: func() {
			f.set(last, func(u *fakeUnit) { u.startResult, u.startActive = "failed", "failed" })
		},
		hang:     func() { f.set(last, func(u *fakeUnit) { u.hang = true }) },
		hangStop: func() { f.set(last, func(u *fakeUnit) { u.hang = true }) },
	}
}
