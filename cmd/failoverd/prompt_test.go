package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"failoverd/plan"
	"failoverd/status"
)

// terminal is a real pseudo terminal with somebody in front of it.
type terminal struct {
	tty    *os.File // what the program has
	keys   *os.File // what the person has
	screen *screen
}

// openTerminal opens a pseudo terminal of 100 columns.
func openTerminal(t *testing.T) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	term := &terminal{tty: tty, keys: master, screen: newScreen()}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(term.screen, master) // ends with an error when the last end of tty is closed
	}()
	t.Cleanup(func() {
		tty.Close()
		<-copied
		master.Close()
	})
	return term
}

// sit runs a command on a terminal and returns where its exit code will be.
func (term *terminal) sit(ctx context.Context, t *testing.T, d *fakeDaemon, env []string, args ...string) <-chan int {
	t.Helper()
	p, _, _ := here("")
	p.in, p.out, p.err = term.tty, term.tty, term.tty
	p.env = environment(append(env, "FAILOVERD_SOCKET", d.serve(t))...)
	exit := make(chan int, 1)
	go func() { exit <- p.run(ctx, args) }()
	return exit
}

// types types a line.
func (term *terminal) types(t *testing.T, line string) {
	t.Helper()
	if _, err := term.keys.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
}

// ordered are the orders that are no dry run.
func ordered(d *fakeDaemon) []string {
	var orders []string
	for _, s := range d.sent() {
		if !strings.Contains(s, "dry_run") {
			orders = append(orders, s)
		}
	}
	return orders
}

// alive is a preview that passes only because primary-alive is accepted.
func alive() *fakeDaemon {
	d := quietDay()
	d.preview.Steps[0].Accept = primaryAlive
	return d
}

// TestQuestion answers the question in every way.
func TestQuestion(t *testing.T) {
	for _, c := range []struct {
		name   string
		d      *fakeDaemon
		args   string
		asked  string
		typed  string
		exit   int
		orders int
	}{
		{"yes", quietDay(), "failover DEMOSERVER", "Take over DEMOSERVER? standby-1 then answers for 192.168.11.1/24 and does its work. [y/N] ", "y", exitDone, 1},
		{"YES", quietDay(), "failover DEMOSERVER", "[y/N] ", "YES", exitDone, 1},
		{"no", quietDay(), "failover DEMOSERVER", "[y/N] ", "n", exitDeclined, 0},
		{"return", quietDay(), "failover DEMOSERVER", "[y/N] ", "", exitDeclined, 0},
		{"name in place of yes", quietDay(), "failover DEMOSERVER", "[y/N] ", "DEMOSERVER", exitDeclined, 0},
		{"release", quietDay(), "release DEMOSERVER", "Release DEMOSERVER? standby-1 stops its stand-in and drops 192.168.11.1/24; nobody serves", "yes", exitDone, 1},
		{"alive, name typed", alive(), "failover DEMOSERVER --accept primary-alive", "Type the server's name to go on: ", "DEMOSERVER", exitDone, 1},
		{"alive, yes typed", alive(), "failover DEMOSERVER --accept primary-alive", "The primary ANSWERS PINGS", "y", exitDeclined, 0},
		{"alive, wrong case", alive(), "failover DEMOSERVER", "Type the server's name", "demoserver", exitDeclined, 0},
		{"without data, yes typed", quietDay(), "failover DEMOSERVER --accept data-loss", "The standby's data is MISSING OR TOO OLD", "y", exitDeclined, 0},
		{"without data, name typed", quietDay(), "failover DEMOSERVER --accept data-loss", "Type the server's name", "DEMOSERVER", exitDone, 1},
		{"accepted but not shown", quietDay(), "failover DEMOSERVER --accept primary-alive", "Type the server's name", "y", exitDeclined, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			term := openTerminal(t)
			exit := term.sit(t.Context(), t, c.d, nil, strings.Fields(c.args)...)
			term.screen.await(t, c.asked)
			if orders := ordered(c.d); len(orders) > 0 {
				t.Errorf("ordered before the answer: %q", orders)
			}
			term.types(t, c.typed)
			if code := <-exit; code != c.exit {
				t.Errorf("exit %d, want %d:\n%s", code, c.exit, term.screen)
			}
			if orders := ordered(c.d); len(orders) != c.orders {
				t.Errorf("ordered %q, want %d", orders, c.orders)
			}
			if !strings.Contains(term.screen.String(), "If DEMOSERVER were") {
				t.Errorf("the plan was not shown first:\n%s", term.screen)
			}
		})
	}
}

// TestLeaveQuestion presses Ctrl-C at the question.
func TestLeaveQuestion(t *testing.T) {
	d, term := quietDay(), openTerminal(t)
	ctx, cancel := context.WithCancel(context.Background())
	exit := term.sit(ctx, t, d, nil, "failover", "DEMOSERVER")
	term.screen.await(t, "[y/N] ")
	cancel()
	if code := <-exit; code != exitDeclined {
		t.Errorf("exit %d, want 11:\n%s", code, term.screen)
	}
	if orders := ordered(d); len(orders) != 0 {
		t.Errorf("ordered %q", orders)
	}
}

// TestNothingToAsk refuses what a check refuses without asking.
func TestNothingToAsk(t *testing.T) {
	d, term := badNight(), openTerminal(t)
	exit := term.sit(t.Context(), t, d, nil, "failover", "DEMOSERVER")
	if code := <-exit; code != exitRefused {
		t.Errorf("exit %d, want 5", code)
	}
	term.screen.await(t, "Try: failoverd failover DEMOSERVER --yes --accept primary-alive")
	if text := term.screen.String(); strings.Contains(text, "[y/N]") || strings.Contains(text, "Type the") {
		t.Errorf("asked:\n%s", text)
	}
}

// TestNeverAsksWithoutTerminal runs every order that needs a question where
// nobody can be asked.
func TestNeverAsksWithoutTerminal(t *testing.T) {
	for _, args := range []string{
		"failover DEMOSERVER", "release DEMOSERVER", "failover DEMOSERVER --json", "failover DEMOSERVER --accept primary-alive",
		"replicate from-live DEMOSERVER", "replicate to-live DEMOSERVER --json", "replicate rollback DEMOSERVER",
	} {
		d := quietDay()
		p, stdout, stderr := here(d.serve(t))
		p.in = strings.NewReader("y\nDEMOSERVER\n")
		if exit := p.run(context.Background(), strings.Fields(args)); exit != exitUsage {
			t.Errorf("%s: exit %d, want 2", args, exit)
		}
		if orders := ordered(d); len(orders) != 0 {
			t.Errorf("%s: ordered %q", args, orders)
		}
		if !strings.Contains(stderr.String(), "DEMOSERVER --yes") || stdout.Len() > 0 {
			t.Errorf("%s: stdout %q, stderr %q", args, stdout, stderr)
		}
	}
}

// TestJSONNeverAsks has a terminal and --json: the reader is a program.
func TestJSONNeverAsks(t *testing.T) {
	d, term := quietDay(), openTerminal(t)
	exit := term.sit(t.Context(), t, d, nil, "failover", "DEMOSERVER", "--json")
	if code := <-exit; code != exitUsage {
		t.Errorf("exit %d, want 2:\n%s", code, term.screen)
	}
}

// TestYesAnswersOnlyTheQuestion keeps a failed check refused.
func TestYesAnswersOnlyTheQuestion(t *testing.T) {
	d := quietDay()
	d.problem = refusal()
	got := invoke(t, d, "failover", "DEMOSERVER", "--yes")
	want := `failoverd: DEMOSERVER answers pings
  primary-alive  rtt 0.4 ms (needed: no answer)  to go on all the same: --accept primary-alive
Nothing was changed.
Try: failoverd failover DEMOSERVER --yes --accept primary-alive
`
	if got.exit != exitRefused || got.stderr != want {
		t.Errorf("exit %d:\n%s", got.exit, got.stderr)
	}
}

// TestWaitingLine shows the step that runs on a terminal, and takes the line
// away when the step has ended.
func TestWaitingLine(t *testing.T) {
	d, term := quietDay(), openTerminal(t)
	d.records = []plan.Record{takeoverIn(plan.Running)}
	exit := term.sit(t.Context(), t, d, []string{"NO_COLOR", "1"}, "failover", "DEMOSERVER", "--yes", "--timeout", "10m")
	term.screen.await(t, "waiting for: assume 192.168.11.1/32 on eth0 (0 s of at most 10 m)")
	d.change(func() { d.records = []plan.Record{takeoverIn(plan.Succeeded)} })
	if code := <-exit; code != exitDone {
		t.Errorf("exit %d, want 0:\n%s", code, term.screen)
	}
	term.screen.await(t, "\r\x1b[K  assume")
	term.screen.await(t, "Done in 1.3 s.")
}

// TestColour is there on a terminal, and not where it is not wanted.
func TestColour(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{nil, true},
		{[]string{"NO_COLOR", "1"}, false},
		{[]string{"TERM", "dumb"}, false},
	} {
		term := openTerminal(t)
		exit := term.sit(t.Context(), t, badNight(), c.env, "status")
		if code := <-exit; code != exitUncovered {
			t.Errorf("%q: exit %d, want 4", c.env, code)
		}
		term.screen.await(t, "failoverd resume VM2")
		if got := strings.Contains(term.screen.String(), "\x1b["); got != c.want {
			t.Errorf("%q: colour %t, want %t", c.env, got, c.want)
		}
	}
}

// TestWatchOnTerminal redraws in place and says when the screen is stale.
func TestWatchOnTerminal(t *testing.T) {
	d, term := quietDay(), openTerminal(t)
	p, _, _ := here(d.serve(t))
	p.in, p.out, p.err = term.tty, term.tty, term.tty
	ctx, cancel := context.WithCancel(context.Background())
	exit := make(chan int, 1)
	go func() { exit <- p.run(ctx, []string{"status", "-w"}) }()
	term.screen.await(t, "Nothing needs attention.")
	d.change(func() {
		d.snapshot.Attention = []status.Notice{{Severity: "warning", Text: "look here"}}
	})
	term.screen.await(t, "look here")
	cancel()
	if code := <-exit; code != exitDone {
		t.Errorf("exit %d, want 0", code)
	}
	if !strings.Contains(term.screen.String(), "\x1b[H") {
		t.Error("not drawn in place")
	}
}
