package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/api"
	"failoverd/status"
)

// drawer is a daemon with one server's file.
func drawer() *fakeDaemon {
	d := quietDay()
	d.file = status.ServerFile{Server: "DEMOSERVER", File: "/etc/failoverd/servers.d/DEMOSERVER.yaml", Text: "# ours\naddress: 192.168.11.1\n", ETag: "abc"}
	d.edited = status.Edited{
		Server: "DEMOSERVER", File: d.file.File, ETag: "def", Means: "Server DEMOSERVER (DEMOSERVER.yaml:2)\n  pinged every 2s\n",
		Reloaded: status.Reloaded{Changed: []string{"servers[DEMOSERVER].ping.interval"}, NeedsRestart: []string{}, Notices: []string{}, Uncopied: []status.Uncopied{}},
	}
	return d
}

// editorThat is an editor that does something to the file, the nth time that it is opened: commands of the shell, with the file as $1.
func editorThat(t *testing.T, times ...string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\nset -e\nn=$(ls " + dir + " | grep -c time) || true\n: > " + dir + "/time$n\ncase $n in\n"
	for i, do := range times {
		script += fmt.Sprintf("%d) %s;;\n", i, do)
	}
	path := filepath.Join(dir, "editor")
	if err := os.WriteFile(path, []byte(script+"esac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEditInAnEditor(t *testing.T) {
	d := drawer()
	term := openTerminal(t)
	exit := term.sit(t.Context(), t, d, []string{"EDITOR", editorThat(t, `echo "ping: {interval: 1s}" >> "$1"`)}, "edit", "DEMOSERVER", "--reason", "faster")
	if got := <-exit; got != exitDone {
		t.Fatalf("exit %d\n%s", got, term.screen)
	}
	for _, text := range []string{"Written to /etc/failoverd/servers.d/DEMOSERVER.yaml, and in force.", "Changed: servers[DEMOSERVER].ping.interval", "pinged every 2s"} {
		term.screen.await(t, text)
	}
	var body api.NewText
	sent := d.sent()
	if len(sent) != 1 || json.Unmarshal([]byte(sent[0][strings.Index(sent[0], "{"):]), &body) != nil {
		t.Fatalf("sent: %q", sent)
	}
	if body.Text != "# ours\naddress: 192.168.11.1\nping: {interval: 1s}\n" || body.Reason != "faster" || !strings.Contains(sent[0], "PUT /api/v1/servers/DEMOSERVER/configuration") {
		t.Errorf("sent: %q", sent)
	}
	if d.ifMatch != `"abc"` {
		t.Errorf("If-Match is %s", d.ifMatch)
	}
}

// TestEditNothing: a file that was only looked at is not sent.
func TestEditNothing(t *testing.T) {
	d := drawer()
	term := openTerminal(t)
	if got := <-term.sit(t.Context(), t, d, []string{"VISUAL", editorThat(t, "true"), "EDITOR", "false"}, "edit", "DEMOSERVER"); got != exitDone || len(d.sent()) != 0 {
		t.Fatalf("exit %d, sent %q", got, d.sent())
	}
	for _, text := range []string{"Nothing has changed."} {
		term.screen.await(t, text)
	}
}

// TestEditAgain: with errors the text is edited on, and is not lost when that is given up.
func TestEditAgain(t *testing.T) {
	wrong := &api.Problem{Status: 422, Code: status.InvalidConfig, Title: "The configuration is not valid", Detail: "DEMOSERVER.yaml:3: pong: unknown key"}
	for name, test := range map[string]struct {
		answer string
		exit   int
		sent   int
	}{
		"edit on": {"y", exitDone, 2},
		"give up": {"n", exitDeclined, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := drawer()
			d.problem, d.problems = wrong, 1
			term := openTerminal(t)
			exit := term.sit(t.Context(), t, d, []string{"EDITOR", editorThat(t, `echo "pong: 1" >> "$1"`, `sed -i s/pong/ping/ "$1"`)}, "edit", "DEMOSERVER")
			term.screen.await(t, "Go on editing?")
			term.types(t, test.answer)
			if got := <-exit; got != test.exit || len(d.sent()) != test.sent {
				t.Fatalf("exit %d, sent %q\n%s", got, d.sent(), term.screen)
			}
			for _, text := range []string{"DEMOSERVER.yaml:3: pong: unknown key"} {
				term.screen.await(t, text)
			}
			if test.exit != exitDeclined {
				return
			}
			term.screen.await(t, "DEMOSERVER.yaml.")
			_, rest, _ := strings.Cut(term.screen.String(), "Your text is kept in ")
			path, _, _ := strings.Cut(rest, ".yaml")
			text, err := os.ReadFile(path + ".yaml")
			if err != nil || !strings.Contains(string(text), "pong: 1") {
				t.Errorf("%v, %q", err, text)
			}
			os.RemoveAll(filepath.Dir(path))
		})
	}
}

func TestEditFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new.yaml")
	if err := os.WriteFile(file, []byte("address: 192.168.11.9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Repeat("#", maxText+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	conflict := drawer()
	conflict.problem = &api.Problem{Status: 412, Code: status.StateChanged, Title: "The state has changed", Detail: "changed by somebody else"}
	remote := drawer()
	remote.problem = &api.Problem{Status: 403, Code: status.HostOnly, Title: "Only to be done on the standby itself", Detail: "only root on the standby may write takeover.start.command"}
	for name, test := range map[string]struct {
		d    *fakeDaemon
		args []string
		exit int
		sent string
	}{
		"edit":               {drawer(), []string{"edit", "DEMOSERVER", "--file", file}, exitDone, "PUT"},
		"edit, dry":          {drawer(), []string{"edit", "DEMOSERVER", "--file", file, "--dry-run"}, exitDone, "PUT"},
		"add":                {drawer(), []string{"add", "ERP", "--file", file}, exitDone, "POST"},
		"add by an address":  {drawer(), []string{"add", "ERP", "--address", "192.168.11.7"}, exitDone, "address: 192.168.11.7"},
		"add, no address":    {drawer(), []string{"add", "ERP", "--address", "erp.example.com"}, exitUsage, ""},
		"no terminal":        {drawer(), []string{"edit", "DEMOSERVER"}, exitUsage, ""},
		"too large":          {drawer(), []string{"edit", "DEMOSERVER", "--file", large}, exitUsage, ""},
		"no such file":       {drawer(), []string{"add", "ERP", "--file", file + "x"}, exitUsage, ""},
		"changed meanwhile":  {conflict, []string{"edit", "DEMOSERVER", "--file", file}, exitConflict, "PUT"},
		"not from elsewhere": {remote, []string{"edit", "DEMOSERVER", "--file", file}, exitForbidden, "PUT"},
		"remove":             {drawer(), []string{"remove", "DEMOSERVER", "--yes", "--reason", "gone"}, exitDone, "DELETE"},
		"remove, dry":        {drawer(), []string{"remove", "DEMOSERVER", "--dry-run"}, exitDone, "DELETE"},
		"remove, unasked":    {drawer(), []string{"remove", "DEMOSERVER"}, exitUsage, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out := invoke(t, test.d, test.args...)
			sent := strings.Join(test.d.sent(), "\n")
			if out.exit != test.exit || (test.sent == "") != (sent == "") || !strings.Contains(sent, test.sent) {
				t.Errorf("exit %d, sent %q\n%s%s", out.exit, sent, out.stdout, out.stderr)
			}
			if dry := strings.Contains(name, "dry"); dry != strings.Contains(sent, "dry_run=true") || dry != strings.Contains(out.stdout, "nothing was changed") {
				t.Errorf("sent %q, said %q", sent, out.stdout)
			}
		})
	}
}

func TestRemoveAsks(t *testing.T) {
	for typed, want := range map[string]int{"DEMOSERVER": exitDone, "y": exitDeclined, "demoserver": exitDeclined, "": exitDeclined} {
		t.Run(typed, func(t *testing.T) {
			d := drawer()
			term := openTerminal(t)
			exit := term.sit(t.Context(), t, d, nil, "remove", "DEMOSERVER")
			term.screen.await(t, "Type the server's name to go on:")
			term.types(t, typed)
			if got := <-exit; got != want || (len(d.sent()) == 1) != (want == exitDone) {
				t.Errorf("exit %d, sent %q", got, d.sent())
			}
		})
	}
}
