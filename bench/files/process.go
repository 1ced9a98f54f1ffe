package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// patience bounds every wait for something that has to happen; a first copy by syncthing takes minutes.
const patience = 20 * time.Minute

// process is a program that runs beside, and the lines that it says.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string
	ended chan struct{}
	err   error
	said  lastWords
}

// lastWords keeps the end of what a program says of its errors.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (w *lastWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if n := len(w.text) - 4096; n > 0 {
		w.text = w.text[n:]
	}
	return len(b), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.text))
}

// start starts a program.
func start(name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), lines: make(chan string, 1024), ended: make(chan struct{})}
	p.cmd.Stderr = &p.said
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = in
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			for sent := false; !sent; {
				select {
				case p.lines <- s.Text():
					sent = true
				default: // nobody listens: the oldest goes
					select {
					case <-p.lines:
					default:
					}
				}
			}
		}
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// line waits for a line that is wanted.
func (p *process) line(ctx context.Context, wanted func(string) bool) (string, error) {
	for deadline := time.After(patience); ; {
		select {
		case l := <-p.lines:
			if wanted(l) {
				return l, nil
			}
		case <-p.ended:
			return "", fmt.Errorf("%s ended: %w: %s", p.cmd.Path, p.err, p.said.String())
		case <-ctx.Done():
			return "", ctx.Err()
		case <-deadline:
			return "", errors.New("nothing happens")
		}
	}
}

// peak is the most memory that the process has had, in bytes.
func (p *process) peak() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("/proc does not tell the peak")
}

// stop ends the program by closing its standard input, and kills it if that does not help.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	_ = p.stdin.Close()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(time.Minute):
		return errors.Join(errors.New("it does not end"), p.kill())
	}
}

// kill ends the program at once.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	return err
}
