package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"
)

const (
	// outputLimit is how much of a command's output is kept, in bytes: its end, where the reason of a failure is.
	outputLimit = 4 << 10
	// pipeDelay is how long the output of a command is awaited after its end. A process that it left behind holds the
	// pipe open, and must not hold us.
	pipeDelay = 500 * time.Millisecond
	// defaultPath is the search path where failoverd itself was given none.
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// ErrTimeout is wrapped by the error of a command that had to be killed because its time was up.
var ErrTimeout = errors.New("not finished in time, killed with its process group")

// Command is a program to run.
type Command struct {
	Args    []string      // the program and its arguments; no shell is between
	Env     []string      // NAME=value; PATH is added, and nothing else is passed on
	Timeout time.Duration // 0 is DefaultTimeout
	// Log takes the output instead of a pipe; it must be open for reading and appending. It is for a command that
	// leaves a process running: at the end of failoverd a pipe would break, and the first word that the process says
	// after that would kill it.
	Log *os.File
}

// RunCommand runs c in a session, and so a process group, of its own, and waits for its end. At the time-out, or when
// ctx ends, the whole group is killed. The output (standard output and error together) is returned, at most its last
// 4 KiB, and is part of the error, in one line. An exit status other than 0 is an error that wraps *exec.ExitError, a
// time-out one that wraps ErrTimeout. After success, nothing that the command left running is touched.
func RunCommand(ctx context.Context, c Command) (output string, err error) {
	if len(c.Args) == 0 {
		return "", errors.New("run a command: it is empty")
	}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w (%v)", ErrTimeout, timeout))
	defer cancel()

	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = "/" // what stays running must not keep a file system busy
	cmd.Env = append([]string{"PATH=" + searchPath()}, c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = pipeDelay

	var said interface{ String() string }
	if c.Log != nil {
		cmd.Stdout, cmd.Stderr = c.Log, c.Log
		said = newExcerpt(c.Log)
	} else {
		end := new(tail)
		cmd.Stdout, cmd.Stderr = end, end
		said = end
	}
	err = cmd.Run()
	output = said.String()
	// ErrWaitDelay alone: the command ended well and left a process behind that has its output open.
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return output, nil
	}
	// A command that ended by itself did so, whatever happened to ctx a moment later.
	if exit, ok := errors.AsType[*exec.ExitError](err); ctx.Err() != nil && (!ok || !exit.Exited()) {
		err = context.Cause(ctx)
	}
	if output == "" {
		return "", fmt.Errorf("run %s: %w", c.Args[0], err)
	}
	return output, fmt.Errorf("run %s: %w: %s", c.Args[0], err, oneLine(output))
}

// searchPath returns the PATH for commands: our own, or the usual one.
func searchPath() string {
	if path := os.Getenv("PATH"); path != "" {
		return path
	}
	return defaultPath
}

// killGroup ends p and every process of the group that it leads.
func killGroup(p *os.Process) error {
	// A process that was already waited for has no number any more that we could rely on.
	if err := p.Signal(syscall.Signal(0)); err != nil {
		return err
	}
	return syscall.Kill(-p.Pid, syscall.SIGKILL)
}

// tail is a writer that keeps the last outputLimit bytes.
type tail struct {
	kept []byte
	lost bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - outputLimit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
		t.lost = true
	}
	return len(p), nil
}

func (t *tail) String() string { return clean(t.kept, t.lost) }

// excerpt is what was appended to a file since the excerpt was made.
type excerpt struct {
	file *os.File
	from int64
}

func newExcerpt(f *os.File) excerpt {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		size = 0 // a device: what it gives back is nothing anyway
	}
	return excerpt{file: f, from: size}
}

func (e excerpt) String() string {
	end, err := e.file.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	if end < e.from {
		e.from = 0 // emptied meanwhile, by `> /dev/stderr` in a script for one
	}
	from := max(e.from, end-outputLimit)
	kept, err := io.ReadAll(io.NewSectionReader(e.file, from, end-from))
	if err != nil {
		return ""
	}
	return clean(kept, from > e.from)
}

// clean returns output as text without white space around it. Bytes that are no text are replaced; lost says that
// there was more before it.
func clean(output []byte, lost bool) string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(output), "�"))
	if lost {
		return "… " + text
	}
	return text
}

// oneLine returns text fit for an error and for a log: control characters, with which an output could draw on the
// reader's terminal, are spaces.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(text, "\n", "; "))
}
