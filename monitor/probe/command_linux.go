package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxOutput is how much of a command's output is kept, in bytes: its end.
	maxOutput = 4 << 10

	// pipeWait is how long a process that escaped from its group may keep the
	// output open after the command has ended.
	pipeWait = 100 * time.Millisecond

	// defaultPath is used where the standby itself has no PATH.
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// Command asks by running a program: exit status 0 is an answer, any other a
// miss. The program finds FAILOVERD_SERVER, FAILOVERD_ADDRESS and PATH in its
// environment, and nothing else.
type Command struct {
	Question
	Argv []string
}

// Probe runs the program in a process group of its own, which is killed at the
// time-out and when the program has ended.
func (p Command) Probe(ctx context.Context) Result {
	r := p.begin()
	if ctx.Err() != nil {
		return p.end(ctx, r, Unknown, "the question was broken off")
	}
	if len(p.Argv) == 0 {
		return p.end(ctx, r, Unknown, "there is no command")
	}
	limited, cancel := context.WithDeadline(ctx, r.Sent.Add(p.Timeout))
	defer cancel()
	output := &tail{}
	cmd := exec.CommandContext(limited, p.Argv[0], p.Argv[1:]...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Dir = "/"
	path := os.Getenv("PATH")
	if path == "" {
		path = defaultPath
	}
	cmd.Env = []string{"FAILOVERD_SERVER=" + p.Server, "FAILOVERD_ADDRESS=", "PATH=" + path}
	if p.Addr.IsValid() {
		cmd.Env[1] += p.Addr.String()
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killGroup := func() error {
		err := unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		if errors.Is(err, unix.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.Cancel, cmd.WaitDelay = killGroup, pipeWait
	if err := cmd.Start(); err != nil {
		return p.end(ctx, r, Unknown, fmt.Sprintf("the command cannot be started: %v", err))
	}
	err := cmd.Wait()
	// What the program left running in its group goes with it.
	_ = killGroup()
	outcome, evidence := p.verdict(limited, err, cmd.ProcessState)
	if said := output.String(); said != "" {
		evidence += ": " + said
	}
	return p.end(ctx, r, outcome, evidence)
}

// verdict says what the end of the program means.
func (p Command) verdict(limited context.Context, err error, state *os.ProcessState) (Outcome, string) {
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && status.ExitStatus() == 0:
		return Answered, "exit status 0"
	case status.Signaled() && limited.Err() != nil:
		return Missed, fmt.Sprintf("not finished within %s", p.Timeout)
	case status.Signaled():
		// Somebody on the standby ended it, the kernel for want of memory
		// perhaps: that says nothing of the primary.
		return Unknown, fmt.Sprintf("ended by a signal: %s", status.Signal())
	case status.Exited():
		return Missed, fmt.Sprintf("exit status %d", status.ExitStatus())
	default:
		return Unknown, err.Error()
	}
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(b []byte) (int, error) {
	n := len(b)
	if len(b) > maxOutput {
		b = b[len(b)-maxOutput:]
	}
	if over := len(t.kept) + len(b) - maxOutput; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.kept = append(t.kept, b...)
	return n, nil
}

// String is what was kept, as text.
func (t *tail) String() string {
	return strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "\uFFFD"))
}
