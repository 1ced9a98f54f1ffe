package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/lab"
	"failoverd/internal/site"
)

// managementAddress is the one that stays with pbx.
const managementAddress = "10.99.0.21"

// serverOf is the server with a service address.
func serverOf(address string) string {
	if address == site.CRMAddress {
		return "crm"
	}
	return "pbx"
}

// yields says whether the configuration has the standby give way to another host with the service address of a server.
func yields(server string) bool { return server == "pbx" }

// company is the world in which stories play: pbx, with a database, a tree of files and an agent that may start its
// application; crm, which has nothing but a service; and a standby for both.
type company struct {
	*site.Site
	world *lab.World
	self  string // this program, which is the application as well
	stop  []func() error

	mu      sync.Mutex // over the physical world: who is on, and who hears whom
	daemon  *site.Daemon
	ending  bool // whoever ends the daemon says so first
	frozen  bool // the daemon is stopped by SIGSTOP
	agent   *exec.Cmd
	dark    map[string]bool // hosts without power
	pulled  map[string]bool // by host: without a carrier
	cut     map[string]bool // behind the switch
	deaf    map[string]bool
	mute    map[string]bool
	lossy   map[string]bool
	full    map[string]bool // disks of the standby
	reboots int
	record  *recorder
}

// newCompany builds the world and its configuration. Nothing runs yet.
func newCompany(dir, program, self string, r *recorder) (c *company, err error) {
	w, err := lab.Open(dir)
	if err != nil {
		return nil, err
	}
	c = &company{
		world: w, self: self, record: r, stop: []func() error{w.Close}, dark: map[string]bool{}, pulled: map[string]bool{},
		cut: map[string]bool{}, deaf: map[string]bool{}, mute: map[string]bool{}, lossy: map[string]bool{}, full: map[string]bool{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	o := site.Options{Binary: program, Interval: 200 * time.Millisecond, Settle: 2 * time.Second, StandIn: true}
	if c.Site, err = site.New(w, dir, o); err != nil {
		return nil, err
	}
	c.stop = append(c.stop, c.Close)
	for _, d := range []struct{ name, size string }{{"data", "48m"}, {"copies", "110m"}} {
		if err := c.disk(d.name, d.size); err != nil {
			return nil, err
		}
	}
	for _, d := range []string{"copies/db", "copies/vm", "mnt-pbx", "tree"} {
		if err := os.Mkdir(c.path(d), 0o755); err != nil {
			return nil, err
		}
	}
	o.PBX = fmt.Sprintf(`management_address: %s
databases:
  - name: calls
    engine: sqlite
    primary: {dsn: %q}
    standby: {dsn: %q}
files:
  - name: vm
    source: {agent: %q}
    directory: %q
    exclude: [{patterns: ["*.part"], recursive: true}]
    reserve: 1MiB
drill: {check: [/bin/true], timeout: 10s}
`, managementAddress, c.path("mnt-pbx")+"/", c.path("copies/db")+"/", c.path("tree"), c.path("copies/vm"))
	o.PBXTakeover = "on_claim: yield"
	if err := c.Configure(o); err != nil {
		return nil, err
	}
	return c, errors.Join(c.scripts(), createDB(context.Background(), filepath.Join(c.path("mnt-pbx"), "calls.db")))
}

// path is a file of the company.
func (c *company) path(name string) string { return filepath.Join(c.Dir, name) }

// disk gives a directory of the standby a disk of its own.
func (c *company) disk(name, size string) error {
	dir := c.path(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		return fmt.Errorf("a disk for %s: %w", dir, err)
	}
	c.stop = append(c.stop, func() error { return unix.Unmount(dir, unix.MNT_DETACH) })
	return nil
}

// scripts has the application be what the stand-in of pbx starts, and what pbx itself starts. It writes the agent's
// configuration as well.
func (c *company) scripts() error {
	script := func(name, text string) error {
		return os.WriteFile(c.path(name), []byte("#!/bin/sh\n"+text), 0o700)
	}
	application := func(who, db, tree string) string {
		return fmt.Sprintf("setsid %s %s --listen %s:%d --who %q --db %s --tree %s </dev/null >>%s 2>&1 &\necho $! >",
			c.self, applicationName, site.PBXAddress, site.ServicePort, who, db, tree, c.path("application.log"))
	}
	pid := c.path("own.pid")
	agent := fmt.Sprintf(`name: pbx
listen: %s:7443
data_dir: %s
trees: [{name: vm, directory: %s, writable: true}]
application: {start: {command: [%s]}, stop: {command: [%s]}, check: {command: [%s]}, timeout: 10s}
`, managementAddress, c.path("agent"), c.path("tree"), c.path("own-start"), c.path("own-stop"), c.path("own-check"))
	return errors.Join(
		// pbx.pid is where the scripts of the site look.
		script("pbx-start", fmt.Sprintf("%s && exit 0\n%s%s\n", c.path("pbx-check"),
			application("stand-in of pbx", c.path("copies/db/pbx_calls.db"), c.path("copies/vm")), c.path("pbx.pid"))),
		script("own-check", fmt.Sprintf("[ -f %[1]s ] && grep -q '^State:[[:space:]]*[^ZX[:space:]]' \"/proc/$(cat %[1]s)/status\" 2>/dev/null\n", pid)),
		script("own-start", fmt.Sprintf("ip address add %s/24 dev eth0 2>/dev/null\n%s && exit 0\n%s%s\n", site.PBXAddress, c.path("own-check"),
			application("primary pbx", c.path("mnt-pbx/calls.db"), c.path("tree")), pid)),
		script("own-stop", fmt.Sprintf("[ -f %[1]s ] || exit 0\nkill -9 \"$(cat %[1]s)\" 2>/dev/null\nrm -f %[1]s\nexit 0\n", pid)),
		os.WriteFile(c.path("agent.yaml"), []byte(agent), 0o600),
	)
}

// open starts everything: the primary works, its agent is paired, and the standby has a complete copy of all.
func (c *company) open(ctx context.Context) error {
	// The service of the site's own is in the way of the application.
	if err := errors.Join(c.PBX.Die(), c.PBX.Up(), c.PBX.Sysctl("net/ipv4/conf/eth0/promote_secondaries", "1"), c.PBX.AddAddress(managementAddress+"/24")); err != nil {
		return err
	}
	c.record.watch(c)
	for _, act := range []string{"serve pbx", "start agent", "start daemon"} {
		if err := c.fault(ctx, step(0, act)); err != nil {
			return err
		}
	}
	if err := c.settled(ctx, "the daemon and the agent to answer", func() (bool, string) {
		_, err := c.status(ctx)
		log, _ := os.ReadFile(c.path("agent.log"))
		return err == nil && strings.Contains(string(log), "the agent listens"), fmt.Sprint(err)
	}); err != nil {
		return err
	}
	if err := c.pair(ctx); err != nil {
		return err
	}
	if err := c.settled(ctx, "everything to be copied", func() (bool, string) {
		v := c.server(ctx, "pbx")
		return v.LastAnswer != nil && len(v.Trees) == 1 && v.Trees[0].State == "current", v.Summary
	}); err != nil {
		return err
	}
	if out, code := c.CLI(ctx, "replicate", "from-live", "pbx", "--yes", "--reason", reasonOf(0)); code != 0 {
		return fmt.Errorf("the first copy: exit %d: %s", code, out)
	}
	return c.settled(ctx, "the gateway to answer", func() (bool, string) {
		s, err := c.status(ctx)
		return err == nil && len(s.Standby.Witnesses) > 0 && s.Standby.Witnesses[0].Answering && s.Standby.Inhibited == nil, fmt.Sprint(err)
	})
}

// pair pairs the agent with the standby.
func (c *company) pair(ctx context.Context) error {
	out, code := c.CLI(ctx, "agent", "pair", "--config", c.path("agent.yaml"), "--json")
	if code != 0 {
		return fmt.Errorf("a code of the agent: exit %d: %s", code, out)
	}
	_, invited, _ := strings.Cut(out, `"code":`)
	invited = strings.Trim(strings.TrimSpace(strings.Split(strings.Split(invited, ",")[0], "}")[0]), "\" \n")
	cmd := exec.CommandContext(ctx, c.Binary(), "--socket", c.Socket(), "pair", managementAddress, "--reason", reasonOf(0))
	cmd.Stdin = strings.NewReader(invited + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pair: %w: %s", err, out)
	}
	return nil
}

// close takes everything down.
func (c *company) close() error {
	var errs []error
	c.mu.Lock()
	if c.running() {
		c.ending = true
		_ = syscall.Kill(c.daemon.PID(), syscall.SIGCONT)
		errs = append(errs, c.daemon.Kill())
	}
	if c.agent != nil {
		errs = append(errs, c.endAgent())
	}
	c.mu.Unlock()
	c.record.end()
	for i := len(c.stop) - 1; i >= 0; i-- {
		errs = append(errs, c.stop[i]())
	}
	return errors.Join(errs...)
}

// running says whether the daemon runs. The caller holds mu.
func (c *company) running() bool {
	if c.daemon == nil {
		return false
	}
	select {
	case <-c.daemon.Exited():
		return false
	default:
		return true
	}
}

// settled waits until a condition holds that only the outside of a process can see; its error says what was seen last.
func (c *company) settled(ctx context.Context, what string, cond func() (bool, string)) error {
	for {
		done, seen := cond()
		if done {
			return nil
		}
		if wait(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("waited in vain for %s: %s", what, seen)
		}
	}
}
