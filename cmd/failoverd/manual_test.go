package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManual has every command that people see, and the configuration, on a page of their own, which man reads without a
// complaint and shows with all that --help says.
func TestManual(t *testing.T) {
	man, err := exec.LookPath("man")
	if err != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: %v (Debian package man-db)", err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	if got := invoke(t, quietDay(), "manual", dir); got.exit != 0 || got.stdout != "" {
		t.Fatalf("exit %d: %s%s", got.exit, got.stdout, got.stderr)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--warnings=w", "-E", "UTF-8", "-l"}
	for _, e := range entries {
		args = append(args, filepath.Join(dir, e.Name()))
	}
	read := exec.Command(man, args...)
	read.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "MANWIDTH=500"}
	var complaints strings.Builder
	read.Stderr = &complaints
	out, err := read.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("man: %v:\n%s", err, complaints.String())
	}
	// What man shows, by page: each begins with a line that names it at both ends.
	shown := map[string]string{}
	heads := regexp.MustCompile(`(?m)^(FAILOVERD[A-Z.-]*)\(([15])\).*\)$`)
	begins := heads.FindAllSubmatchIndex(out, -1)
	for i, at := range begins {
		end := len(out)
		if i+1 < len(begins) {
			end = begins[i+1][0]
		}
		shown[strings.ToLower(string(out[at[2]:at[3]]))+"."+string(out[at[4]:at[5]])] = string(out[at[0]:end])
	}
	pages := map[string]bool{}
	walk(tree(), func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return
		}
		page := pageName(cmd) + ".1"
		pages[page] = true
		if strings.HasPrefix(cmd.CommandPath(), "failoverd completion ") {
			return // These pages are long, and cobra's.
		}
		text := shown[page]
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if line = strings.TrimSpace(line); !strings.Contains(text, line) {
				t.Errorf("%s does not show %q", page, line)
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && !strings.Contains(text, "--"+f.Name) {
				t.Errorf("%s does not show --%s", page, f.Name)
			}
		})
	})
	pages["failoverd.yaml.5"] = true
	text := shown["failoverd.yaml.5"]
	for _, key := range []string{"standby.capacity", "alerts.snmp[].auth_password", "servers[].takeover.fence.command", `daily_report: "07:00"`} {
		if !strings.Contains(text, key) {
			t.Errorf("failoverd.yaml.5 does not show %s", key)
		}
	}
	for _, e := range entries {
		if !pages[e.Name()] {
			t.Errorf("%s is of no command", e.Name())
		}
		delete(pages, e.Name())
	}
	if len(pages) > 0 {
		t.Errorf("there are no pages %v", pages)
	}
}
