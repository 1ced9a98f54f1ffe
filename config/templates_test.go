package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const templated = `alerts:
  email: {host: 192.168.11.5, from: a@b.c, to: [d@e.f]}
  templates:
    - {kind: takeover.done, subject: "{{.Server}}", body: DIR/done.tmpl}
servers: [{name: A, address: 192.168.11.1, management_address: 192.168.11.21}]
`

// A template's file is read with the configuration, unless somebody else could have written it.
func TestTemplateFile(t *testing.T) {
	tests := map[string]struct {
		prepare func(file string) error
		want    string // in the error; empty: it is taken
	}{
		"right":               {func(string) error { return nil }, ""},
		"missing":             {os.Remove, "done.tmpl does not exist"},
		"writable by a group": {func(f string) error { return os.Chmod(f, 0o664) }, "can be written by others than its owner (mode 0664); run: chmod go-w"},
		"empty":               {func(f string) error { return os.Truncate(f, 0) }, "is empty"},
		"too large":           {func(f string) error { return os.Truncate(f, maxTemplate+1) }, "is too large"},
		"no file": {func(f string) error {
			if err := os.Remove(f); err != nil {
				return err
			}
			return os.Mkdir(f, 0o700)
		}, "cannot be read"},
	}
	if os.Geteuid() == 0 {
		tests["somebody else's"] = struct {
			prepare func(string) error
			want    string
		}{func(f string) error { return os.Chown(f, 12345, 0) }, "belongs to user 12345"}
	}
	for name, test := range tests {
		dir := etc(t, map[string]string{"failoverd.yaml": templated, "done.tmpl": "line\n{{.Text}}\n"})
		if err := test.prepare(filepath.Join(dir, "done.tmpl")); err != nil {
			t.Fatal(err)
		}
		c, err := Load(filepath.Join(dir, "failoverd.yaml"))
		switch {
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "failoverd.yaml:4: alerts.templates[0].body: ")):
			t.Errorf("%s: %v; want %s", name, err, test.want)
		case test.want == "" && (err != nil || c.Alerts.Templates[0].Body != "line\n{{.Text}}\n"):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is wrong with a template is shown where it stands: of a body, in its own file.
func TestCheckTemplates(t *testing.T) {
	dir := etc(t, map[string]string{"failoverd.yaml": templated, "done.tmpl": "line\n"})
	c, err := Load(filepath.Join(dir, "failoverd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	err = c.CheckTemplates(func(Template) []TemplateFault {
		return []TemplateFault{{Part: "subject", Problem: "bad", Expect: "good"}, {Part: "body", Line: 2, Problem: "bad", Expect: "good"}}
	})
	want := dir + "/done.tmpl:2: alerts.templates[0].body: bad; good\n" + dir + "/failoverd.yaml:4: alerts.templates[0].subject: bad; good"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
