package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// etc makes a configuration directory of files by name; those named
// *.password and the main file are private.
func etc(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const mailBy = `
alerts:
  email: {host: 192.168.11.5, username: u, password: %s, from: a@b.c, to: [d@e.f]}
servers: [{name: A, address: 192.168.11.1, management_address: 192.168.11.21}]
`

func TestLoadReadsServersD(t *testing.T) {
	dir := etc(t, map[string]string{
		"failoverd.yaml":       "servers: [{name: M, address: 10.0.0.1}]",
		"servers.d/B.yaml":     "address: 10.0.0.3",
		"servers.d/A.yaml":     "name: A\naddress: 10.0.0.2",
		"servers.d/.hidden":    "nonsense: [",
		"servers.d/A.yaml.bak": "nonsense: [",
		"servers.d/README":     "nonsense: [",
		"servers.d/.#A.yaml":   "nonsense: [",
	})
	c, err := Load(filepath.Join(dir, "failoverd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range c.Servers {
		got = append(got, s.Name)
	}
	if fmt.Sprint(got) != "[M A B]" {
		t.Errorf("servers %v, want [M A B]", got)
	}
	if host, _ := os.Hostname(); c.Standby.Name != host {
		t.Errorf("standby.name = %q, want the host's name %q", c.Standby.Name, host)
	}
}

func TestLoadRefuses(t *testing.T) {
	private := map[string]string{"failoverd.yaml": fmt.Sprintf(mailBy, "{file: DIR/smtp.password}"), "smtp.password": "hunter2\n"}
	tests := []struct {
		name  string
		files map[string]string
		spoil func(t *testing.T, dir string)
		want  string // the line after the directory; "" for none
	}{
		{"nothing", private, func(*testing.T, string) {}, ""},
		{"clear text in private file", map[string]string{"failoverd.yaml": fmt.Sprintf(mailBy, "hunter2")}, func(*testing.T, string) {}, ""},
		{
			"clear text in group-readable file",
			map[string]string{"failoverd.yaml": fmt.Sprintf(mailBy, "hunter2")},
			mode("failoverd.yaml", 0o640),
			"/failoverd.yaml:3: alerts.email.password: the secret is in clear text in a file that others can read",
		},
		{
			"clear text in world-readable file",
			map[string]string{"failoverd.yaml": fmt.Sprintf(mailBy, "hunter2")},
			mode("failoverd.yaml", 0o604),
			"/failoverd.yaml:3: alerts.email.password: the secret is in clear text in a file that others can read",
		},
		{
			"world-readable secret", private, mode("smtp.password", 0o644),
			"/failoverd.yaml:3: alerts.email.password: DIR/smtp.password is open to others (mode 0644); run: chmod 0600 DIR/smtp.password",
		},
		{"group-readable secret", private, mode("smtp.password", 0o640), "/failoverd.yaml:3: alerts.email.password: DIR/smtp.password is open to others (mode 0640)"},
		{
			"missing secret", private, func(t *testing.T, dir string) { must(t, os.Remove(dir+"/smtp.password")) },
			"/failoverd.yaml:3: alerts.email.password: DIR/smtp.password does not exist",
		},
		{
			"empty secret", private, func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/smtp.password", 0)) },
			"/failoverd.yaml:3: alerts.email.password: DIR/smtp.password is empty",
		},
		{"secret is a directory", private, func(t *testing.T, dir string) {
			must(t, os.Remove(dir+"/smtp.password"))
			must(t, os.Mkdir(dir+"/smtp.password", 0o700))
		}, "/failoverd.yaml:3: alerts.email.password: DIR/smtp.password is not a regular file"},
		{"no main file", private, func(t *testing.T, dir string) { must(t, os.Remove(dir+"/failoverd.yaml")) }, "/failoverd.yaml:1: the file does not exist"},
		{"main file is a FIFO", private, func(t *testing.T, dir string) {
			must(t, os.Remove(dir+"/failoverd.yaml"))
			must(t, syscall.Mkfifo(dir+"/failoverd.yaml", 0o600))
		}, "/failoverd.yaml:1: the file cannot be read"},
		{"main file is a directory", private, func(t *testing.T, dir string) {
			must(t, os.Remove(dir+"/failoverd.yaml"))
			must(t, os.Mkdir(dir+"/failoverd.yaml", 0o700))
		}, "/failoverd.yaml:1: the file cannot be read"},
		{"more than 1 MiB", private, func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/failoverd.yaml", maxFile+1)) }, "/failoverd.yaml:1: the file is larger than 1 MiB"},
		{
			"yml in servers.d",
			map[string]string{"failoverd.yaml": "standby: {}", "servers.d/A.yml": "x"},
			func(*testing.T, string) {},
			"/servers.d/A.yml:1: the file would be ignored because of its ending .yml; rename it to A.yaml",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := etc(t, tt.files)
			tt.spoil(t, dir)
			_, err := Load(filepath.Join(dir, "failoverd.yaml"))
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			want := dir + strings.ReplaceAll(tt.want, "DIR", dir)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the message holds the secret: %v", err)
			}
		})
	}
}

func TestLoadReportsEveryFile(t *testing.T) {
	dir := etc(t, map[string]string{
		"failoverd.yaml":   fmt.Sprintf(mailBy, "{file: DIR/none}") + "standby: {capacity: 0}\n",
		"servers.d/B.yaml": "address: [\n",
		"servers.d/C.yaml": "address: x\n",
		"servers.d/D.yml":  "",
	})
	_, err := Load(filepath.Join(dir, "failoverd.yaml"))
	var problems Errors
	if !errors.As(err, &problems) || len(problems) != 5 {
		t.Fatalf("got %d problems, want 5:\n%v", len(problems), err)
	}
}

func mode(name string, m os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, name), m)) }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
