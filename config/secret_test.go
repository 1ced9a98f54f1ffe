package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecretNeverShows(t *testing.T) {
	c := mustParse(t, fmt.Sprintf(mailBy, "hunter2"))
	password := c.Alerts.Email.Password
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("x", "password", password, "email", c.Alerts.Email, "config", c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "password", password, "email", c.Alerts.Email)
	for _, v := range []any{password, &password, c.Alerts, *c.Alerts.Email, c, secretSpot{value: password}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %d %x\n", v, v, v, v, v, v, v)
	}
	for _, v := range []any{password, c.Alerts} {
		j, err := json.Marshal(v)
		must(t, err)
		y, err := yaml.Marshal(v)
		must(t, err)
		out.Write(j)
		out.Write(y)
	}
	c.Describe(&out)
	_, needs := c.Diff(&Config{})
	fmt.Fprint(&out, needs)
	if s := out.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "68756e746572") {
		t.Errorf("the secret shows:\n%s", s)
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("nothing was printed at all")
	}
	if got, err := password.Reveal(); got != "hunter2" || err != nil {
		t.Errorf("Reveal = %q, %v", got, err)
	}
}

func TestSecretReveal(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "smtp")
	must(t, os.WriteFile(file, []byte("hunter2 \r\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "empty"), []byte("\n"), 0o600))
	t.Setenv("FAILOVERD_TEST_SECRET", "from the environment")
	tests := []struct {
		secret      Secret
		credentials string
		want        string
		fails       string
	}{
		{Secret{}, "", "", ""},
		{Secret{kind: "file", source: file}, "", "hunter2 ", ""},
		{Secret{kind: "file", source: filepath.Join(dir, "empty")}, "", "", "the file is empty"},
		{Secret{kind: "file", source: filepath.Join(dir, "none")}, "", "", "no such file"},
		{Secret{kind: "env", source: "FAILOVERD_TEST_SECRET"}, "", "from the environment", ""},
		{Secret{kind: "env", source: "FAILOVERD_TEST_NONE"}, "", "", "FAILOVERD_TEST_NONE: it is not set"},
		{Secret{kind: "credential", source: "smtp"}, dir, "hunter2 ", ""},
		{Secret{kind: "credential", source: "smtp"}, "", "", "$CREDENTIALS_DIRECTORY is not set"},
	}
	for _, tt := range tests {
		t.Setenv("CREDENTIALS_DIRECTORY", tt.credentials)
		got, err := tt.secret.Reveal()
		if got != tt.want || (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%s: Reveal = %q, %v; want %q, %s", tt.secret.Source(), got, err, tt.want, tt.fails)
		}
	}
	// A rotated secret needs no reload.
	s := Secret{kind: "file", source: file}
	must(t, os.WriteFile(file, []byte("new"), 0o600))
	if got, _ := s.Reveal(); got != "new" {
		t.Errorf("after a change Reveal = %q", got)
	}
}

func TestSecretSourcesThatAreAbsentHere(t *testing.T) {
	for source, want := range map[string]string{
		"{env: FAILOVERD_TEST_NONE}": "environment variable FAILOVERD_TEST_NONE is not set here",
		"{credential: smtp}":         "credential smtp cannot be looked at here",
	} {
		t.Setenv("CREDENTIALS_DIRECTORY", "")
		dir := etc(t, map[string]string{"failoverd.yaml": fmt.Sprintf(mailBy, source)})
		c, err := Load(filepath.Join(dir, "failoverd.yaml"))
		if err != nil || !strings.Contains(notices(c), want) {
			t.Errorf("%s: %v, notices:\n%s", source, err, notices(c))
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	dir := etc(t, map[string]string{"failoverd.yaml": fmt.Sprintf(mailBy, "{credential: smtp}")})
	if _, err := Load(filepath.Join(dir, "failoverd.yaml")); err == nil || !strings.Contains(err.Error(), "LoadCredential=smtp:PATH") {
		t.Errorf("missing credential: %v", err)
	}
}
