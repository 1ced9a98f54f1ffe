package alerts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// commandSays is how many bytes of a command's output are kept: the last ones.
	commandSays = 4 << 10
	// pipesClose is how long a command that has ended may leave its output open before it is taken from it.
	pipesClose = time.Second
)

// CommandConfig is a program that takes alerts.
type CommandConfig struct {
	Args    []string      // the program's whole path, and its arguments; no shell is involved
	Timeout time.Duration // 0: 30 seconds
}

// Command runs a program for each alert.
type Command struct{ config CommandConfig }

// NewCommand returns a command. It runs nothing yet.
func NewCommand(c CommandConfig) *Command {
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	return &Command{c}
}

// Send runs the program with the notification on its standard input. Exit status 0 means that it has taken the alert;
// anything else, that it is to be asked again. Whatever it has started ends with it.
func (c *Command) Send(ctx context.Context, m Message) (answer string, retry bool, err error) {
	timeout := fmt.Errorf("it had not ended after %v and was killed", c.config.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.Timeout, timeout)
	defer cancel()
	n := m.Notification
	cmd := exec.CommandContext(ctx, c.config.Args[0], c.config.Args[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=" + searchPath(),
		"FAILOVERD_ALERT_ID=" + n.ID, "FAILOVERD_ALERT_KIND=" + n.Kind, "FAILOVERD_ALERT_SEVERITY=" + n.Severity,
		"FAILOVERD_ALERT_TITLE=" + clean(n.Title), "FAILOVERD_ALERT_SUMMARY=" + clean(n.Summary), "FAILOVERD_SERVER=" + n.Server, "FAILOVERD_STANDBY=" + n.Standby,
		"FAILOVERD_INCIDENT=" + n.Incident, "FAILOVERD_ALERT_ATTEMPT=" + strconv.Itoa(n.Attempt),
	}
	cmd.Stdin = bytes.NewReader(n.document())
	said := &lastWords{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = pipesClose
	if err = cmd.Start(); err == nil {
		untilEnd(cmd.Process.Pid)
		_ = killGroup(cmd.Process) // what it has left behind; it need not have left anything
		err = cmd.Wait()
	}
	words := say(string(bytes.ToValidUTF8(said.text, []byte("?"))))
	// ErrWaitDelay alone: it ended well, and something that left its group has its output open.
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		if words == "" {
			words = "exit status 0"
		}
		return words, false, nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ctx.Err() != nil && (!ok || !exit.Exited()) {
		err = context.Cause(ctx)
	}
	// A program that does not read all of its input is none the worse for it, but then its exit status is what counts.
	err = fmt.Errorf("run %s: %w", c.config.Args[0], err)
	if words != "" {
		err = fmt.Errorf("%w: %s", err, words)
	}
	return "", true, err
}

// Dialogue runs the program like Send and tells what it said.
func (c *Command) Dialogue(ctx context.Context, m Message) ([]string, error) {
	hear := &transcript{}
	hear.note(fmt.Sprintf("run %s with %d arguments, the alert as JSON on its standard input", c.config.Args[0], len(c.config.Args)-1))
	answer, _, err := c.Send(ctx, m)
	if err != nil {
		hear.note("not taken: " + err.Error())
		switch {
		case errors.Is(err, os.ErrNotExist):
			hear.note("likely cause: there is no such program on this host")
		case errors.Is(err, os.ErrPermission):
			hear.note("likely cause: failoverd may not run it: look at its mode, and at the service's user")
		}
		return hear.all(), err
	}
	hear.add("S", answer)
	return hear.all(), nil
}

// untilEnd waits until the process has ended, and leaves it to be waited for: until then its number, which is its group's,
// belongs to nobody else.
func untilEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// killGroup ends the process and every other one of the group that it leads.
func killGroup(p *os.Process) error {
	if err := p.Signal(syscall.Signal(0)); err != nil {
		return err // It was waited for: the number may be somebody else's by now.
	}
	return syscall.Kill(-p.Pid, syscall.SIGKILL)
}

// searchPath is the PATH of commands: our own, or the usual one.
func searchPath() string {
	if path := os.Getenv("PATH"); path != "" {
		return path
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// lastWords keeps the end of what is written to it.
type lastWords struct{ text []byte }

// Write never fails: a program that talks too much is no worse for it.
func (l *lastWords) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	if n := len(l.text) - commandSays; n > 0 {
		l.text = append(l.text[:0], l.text[n:]...)
	}
	return len(p), nil
}
