package standin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// logLimit is the size in bytes above which the log of a stand-in that goes on writing is emptied.
	logLimit = 1 << 20
	// stopPoll is how often the check command is asked whether a stop has come to its end.
	stopPoll = 200 * time.Millisecond
)

// commands is the stand-in that is started, stopped and checked by commands.
type commands struct {
	spec Spec
	log  *slog.Logger
}

// Start runs the start command, unless the check command says that the stand-in runs already. Where there is no check
// command, the start command is run in any case, and must bear it.
func (c *commands) Start(ctx context.Context) error {
	if err := c.spec.Environment.write(c.spec.Dir); err != nil {
		// The commands have it in their environment; the file is for people and for scripts of theirs.
		c.log.Warn("environment file of the stand-in not written", "server", c.spec.Environment.Server, "err", err)
	}
	if running, _, err := c.Running(ctx); err == nil && running {
		return nil
	}
	out, err := c.openLog()
	if err != nil {
		return fmt.Errorf("start %s: %w", c.spec.what(), err)
	}
	_, err = c.run(ctx, c.spec.Start, out)
	if errors.Is(err, ErrTimeout) {
		err = fmt.Errorf("%w (a start command has to return once the application is started in the background)", err)
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("start %s: %w", c.spec.what(), err)
	}
	return nil
}

// Stop runs the stop command, unless the check command says that nothing runs, and then waits until the check command
// says so. Without a check command the stop command's exit status is all there is to go by.
func (c *commands) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.spec.Timeout, fmt.Errorf("%w (%v)", ErrTimeout, c.spec.Timeout))
	defer cancel()
	if running, _, err := c.Running(ctx); err == nil && !running {
		return nil
	}
	if len(c.spec.Stop) == 0 {
		return fmt.Errorf("stop %s: no stop command is configured", c.spec.what())
	}
	if _, err := c.run(ctx, c.spec.Stop, nil); err != nil {
		return fmt.Errorf("stop %s: %w", c.spec.what(), err)
	}
	if len(c.spec.Check) == 0 {
		return nil
	}
	for {
		running, evidence, err := c.Running(ctx)
		if err == nil && !running {
			return nil
		}
		select {
		case <-time.After(stopPoll):
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("%s, after the stop command ended well", evidence)
			}
			return fmt.Errorf("stop %s: %w", c.spec.what(), errors.Join(err, context.Cause(ctx)))
		}
	}
}

// Running runs the check command: status 0 means that the stand-in runs, any other that it does not; 126 and 127 (the
// shell's words for a program that it cannot run), a signal or a time-out mean that it cannot be told.
func (c *commands) Running(ctx context.Context) (bool, string, error) {
	if len(c.spec.Check) == 0 {
		return false, "", ErrCannotTell
	}
	c.trimLog()
	output, err := c.run(ctx, c.spec.Check, nil)
	if err == nil {
		return true, "check command: exit status 0" + because(output), nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() && exit.ExitCode() != 126 && exit.ExitCode() != 127 {
		return false, fmt.Sprintf("check command: exit status %d%s", exit.ExitCode(), because(output)), nil
	}
	return false, "", fmt.Errorf("check %s: %w", c.spec.what(), err)
}

// run runs one of the commands with the server's environment; out takes the output of one that leaves a process.
func (c *commands) run(ctx context.Context, args []string, out *os.File) (string, error) {
	return RunCommand(ctx, Command{
		Args:    args,
		Env:     c.spec.Environment.list(c.spec.Dir),
		Timeout: c.spec.Timeout,
		Log:     out,
	})
}

// openLog opens the file that the start command and its children write to, empty. If there is none to be had (a full
// disk, say), their output goes nowhere: a takeover is worth more than its log.
func (c *commands) openLog() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(c.spec.Dir, LogFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o640)
	if err == nil {
		return f, nil
	}
	c.log.Warn("log of the stand-in not opened", "server", c.spec.Environment.Server, "err", err)
	return os.OpenFile(os.DevNull, os.O_RDWR, 0)
}

// trimLog empties a log that has grown too long. Its writers append, so they go on at the new beginning.
func (c *commands) trimLog() {
	name := filepath.Join(c.spec.Dir, LogFile)
	if info, err := os.Stat(name); err != nil || info.Size() <= logLimit {
		return
	}
	if err := os.Truncate(name, 0); err != nil {
		c.log.Warn("log of the stand-in not emptied", "server", c.spec.Environment.Server, "err", err)
	}
}

// because returns a command's output as the end of a sentence.
func because(output string) string {
	if output == "" {
		return ""
	}
	return ": " + oneLine(output)
}
