package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that has a page, and a directory of its own.
type process struct {
	dir   string
	url   string // of the page
	cmd   *exec.Cmd
	ended chan struct{}
}

func (p *process) logFile() string { return filepath.Join(p.dir, "log") }

// start starts it and says when it did.
func (p *process) start(ctx context.Context, name string, args ...string) (began time.Time, err error) {
	log, err := os.Create(p.logFile())
	if err != nil {
		return began, err
	}
	defer log.Close()                                                     // The process has its own.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...) //nolint:gosec // It is the program that is measured.
	cmd.Stdout, cmd.Stderr = log, log
	began = time.Now()
	if err := cmd.Start(); err != nil {
		return began, err
	}
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // What it says about its end is in its log.
		close(ended)
	}()
	return began, nil
}

// answers waits until the page is there, and says when its first byte was.
func (p *process) answers(ctx context.Context) (time.Time, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for {
		at, failed := firstByte(ctx, p.url)
		if failed == nil {
			return at, nil
		}
		select {
		case <-tick.C:
		case <-p.ended:
			log, _ := os.ReadFile(p.logFile())
			return time.Time{}, fmt.Errorf("%s has ended: %.4000s", p.cmd.Path, log)
		case <-late.C:
			return time.Time{}, fmt.Errorf("%s does not answer: %w", p.cmd.Path, failed)
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}

// stop ends it.
func (p *process) stop() error {
	if p.cmd == nil {
		return nil
	}
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		err = errors.Join(err, fmt.Errorf("%s did not end within 20 s", p.cmd.Path), p.cmd.Process.Kill())
		<-p.ended
	}
	p.cmd = nil
	return err
}

// close ends it and takes its directory away.
func (p *process) close() error { return errors.Join(p.stop(), os.RemoveAll(p.dir)) }

// memory is what a process has in memory, in KiB.
type memory struct{ rss, pss int }

// memory reads it from the kernel.
func (p *process) memory() (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.Atoi(fields[1]) // Zero where it is no number, which the two are.
		switch fields[0] {
		case "Rss:":
			m.rss = n
		case "Pss:":
			m.pss = n
		}
	}
	return m, nil
}

// processor is the processor time that it has taken since it was started.
func (p *process) processor() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may have spaces in it: what follows is counted from its end (proc_pid_stat(5): utime and stime
	// are 14 and 15).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var taken time.Duration
	for _, ticks := range fields[11:13] {
		n, err := strconv.Atoi(ticks)
		if err != nil {
			return 0, err
		}
		taken += time.Duration(n) * time.Second / 100
	}
	return taken, nil
}
