package lab

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

	"golang.org/x/sys/unix"
)

// Command is exec.CommandContext for a program on this host, by nsenter(1). It is killed with the host and at the latest with
// the world.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	wanted := exec.CommandContext(ctx, name, args...)
	if wanted.Err != nil {
		return wanted
	}
	program, err := filepath.Abs(wanted.Path)
	if err != nil {
		wanted.Err = err
		return wanted
	}
	cmd := exec.CommandContext(ctx, enter, append([]string{h.entrance(), "--", program}, args...)...)
	cmd.Dir = h.Dir
	return cmd
}

// enter is the program that enters a host and becomes another program.
const enter = "nsenter"

// entrance is its argument that says which host.
func (h *Host) entrance() string { return "--net=" + h.ns.path() }

// Start starts a command on this host. A Pdeathsig would kill it at once, since
// the thread that starts it is thrown away.
func (h *Host) Start(cmd *exec.Cmd) error {
	return h.ns.do(cmd.Start)
}

// Run runs a program on this host to its end and returns what it printed.
func (h *Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	h.world.in.Helper()
	out, err := h.Command(ctx, name, args...).CombinedOutput()
	if err != nil {
		return string(out), h.check(fmt.Errorf("%s %q: %w: %s", name, args, err, out))
	}
	return string(out), nil
}

// Dial connects from this host; it has the signature of a DialContext.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = h.ns.do(func() error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens on this host. The caller closes the listener.
func (h *Host) Listen(network, address string) (l net.Listener, err error) {
	h.world.in.Helper()
	err = h.check(h.ns.do(func() error {
		l, err = net.Listen(network, address)
		return err
	}))
	return l, err
}

// ListenPacket is Listen for datagrams.
func (h *Host) ListenPacket(network, address string) (c net.PacketConn, err error) {
	h.world.in.Helper()
	err = h.check(h.ns.do(func() error {
		c, err = net.ListenPacket(network, address)
		return err
	}))
	return c, err
}

// Kill lets the host vanish: its processes are killed and its cable is out.
// Up lets it come back with its addresses, but without its processes.
func (h *Host) Kill() error {
	h.world.in.Helper()
	// The cable first: a dying process would still say goodbye.
	return h.check(errors.Join(h.carrier(false), h.killProcesses()))
}

// Processes lists the processes that run on this host.
func (h *Host) Processes() ([]int, error) {
	var want unix.Stat_t
	if err := unix.Fstat(int(h.ns.handle), &want); err != nil {
		return nil, fmt.Errorf("namespace of %s: %w", h.Name, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// In this order, or one that enters between the two looks escapes.
		if h.entering(pid) {
			pids = append(pids, pid)
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st); err != nil {
			continue // It has ended, or is somebody else's.
		}
		if st.Ino == want.Ino && st.Dev == want.Dev {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// entering says whether a process was started by Command and has not become the
// wanted program yet, so that it may still be outside the namespace.
func (h *Host) entering(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.HasPrefix(string(line), enter+"\x00"+h.entrance()+"\x00")
}

// killProcesses kills until nobody is left, so that a process that is just
// being started does not escape.
func (h *Host) killProcesses() error {
	for range 100 {
		pids, err := h.Processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := kill(pid); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("processes of %s do not end", h.Name)
}

// kill ends one process and waits until it has left its namespaces; a process
// that nobody has waited for yet has left them too.
func kill(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill %d: %w", pid, err)
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 5000)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for %d: %w", pid, err)
		case n == 0:
			return fmt.Errorf("process %d does not end", pid)
		default:
			return nil
		}
	}
}
