package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failoverd/config"
	"failoverd/journal"
)

// An alert past the journal goes to everybody who gets alerts as severe, whoever else cannot be reached, and to nobody else. It has
// failed if nobody has got it, and that says of each why.
func TestCry(t *testing.T) {
	dir := t.TempDir()
	command := func(name, severity, script string) config.AlertCommand {
		return config.AlertCommand{Name: name, Severity: severity, Timeout: 20 * time.Second, Command: []string{"/bin/sh", "-c", script}}
	}
	got := func(name string) string { return filepath.Join(dir, name) }
	into := func(name string) string { return fmt.Sprintf("cat > %s", got(name)) }
	c := &config.Config{Alerts: config.Alerts{Commands: []config.AlertCommand{
		command("away", "info", "exit 7"), command("first", "critical", into("first")), command("second", "warning", into("second")), command("never", "none", into("never")),
	}}}
	w := &world{log: slog.New(slog.DiscardHandler), started: time.Now()}
	w.current.Store(c)
	e := journal.Event{Time: time.Now(), Kind: "journal.unwritable", Severity: journal.Critical, Message: "pbx failed and NOT TAKEN OVER", Reason: "disk full"}
	ok(t, w.cry(t.Context(), e))
	for _, name := range []string{"first", "second"} {
		text, err := os.ReadFile(got(name))
		ok(t, err)
		contains(t, string(text), "journal.unwritable", "disk full")
	}
	if _, err := os.Stat(got("never")); err == nil {
		t.Error("somebody was told who wants nothing")
	}
	c.Alerts.Commands = c.Alerts.Commands[:1]
	if err := w.cry(t.Context(), e); err == nil || !strings.Contains(err.Error(), "command:away: ") {
		t.Errorf("nobody was told: %v", err)
	}
	c.Alerts.Commands = nil
	ok(t, w.cry(t.Context(), e)) // nobody wants to be told
}
