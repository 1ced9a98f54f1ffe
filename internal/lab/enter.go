package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// insideEnv carries the namespaces that the lab was entered from. Being in
	// the lab is a comparison with them and never a mere flag: a flag left over
	// in somebody's environment would let us mount over the real /run.
	insideEnv = "FAILOVERD_LAB_OUTSIDE"

	// requireEnv set to "require" turns "not possible here" into a failure.
	requireEnv = "FAILOVERD_LAB"

	// netnsDir is where `ip netns` looks for names.
	netnsDir = "/run/netns"
)

// Main runs the tests of a package inside the lab and returns the exit code for
// os.Exit. Outside it executes the test binary again with the same arguments in
// new namespaces and reports that process's exit code. Where that is not
// possible it says why and runs the tests here, where those that ask for a world
// are skipped; with FAILOVERD_LAB=require it is a failure instead.
func Main(m interface{ Run() int }) int {
	if inside() {
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			return 1
		}
		return m.Run()
	}
	code, err := reexecute(os.Args[1:])
	if err == nil {
		return code
	}
	fmt.Fprintf(os.Stderr, "lab: not possible here: %v\n", err)
	for _, what := range Missing() {
		fmt.Fprintf(os.Stderr, "lab: missing: %s\n", what)
	}
	if os.Getenv(requireEnv) == "require" {
		return 1
	}
	return m.Run()
}

// Enter brings a command into the lab: outside it executes this program again
// with the given arguments in new namespaces and returns its exit code with done
// set; inside it prepares the namespaces and returns done unset, and the caller
// goes on.
func Enter(args []string) (code int, done bool, err error) {
	if inside() {
		return 0, false, settle()
	}
	code, err = reexecute(args)
	if err != nil {
		return 1, true, fmt.Errorf("enter the lab: %w", err)
	}
	return code, true, nil
}

// Missing says in words what the lab needs and this machine does not have. The
// command nft is needed for filters and losses alone, which say so themselves.
func Missing() []string {
	var missing []string
	if !inside() {
		trial := exec.Command("true")
		trial.SysProcAttr = namespaces(os.Geteuid() != 0)
		if err := trial.Run(); err != nil {
			missing = append(missing, fmt.Sprintf("user and network namespaces (%v): %s", err, namespaceHint()))
		}
	}
	if _, err := exec.LookPath(enter); err != nil {
		missing = append(missing, fmt.Sprintf("nsenter (Debian package util-linux): %v", err))
	}
	return missing
}

// namespaceHint names the switch that most likely forbids namespaces here.
func namespaceHint() string {
	for _, s := range []struct{ file, off, hint string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=1000"},
		{"/proc/sys/user/max_net_namespaces", "0", "sysctl user.max_net_namespaces=1000"},
	} {
		if b, err := os.ReadFile(s.file); err == nil && strings.TrimSpace(string(b)) == s.off {
			return s.hint
		}
	}
	return "in a container it has to be allowed from outside (--privileged, or a seccomp profile with unshare and clone)"
}

// inside says whether this process has left the namespaces it was entered from.
func inside() bool {
	outside := os.Getenv(insideEnv)
	if outside == "" {
		return false
	}
	net, mnt, ok := strings.Cut(outside, " ")
	return ok && net != namespaceName("net") && mnt != namespaceName("mnt")
}

// namespaceName is the kernel's name of one of this process's namespaces.
func namespaceName(kind string) string {
	name, err := os.Readlink("/proc/self/ns/" + kind)
	if err != nil {
		return "unknown " + kind
	}
	return name
}

// namespaces are the attributes of a process in the lab. Root needs no user
// namespace, and keeps its real rights over files without one.
func namespaces(user bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	if user {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// reexecute runs this program again in new namespaces and returns its exit code.
// An error means that it could not be started there.
func reexecute(args []string) (int, error) {
	// Whatever the hosts of the lab leave behind becomes our child, so that a
	// test binary that crashes leaves no processes on the machine.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("become subreaper: %w", err)
	}
	// The death signal follows the thread that starts the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	defer signal.Stop(signals)

	var cmd *exec.Cmd
	var startErr error
	for _, user := range []bool{os.Geteuid() != 0, true} {
		cmd = exec.Command("/proc/self/exe", args...)
		cmd.Args[0] = os.Args[0]
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.Env = append(os.Environ(), insideEnv+"="+namespaceName("net")+" "+namespaceName("mnt"))
		cmd.SysProcAttr = namespaces(user)
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		if startErr = cmd.Start(); startErr == nil {
			break
		}
	}
	if startErr != nil {
		return 0, startErr
	}
	ended := make(chan struct{})
	forwarded := make(chan struct{})
	go func() {
		defer close(forwarded)
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s) // It may just have ended, which Wait reports.
			case <-ended:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(ended)
	<-forwarded
	reapOrphans()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 1, nil
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		fmt.Fprintln(os.Stderr, "lab:", cmd.ProcessState)
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// reapOrphans ends the processes that became our children because the lab ended
// without them.
func reapOrphans() {
	for {
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		var children []int
		for _, list := range lists {
			b, err := os.ReadFile(list)
			if err != nil {
				continue // The thread is gone.
			}
			for _, field := range strings.Fields(string(b)) {
				var pid int
				if _, err := fmt.Sscan(field, &pid); err == nil {
					children = append(children, pid)
				}
			}
		}
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			_ = unix.Kill(pid, unix.SIGKILL)
			if _, err := unix.Wait4(pid, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}
}

// settle prepares the namespaces just entered: a /run of our own for the names
// of the hosts' namespaces, and a loopback device that works. It does so once,
// also where a process of the lab executes itself again.
func settle() error {
	marker := "/run/failoverd-lab"
	if b, err := os.ReadFile(marker); err == nil && string(b) == os.Getenv(insideEnv) {
		return nil
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount tmpfs on /run: %w", err)
	}
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", netnsDir, err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return os.WriteFile(marker, []byte(os.Getenv(insideEnv)), 0o644)
}
