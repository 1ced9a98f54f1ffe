package config

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A change is checked with all other files, and no file is touched.
func TestLoadWith(t *testing.T) {
	dir := etc(t, map[string]string{
		"failoverd.yaml":   "servers: [{name: M, address: 10.0.0.1}]",
		"servers.d/B.yaml": "address: 10.0.0.3",
	})
	main := filepath.Join(dir, "failoverd.yaml")
	names := func(c *Config) string {
		var list []string
		for _, s := range c.Servers {
			list = append(list, s.Name)
		}
		return strings.Join(list, " ")
	}
	for what, test := range map[string]struct {
		change  Change
		servers string // "" for errors
		wrong   string
	}{
		"added":                 {Change{"A", []byte("address: 10.0.0.2\n")}, "M A B", ""},
		"replaced":              {Change{"B", []byte("address: 10.0.0.9\n")}, "M B", ""},
		"removed":               {Change{"B", nil}, "M", ""},
		"nothing is removed":    {Change{"C", nil}, "M B", ""},
		"of the main file":      {Change{"M", []byte("address: 10.0.0.2\n")}, "", "name"},
		"another's address":     {Change{"A", []byte("address: 10.0.0.3\n")}, "", "address"},
		"an unknown key":        {Change{"A", []byte("address: 10.0.0.2\nadress: x\n")}, "", "A.yaml:2"},
		"empty":                 {Change{"A", []byte("")}, "", "A.yaml"},
		"a path":                {Change{"../failoverd", []byte("address: 10.0.0.2\n")}, "", "cannot be a server's name"},
		"an absolute path":      {Change{"/etc/passwd", nil}, "", "cannot be a server's name"},
		"a password for all":    {Change{"A", []byte("address: 10.0.0.2\ndatabases:\n  - name: D\n    engine: postgres\n    primary: {dsn: \"postgres://u@10.0.0.2/D\", password: hunter2}\n    standby: {dsn: \"postgres://u@127.0.0.1\"}\n")}, "", "clear text"},
		"larger than it may be": {Change{"A", make([]byte, maxFile+1)}, "", "larger than 1 MiB"},
	} {
		c, err := LoadWith(main, test.change)
		switch {
		case test.servers != "" && (err != nil || names(c) != test.servers):
			t.Errorf("%s: %v, %v; want %s", what, c, err, test.servers)
		case test.servers == "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: %v; want something about %s", what, err, test.wrong)
		case test.servers == "" && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the error tells the password", what)
		}
		if wrong := Errors(nil); test.servers == "" && !errors.As(err, &wrong) {
			t.Errorf("%s: %T", what, err)
		}
	}
	if c, err := Load(main); err != nil || names(c) != "M B" {
		t.Errorf("the files are not as they were: %v, %v", c, err)
	}
}

func TestHoldsPassword(t *testing.T) {
	for text, want := range map[string]bool{
		"address: 10.0.0.2\n": false,
		"databases: [{name: D, engine: postgres, primary: {dsn: \"postgres://u@10.0.0.2/D\", password: {file: /etc/x}}}]":  false,
		"databases: [{name: D, engine: postgres, primary: {dsn: \"postgres://u@10.0.0.2/D\", password: hunter2}}]":         true,
		"databases: [{name: D, engine: postgres, primary: {dsn: \"postgres://u@10.0.0.2/D\", password: {text: hunter2}}}]": false, // no such key: it is no password to anybody
		"password: [": true,
	} {
		if got := HoldsPassword("/etc/failoverd/servers.d/A.yaml", []byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// Each list of words in a server's configuration is known to be run on the standby, or known not to be: one that is forgotten
// would be run by whoever may configure servers over the network.
func TestEveryListOfWordsIsKnown(t *testing.T) {
	var found []string
	var walk func(path string, v reflect.Type)
	walk = func(path string, v reflect.Type) {
		switch {
		case v == reflect.TypeFor[[]string]():
			found = append(found, path)
		case v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice:
			walk(path, v.Elem())
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				if key := v.Field(i).Tag.Get("key"); key != "" {
					walk(join(path, key), v.Field(i).Type)
				}
			}
		}
	}
	walk("", reflect.TypeFor[Server]())
	slices.Sort(found)
	want := []string{
		"databases.fixups", "drill.check", "files.exclude.patterns", "files.include.patterns", "probes.command", "takeover.fence.command",
		"takeover.ready.command", "takeover.start.check", "takeover.start.command", "takeover.start.stop", "takeover.start.units",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("lists of words (-want +got); does HostOnly have to know the new one?\n%s", diff)
	}
}
