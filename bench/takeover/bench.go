package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"failoverd/internal/lab"
	"failoverd/internal/site"
)

// The thresholds that failoverd is measured with; keepalived's advertisements
// come as often as its pings.
const (
	beat      = 100 * time.Millisecond
	timeout   = 90 * time.Millisecond
	failAfter = 3
)

// patience bounds every wait for something that has to happen.
const patience = 30 * time.Second

// bench is one run of the program.
type bench struct {
	options
	out, progress io.Writer
	args          []string
}

// all measures every part that is wanted.
func (b *bench) all(ctx context.Context) error {
	b.peers = slices.DeleteFunc(b.peers, func(name string) bool {
		for _, program := range programs(name) {
			if _, err := lookup(program.name); err != nil {
				fmt.Fprintf(b.out, "Left out: %s: %v: Debian package %s\n", name, err, program.deb)
				return true
			}
		}
		return false
	})
	b.headline(ctx)
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{"race", b.race}, {"loss", b.loss}, {"busy", b.busy}, {"rest", b.rest}} {
		if !slices.Contains(b.parts, part.name) {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Fprintf(b.out, "\nLoad at the end: %s\n", load())
	return nil
}

// wants says whether a peer is measured.
func (b *bench) wants(peer string) bool { return slices.Contains(b.peers, peer) }

// say tells whoever waits what is being done.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// headline says what is measured, where and how.
func (b *bench) headline(ctx context.Context) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	fmt.Fprintf(b.out, "`bench-takeover %s`\n\n", strings.Join(b.args, " "))
	fmt.Fprintf(b.out, "%s; %d cores, Linux %s, %s; load at the beginning: %s\n",
		time.Now().Format("2006-01-02"), runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), load())
	for _, line := range []struct {
		peer, program string
		args          []string
	}{
		{"failoverd", b.binary, []string{"version"}},
		{"keepalived", "keepalived", []string{"--version"}},
		{"script", "ping", []string{"-V"}},
		{"script", "arping", []string{"-V"}},
	} {
		if !b.wants(line.peer) {
			continue
		}
		program, err := lookup(line.program)
		if err != nil {
			continue
		}
		// Some print their version where errors go.
		said, _ := exec.CommandContext(ctx, program, line.args...).CombinedOutput()
		first, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		fmt.Fprintf(b.out, "- %s: %s\n", filepath.Base(line.program), first)
	}
}

// load is how busy the machine is, by its own account.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// program is one that has to be installed.
type program struct{ name, deb string }

// programs are what a peer needs.
func programs(peer string) []program {
	switch peer {
	case "keepalived":
		return []program{{"keepalived", "keepalived"}}
	case "script":
		return []program{{"ping", "iputils-ping"}, {"arping", "iputils-arping"}, {"ip", "iproute2"}}
	}
	return nil
}

// lookup finds a program, also where the path has no sbin.
func lookup(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	found, err := exec.LookPath(name)
	if err == nil {
		return found, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", err
}

// world is a site whose standby is watched by one peer at a time.
type world struct {
	*site.Site
	lab    *lab.World
	dir    string
	binary string
}

// newWorld builds one. The path is short, because that of a unix socket is, and
// on a disk, because the journal is written through to it.
func (b *bench) newWorld() (*world, error) {
	dir, err := os.MkdirTemp("/var/tmp", "fo-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, binary: b.binary}
	if w.lab, err = lab.Open(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// The time-out is nine tenths of the interval.
	w.Site, err = site.New(w.lab, dir, site.Options{Binary: b.binary, Interval: beat, Fail: failAfter})
	if err != nil {
		return nil, errors.Join(err, w.lab.Close(), os.RemoveAll(dir))
	}
	return w, nil
}

// close takes the world down, and keeps the logs where that was asked for.
func (w *world) close(keep string) error {
	var errs []error
	if keep != "" {
		errs = append(errs, os.MkdirAll(keep, 0o755))
		logs, _ := filepath.Glob(filepath.Join(w.dir, "*.log"))
		for _, name := range logs {
			text, err := os.ReadFile(name)
			errs = append(errs, err, os.WriteFile(filepath.Join(keep, filepath.Base(w.dir)+"-"+filepath.Base(name)), text, 0o644))
		}
	}
	return errors.Join(append(errs, w.Site.Close(), w.lab.Close(), os.RemoveAll(w.dir))...)
}
