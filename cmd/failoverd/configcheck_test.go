package main

import (
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
