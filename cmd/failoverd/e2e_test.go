package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"failoverd/api"
	"failoverd/internal/lab"
	"failoverd/internal/site"
	"failoverd/journal"
	"failoverd/standby"
	"failoverd/status"
)

// The end-to-end tests play in the lab: the real program, on a real
// configuration file, with real packets. The test binary is the program, too.

const (
	// asProgram makes the test binary the program.
	asProgram = "FAILOVERD_TEST_AS_PROGRAM"
	// killAt kills the daemon by SIGKILL at a commit of its journal:
	// "3 before", "3 after". Counted from the first one that has an operation. With a kind, "3 before drill", only those are
	// counted that have an operation of that kind, whatever is written beside it.
	killAt = "FAILOVERD_TEST_KILL"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		// Stories of hosts wait for their clocks most of the time: more of them at once than there are processors. A -parallel
		// that is given counts more.
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitFailed)
		}
		os.Exit(lab.Main(m))
	}
	if at := os.Getenv(killAt); at != "" && slices.Contains(os.Args, "serve") {
		os.Exit(serveUntilKilled(at))
	}
	main()
}

// serveUntilKilled is `failoverd serve` with a journal that kills.
func serveUntilKilled(at string) int {
	when, side, _ := strings.Cut(at, " ")
	side, kind, _ := strings.Cut(side, " ")
	n, err := strconv.Atoi(when)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	log, err := newLog(os.Stderr, "info", "text")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	d := service{file: os.Args[slices.Index(os.Args, "--config")+1], log: log, memory: func(j *journal.Journal) standby.Journal {
		return &killer{Journal: j, left: n, before: side == "before", kind: kind}
	}}
	if err := d.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}

// killer is a journal whose process dies at one commit.
type killer struct {
	standby.Journal
	left   int
	before bool
	kind   string // of the operations that count, "" for all
	armed  bool
}

func (k *killer) Commit(ctx context.Context, b journal.Batch) ([]journal.Event, error) {
	k.armed = k.armed || len(b.Operations) > 0
	exchange := slices.ContainsFunc(b.Events, func(e journal.Event) bool { return strings.HasSuffix(e.Kind, ".exchange") })
	if !k.armed || len(b.Operations)+len(b.Facts)+len(b.Copies) == 0 && !exchange {
		return k.Journal.Commit(ctx, b)
	}
	if k.kind != "" && !slices.ContainsFunc(b.Operations, func(o journal.Operation) bool { return o.Kind == k.kind }) {
		return k.Journal.Commit(ctx, b)
	}
	k.left--
	if k.left == 0 && k.before {
		die()
	}
	events, err := k.Journal.Commit(ctx, b)
	if k.left == 0 {
		die()
	}
	return events, err
}

// die is a crash: nothing is said, nothing is put away.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// patience bounds every wait; it is no expectation of how fast anything is.
const patience = 40 * time.Second

// company is a site under test.
type company struct {
	*site.Site
	t      *testing.T
	daemon *site.Daemon
}

// newCompany builds a site whose daemon does not run yet.
func newCompany(t *testing.T, o site.Options) *company {
	t.Helper()
	t.Parallel()
	w := lab.New(t)
	dir, err := os.MkdirTemp("/tmp", "fo-")
	ok(t, err)
	t.Cleanup(func() { ok(t, os.RemoveAll(dir)) })
	exe, err := os.Executable()
	ok(t, err)
	o.Binary = filepath.Join(dir, "failoverd")
	ok(t, os.WriteFile(o.Binary, []byte(fmt.Sprintf("#!/bin/sh\n%s=1 exec %s \"$@\"\n", asProgram, exe)), 0o700))
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	s, err := site.New(w, dir, o)
	ok(t, err)
	c := &company{Site: s, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			c.showLog()
		}
		if c.daemon != nil {
			select {
			case <-c.daemon.Exited():
			default:
				ok(t, c.daemon.Stop())
			}
		}
		c.reap()
		ok(t, s.Close())
	})
	return c
}

// reap ends stand-ins that a failed test left behind.
func (c *company) reap() {
	for _, name := range []string{"pbx", "crm"} {
		if pid := c.standInPID(name); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// standInPID is the process of a server's stand-in, 0 if there is none.
func (c *company) standInPID(name string) int {
	b, err := os.ReadFile(filepath.Join(c.Dir, name+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	// One that is dead but not waited for by anybody does not run.
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || strings.Contains(string(state), ") Z ") {
		return 0
	}
	return pid
}

// standIns counts the processes that work as a server's stand-in.
func (c *company) standIns(name string) int {
	pids, err := c.Standby.Processes()
	ok(c.t, err)
	n := 0
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it has ended meanwhile
		}
		if words := strings.ReplaceAll(string(b), "\x00", " "); strings.Contains(words, "lab-service") && strings.Contains(words, "stand-in of "+name) && !strings.Contains(words, "/bin/sh") {
			n++
		}
	}
	return n
}

func (c *company) showLog() {
	b, err := os.ReadFile(c.Log())
	if err != nil {
		c.t.Log(err)
		return
	}
	lines := strings.Split(string(b), "\n")
	c.t.Logf("the daemon's log ends with:\n%s", strings.Join(lines[max(0, len(lines)-60):], "\n"))
}

func (c *company) waiting() context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	c.t.Cleanup(cancel)
	return ctx
}

// start starts the daemon and waits until both primaries have answered.
func (c *company) start(env ...string) {
	c.t.Helper()
	c.launch(env...)
	for _, name := range []string{"pbx", "crm"} {
		c.waitServer(name, "answering", func(v status.Server) bool { return v.LastAnswer != nil })
	}
	// An automatic takeover needs a witness that answers.
	client, err := c.API()
	ok(c.t, err)
	c.eventually("the gateway to answer", func() bool {
		s, err := client.Status(c.t.Context())
		return err == nil && len(s.Standby.Witnesses) > 0 && s.Standby.Witnesses[0].Answering
	})
}

// launch starts the daemon and waits for its API.
func (c *company) launch(env ...string) {
	c.t.Helper()
	var err error
	c.daemon, err = c.Start(c.waiting(), env...)
	ok(c.t, err)
	client, err := c.API()
	ok(c.t, err)
	c.eventually("the API to answer", func() bool {
		select {
		case <-c.daemon.Exited():
			return true
		default:
		}
		_, err := client.Status(c.t.Context())
		return err == nil
	})
}

func (c *company) waitServer(name, what string, wanted func(status.Server) bool) status.Server {
	c.t.Helper()
	v, err := c.WaitServer(c.waiting(), name, what, wanted)
	ok(c.t, err)
	return v
}

func (c *company) waitState(name, state, role string) status.Server {
	c.t.Helper()
	v, err := c.WaitState(c.waiting(), name, state, role)
	ok(c.t, err)
	return v
}

// waitMail waits for a mail about an event.
func (c *company) waitMail(event string) site.Letter {
	c.t.Helper()
	l, err := c.Inbox.Wait(c.waiting(), event)
	ok(c.t, err)
	return l
}

// mails counts the mails about an event.
func (c *company) mails(event string) int {
	n := 0
	for _, l := range c.Inbox.Letters() {
		if l.Header.Get("X-Failoverd-Event") == event {
			n++
		}
	}
	return n
}

// events lists the kinds of the history, oldest first.
func (c *company) events(server string) []journal.Event {
	c.t.Helper()
	client, err := c.API()
	ok(c.t, err)
	list, err := client.Events(c.waiting(), api.EventQuery{Server: server, Limit: 1000})
	ok(c.t, err)
	return list.Events
}

// happened reports whether an event of a kind is in the history.
func (c *company) happened(server, kind string) (journal.Event, bool) {
	c.t.Helper()
	for _, e := range c.events(server) {
		if e.Kind == kind {
			return e, true
		}
	}
	return journal.Event{}, false
}

// eventually polls a condition that only the outside of a process can see.
func (c *company) eventually(what string, cond func() bool) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-end:
			c.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// never looks for a while that something does not happen.
func (c *company) never(what string, during time.Duration, cond func() bool) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(during)
	for {
		select {
		case <-tick.C:
			if cond() {
				c.t.Fatalf("it happened: %s", what)
			}
		case <-end:
			return
		}
	}
}

// held reports whether the standby holds an address.
func (c *company) held(a string) bool {
	ip := netip.MustParseAddr(a)
	return slices.ContainsFunc(c.Standby.Addresses(), func(p netip.Prefix) bool { return p.Addr() == ip })
}

// assertHeldBy compares the hosts with the address configured; a primary that
// is off the network still has it on its own, dead interface.
func (c *company) assertHeld(a string, want bool) {
	c.t.Helper()
	if got := c.held(a); got != want {
		c.t.Errorf("the standby holds %s: %t, want %t", a, got, want)
	}
}

// cli runs a command and compares its exit code.
func (c *company) cli(code int, args ...string) string {
	c.t.Helper()
	out, got := c.CLI(c.waiting(), args...)
	if got != code {
		c.t.Fatalf("failoverd %s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}
