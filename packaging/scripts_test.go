package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// host is a host that a maintainer's script is run on: the programs that it calls are ours, and write down how.
type host struct {
	t       *testing.T
	dir     string
	running bool   // systemd does
	active  string // units that run
	status  string // what failoverd status --json says
	refuses bool   // failoverd refuses its configuration
}

// run runs a script and returns what it called, what it said, and whether it succeeded. Nothing outside of the host's
// directory is looked at or touched.
func (h host) run(script string, args ...string) (called, said string, ok bool) {
	h.t.Helper()
	h.dir = h.t.TempDir()
	bin := filepath.Join(h.dir, "bin")
	state := filepath.Join(h.dir, "run/systemd/system")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		h.t.Fatal(err)
	}
	if h.running {
		if err := os.MkdirAll(state, 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	note := "echo \"$(basename \"$0\") $*\" >>" + filepath.Join(h.dir, "called") + "\n"
	refused := ""
	if h.refuses {
		refused = "case \"$1 $2\" in 'config check'|'agent config') echo 'failoverd.yaml:7: nonsense: unknown key'; exit 1;; esac\n"
	}
	for name, text := range map[string]string{
		"systemctl":        note + "case $1 in is-active) case ' " + h.active + " ' in *\" $3 \"*) exit 0;; esac; exit 3;; esac\n",
		"systemd-sysusers": note,
		"failoverd":        note + refused + "if [ \"$1\" = status ]; then echo '" + h.status + "'; exit 3; fi\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	text := read(h.t, script)
	for _, place := range []string{"/run/systemd", "/var/lib/failoverd", "/etc/failoverd"} {
		text = strings.ReplaceAll(text, place, h.dir+place)
	}
	moved := filepath.Join(h.dir, script)
	if err := os.WriteFile(moved, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
	command := exec.Command("/bin/sh", append([]string{moved}, args...)...)
	command.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
	if _, err := exec.LookPath("/usr/bin/deb-systemd-invoke"); err == nil {
		// Debian's helper would ask the real systemd: it stands aside for our systemctl.
		if err := os.WriteFile(filepath.Join(bin, "deb-systemd-invoke"), []byte("#!/bin/sh\nexec systemctl \"$@\"\n"), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	out, err := command.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(h.dir, "called")) // There is none when nothing was called.
	return string(log), string(out), err == nil
}

// TestPostinstall: users are made; what runs is restarted with the new program, unless that would refuse its
// configuration; nothing is started that was not.
func TestPostinstall(t *testing.T) {
	const both = "failoverd.service failoverd-agent.service"
	for name, c := range map[string]struct {
		host      host
		args      []string
		restarted string
		says      string
	}{
		"first, deb":           {host{running: true}, []string{"configure", ""}, "", ""},
		"upgrade, deb":         {host{running: true, active: both}, []string{"configure", "0.1.0"}, both, ""},
		"upgrade, rpm":         {host{running: true, active: "failoverd.service"}, []string{"2"}, "failoverd.service", ""},
		"refused":              {host{running: true, active: both, refuses: true}, []string{"configure", "0.1.0"}, "", "failoverd.service was not restarted"},
		"no systemd":           {host{active: both}, []string{"configure", "0.1.0"}, "", ""},
		"an upgrade is undone": {host{running: true, active: both}, []string{"abort-upgrade", "0.2.0"}, "", ""},
	} {
		c.host.t = t
		called, said, ok := c.host.run("postinstall.sh", c.args...)
		var restarted []string
		for line := range strings.Lines(called) {
			if unit, yes := strings.CutPrefix(strings.TrimSpace(line), "systemctl restart "); yes {
				restarted = append(restarted, unit)
			}
		}
		if got := strings.Join(restarted, " "); !ok || got != c.restarted {
			t.Errorf("%s: restarted %q, want %q\n%s%s", name, got, c.restarted, called, said)
		}
		if !strings.Contains(said, c.says) || (c.says == "") != (said == "") {
			t.Errorf("%s: says %q, want %q", name, said, c.says)
		}
		if made := strings.Contains(called, "systemd-sysusers failoverd.conf"); made != (c.args[0] != "abort-upgrade") {
			t.Errorf("%s: users made: %t", name, made)
		}
		if strings.Contains(called, "enable") || strings.Contains(called, "start failoverd") && c.restarted == "" {
			t.Errorf("%s: something was started or enabled:\n%s", name, called)
		}
	}
}

// TestPreremove: a removal is refused while the standby stands in, and by nothing else; an upgrade stops nothing.
func TestPreremove(t *testing.T) {
	const unit = "failoverd.service"
	serving, watching := `{"servers": [{"role": "standing in"}]}`, `{"servers":[{"role":"standing by"}]}`
	for name, c := range map[string]struct {
		host    host
		arg     string
		ok      bool
		stopped bool
	}{
		"removed":              {host{running: true, active: unit, status: watching}, "remove", true, true},
		"removed, rpm":         {host{running: true, active: unit, status: watching}, "0", true, true},
		"standing in":          {host{running: true, active: unit, status: serving}, "remove", false, false},
		"standing in, compact": {host{running: true, active: unit, status: strings.ReplaceAll(serving, ": ", ":")}, "0", false, false},
		"stopped before":       {host{running: true, status: serving}, "remove", true, true},
		"an upgrade":           {host{running: true, active: unit, status: serving}, "upgrade", true, false},
		"an upgrade, rpm":      {host{running: true, active: unit, status: serving}, "1", true, false},
	} {
		c.host.t = t
		called, said, ok := c.host.run("preremove.sh", c.arg)
		if stopped := strings.Contains(called, "systemctl stop "+unit); ok != c.ok || stopped != c.stopped {
			t.Errorf("%s: succeeds %t, stops %t\n%s%s", name, ok, stopped, called, said)
		}
		if !c.ok && !strings.Contains(said, "Give its role back first") {
			t.Errorf("%s: says %q", name, said)
		}
	}
}

// TestPurgeLeavesWhatIsOthers: what failoverd has made for itself goes; copies and the configuration stay, and are named.
func TestPurgeLeavesWhatIsOthers(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{
		"/var/lib/failoverd/journal/journal.db", "/var/lib/failoverd/tls/api.key", "/var/lib/failoverd/agents/identity.key",
		"/var/lib/failoverd/servers/A/standin.env", "/var/lib/failoverd/copies/A_calls.db", "/etc/failoverd/failoverd.yaml",
		"/var/lib/failoverd-agent/identity.key", "/var/lib/failoverd-agent/trees/a/state",
	} {
		if err := os.MkdirAll(filepath.Dir(dir+path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	purge := func(arg string) string {
		t.Helper()
		text := strings.NewReplacer("/var/lib", dir+"/var/lib", "/etc/", dir+"/etc/", "/run/", dir+"/run/").Replace(read(t, "postremove.sh"))
		out, err := exec.Command("/bin/sh", "-c", text, "postrm", arg).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	exists := func(path string) bool { _, err := os.Stat(dir + path); return err == nil }
	for _, arg := range []string{"remove", "upgrade", "0", "1"} {
		if said := purge(arg); said != "" || !exists("/var/lib/failoverd/journal/journal.db") {
			t.Fatalf("%s: %s", arg, said)
		}
	}
	said := purge("purge")
	for path, stays := range map[string]bool{
		"/var/lib/failoverd/journal": false, "/var/lib/failoverd/tls": false, "/var/lib/failoverd/servers": false, "/var/lib/failoverd/agents": false,
		"/var/lib/failoverd-agent": false, "/var/lib/failoverd/copies/A_calls.db": true, "/etc/failoverd/failoverd.yaml": true,
	} {
		if exists(path) != stays {
			t.Errorf("%s stays: %t", path, !stays)
		}
	}
	if !strings.Contains(said, "/var/lib/failoverd holds more") || !strings.Contains(said, "/etc/failoverd holds your configuration") || strings.Contains(said, "failoverd-agent holds") {
		t.Errorf("it says:\n%s", said)
	}
}
