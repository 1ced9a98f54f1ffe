package standin

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// busConfig lets anyone own any name on a bus of the test's own.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// fakeUnit is a unit of the fake systemd and how it behaves.
type fakeUnit struct {
	load, active, sub string
	startResult       string // of a start job; "" is done
	startActive       string // the state after a start job; "" is active
	stopResult        string
	hang              bool // jobs never end
	mute              bool // jobs end without a signal
	refuse            *dbus.Error
	job               uint32
}

// fakeSystemd is org.freedesktop.systemd1 on a private bus. Its units outlive its bus, as those of the real one do.
type fakeSystemd struct {
	t      *testing.T
	config string
	socket string

	mu     sync.Mutex
	daemon *exec.Cmd
	conn   *dbus.Conn
	units  map[string]*fakeUnit
	calls  []string // "start a.service", in order
	jobs   uint32
	dials  int

	// Called before a job is made (without mu held), and when somebody sees that a unit has one.
	onCall, onJobSeen func()
}

// startFakeSystemd starts a bus with a fake systemd on it. Without dbus-daemon the test is skipped, unless the run
// must be complete.
func startFakeSystemd(t *testing.T) *fakeSystemd {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: %v", err)
		}
		t.Skipf("no bus to test on: %v", err)
	}
	// The path of a socket has at most 107 bytes, and t.TempDir has the test's name in it.
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	f := &fakeSystemd{
		t:      t,
		config: filepath.Join(dir, "bus.conf"),
		socket: filepath.Join(dir, "bus"),
		units:  map[string]*fakeUnit{},
	}
	if err := os.WriteFile(f.config, fmt.Appendf(nil, busConfig, f.socket), 0o600); err != nil {
		t.Fatal(err)
	}
	f.startBus()
	t.Cleanup(f.killBus)
	return f
}

// startBus starts the bus daemon, waits until it listens, and puts systemd on it.
func (f *fakeSystemd) startBus() {
	f.t.Helper()
	cmd := exec.Command("dbus-daemon", "--config-file="+f.config, "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		f.t.Fatalf("the bus did not come up: %v", err)
	}
	conn, err := f.connect(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	for path, table := range map[dbus.ObjectPath]map[string]any{
		"/org/freedesktop/systemd1": {
			"Subscribe":       func() *dbus.Error { return nil },
			"StartUnit":       func(name, mode string) (dbus.ObjectPath, *dbus.Error) { return f.request("start", name, mode) },
			"StopUnit":        func(name, mode string) (dbus.ObjectPath, *dbus.Error) { return f.request("stop", name, mode) },
			"ResetFailedUnit": f.resetFailed,
		},
	} {
		if err := conn.ExportMethodTable(table, path, "org.freedesktop.systemd1.Manager"); err != nil {
			f.t.Fatal(err)
		}
	}
	getAll := map[string]any{"GetAll": f.getAll}
	if err := conn.ExportSubtreeMethodTable(getAll, "/org/freedesktop/systemd1/unit", "org.freedesktop.DBus.Properties"); err != nil {
		f.t.Fatal(err)
	}
	if _, err := conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue); err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.daemon, f.conn = cmd, conn
}

// killBus ends the bus daemon at once, and every connection with it.
func (f *fakeSystemd) killBus() {
	f.mu.Lock()
	cmd, conn := f.daemon, f.conn
	f.daemon, f.conn = nil, nil
	f.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	_ = conn.Close()
}

// connect makes a connection to the bus.
func (f *fakeSystemd) connect(ctx context.Context) (*dbus.Conn, error) {
	return dbus.Connect("unix:path="+f.socket, dbus.WithContext(ctx))
}

// dial is the dialer for the stand-in under test.
func (f *fakeSystemd) dial(ctx context.Context) (*systemd.Conn, error) {
	f.mu.Lock()
	f.dials++
	f.mu.Unlock()
	return dialFirst(ctx, func(ctx context.Context) (*systemd.Conn, error) {
		return systemd.NewConnection(func() (*dbus.Conn, error) { return f.connect(ctx) })
	})
}

// add installs a unit.
func (f *fakeSystemd) add(name string, u fakeUnit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if u.load == "" {
		u.load = "loaded"
	}
	if u.active == "" {
		u.active, u.sub = "inactive", "dead"
	}
	f.units[name] = &u
}

// set changes a unit.
func (f *fakeSystemd) set(name string, change func(*fakeUnit)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.units[name])
}

// history returns the jobs that were requested.
func (f *fakeSystemd) history() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// request makes a job and ends it, as the unit's script has it.
func (f *fakeSystemd) request(verb, name, mode string) (dbus.ObjectPath, *dbus.Error) {
	call := verb + " " + name
	f.mu.Lock()
	onCall := f.onCall
	f.mu.Unlock()
	if onCall != nil {
		onCall()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if mode != "replace" {
		return "", dbus.MakeFailedError(fmt.Errorf("mode %q, want replace", mode))
	}
	u, ok := f.units[name]
	if !ok {
		return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"Unit " + name + " not loaded."})
	}
	if u.refuse != nil {
		return "", u.refuse
	}
	f.jobs++
	u.job = f.jobs
	path := dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", u.job))
	if u.hang {
		if verb == "start" {
			u.active, u.sub = "activating", "start"
		}
		return path, nil
	}
	u.job = 0
	result := u.startResult
	switch {
	case verb == "stop":
		result = u.stopResult
		if result == "" {
			u.active, u.sub = "inactive", "dead"
		}
	case u.startActive != "":
		u.active, u.sub = u.startActive, "dead"
	default:
		u.active, u.sub = "active", "running"
	}
	if result == "" {
		result = "done"
	}
	if !u.mute && f.conn != nil {
		// The signal may well arrive before the answer to the request; the library holds a lock for that.
		_ = f.conn.Emit("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager.JobRemoved", f.jobs, path, name, result)
	}
	return path, nil
}

// resetFailed forgets the failed state of a unit.
func (f *fakeSystemd) resetFailed(name string) *dbus.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "reset-failed "+name)
	if u := f.units[name]; u != nil && u.active == "failed" {
		u.active, u.sub = "inactive", "dead"
	}
	return nil
}

// getAll answers for the properties of any unit, also of one that does not exist, as systemd does.
func (f *fakeSystemd) getAll(msg dbus.Message, iface string) (map[string]dbus.Variant, *dbus.Error) {
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	escaped := string(path[strings.LastIndexByte(string(path), '/')+1:])
	f.mu.Lock()
	defer f.mu.Unlock()
	u := &fakeUnit{load: "not-found", active: "inactive", sub: "dead"}
	for name, have := range f.units {
		if systemd.PathBusEscape(name) == escaped {
			u = have
		}
	}
	if iface == "org.freedesktop.systemd1.Service" {
		return map[string]dbus.Variant{
			"Result":         dbus.MakeVariant("exit-code"),
			"ExecMainStatus": dbus.MakeVariant(int32(3)),
		}, nil
	}
	type job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	j := job{u.job, "/"}
	if u.job != 0 {
		if f.onJobSeen != nil {
			f.onJobSeen()
		}
		j.Path = dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", u.job))
	}
	return map[string]dbus.Variant{
		"LoadState":   dbus.MakeVariant(u.load),
		"ActiveState": dbus.MakeVariant(u.active),
		"SubState":    dbus.MakeVariant(u.sub),
		"Job":         dbus.MakeVariant(j),
	}, nil
}
