package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"failoverd/replicate/database"
)

// programs are pg_dump and pg_restore of one version.
type programs struct {
	dir   string
	major int
}

// places are the directories where programs of PostgreSQL lie.
func (e Engine) places() []string {
	if e.Programs != "" {
		return []string{e.Programs}
	}
	var list []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		found, err := filepath.Glob(pattern)
		if err == nil { // The patterns are good ones.
			list = append(list, found...)
		}
	}
	if path, err := exec.LookPath("pg_dump"); err == nil && !wraps(path) {
		list = append(list, filepath.Dir(path))
	}
	return list
}

// wraps says whether a program only chooses among others, as Debian's does among those that we find ourselves. It is a
// script, and takes longer to start than what it starts.
func wraps(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && filepath.Base(real) == "pg_wrapper"
}

// installed are the programs that are there.
func (e Engine) installed(ctx context.Context) []programs {
	var found []programs
	for _, dir := range e.places() {
		out, err := exec.CommandContext(ctx, filepath.Join(dir, "pg_dump"), "--version").Output()
		if err != nil {
			continue // There is none.
		}
		p := programs{dir: dir}
		if _, err := fmt.Sscanf(string(out), "pg_dump (PostgreSQL) %d", &p.major); err == nil {
			found = append(found, p)
		}
	}
	return found
}

// choose chooses the pg_dump that knows the source and writes what the target understands: the target's own, or the
// oldest that is not older than the source.
func choose(found []programs, source, target int) (programs, error) {
	slices.SortStableFunc(found, func(a, b programs) int { return a.major - b.major })
	for _, fits := range []func(programs) bool{
		func(p programs) bool { return p.major == target && p.major >= source },
		func(p programs) bool { return p.major >= source },
	} {
		if i := slices.IndexFunc(found, fits); i >= 0 {
			return found[i], nil
		}
	}
	return programs{}, &noProgramsError{major: max(source, target)}
}

// noProgramsError says that pg_dump is missing.
type noProgramsError struct{ major int }

func (e *noProgramsError) Error() string {
	return fmt.Sprintf("no pg_dump of PostgreSQL %d or later on this host", e.major)
}

// spool is a file without a name that has gone when its last user has: what is lost in a crash leaves nothing behind.
func spool() (*os.File, error) {
	fd, err := unix.MemfdCreate("failoverd-schema", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "schema"), nil
}

// command is one of the programs at work on an end. It gets the password by its environment, which only its own
// account and root can read, and ends when ctx or failoverd does, telling the server to stop what it runs for it.
func (p programs) command(ctx context.Context, name string, end database.End, args ...string) (*exec.Cmd, error) {
	c, err := config(end, "")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.dir, name), args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LC_ALL=C.UTF-8", "PGCONNECT_TIMEOUT=10",
		"PGOPTIONS=-c default_transaction_read_only=off -c synchronous_commit=off -c statement_timeout=0",
	}
	if c.Password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+c.Password)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = cancelDelay
	return cmd, nil
}

// run runs a program to its end. What it says is the error.
func run(ctx context.Context, cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stderr = &said
	ended := make(chan error)
	go func() {
		// The kernel sends the parent's death signal when the thread ends that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ended <- cmd.Run()
	}()
	err := <-ended
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	name := filepath.Base(cmd.Path)
	if text := strings.TrimSpace(said.String()); text != "" {
		return fmt.Errorf("%s: %s", name, text[:min(len(text), maxSaid)])
	}
	return fmt.Errorf("%s: %w", name, err)
}

// maxSaid bounds what is kept of a program's complaints.
const maxSaid = 2000

// terms are what of owners and grants a copy keeps: those of everything, and of the schema public, which every catalog
// has from the beginning.
type terms struct{ owners, grants, public bool }

// restore are pg_restore's arguments for them.
func (t terms) restore() []string {
	args := []string{"--exit-on-error", "--no-tablespaces", "--no-security-labels", "--no-publications", "--no-subscriptions"}
	if !t.owners {
		args = append(args, "--no-owner")
	}
	if !t.grants {
		args = append(args, "--no-acl")
	}
	return args
}

// dump writes everything but the rows of a catalog, as it is at an instant, to a file.
func (p programs) dump(ctx context.Context, end database.End, instant string, to *os.File) error {
	source, err := outside(end, end.Catalog)
	if err != nil {
		return err
	}
	cmd, err := p.command(ctx, "pg_dump", end, "--format=custom", "--compress=0", "--section=pre-data",
		"--section=post-data", "--lock-wait-timeout="+lockTimeout, "--no-password", "--snapshot="+instant,
		"--dbname="+source)
	if err != nil {
		return err
	}
	cmd.Stdout = to
	if err := run(ctx, cmd); err != nil {
		return at(end, "read the schema", err)
	}
	return nil
}

// restore makes one section of a dump in a catalog.
func (p programs) restore(ctx context.Context, end database.End, catalog, section string, from *os.File, jobs int, t terms) error {
	target, err := outside(end, catalog)
	if err != nil {
		return err
	}
	args := append(t.restore(), "--section="+section, fmt.Sprintf("--jobs=%d", jobs), "--no-password", "--dbname="+target)
	files := []*os.File{from}
	if t.owners && !t.public && section == "pre-data" {
		list, err := p.listWithoutPublic(ctx, end, from)
		if err != nil {
			return err
		}
		defer closeLater(list)
		args, files = append(args, "--use-list=/dev/fd/4"), append(files, list)
	}
	cmd, err := p.command(ctx, "pg_restore", end, append(args, "/dev/fd/3")...)
	if err != nil {
		return err
	}
	cmd.ExtraFiles = files
	return run(ctx, cmd)
}

// listWithoutPublic is the list of what is in a dump but for the schema public, whose entry is nothing but its owner.
func (p programs) listWithoutPublic(ctx context.Context, end database.End, dump *os.File) (*os.File, error) {
	cmd, err := p.command(ctx, "pg_restore", end, "--list", "/dev/fd/3")
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	cmd.ExtraFiles, cmd.Stdout = []*os.File{dump}, &text
	if err := run(ctx, cmd); err != nil {
		return nil, err
	}
	list, err := spool()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text.String()) {
		// "5; 2615 2200 SCHEMA - public postgres"
		if f := strings.Fields(line); len(f) < 6 || !slices.Equal(f[3:6], []string{"SCHEMA", "-", "public"}) {
			if _, err := list.WriteString(line); err != nil {
				closeLater(list)
				return nil, fmt.Errorf("list what is in the dump: %w", err)
			}
		}
	}
	return list, nil
}

// largeObjects copies the contents of large objects, which are no rows of any table.
func (p programs) largeObjects(ctx context.Context, from, to database.End, catalog, instant string) error {
	source, err := outside(from, from.Catalog)
	if err != nil {
		return err
	}
	target, err := outside(to, catalog)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reads, err := p.command(ctx, "pg_dump", from, "--format=custom", "--compress=0", "--section=data", "--blobs",
		"--exclude-table=*.*", "--no-password", "--snapshot="+instant, "--dbname="+source)
	if err != nil {
		return err
	}
	writes, err := p.command(ctx, "pg_restore", to, "--exit-on-error", "--section=data", "--no-password", "--dbname="+target)
	if err != nil {
		return err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	reads.Stdout, writes.Stdin = in, out
	var readErr error
	ended, closed := make(chan struct{}), make(chan error, 1)
	go func() {
		readErr = run(ctx, reads)
		close(ended) // before the other one sees the end of its input
		closed <- in.Close()
	}()
	if err = errors.Join(run(ctx, writes), out.Close()); err != nil {
		select {
		case <-ended: // What it has failed of is why the other one has.
			err = errors.Join(readErr, err)
		default:
			cancel()
		}
	}
	if closeErr := <-closed; err == nil {
		err = errors.Join(readErr, closeErr)
	}
	if err != nil {
		return fmt.Errorf("copy the large objects: %w", err)
	}
	return nil
}

// lockTimeout is how long we wait for a table that somebody is altering, as lock_timeout has it. Whoever waits to
// alter a table waits for us, and so would we for him.
const lockTimeout = "20s"

// closeLater closes what has done its work.
func closeLater(f *os.File) { _ = f.Close() }
