package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is sent is the text as it is in the file, with the revision that was looked at; a removal wants the name typed.
func TestChangesOfServersSent(t *testing.T) {
	for _, c := range []struct {
		args, asked, typed string
		exit               int
		want               []string
	}{
		{"add FAX testdata/fax.yaml --reason new", "Add FAX? It is watched from then on. [y/N] ", "y", exitDone, []string{`POST /api/v1/servers  {"name":"FAX","text":"# the fax\naddress: 192.168.11.4\n","reason":"new"}`}},
		{"add FAX testdata/fax.yaml", "[y/N] ", "n", exitDeclined, nil},
		{"edit DEMOSERVER testdata/fax.yaml", "Change DEMOSERVER? [y/N] ", "yes", exitDone, []string{`PUT /api/v1/servers/DEMOSERVER/configuration "r1" {"text":"# the fax\naddress: 192.168.11.4\n"}`}},
		{"remove DEMOSERVER --reason sold", "Type the server's name to go on: ", "DEMOSERVER", exitDone, []string{`DELETE /api/v1/servers/DEMOSERVER?reason=sold "r1" `}},
		{"remove DEMOSERVER", "Type the server's name to go on: ", "y", exitDeclined, nil},
		{"remove DEMOSERVER", "Type the server's name to go on: ", "demoserver", exitDeclined, nil},
	} {
		t.Run(c.args+" "+c.typed, func(t *testing.T) {
			d, term := quietDay(), openTerminal(t)
			exit := term.sit(t.Context(), t, d, nil, strings.Fields(c.args)...)
			term.screen.await(t, c.asked)
			term.types(t, c.typed)
			if got := <-exit; got != c.exit {
				t.Errorf("exit %d, want %d", got, c.exit)
			}
			if diff := cmp.Diff(c.want, ordered(d)); diff != "" {
				t.Errorf("ordered (-want +got):\n%s", diff)
			}
		})
	}
}

// The text is opened in the editor, and what was written and refused is not lost.
func TestEditor(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	editor := filepath.Join(dir, "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\necho 'priority: 20' >>\"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	d, term := quietDay(), openTerminal(t)
	exit := term.sit(t.Context(), t, d, []string{"EDITOR", editor}, "edit", "DEMOSERVER")
	term.screen.await(t, "Change DEMOSERVER? [y/N] ")
	term.types(t, "y")
	if got := <-exit; got != exitDone {
		t.Errorf("exit %d", got)
	}
	want := []string{`PUT /api/v1/servers/DEMOSERVER/configuration "r1" {"text":"# the demo\naddress: 192.168.11.1\npriority: 20\n"}`}
	if diff := cmp.Diff(want, ordered(d)); diff != "" {
		t.Errorf("ordered (-want +got):\n%s", diff)
	}

	d, term = quietDay(), openTerminal(t)
	d.configured = badNight().configured
	if got := <-term.sit(context.Background(), t, d, []string{"EDITOR", editor}, "edit", "DEMOSERVER"); got != exitFailed {
		t.Errorf("exit %d", got)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "failoverd-DEMOSERVER-*.yaml"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	if text, err := os.ReadFile(kept[0]); err != nil || !strings.HasSuffix(string(text), "priority: 20\n") {
		t.Errorf("kept %q, %v", text, err)
	}
}
