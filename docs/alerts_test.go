package docs_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"failoverd/alerts"
)

// The example of a receiver that examines signatures is the function that the webhook's own tests run.
func TestReceiverExampleIsTested(t *testing.T) {
	source, err := os.ReadFile("../alerts/webhook_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, function, found := strings.Cut(string(source), "\nfunc genuine(")
	function, _, closed := strings.Cut(function, "\n}\n")
	if !found || !closed {
		t.Fatal("no function genuine in alerts/webhook_test.go")
	}
	if example := "```go\nfunc genuine(" + function + "\n}\n```\n"; !strings.Contains(string(page), example) {
		t.Errorf("alerts.md does not have the function that is tested:\n%s", example)
	}
}

// Every key of an alert for programs is explained.
func TestNotificationKeysAreExplained(t *testing.T) {
	page, err := os.ReadFile("alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "### What is in it")
	table, _, ended := strings.Cut(table, "## Commands")
	if !found || !ended {
		t.Fatal("no table of keys in alerts.md")
	}
	n := reflect.TypeFor[alerts.Notification]()
	for i := range n.NumField() {
		if key := n.Field(i).Tag.Get("json"); !strings.Contains(table, "`"+key+"`") {
			t.Errorf("the key %s is not in the table", key)
		}
	}
}
