package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"failoverd/api"
	"failoverd/internal/lab"

	_ "modernc.org/sqlite" // The driver named "sqlite".
)

// The primaries: the pings of most are lost at random, the last ones are well until they die.
const (
	servers = 200
	mortal  = 24
)

// The beat is short, because that is how a thousand events a second come about.
const (
	beat            = 100 * time.Millisecond
	timeout         = 90 * time.Millisecond
	mortalFailAfter = 3
)

const (
	standbyAddress  = "10.99.0.2"
	primaryAddress  = "10.99.0.3"
	mailAddress     = "10.99.0.25"
	clientAddress   = "10.99.0.50"
	apiPort         = 8443
	filesPerServer  = 10
	rowsPerDatabase = 4000 // about 1 MiB
)

// address is who the i-th server is.
func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 99, 1, byte(i + 1)}) }

func name(i int) string { return fmt.Sprintf("server-%03d", i) }

// world is a standby, a host with all primaries, one for the mail and one for those who look.
type world struct {
	*lab.World
	options
	dir                                string
	standby, primaries, mail, watchers *lab.Host
	silent                             net.Listener // the mail server that says nothing
	daemon                             *exec.Cmd
	ended                              chan struct{}
	client                             *api.Client
}

// newWorld builds it. It is on a disk, because the journal is written through to it.
func newWorld(ctx context.Context, o options) (_ *world, err error) {
	w := &world{options: o}
	if w.dir, err = os.MkdirTemp("/var/tmp", "fo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.World, err = lab.Open(w.dir); err != nil {
		return nil, err
	}
	for _, h := range []struct {
		host          **lab.Host
		name, address string
	}{
		{&w.standby, "standby", standbyAddress},
		{&w.primaries, "primaries", primaryAddress},
		{&w.mail, "mail", mailAddress},
		{&w.watchers, "watchers", clientAddress},
	} {
		if *h.host, err = w.AddHost(h.name, h.address+"/16"); err != nil {
			return nil, err
		}
	}
	if out, err := w.primaries.Run(ctx, "ip", "route", "add", "local", "10.99.1.0/24", "dev", "lo"); err != nil {
		return nil, fmt.Errorf("ip (Debian package iproute2): %w: %s", err, out)
	}
	rules := "table inet loop { set dead { type ipv4_addr; }; set well { type ipv4_addr; };" +
		" chain input { type filter hook input priority 0; ip daddr @dead drop; ip daddr @well accept;"
	if o.loss > 0 {
		rules += fmt.Sprintf(" ip daddr 10.99.1.0/24 icmp type echo-request numgen random mod 100 < %d drop;", o.loss)
	}
	rules += " }; }\ntable arp loop { set dead { type ipv4_addr; }; chain input { type filter hook input priority 0; arp daddr ip @dead drop; }; }\n"
	for i := servers - mortal; i < servers; i++ {
		rules += fmt.Sprintf("add element inet loop well { %s }\n", address(i))
	}
	if err := w.firewall(ctx, rules); err != nil {
		return nil, err
	}
	// The kernel takes the connections; nobody ever says anything.
	if w.silent, err = w.mail.Listen("tcp", mailAddress+":25"); err != nil {
		return nil, err
	}
	if err := w.data(ctx); err != nil {
		return nil, err
	}
	return w, w.configure()
}

// firewall loads rules into the host of the primaries.
func (w *world) firewall(ctx context.Context, rules string) error {
	cmd := w.primaries.Command(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft (Debian package nftables): %w: %s", err, out)
	}
	return nil
}

// close ends everything.
func (w *world) close() error {
	var errs []error
	if w.client != nil {
		w.client.Close()
	}
	if w.daemon != nil {
		errs = append(errs, w.daemon.Process.Signal(syscall.SIGTERM))
		select {
		case <-w.ended:
		case <-time.After(20 * time.Second):
			errs = append(errs, errors.New("failoverd did not end within 20 s"), w.daemon.Process.Kill())
			<-w.ended
		}
	}
	if w.silent != nil {
		errs = append(errs, w.silent.Close())
	}
	if w.World != nil {
		errs = append(errs, w.World.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// data is what each primary has: a database and a tree.
func (w *world) data(ctx context.Context) error {
	first := w.database(0)
	if err := os.MkdirAll(filepath.Dir(first), 0o700); err != nil {
		return err
	}
	if err := fill(ctx, first); err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	content, err := os.ReadFile(first)
	if err != nil {
		return err
	}
	for i := range servers {
		if err := os.MkdirAll(w.tree(i), 0o700); err != nil {
			return err
		}
		for n := range filesPerServer {
			if err := w.change(i, n, "first"); err != nil {
				return err
			}
		}
		if i == 0 {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(w.database(i)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(w.database(i), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// fill makes a database of one table.
func fill(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "CREATE TABLE calls (id INTEGER PRIMARY KEY, caller TEXT, note TEXT)"); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO calls SELECT i, hex(randomblob(10)), hex(randomblob(100)) FROM n`, rowsPerDatabase)
	return err
}

func (w *world) database(i int) string { return filepath.Join(w.dir, "live", name(i), "calls.db") }
func (w *world) tree(i int) string     { return filepath.Join(w.dir, "live", name(i), "files") }
func (w *world) dataDir() string       { return filepath.Join(w.dir, "data") }
func (w *world) socket() string        { return filepath.Join(w.dir, "api.sock") }
func (w *world) logFile() string       { return filepath.Join(w.dir, "failoverd.log") }

// change writes one of a server's files.
func (w *world) change(i, n int, what string) error {
	return os.WriteFile(filepath.Join(w.tree(i), fmt.Sprintf("file-%d", n)), []byte(strings.Repeat(what+"\n", 500)), 0o600)
}

// configure writes the configuration.
func (w *world) configure() error {
	var text strings.Builder
	fmt.Fprintf(&text, "standby: {name: standby-1, data_dir: %s, interface: eth0, settle: 0s, capacity: %d, replications_at_once: %d, witnesses: [%s]}\n",
		w.dataDir(), servers, max(w.replicating, 1), primaryAddress)
	fmt.Fprintf(&text, "alerts: {email: {host: %s, port: 25, tls: none, from: a@example.com, to: [b@example.com]}}\n", mailAddress)
	fmt.Fprintf(&text, "api: {socket: %s, listen: \"%s:%d\"}\n", w.socket(), standbyAddress, apiPort)
	fmt.Fprintf(&text, "defaults: {ping: {interval: %s, timeout: %s, warn_after: 3, fail_after: 15, fail_after_reboot: 30}}\nservers:\n", beat, timeout)
	for i := range servers {
		fmt.Fprintf(&text, "  - name: %s\n    address: %s\n", name(i), address(i))
		if i >= servers-mortal {
			fmt.Fprintf(&text, "    ping: {warn_after: 2, fail_after: %d}\n", mortalFailAfter)
		}
		fmt.Fprintf(&text, "    databases: [{name: calls, engine: sqlite, primary: {dsn: %s}, standby: {dsn: %s/copies/}, replicate_daily: \"01:00\"}]\n", w.database(i), w.dataDir())
		fmt.Fprintf(&text, "    files: [{name: files, source: {path: %s}, scan_interval: 10s}]\n", w.tree(i))
	}
	if err := os.MkdirAll(filepath.Join(w.dataDir(), "copies"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, "failoverd.yaml"), []byte(text.String()), 0o600)
}

// start starts the daemon and waits until it watches.
func (w *world) start(ctx context.Context) error {
	log, err := os.Create(w.logFile())
	if err != nil {
		return err
	}
	defer log.Close() // The daemon has its own.
	cmd := w.standby.Command(context.WithoutCancel(ctx), w.binary, "serve", "--config", filepath.Join(w.dir, "failoverd.yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	w.daemon, w.ended = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait() // What it says about its end is in its log.
		close(w.ended)
	}()
	if w.client, err = api.NewClient(api.ClientConfig{Socket: w.socket()}); err != nil {
		return err
	}
	return w.until(ctx, "every server to have answered", func() bool {
		s, err := w.client.Status(ctx)
		if err != nil || len(s.Servers) != servers {
			return false
		}
		for _, v := range s.Servers {
			if v.LastAnswer == nil {
				return false
			}
		}
		return true
	})
}

// until waits for what is seen only from outside the daemon.
func (w *world) until(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-w.ended:
			log, _ := os.ReadFile(w.logFile())
			return fmt.Errorf("failoverd has ended: %.4000s", log)
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s", what)
		}
	}
	return nil
}
