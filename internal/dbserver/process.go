package dbserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// process is one life of a server.
type process struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when it has said the phrase
	exited chan struct{} // closed when it has ended and everything it said is in the log
	err    error         // how it ended; to be read after exited
}

// spawn starts a server, keeps what it says on its standard error, and notices the phrase by which it says that it is
// ready. The kernel ties its death to the thread that starts it, so one thread does and waits until it has ended.
func spawn(cmd *exec.Cmd, log *tail, phrase string) (*process, error) {
	p := &process{cmd: cmd, ready: make(chan struct{}), exited: make(chan struct{})}
	output, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.follow(output, log, phrase)
	}()
	return p, <-started
}

// follow keeps what the server says, notices when it is ready, and waits for its end and for the ends of its children,
// who write to the same place.
func (p *process) follow(output io.Reader, log *tail, phrase string) {
	ready := false
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		log.add(lines.Text())
		if !ready && strings.Contains(lines.Text(), phrase) {
			ready = true
			close(p.ready)
		}
	}
	// What cannot be a line is not kept, but must be read, or the server would wait for it.
	_, _ = io.Copy(io.Discard, output)
	p.err = p.cmd.Wait()
	close(p.exited)
}

// signal sends a signal to a process that has not ended.
func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// kill ends the process and its children at once, as a power cut does: they are stopped before, so that none says
// goodbye to its clients because another one has gone.
func (p *process) kill() error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	children, err := childrenOf(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, pid := range children {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("process %d: %w", pid, err)
			}
		}
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// childrenOf lists the processes that a process has started itself.
func childrenOf(parent int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue // It has ended.
		}
		// After the name in brackets: the state, then the parent.
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			children = append(children, pid)
		}
	}
	return children, nil
}
