package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edited is a directory of configuration with one server in a file of its own and one in the main file.
func edited(t *testing.T) (main string, text func(name string) string) {
	t.Helper()
	dir := t.TempDir()
	main = filepath.Join(dir, "failoverd.yaml")
	for name, text := range map[string]string{
		"failoverd.yaml":     "standby: {name: s1, interface: eth0, data_dir: /var/lib/failoverd}\nservers:\n  - name: CRM\n    address: 10.0.0.2\n",
		"servers.d/PBX.yaml": "# the telephones\naddress: 10.0.0.1\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	return main, func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, "servers.d", name))
		if errors.Is(err, os.ErrNotExist) {
			return "none"
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func serverNames(c *Config) (names []string) {
	for _, s := range c.Servers {
		names = append(names, s.Name)
	}
	return names
}

func TestDraft(t *testing.T) {
	const was = "# the telephones\naddress: 10.0.0.1\n"
	tests := map[string]struct {
		edit          Edit
		servers       []string
		file, before  string
		againServers  []string
		fileAfterUndo string
	}{
		"added":   {Edit{"ERP", []byte("address: 10.0.0.3\n")}, []string{"CRM", "ERP", "PBX"}, "address: 10.0.0.3\n", "none", nil, "none"},
		"changed": {Edit{"PBX", []byte("# other telephones\naddress: 10.0.0.9\n")}, []string{"CRM", "PBX"}, "# other telephones\naddress: 10.0.0.9\n", was, nil, was},
		"removed": {Edit{"PBX", nil}, []string{"CRM"}, "none", was, nil, was},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			main, text := edited(t)
			d, err := LoadDraft(main, test.edit)
			if err != nil {
				t.Fatal(err)
			}
			if got := text("ERP.yaml") + text("PBX.yaml"); got != "none"+was {
				t.Fatalf("a draft has written: %q", got)
			}
			if diff := cmp.Diff(test.servers, serverNames(d.Config)); diff != "" {
				t.Errorf("the draft's servers (-want +got):\n%s", diff)
			}
			if err := d.Save(); err != nil {
				t.Fatal(err)
			}
			file := test.edit.Server + ".yaml"
			if text(file) != test.file || text(file+".before") != test.before {
				t.Errorf("%s holds %q, before %q", file, text(file), text(file+".before"))
			}
			c, err := Load(main)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.servers, serverNames(c)); diff != "" {
				t.Errorf("read again (-want +got):\n%s", diff)
			}
			if got := (ServerFile{Text: nil}).Tag(); test.file == "none" && d.Tag() != got {
				t.Errorf("the tag of no file is %q", d.Tag())
			}
			if err := d.Undo(); err != nil || text(file) != test.fileAfterUndo {
				t.Errorf("undone: %v, %q", err, text(file))
			}
		})
	}
}

// TestDraftModes: a file keeps its mode when it is changed, and a new one is its owner's alone.
func TestDraftModes(t *testing.T) {
	main, _ := edited(t)
	for name, want := range map[string]os.FileMode{"PBX": 0o640, "ERP": 0o600} {
		d, err := LoadDraft(main, Edit{name, []byte("address: 10.0.0.7\n")})
		if err == nil {
			err = errors.Join(d.Save(), d.Undo(), d.Save())
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(d.Before.Path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, mode %o", name, err, info.Mode().Perm())
		}
		if err := d.Undo(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDraftRefuses(t *testing.T) {
	main, text := edited(t)
	for name, test := range map[string]struct {
		edit Edit
		want string
	}{
		"an unknown key":           {Edit{"PBX", []byte("adress: 10.0.0.1\n")}, `PBX.yaml:1: `},
		"another server's address": {Edit{"ERP", []byte("address: 10.0.0.2\n")}, "10.0.0.2"},
		"a server that is there":   {Edit{"CRM", []byte("address: 10.0.0.3\n")}, "CRM"},
		"a name that is none":      {Edit{"../../etc/cron.d/x", []byte("address: 10.0.0.3\n")}, "cannot be a server's name"},
		"no name":                  {Edit{"", []byte("address: 10.0.0.3\n")}, "cannot be a server's name"},
		"too much":                 {Edit{"ERP", []byte(strings.Repeat("#\n", maxFile))}, "larger than 1 MiB"},
		"a password in clear text": {Edit{"ERP", []byte("address: 10.0.0.3\ndatabases:\n  - name: X\n    engine: postgres\n    primary: {dsn: \"postgres://a@10.0.0.3/x\", password: hunter2}\n    standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}\n")}, "clear text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadDraft(main, test.edit)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	if text("ERP.yaml") != "none" {
		t.Error("something was written")
	}
}

func TestReadServerFile(t *testing.T) {
	main, _ := edited(t)
	f, err := ReadServerFile(main, "PBX")
	if err != nil || string(f.Text) != "# the telephones\naddress: 10.0.0.1\n" || len(f.Tag()) != 24 {
		t.Errorf("%v, %+v", err, f)
	}
	for _, name := range []string{"CRM", "ERP", "../failoverd", ""} {
		if _, err := ReadServerFile(main, name); !errors.Is(err, ErrNoServerFile) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// What holds a password, or may hold one as far as anybody can tell, is not shown.
	for name, text := range map[string]string{
		"SEC": "address: 10.0.0.3\ndatabases:\n  - name: X\n    engine: postgres\n    primary: {dsn: \"postgres://a@10.0.0.3/x\", password: hunter2}\n",
		"ODD": "address: [10.0.0.3\npassword: hunter2\n",
	} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(main), "servers.d", name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := ReadServerFile(main, name); err == nil || strings.Contains(fmt.Sprint(err, f), "hunter2") {
			t.Errorf("%s: %v, %s", name, err, f.Text)
		}
	}
}

// TestSaveSaysWhatToDo: the daemon's user may not write the directory.
func TestSaveSaysWhatToDo(t *testing.T) {
	main, _ := edited(t)
	err := unwritable(filepath.Dir(main), &os.PathError{Op: "open", Path: main, Err: os.ErrPermission})
	if got := err.Error(); !strings.Contains(got, "chown failoverd") || !strings.Contains(got, "ReadWritePaths=") || !strings.Contains(got, "failoverd reload") {
		t.Error(got)
	}
}

func TestHostOnly(t *testing.T) {
	parsed := func(text string) *Server {
		t.Helper()
		c, err := Parse([]Source{
			{Name: "failoverd.yaml", Data: []byte("standby: {name: s1, interface: eth0, data_dir: /var/lib/failoverd}\n")},
			{Name: "servers.d/PBX.yaml", Data: []byte(text)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return &c.Servers[0]
	}
	const plain = "address: 10.0.0.1\nping: {interval: 1s, timeout: 500ms}\nprobes: [{name: sip, tcp: \"10.0.0.1:5060\"}]\nfiles: [{name: vm, source: {agent: /srv/vm}}]\n" +
		"databases:\n  - name: X\n    engine: postgres\n    primary: {dsn: \"postgres://a@10.0.0.1/x\"}\n    standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}\n"
	if keys := HostOnly("/var/lib/failoverd", nil, *parsed(plain)); len(keys) > 0 {
		t.Errorf("a server without programs, paths and passwords needs the host for %q", keys)
	}
	for want, text := range map[string]string{
		"takeover.fence.command": "takeover: {fence: {command: [/bin/off]}}\n",
		"takeover.start.units":   "takeover: {start: {units: [a.service]}}\n",
		"takeover.start.command": "takeover: {start: {command: [/bin/on]}}\n",
		"takeover.start.check":   "takeover: {start: {units: [a.service], check: [/bin/ok]}}\n",
		"takeover.ready.command": "takeover: {ready: {command: [/bin/ok]}}\n",
		"drill.check":            "drill: {check: [/bin/ok]}\n",
		"probes[x].command":      "probes: [{name: x, command: [/bin/ok]}]\n",
		"files[vm].source.path":  "files: [{name: vm, source: {path: /mnt/vm}}]\n",
		"files[vm].directory":    "files: [{name: vm, source: {agent: /srv/vm}, directory: /srv/vm}]\n",
		"databases[X].fixups":    "databases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.0.0.1/x\"}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}, fixups: [/etc/x.sql]}]\n",
		"databases[X].primary":   "databases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.0.0.1/x\", password: {file: /etc/p}}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}}]\n",
		"databases[X].standby":   "databases: [{name: X, engine: sqlite, primary: {agent: x}, standby: {dsn: /srv/copies/}}]\n",
	} {
		t.Run(want, func(t *testing.T) {
			with := parsed("address: 10.0.0.1\n" + text)
			keys := HostOnly("/var/lib/failoverd", parsed("address: 10.0.0.1\n"), *with)
			if !strings.Contains(strings.Join(keys, " "), "servers[PBX]."+want) {
				t.Errorf("the keys are %q", keys)
			}
			if keys := HostOnly("/var/lib/failoverd", with, *with); len(keys) > 0 {
				t.Errorf("unchanged, and yet %q", keys)
			}
		})
	}
	// A password that is there already must not be sent to somebody else.
	before := parsed("address: 10.0.0.1\ndatabases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.0.0.1/x\", password: {file: /etc/p}}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}}]\n")
	after := parsed("address: 10.0.0.1\ndatabases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.6.6.6/x\", password: {file: /etc/p}}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}}]\n")
	if keys := HostOnly("/var/lib/failoverd", before, *after); !cmp.Equal(keys, []string{"servers[PBX].databases[X].primary"}) {
		t.Errorf("another host for a password: %q", keys)
	}
}
