package agentconfig

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sameMeaning compares configurations.
var sameMeaning = cmp.Options{cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()}

// mustParse parses a text that has nothing wrong.
func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("agent.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c
}

func TestParseFillsInTheDefaults(t *testing.T) {
	got := mustParse(t, `
trees: [{name: vm, directory: /srv/ctserver/VM/}]
backups: [{name: ct, directory: /var/backups/ct}]
application: {start: {units: [ct.service]}}
`)
	want := &Config{
		File: "agent.yaml", Listen: netip.MustParseAddrPort("[::]:7443"), DataDir: "/var/lib/failoverd-agent",
		Trees: []Tree{{
			Name: "vm", Directory: "/srv/ctserver/VM", Settle: 300 * time.Millisecond,
			MaxWait: 30 * time.Second, ScanInterval: 10 * time.Minute,
		}},
		Backups:     []Backup{{Name: "ct", Directory: "/var/backups/ct", ServerDirectory: "/var/backups/ct"}},
		Application: &Application{Units: []string{"ct.service"}, Timeout: 90 * time.Second},
		Discover:    Discover{Directories: []string{"/srv", "/opt", "/var/lib"}},
	}
	if diff := cmp.Diff(want, got, sameMeaning); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if _, ok := got.Tree("/srv/ctserver"); ok {
		t.Error("a directory above a tree is granted")
	}
	if tree, ok := got.Tree("/srv/ctserver/VM"); !ok || tree.Name != "vm" {
		t.Errorf("the tree is not found by its directory: %+v", tree)
	}
	if b, ok := got.Backup("ct"); !ok || b.Directory != "/var/backups/ct" {
		t.Errorf("the backup directory is not found by its name: %+v", b)
	}
}

func TestParseReadsEveryKey(t *testing.T) {
	got := mustParse(t, `
name: PBX-1
listen: 192.168.11.21:700
data_dir: /var/lib/a
trees:
  - {name: a, directory: /srv/a, writable: true, settle: 1s, max_wait: 1m, scan_interval: 1h}
backups:
  - {name: b, directory: /srv/b, server_directory: 'D:\Backup'}
application:
  start: {command: [/bin/a, "1"]}
  stop: {command: [/bin/b]}
  check: {command: [/bin/c]}
  timeout: 10s
discover: {directories: [], ports: [5433]}
`)
	want := &Config{
		File: "agent.yaml", Name: "PBX-1", Listen: netip.MustParseAddrPort("192.168.11.21:700"), DataDir: "/var/lib/a",
		Trees:       []Tree{{Name: "a", Directory: "/srv/a", Writable: true, Settle: time.Second, MaxWait: time.Minute, ScanInterval: time.Hour}},
		Backups:     []Backup{{Name: "b", Directory: "/srv/b", ServerDirectory: `D:\Backup`}},
		Application: &Application{Start: []string{"/bin/a", "1"}, Stop: []string{"/bin/b"}, Check: []string{"/bin/c"}, Timeout: 10 * time.Second},
		Discover:    Discover{Ports: []uint16{5433}},
	}
	if diff := cmp.Diff(want, got, sameMeaning); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestLoadTakesTheHostsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(path, []byte("trees: []\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil || c.Name != host {
		t.Errorf("name %+v (%v), want %s", c, err, host)
	}
}

func TestLoadRefusesFilesThatItMustNotTrust(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open.yaml")
	if err := os.WriteFile(open, []byte("trees: []\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o646); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		open:                              ":1:1: everybody may write the file; run: chmod o-w " + open,
		filepath.Join(dir, "absent.yaml"): ":1:1: the file does not exist; write it: the annotated reference shows every key",
		dir:                               ":1:1: the file cannot be read (it is not a regular file); see that it is a file that the agent may read",
	} {
		_, err := Load(path)
		problems, ok := errors.AsType[Errors](err)
		if !ok || len(problems) != 1 || problems[0].String() != path+want {
			t.Errorf("Load(%s): %v, want %s", path, err, path+want)
		}
	}
}
