package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"failoverd/api"
)

const daemonPort = 8443

// daemon is the real one.
type daemon struct {
	process
	binary string
}

// hostAddress is the i-th server, which answers on lo.
func hostAddress(i int) string { return fmt.Sprintf("127.0.1.%d", i+1) }

func hostName(i int) string { return fmt.Sprintf("server-%03d", i+1) }

// newDaemon writes its configuration: so many servers, and otherwise the defaults.
func newDaemon(binary string, servers int) (_ *daemon, err error) {
	d := &daemon{binary: binary, process: process{url: fmt.Sprintf("https://127.0.0.1:%d/", daemonPort)}}
	if d.dir, err = os.MkdirTemp("/var/tmp", "fo-"); err != nil {
		return nil, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "standby: {name: standby-1, data_dir: %s/data, interface: lo, settle: 0s, witnesses: []}\n", d.dir)
	fmt.Fprintf(&text, "api: {socket: %s, listen: \"127.0.0.1:%d\"}\nservers:\n", d.socket(), daemonPort)
	for i := range servers {
		fmt.Fprintf(&text, "  - {name: %s, address: %s, takeover: {mode: manual}}\n", hostName(i), hostAddress(i))
	}
	if err := os.WriteFile(d.config(), []byte(text.String()), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(d.dir))
	}
	return d, nil
}

func (d *daemon) socket() string      { return filepath.Join(d.dir, "api.sock") }
func (d *daemon) config() string      { return filepath.Join(d.dir, "failoverd.yaml") }
func (d *daemon) certificate() string { return filepath.Join(d.dir, "data", "tls", "api.crt") }
func (d *daemon) key() string         { return filepath.Join(d.dir, "data", "tls", "api.key") }

// run starts the daemon and says when it did.
func (d *daemon) run(ctx context.Context) (time.Time, error) {
	return d.start(ctx, d.binary, "serve", "--config", d.config())
}

// client is a client of its socket.
func (d *daemon) client() (*api.Client, error) {
	return api.NewClient(api.ClientConfig{Socket: d.socket()})
}

// tokens makes so many.
func (d *daemon) tokens(ctx context.Context, n int) ([]string, error) {
	client, err := d.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var secrets []string
	for i := range n {
		t, err := client.CreateToken(ctx, api.NewToken{Name: fmt.Sprintf("reader-%d", i+1), Role: string(api.Operator)})
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, t.Secret)
	}
	return secrets, nil
}

// orders has the first server suspended and resumed, one order a second, until ctx ends.
func orders(ctx context.Context, client *api.Client) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for suspended := false; ; suspended = !suspended {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		var err error
		if suspended {
			_, err = client.Resume(ctx, hostName(0), "benchmark")
		} else {
			_, err = client.Suspend(ctx, hostName(0), "benchmark", time.Time{})
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
