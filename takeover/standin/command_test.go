package standin

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The scripts of an application that daemonizes: the start command returns, and what it leaves behind keeps standard
// output and standard error open and goes on writing to them, as many do. $1 is a directory for its files.
const (
	startScript = `cd "$1" || exit 1
[ -e broken ] && { echo "cannot open the database" >&2; exit 3; }
[ -e hang ] && exec sleep 600
echo started >>starts
echo hello from the start command
( while :; do echo still here; sleep 0.05; done ) & echo $! >pid`
	stopScript = `cd "$1" || exit 1
[ -e hangstop ] && exec sleep 600
[ -e pid ] && kill -9 "$(cat pid)" 2>/dev/null
rm -f pid`
	checkScript = `cd "$1" || exit 127
[ -e pid ] && read -r _ _ state _ 2>/dev/null <"/proc/$(cat pid)/stat" && [ "$state" != Z ] && exec echo "process $(cat pid)"
echo no process; exit 3`
)

// script returns a command that runs text with dir as its first argument.
func script(text, dir string) []string { return []string{"sh", "-c", text, "sh", dir} }

// commandWorld is a stand-in that is started, stopped and checked by commands.
func commandWorld(t *testing.T) world {
	dir, files := filepath.Join(t.TempDir(), "DEMOSERVER"), t.TempDir()
	touch := func(name string) func() {
		return func() {
			if err := os.WriteFile(filepath.Join(files, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	pid := func() int {
		text, err := os.ReadFile(filepath.Join(files, "pid"))
		if err != nil {
			return 0
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	kill := func() {
		if p := pid(); p != 0 {
			_ = syscall.Kill(p, syscall.SIGKILL)
			waitGone(t, p)
		}
	}
	t.Cleanup(kill)
	return world{
		dir: dir,
		app: func(timeout time.Duration) App {
			return New(Spec{
				Start: script(startScript, files), Stop: script(stopScript, files), Check: script(checkScript, files),
				Timeout: timeout, Dir: dir, Environment: testEnvironment(),
			}, slog.New(slog.DiscardHandler))
		},
		starts: func() int {
			text, _ := os.ReadFile(filepath.Join(files, "starts"))
			return strings.Count(string(text), "started")
		},
		alive:    func() bool { p := pid(); return p != 0 && alive(p) },
		die:      kill,
		breakIt:  touch("broken"),
		hang:     touch("hang"),
		hangStop: touch("hangstop"),
	}
}

// waitGone waits until the process pid is no more, or a zombie that nobody waits for. The wait is a poll of /proc: the
// process is no child of ours, so the kernel has no other word for us.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// alive says whether the process pid runs.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func TestDaemonThatWritesSurvivesItsStarter(t *testing.T) {
	w := commandWorld(t)
	app := w.app(10 * time.Second)
	begun := time.Now()
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("start took %v: it waited for the daemon's output to end", took)
	}
	// It goes on writing after the start command's end, into the log and not into a pipe of ours.
	name := filepath.Join(w.dir, LogFile)
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(text), "hello from the start command\n") && strings.Count(string(text), "still here") >= 3 {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the log is %q", text)
		}
	}
	assertRunning(t, app, true)
}

func TestDaemonIsInASessionOfItsOwn(t *testing.T) {
	out, err := RunCommand(t.Context(), Command{Args: []string{"sh", "-c", "cut -d' ' -f1,5,6 /proc/$$/stat"}})
	if err != nil {
		t.Fatal(err)
	}
	ids := strings.Fields(out)
	if len(ids) != 3 || ids[0] != ids[1] || ids[0] != ids[2] {
		t.Errorf("process, group, session: got %q, want three times the same", out)
	}
}

func TestLogIsKeptBounded(t *testing.T) {
	w := commandWorld(t)
	app := w.app(10 * time.Second)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(w.dir, LogFile)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, logLimit+1)); err != nil {
		t.Fatal(err)
	}
	assertRunning(t, app, true)
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > logLimit {
		t.Errorf("the log has %d bytes, want it emptied", info.Size())
	}
}

func TestStartGoesOnWithoutItsDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spec := Spec{Start: []string{"true"}, Dir: filepath.Join(file, "not a directory"), Environment: testEnvironment()}
	if err := New(spec, slog.New(slog.DiscardHandler)).Start(t.Context()); err != nil {
		t.Errorf("a start command needs no file of ours: %v", err)
	}
}

func TestRunningByCheckCommand(t *testing.T) {
	tests := map[string]struct {
		check   []string
		running bool
		want    string // part of the evidence or of the error
		fails   bool
	}{
		"status 0":          {[]string{"sh", "-c", "echo pid 1"}, true, "check command: exit status 0: pid 1", false},
		"status 3":          {[]string{"sh", "-c", "echo dead; exit 3"}, false, "check command: exit status 3: dead", false},
		"no such program":   {[]string{"/no/such/program"}, false, "no such file", true},
		"shell finds none":  {[]string{"sh", "-c", "/no/such/program"}, false, "exit status 127", true},
		"killed":            {[]string{"sh", "-c", "kill -9 $$"}, false, "signal: killed", true},
		"takes too long":    {[]string{"sleep", "600"}, false, "300ms", true},
		"nothing to ask by": {nil, false, ErrCannotTell.Error(), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Start: []string{"true"}, Check: tt.check, Timeout: 300 * time.Millisecond, Dir: t.TempDir()}
			running, evidence, err := New(spec, slog.New(slog.DiscardHandler)).Running(t.Context())
			if running != tt.running || (err != nil) != tt.fails {
				t.Fatalf("got %v, %q, %v", running, evidence, err)
			}
			got := evidence
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestStopWaitsForTheEnd(t *testing.T) {
	dir := t.TempDir()
	// The stop command only asks; the application takes its time, as one with a database does.
	spec := Spec{
		Start: script(`touch "$1/run"`, dir),
		Stop:  script(`( sleep 0.5; rm "$1/run" ) >/dev/null 2>&1 &`, dir),
		Check: script(`test -e "$1/run"`, dir),
		Dir:   t.TempDir(), Timeout: 10 * time.Second,
	}
	app := New(spec, slog.New(slog.DiscardHandler))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertRunning(t, app, false)

	spec.Stop, spec.Timeout = []string{"true"}, 500*time.Millisecond
	app = New(spec, slog.New(slog.DiscardHandler))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err == nil {
		t.Error("the stop command did nothing, and Stop says that it is done")
	}

	spec.Stop = nil
	if err := New(spec, slog.New(slog.DiscardHandler)).Stop(t.Context()); err == nil {
		t.Error("there is no stop command, and Stop says that it is done")
	}
}

func TestCommandsAreGivenOnlyTheirEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "x")
	dir := t.TempDir()
	spec := Spec{Start: script(`env >"$1/env"`, dir), Dir: filepath.Join(dir, "d"), Environment: Environment{Server: "pbx"}}
	if err := New(spec, slog.New(slog.DiscardHandler)).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "=")
		// The shell itself adds these.
		if name != "PWD" && name != "SHLVL" && name != "_" && name != "OLDPWD" {
			got = append(got, name)
		}
	}
	want := []string{"FAILOVERD_ADDRESSES", "FAILOVERD_CATALOGS", "FAILOVERD_COPIES", "FAILOVERD_DATA_DIR", "FAILOVERD_DSNS", "FAILOVERD_ROLE", "FAILOVERD_SERVER", "PATH"}
	if diff := cmp.Diff(want, sorted(got)); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestNothingToStart(t *testing.T) {
	app := New(Spec{}, slog.New(slog.DiscardHandler))
	if err := errors.Join(app.Start(t.Context()), app.Stop(t.Context())); err != nil {
		t.Error(err)
	}
	assertRunning(t, app, true)
}
