package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigCheck needs no daemon.
func TestConfigCheck(t *testing.T) {
	good := invokeAt(t, "/nonexistent/s", "config", "check", "--elsewhere", "testdata/good.yaml")
	if good.exit != exitDone || !strings.Contains(good.stdout, "DEMOSERVER") || !strings.HasSuffix(good.stdout, "testdata/good.yaml is valid.\n") {
		t.Errorf("exit %d\n%s%s", good.exit, good.stdout, good.stderr)
	}
	bad := invokeAt(t, "/nonexistent/s", "config", "check", "testdata/bad.yaml")
	for _, want := range []string{"bad.yaml:4: ", "bad.yaml:5: ", "failoverd: testdata/bad.yaml has 2 errors\n"} {
		if !strings.Contains(bad.stderr, want) {
			t.Errorf("%q is missing in:\n%s", want, bad.stderr)
		}
	}
	if bad.exit != exitFailed || bad.stdout != "" {
		t.Errorf("exit %d, stdout %q", bad.exit, bad.stdout)
	}
	doc := documents(t, invokeAt(t, "/nonexistent/s", "config", "check", "--json", "testdata/bad.yaml").stdout)[0]
	if doc["valid"] != false || len(doc["errors"].([]any)) != 2 {
		t.Errorf("%v", doc)
	}
}

// TestTemplates: what is wrong with a template is shown with its file and line before it is needed; one that is right is shown.
func TestTemplates(t *testing.T) {
	dir := t.TempDir()
	file, body := filepath.Join(dir, "failoverd.yaml"), filepath.Join(dir, "done.tmpl")
	write := func(subject, text string) {
		t.Helper()
		config := "alerts:\n  email: {host: 192.168.11.5, from: a@b.c, to: [d@e.f]}\n  templates:\n    - {kind: takeover.done, subject: '" + subject + "', body: " + body + "}\n" +
			"servers: [{name: A, address: 192.168.11.1, management_address: 192.168.11.21}]\n"
		ok(t, errors.Join(os.WriteFile(file, []byte(config), 0o600), os.WriteFile(body, []byte(text), 0o600)))
	}
	write("{{.Server}} is on {{.Standbye}}", "one\ntwo {{.Sever}}\n")
	bad := invokeAt(t, "/nonexistent/s", "config", "check", "--elsewhere", file)
	for _, want := range []string{"failoverd.yaml:4: alerts.templates[0].subject: ", "can't evaluate field Standbye", "done.tmpl:2: alerts.templates[0].body: ", "has 2 errors"} {
		if !strings.Contains(bad.stderr, want) {
			t.Errorf("%q is missing in:\n%s", want, bad.stderr)
		}
	}
	write("{{.Server}} is on {{.Standby}}", "{{.Summary}}\n")
	if good := invokeAt(t, "/nonexistent/s", "config", "check", "--elsewhere", file); good.exit != exitDone || !strings.Contains(good.stdout, "Mails of kind takeover.done have your own subject and text of "+body) {
		t.Errorf("exit %d\n%s%s", good.exit, good.stdout, good.stderr)
	}
	shown := invokeAt(t, "/nonexistent/s", "config", "preview", "takeover.done", file)
	if shown.exit != exitDone || !strings.Contains(shown.stdout, "Subject: Re: DEMOSERVER is on ") || !strings.Contains(shown.stdout, "is serving the users of DEMOSERVER since") {
		t.Errorf("exit %d\n%s%s", shown.exit, shown.stdout, shown.stderr)
	}
	if none := invokeAt(t, "/nonexistent/s", "config", "preview", "takeover.dnoe", file); none.exit != exitNotFound {
		t.Errorf("exit %d\n%s", none.exit, none.stderr)
	}
}
