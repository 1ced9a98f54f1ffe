package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/internal/site"
	"failoverd/status"
)

// A server is added by a file, changed by another one and removed, while the daemon runs: what is wrong changes nothing, what
// is right is in force at once and at the next start, with its comments.
func TestServersAreConfiguredByCommand(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	dir := filepath.Join(filepath.Dir(c.ConfigFile()), "servers.d")
	write := func(name, text string) string {
		path := filepath.Join(c.Dir, name)
		ok(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const first = "# the fax, for the shop\naddress: 10.99.0.25\ntakeover: {assume_address: false}\n"
	contains(t, c.cli(exitFailed, "add", "fax", write("wrong.yaml", "adress: 10.99.0.25\n"), "--dry-run"), "line 1", "adress", "unknown key")
	contains(t, c.cli(exitFailed, "add", "fax", write("wrong.yaml", "adress: 10.99.0.25\n"), "--yes"), "adress", "unknown key")
	file := write("fax.yaml", first)
	contains(t, c.cli(exitDone, "add", "fax", file, "--dry-run"), "servers[fax] (added)", "ping 10.99.0.25", "answered in")
	contains(t, c.cli(exitUsage, "add", "fax", file), "confirmation")
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}

	contains(t, c.cli(exitDone, "add", "fax", file, "--yes", "--reason", "new fax"), "in force")
	c.waitServer("fax", "answering", func(v status.Server) bool { return v.LastAnswer != nil })
	contains(t, c.cli(exitConflict, "add", "fax", file, "--yes"), "already")
	if e, yes := c.happened("fax", "config.server_added"); !yes || e.Actor.Name != "root" || e.Reason != "new fax" {
		t.Errorf("in the history: %t, %+v", yes, e)
	}
	if text := c.cli(exitDone, "edit", "fax", "--show"); text != first {
		t.Errorf("its file is\n%s", text)
	}
	contains(t, c.cli(exitFailed, "edit", "pbx", "--show"), "failoverd.yaml")

	c.cli(exitDone, "edit", "fax", write("fax2.yaml", first+"priority: 20\n"), "--yes")
	c.waitServer("fax", "changed", func(v status.Server) bool { return v.Priority == 20 })
	ok(t, c.daemon.Kill())
	c.launch()
	if v := c.waitServer("fax", "there again", func(v status.Server) bool { return v.LastAnswer != nil }); v.Priority != 20 {
		t.Errorf("after a crash: %+v", v)
	}

	contains(t, c.cli(exitDone, "test", "fax"), "ping", "ok", "answered in")
	contains(t, c.cli(exitDone, "edit", "fax", write("fax3.yaml", first+"files: [{name: vm, source: {path: /no/such/directory}}]\n"), "--yes"), "in force")
	contains(t, c.cli(exitFailed, "test", "fax"), "read files vm", "no such file", "write files vm", "free")
	contains(t, c.cli(exitDone, "edit", "fax", write("fax2.yaml", first+"priority: 20\n"), "--yes"), "in force")

	c.cli(exitDone, "remove", "fax", "--dry-run")
	contains(t, c.cli(exitDone, "remove", "fax", "--yes", "--reason", "sold"), "in force")
	contains(t, c.cli(exitNotFound, "show", "fax"), "fax")
	before, err := os.ReadFile(filepath.Join(dir, "fax.yaml.before"))
	ok(t, err)
	contains(t, string(before), "priority: 20")
	left, err := os.ReadDir(dir)
	ok(t, err)
	if len(left) != 1 {
		t.Errorf("in servers.d: %v", left)
	}
}

// Options are set and reset while the daemon runs: what is wrong changes nothing, what is right is in force at once and at the
// next start, comments in their file stay, and a mail server is tried before it is saved.
func TestOptionsAreSetByCommand(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	file := filepath.Join(filepath.Dir(c.ConfigFile()), "options.d", "options.yaml")
	capacity := func() int {
		t.Helper()
		var s status.Snapshot
		ok(t, json.Unmarshal([]byte(c.cli(exitDone, "status", "--json")), &s))
		return s.Standby.Capacity
	}
	contains(t, c.cli(exitDone, "config", "options"), "standby.capacity", c.ConfigFile()+":6", "operator@example.com", "(host)")
	contains(t, c.cli(exitFailed, "config", "set", "standby.capacity=0", "alerts.email.host=not a host", "--yes"), "alerts.email.host", "standby.capacity")
	contains(t, c.cli(exitUsage, "config", "set", "api.listen=0.0.0.0:80", "--yes"), "no option")
	if _, err := os.Stat(filepath.Dir(file)); !errors.Is(err, fs.ErrNotExist) || capacity() != 1 {
		t.Errorf("something was written: %v", err)
	}

	contains(t, c.cli(exitDone, "config", "set", "standby.capacity=2", "--yes", "--reason", "a second interface"), "Changed: standby.capacity")
	if capacity() != 2 {
		t.Error("it is not in force")
	}
	if e, yes := c.happened("", "config.options_changed"); !yes || e.Actor.Name != "root" || e.Reason != "a second interface" {
		t.Errorf("in the history: %t, %+v", yes, e)
	}
	text, err := os.ReadFile(file)
	ok(t, err)
	ok(t, os.WriteFile(file, []byte(strings.Replace(string(text), "capacity: 2", "capacity: 2 # by Carol", 1)), 0o600))
	contains(t, c.cli(exitDone, "config", "check", c.ConfigFile(), "--elsewhere"), "is valid")

	contains(t, c.cli(exitDone, "config", "set", "alerts.email.to=operator@example.com,boss@example.com", "--yes", "--test-mail"), "RCPT TO:<boss@example.com>", "Changed: alerts.email.to")
	contains(t, c.cli(exitFailed, "config", "set", "alerts.email.port=26", "--yes", "--test-mail"), "not every test mail was accepted; nothing was changed")
	text, err = os.ReadFile(file)
	ok(t, err)
	if !strings.HasSuffix(string(text), "standby:\n  capacity: 2 # by Carol\nalerts:\n  email:\n    to:\n      - \"operator@example.com\"\n      - \"boss@example.com\"\n") {
		t.Errorf("the file is\n%s", text)
	}
	ok(t, c.daemon.Kill())
	c.launch()
	c.waitServer("pbx", "there again", func(v status.Server) bool { return v.LastAnswer != nil })
	if capacity() != 2 {
		t.Error("after a crash it is forgotten")
	}

	// What somebody has changed by hand and nobody has read is not brought along.
	ok(t, os.WriteFile(file, []byte("standby:\n  capacity: 4\n"), 0o600))
	contains(t, c.cli(exitConflict, "config", "set", "standby.settle=1s", "--yes"), "were not read yet", "standby.capacity", "failoverd reload")
	contains(t, c.cli(exitDone, "reload"), "standby.capacity")
	contains(t, c.cli(exitDone, "config", "reset", "standby.capacity", "--yes"), "Changed: standby.capacity")
	if capacity() != 1 {
		t.Error("it was not reset")
	}
}
