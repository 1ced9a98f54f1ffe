package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"failoverd/api"
	"failoverd/status"
)

// Daemon is the real failoverd, running on the standby.
type Daemon struct {
	cmd    *exec.Cmd
	log    *os.File
	exited chan struct{}
	err    error
}

// Start starts the daemon and waits until its API answers.
func (s *Site) Start(ctx context.Context, env ...string) (*Daemon, error) {
	log, err := os.OpenFile(s.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := s.Standby.Command(context.WithoutCancel(ctx), s.binary, "serve", "--config", s.ConfigFile())
	if s.bootID != "" {
		// The kernel of a lab is the machine's own and is not rebooted; what
		// tells the daemon of a reboot is this file.
		cmd = s.Standby.Command(context.WithoutCancel(ctx), "unshare", "-m", "sh", "-ec",
			`mount --bind "$1" /proc/sys/kernel/random/boot_id && exec "$2" serve --config "$3"`,
			"sh", s.bootID, s.binary, s.ConfigFile())
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	d := &Daemon{cmd: cmd, log: log, exited: make(chan struct{})}
	go func() {
		d.err = cmd.Wait()
		close(d.exited)
	}()
	return d, nil
}

// Exited is closed when the daemon has ended, however it did.
func (d *Daemon) Exited() <-chan struct{} { return d.exited }

// PID is its process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Kill kills it as a crash would: SIGKILL.
func (d *Daemon) Kill() error {
	err := d.cmd.Process.Kill()
	<-d.exited
	return errors.Join(ignoreDone(err), d.log.Close())
}

// Stop asks it to end, as systemd would: SIGTERM.
func (d *Daemon) Stop() error {
	err := d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("it did not end within 20 s of SIGTERM"), d.Kill())
	}
	return errors.Join(ignoreDone(err), d.err, d.log.Close())
}

func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Reboot is what a power cut leaves of the standby host: no daemon, no stand-in,
// no address but its own, another boot id. It comes up again with Start.
func (s *Site) Reboot(d *Daemon, bootID string) error {
	errs := []error{d.Kill()}
	for _, name := range []string{"pbx", "crm"} {
		if b, err := os.ReadFile(s.path(name + ".pid")); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
				errs = append(errs, ignoreGone(syscall.Kill(pid, syscall.SIGKILL)))
			}
			errs = append(errs, os.Remove(s.path(name+".pid")))
		}
	}
	for _, p := range s.Standby.Addresses() {
		if a := p.Addr(); a.Is4() && !a.IsLoopback() && a.String() != StandbyAddress {
			errs = append(errs, s.Standby.RemoveAddress(p.String()))
		}
	}
	s.bootID = s.path("boot_id")
	errs = append(errs, os.WriteFile(s.bootID, []byte(bootID+"\n"), 0o600))
	return errors.Join(errs...)
}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// API is a client of the daemon over its socket.
func (s *Site) API() (*api.Client, error) {
	return api.NewClient(api.ClientConfig{Socket: s.Socket()})
}

// WaitServer waits until the daemon's snapshot of a server is as wanted.
func (s *Site) WaitServer(ctx context.Context, name, what string, wanted func(status.Server) bool) (status.Server, error) {
	client, err := s.API()
	if err != nil {
		return status.Server{}, err
	}
	var last status.Server
	err = until(ctx, fmt.Sprintf("%s to be %s", name, what), func() (bool, error) {
		v, err := client.Server(ctx, name)
		if err != nil {
			return false, err
		}
		last = v
		return wanted(v), nil
	})
	if err != nil {
		err = fmt.Errorf("%w; it is %s, %s: %s", err, last.State, last.Role, last.Summary)
	}
	return last, err
}

// WaitState waits until a server has the state and the role.
func (s *Site) WaitState(ctx context.Context, name, state, role string) (status.Server, error) {
	return s.WaitServer(ctx, name, state+", "+role, func(v status.Server) bool { return v.State == state && v.Role == role })
}

// CLI runs the program's command line against the daemon, and returns what it
// prints.
func (s *Site) CLI(ctx context.Context, args ...string) (string, int) {
	cmd := exec.CommandContext(ctx, s.binary, append([]string{"--socket", s.Socket()}, args...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}
