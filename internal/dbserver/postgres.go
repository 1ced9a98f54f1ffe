package dbserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"failoverd/internal/freeport"
)

// PostgresOptions is how a PostgreSQL server is made. The zero value is a server with PostgreSQL's defaults that
// trusts everybody who connects, and does not wait for the disk.
type PostgresOptions struct {
	Programs string            // the directory of initdb and postgres; the newest of /usr/lib/postgresql if empty
	Password string            // of the user postgres; everybody needs his password then
	Durable  bool              // wait for the disk at each commit, as servers do outside tests
	Settings map[string]string // of postgresql.conf, each value as it is written there between quotes
}

// Postgres is a PostgreSQL server of our own. Its superuser is postgres; it listens on a port of 127.0.0.1 and nowhere
// else.
type Postgres struct {
	dir     string
	options PostgresOptions
	account *syscall.Credential // nil: our own
	port    int

	mu      sync.Mutex
	running *process // nil while it is stopped
	log     tail
}

// postgresStart bounds what a start waits for on a busy machine, also after a kill; the server replays its log then.
const postgresStart = time.Minute

// StartPostgres makes a cluster in a directory, which may exist if it is empty, and starts its server. The files stay
// when the server has gone; the context bounds the start alone.
func StartPostgres(ctx context.Context, dir string, o PostgresOptions) (*Postgres, error) {
	if o.Programs == "" {
		found, err := newestPostgres()
		if err != nil {
			return nil, err
		}
		o.Programs = found
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: filepath.Join(dir, "data"), options: o, log: tail{limit: 1 << 18}}
	if os.Geteuid() == 0 {
		if p.account, err = unprivileged("postgres", "nobody"); err != nil {
			return nil, err
		}
	}
	if err := giveDirectory(dir, p.account); err != nil {
		return nil, err
	}
	if p.port, err = freeport.Find(ctx); err != nil {
		return nil, err
	}
	if err := p.initialize(ctx); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

// newestPostgres is the directory of the newest server's programs that Debian's packages have brought.
func newestPostgres() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	major := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // A name that is no number is the oldest.
		return n
	}
	if len(found) == 0 {
		return "", errors.New("no /usr/lib/postgresql/*/bin/initdb: install the Debian package postgresql-15")
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })), nil
}

// initialize makes the cluster.
func (p *Postgres) initialize(ctx context.Context) (err error) {
	authentication := "trust"
	args := []string{"-D", p.dir, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"}
	if p.options.Password != "" {
		authentication = "scram-sha-256"
		// Not by standard input: a pipe that root has made cannot be opened by the server's account.
		file, err := p.passwordFile()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(file)) }()
		args = append(args, "--pwfile="+file)
	}
	args = append(args, "--auth="+authentication)
	cmd := p.command(ctx, "initdb", args...)
	// The kernel ties its death to the thread that starts it, which is not to be lent to anybody who ends it.
	runtime.LockOSThread()
	out, err := cmd.CombinedOutput()
	runtime.UnlockOSThread()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "", // Its path would be too long in a test's directory.
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"lc_messages":             "C",
		// In its own directory, which goes with the test: what lies in /dev/shm stays for ever when a server is killed.
		"dynamic_shared_memory_type": "mmap",
	}
	if !p.options.Durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	maps.Copy(settings, p.options.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, settings[name])
	}
	conf, err := os.OpenFile(filepath.Join(p.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = conf.WriteString(text.String())
	return errors.Join(err, conf.Close())
}

// passwordFile writes the superuser's password where initdb, and nobody else, reads it.
func (p *Postgres) passwordFile() (string, error) {
	file := filepath.Join(filepath.Dir(p.dir), "password")
	if err := os.WriteFile(file, []byte(p.options.Password+"\n"), 0o600); err != nil {
		return "", err
	}
	if p.account == nil {
		return file, nil
	}
	return file, os.Chown(file, int(p.account.Uid), int(p.account.Gid))
}

// command is one of the server's programs, run as its account, with messages in English and nothing of our environment
// that would give it settings.
func (p *Postgres) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.options.Programs, name), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.Dir = filepath.Dir(p.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Start starts the server again, on the port that it had, and returns when it takes connections.
func (p *Postgres) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil {
		return errors.New("start postgres: it is running")
	}
	// The context bounds the start, not the server's life.
	cmd := p.command(context.WithoutCancel(ctx), "postgres", "-D", p.dir, "-p", strconv.Itoa(p.port))
	// The quick end, by which it ends its children too.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	running, err := spawn(cmd, &p.log, "database system is ready to accept connections")
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	p.running = running
	timeout := time.NewTimer(postgresStart)
	defer timeout.Stop()
	select {
	case <-running.ready:
		return nil
	case <-running.exited:
		p.running = nil
		return fmt.Errorf("start postgres: it ended: %w\n%s", errors.Join(running.err, errors.New("see its log")), p.Log())
	case <-timeout.C:
		err = fmt.Errorf("not ready after %v", postgresStart)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	err = errors.Join(err, p.end())
	return fmt.Errorf("start postgres: %w\n%s", err, p.Log())
}

// Stop stops the server as an administrator does, and returns when it has ended: its clients are sent away, its files
// are left complete. When ctx ends before, it is killed. To stop a stopped server is no error.
func (p *Postgres) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		return nil
	}
	// One that has just ended by itself cannot be signalled any more; that is seen by exited.
	_ = p.running.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.running.exited:
		err := p.running.err
		if p.running = nil; err != nil {
			return fmt.Errorf("stop postgres: %w", err)
		}
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop postgres: killed it: %w", context.Cause(ctx)), p.end())
	}
}

// Kill ends the server and everything of it at once, with SIGKILL. To kill a stopped server is no error.
func (p *Postgres) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end()
}

// end kills the server, if there is one, and waits. The caller holds the lock.
func (p *Postgres) end() error {
	if p.running == nil {
		return nil
	}
	if err := p.running.kill(); err != nil {
		return fmt.Errorf("kill postgres: %w", err)
	}
	p.running = nil
	return nil
}

// DSN is the data source of a user, without a password, for the catalog postgres.
func (p *Postgres) DSN(user string) string {
	u := url.URL{Scheme: "postgres", User: url.User(user), Host: p.Address(), Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// Address is where the server listens.
func (p *Postgres) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Programs is the directory of the server's programs.
func (p *Postgres) Programs() string { return p.options.Programs }

// Log is the end of what the server has written.
func (p *Postgres) Log() string { return p.log.String() }
