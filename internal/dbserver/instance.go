package dbserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"failoverd/internal/freeport"
)

// Instance is a server of MariaDB or MySQL, which live alike, on a free port of 127.0.0.1, with all its files in one
// directory. Its account root has every right, from 127.0.0.1 only and without a password: what is in it must be worth
// nothing.
//
// The server ends with the process that started it, however that ends.
type Instance struct {
	program string // of the server
	dir     string
	port    int
	account *syscall.Credential // nil: our own

	mu      sync.Mutex
	running *process // nil while it is stopped
	log     tail
}

// InstanceOptions are how a server is started. The zero value is one for tests: nothing of it survives a crash of the
// machine, and it takes little memory.
type InstanceOptions struct {
	// Durable makes the server write as one in production does; else nothing waits for the disk.
	Durable bool
	// Settings are further lines of the server's section, such as "local_infile=0"; they win over ours.
	Settings []string
}

// StartInstalled starts what of the two is installed, as StartMariaDB and StartMySQL do: MariaDB if both are.
func StartInstalled(ctx context.Context, dir string, o InstanceOptions) (*Instance, error) {
	if _, err := exec.LookPath("mariadbd"); err == nil {
		m, err := StartMariaDB(ctx, dir, o)
		if err != nil {
			return nil, err
		}
		return &m.Instance, nil
	}
	m, err := StartMySQL(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	return &m.Instance, nil
}

// instanceInstall and instanceStart bound what a start waits for on a busy machine.
const (
	instanceInstall = 2 * time.Minute
	instanceStart   = 2 * time.Minute
)

// found makes the directories of a server, and chooses its port and, as root, the account that it runs as: mysql or,
// where there is none, nobody.
func (i *Instance) found(ctx context.Context, dir string) (err error) {
	i.log.limit = 1 << 18
	if i.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if i.account, err = unprivileged("mysql", "nobody"); err != nil {
			return err
		}
	}
	for _, directory := range []string{i.dir, i.file("data"), i.file("tmp")} {
		if err := giveDirectory(directory, i.account); err != nil {
			return err
		}
	}
	i.port, err = freeport.Find(ctx)
	return err
}

// configure writes the server's configuration, in which the settings win over ours, and the statements that it runs at
// each start.
func (i *Instance) configure(settings []string) error {
	lines := []string{
		"[" + i.program + "]",
		"datadir=" + i.file("data"), "tmpdir=" + i.file("tmp"), "pid-file=" + i.file("pid"),
		// A path relative to the data directory, since one from the root may be longer than a socket's may be.
		"socket=server.sock",
		"bind-address=127.0.0.1", "port=" + strconv.Itoa(i.port),
		"skip-name-resolve", "init-file=" + i.file("init.sql"),
	}
	if err := i.writeFile("my.cnf", append(lines, settings...)); err != nil {
		return err
	}
	return i.writeFile("init.sql", []string{
		"CREATE USER IF NOT EXISTS root@127.0.0.1;",
		"GRANT ALL PRIVILEGES ON *.* TO root@127.0.0.1 WITH GRANT OPTION;",
	})
}

func (i *Instance) writeFile(name string, lines []string) error {
	return os.WriteFile(i.file(name), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// install makes the data directory by a program.
func (i *Instance) install(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, instanceInstall)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = i.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: i.account, Setpgid: true}
	// A script starts the server; both have to go when ctx ends.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return nil
}

// Address is where the server listens: 127.0.0.1:port.
func (i *Instance) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(i.port)) }

// DSN is the data source of a user, in the form of go-sql-driver, without a password and without a catalog.
func (i *Instance) DSN(user string) string { return user + "@tcp(" + i.Address() + ")/" }

// PID is the process of the running server, 0 while it is stopped.
func (i *Instance) PID() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == nil {
		return 0
	}
	return i.running.cmd.Process.Pid
}

// Log is the end of what the server has written to its error log since it was first started.
func (i *Instance) Log() string { return i.log.String() }

// Start starts the server again, on the port that it had, and returns when it takes connections.
func (i *Instance) Start(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running != nil {
		return fmt.Errorf("start %s: it is running", i.program)
	}
	cmd := exec.Command(i.program, "--defaults-file="+i.file("my.cnf"))
	cmd.Dir = i.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: i.account}
	p, err := spawn(cmd, &i.log, "ready for connections")
	if err != nil {
		return fmt.Errorf("start %s: %w", i.program, err)
	}
	i.running = p
	timeout := time.NewTimer(instanceStart)
	defer timeout.Stop()
	select {
	case <-p.ready:
		return nil
	case <-p.exited:
		i.running = nil
		return fmt.Errorf("start %s: it ended: %w\n%s", i.program, errors.Join(p.err, errors.New("see its log")), i.Log())
	case <-timeout.C:
		err = fmt.Errorf("not ready after %v", instanceStart)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	err = errors.Join(err, i.end())
	return fmt.Errorf("start %s: %w\n%s", i.program, err, i.Log())
}

// Stop ends the server as an administrator does, and returns when it has ended; when ctx ends before, it is killed.
// To stop a stopped server is no error.
func (i *Instance) Stop(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == nil {
		return nil
	}
	p := i.running
	// One that has just ended by itself cannot be signalled any more; that is seen by exited.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		i.running = nil
		if p.err != nil {
			return fmt.Errorf("stop %s: %w", i.program, p.err)
		}
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop %s: killed it: %w", i.program, context.Cause(ctx)), i.end())
	}
}

// Kill ends the server by SIGKILL, as a crash would, and returns when it has ended. To kill a stopped server is no
// error.
func (i *Instance) Kill() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.end()
}

// end kills the server, if there is one, and waits. The caller holds the lock.
func (i *Instance) end() error {
	if i.running == nil {
		return nil
	}
	if err := i.running.kill(); err != nil {
		return fmt.Errorf("kill %s: %w", i.program, err)
	}
	i.running = nil
	return nil
}

func (i *Instance) file(name string) string { return filepath.Join(i.dir, name) }
