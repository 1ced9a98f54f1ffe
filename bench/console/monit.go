package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const monitPort = 2812

// monit pings hosts and shows on a page how they are.
type monit struct {
	process
	binary string
}

// newMonit writes its configuration: the daemon's servers, its key, and its beat.
func newMonit(binary string, d *daemon, servers int) (_ *monit, err error) {
	m := &monit{binary: binary, process: process{url: fmt.Sprintf("https://127.0.0.1:%d/", monitPort)}}
	if m.dir, err = os.MkdirTemp("/var/tmp", "fo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(m.dir))
		}
	}()
	key, err := os.ReadFile(d.key())
	if err != nil {
		return nil, err
	}
	certificate, err := os.ReadFile(d.certificate())
	if err != nil {
		return nil, err
	}
	pem := filepath.Join(m.dir, "both.pem")
	if err := os.WriteFile(pem, append(key, certificate...), 0o600); err != nil {
		return nil, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "set daemon %d\nset idfile %s/id\nset statefile %s/state\n", int(every.Seconds()), m.dir, m.dir)
	fmt.Fprintf(&text, "set httpd port %d and use address 127.0.0.1\n  with ssl { pemfile: %s }\n  allow 127.0.0.0/255.0.0.0\n", monitPort, pem)
	for i := range servers {
		fmt.Fprintf(&text, "check host %s with address %s if failed ping count 1 timeout 1 seconds then alert\n", hostName(i), hostAddress(i))
	}
	return m, os.WriteFile(m.config(), []byte(text.String()), 0o600)
}

func (m *monit) config() string { return filepath.Join(m.dir, "monitrc") }

// run starts it and says when it did.
func (m *monit) run(ctx context.Context) (time.Time, error) {
	return m.start(ctx, m.binary, "-I", "-c", m.config(), "-p", filepath.Join(m.dir, "pid"))
}

// version is the first line of what a program says about itself.
func version(ctx context.Context, program string, args ...string) string {
	out, _ := exec.CommandContext(ctx, program, args...).Output() //nolint:gosec // It is a program that is measured.
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}
