package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
