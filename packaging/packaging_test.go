// Package packaging_test looks at the files by which failoverd is installed, with the programs that will read them.
package packaging_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// capabilities are what failoverd needs, and no others.
const (
	capabilities      = "CAP_NET_ADMIN CAP_NET_RAW"
	agentCapabilities = "CAP_DAC_READ_SEARCH CAP_LEASE"
)

// units are the system services.
const (
	standbyUnit = "failoverd.service"
	agentUnit   = "failoverd-agent.service"
)

// program returns the path of a program that the test needs. Without it the test is skipped, unless the run must be
// complete.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: %v", err)
		}
		t.Skip(err)
	}
	return path
}

// read returns a file as text.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settings returns the values of a key in a unit file, in order.
func settings(unit, key string) []string {
	var out []string
	for line := range strings.Lines(unit) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			out = append(out, value)
		}
	}
	return out
}

// installed writes the unit with programs that exist in place of those that the package installs, and returns its path.
func installed(t *testing.T, name, unit string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	unit = strings.ReplaceAll(unit, "/usr/bin/failoverd", program(t, "true"))
	if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// verify returns what systemd-analyze finds wrong with a unit.
func verify(t *testing.T, name, unit string) string {
	t.Helper()
	out, err := exec.Command(program(t, "systemd-analyze"), "verify", "--man=no", installed(t, name, unit)).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	// Of other units on the machine it may say what it likes.
	var ours []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "failoverd") {
			ours = append(ours, line)
		}
	}
	return strings.Join(ours, "")
}

func TestUnitsAreValid(t *testing.T) {
	for _, name := range []string{standbyUnit, agentUnit} {
		unit := read(t, name)
		if got := verify(t, name, unit); got != "" {
			t.Errorf("%s: systemd-analyze verify:\n%s", name, got)
		}
		// It would find something if there were something.
		if got := verify(t, name, strings.Replace(unit, "WatchdogSec=", "WatchdogSek=", 1)); got == "" {
			t.Errorf("%s: systemd-analyze verify found nothing wrong with a wrong key", name)
		}
	}
}

func TestUnitsExposureIsBelow3(t *testing.T) {
	for _, name := range []string{standbyUnit, agentUnit} {
		// The threshold is in tenths. systemd-analyze fails if the exposure is above it.
		command := exec.Command(program(t, "systemd-analyze"), "security", "--offline=true", "--no-pager", "--threshold=29", installed(t, name, read(t, name)))
		out, err := command.CombinedOutput()
		found := regexp.MustCompile(`exposure level for ` + regexp.QuoteMeta(name) + `: ([0-9.]+)`).FindSubmatch(out)
		if found == nil {
			t.Fatalf("%s: no exposure in the output, %v:\n%s", name, err, out)
		}
		var exposure float64
		if _, err := fmt.Sscan(string(found[1]), &exposure); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: exposure %v", name, exposure)
		if err != nil || exposure >= 3 {
			t.Errorf("%s: exposure %v, want less than 3 (%v)", name, exposure, err)
		}
	}
}

// TestUnitKeepsItsPromises holds the settings without which a promise of the product would be broken, however well the
// rest works.
func TestUnitKeepsItsPromises(t *testing.T) {
	unit := read(t, "failoverd.service")
	for key, want := range map[string]string{
		"Type":                     "notify",
		"User":                     "failoverd",
		"AmbientCapabilities":      capabilities,
		"CapabilityBoundingSet":    capabilities,
		"KillMode":                 "process",  // a stand-in survives a restart
		"OOMPolicy":                "continue", // and the daemon survives a stand-in
		"Restart":                  "always",
		"StartLimitIntervalSec":    "0",
		"RuntimeDirectory":         "failoverd",
		"RuntimeDirectoryPreserve": "restart",
		"StateDirectory":           "failoverd",
		"ConfigurationDirectory":   "failoverd",
		"ExecReload":               "/usr/bin/failoverd reload",
	} {
		if diff := cmp.Diff([]string{want}, settings(unit, key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if len(settings(unit, "WatchdogSec")) != 1 {
		t.Error("WatchdogSec is not set once")
	}
	// A private /tmp is deleted at a restart, under the feet of a stand-in; /proc/sys holds the boot id.
	for _, key := range []string{"PrivateTmp", "ProcSubset", "PrivateUsers", "PrivateNetwork"} {
		if got := settings(unit, key); got != nil {
			t.Errorf("%s=%s would break failoverd or its stand-ins", key, got)
		}
	}
	families := strings.Fields(strings.Join(settings(unit, "RestrictAddressFamilies"), " "))
	for _, family := range []string{"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET"} {
		if !slices.Contains(families, family) {
			t.Errorf("RestrictAddressFamilies lacks %s", family)
		}
	}
}

// TestAgentUnitGrantsLittle holds what the agent may do, and the way to more, which is written and not granted.
func TestAgentUnitGrantsLittle(t *testing.T) {
	unit := read(t, agentUnit)
	for key, want := range map[string]string{
		"Type":                  "notify",
		"User":                  "failoverd-agent",
		"AmbientCapabilities":   agentCapabilities,
		"CapabilityBoundingSet": agentCapabilities,
		"NoNewPrivileges":       "yes",
		"ProtectSystem":         "strict",
		"StateDirectory":        "failoverd-agent",
		"StateDirectoryMode":    "0700",
		"Restart":               "always",
		"StartLimitIntervalSec": "0",
		"ExecStart":             "/usr/bin/failoverd agent",
	} {
		if diff := cmp.Diff([]string{want}, settings(unit, key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	// Capabilities over the host's files mean nothing among users of its own; /proc/sys holds the boot id.
	for _, key := range []string{"PrivateUsers", "ProcSubset", "PrivateNetwork", "ReadWritePaths"} {
		if got := settings(unit, key); got != nil {
			t.Errorf("%s=%s would break the agent, or grant it what it does not need", key, got)
		}
	}
	var offered strings.Builder
	for line := range strings.Lines(unit) {
		if text, ok := strings.CutPrefix(line, "#   "); ok {
			offered.WriteString(text)
		}
	}
	for _, key := range []string{"AmbientCapabilities", "CapabilityBoundingSet"} {
		if diff := cmp.Diff([]string{agentCapabilities + " CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER"}, settings(offered.String(), key)); diff != "" {
			t.Errorf("the drop-in's %s (-want +got):\n%s", key, diff)
		}
	}
}

func TestDockerfileSaysWhatItNeeds(t *testing.T) {
	text := read(t, "../Dockerfile")
	for _, want := range []string{
		"--network host", "--cap-drop ALL", "--cap-add NET_ADMIN", "--cap-add NET_RAW",
		"HEALTHCHECK", "failoverd status", "CGO_ENABLED=0", "ca-certificates.crt",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile does not say %q", want)
		}
	}
	added := regexp.MustCompile(`--cap-add (\w+)`).FindAllStringSubmatch(text, -1)
	var got []string
	for _, a := range added {
		got = append(got, "CAP_"+a[1])
	}
	if diff := cmp.Diff(strings.Fields(capabilities), got); diff != "" {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if version == nil || !strings.Contains(text, "FROM golang:"+version[1]+" ") {
		t.Errorf("the Dockerfile does not build with the version of Go that go.mod names, %v", version)
	}
}

// TestHealthCheckCommand runs the health check's shell line with a failoverd that ends with each of its exit statuses.
func TestHealthCheckCommand(t *testing.T) {
	line := regexp.MustCompile(`(?m)^HEALTHCHECK(?:.*\\\n)*\s*CMD (.*)$`).FindStringSubmatch(read(t, "../Dockerfile"))
	if line == nil {
		t.Fatal("no health check in the Dockerfile")
	}
	for status, healthy := range map[int]bool{0: true, 3: true, 4: true, 1: false, 2: false, 9: false, 127: false} {
		script := fmt.Sprintf("failoverd() { return %d; }\n%s", status, line[1])
		if err := exec.Command("sh", "-c", script).Run(); (err == nil) != healthy {
			t.Errorf("exit status %d of failoverd status: %v, want healthy %v", status, err, healthy)
		}
	}
}

// TestPolkitRule asks the rule about subjects and actions, by the interpreter that polkitd has (duktape) and a
// substitute for its polkit object.
func TestPolkitRule(t *testing.T) {
	duk := program(t, "duk")
	rule := strings.Replace(read(t, "50-failoverd.rules"), `// "ctserver.service",`, `"ctserver.service",`, 1)
	manage := "org.freedesktop.systemd1.manage-units"
	questions := []struct{ ID, User, Unit, Verb, Want string }{
		{manage, "failoverd", "ctserver.service", "start", "YES"},
		{manage, "failoverd", "ctserver.service", "stop", "YES"},
		{manage, "failoverd", "ctserver.service", "reset-failed", "YES"},
		{manage, "failoverd", "ctserver.service", "restart", "NO"},
		{manage, "failoverd", "ssh.service", "stop", "NO"},
		{manage, "www-data", "ctserver.service", "start", "NOT_HANDLED"},
		{"org.freedesktop.systemd1.manage-unit-files", "failoverd", "ctserver.service", "enable", "NOT_HANDLED"},
		{"org.freedesktop.login1.reboot", "failoverd", "", "", "NOT_HANDLED"},
	}
	asked, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	script := `var rules = [];
var polkit = { Result: { YES: "YES", NO: "NO", NOT_HANDLED: "NOT_HANDLED" }, addRule: function(r) { rules.push(r); } };
` + rule + `
print(JSON.stringify(` + string(asked) + `.map(function(q) {
  return rules[0]({ id: q.ID, lookup: function(k) { return { unit: q.Unit, verb: q.Verb }[k]; } }, { user: q.User });
})));`
	file := filepath.Join(t.TempDir(), "rule.js")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(duk, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	var got []string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for i, q := range questions {
		if i >= len(got) || got[i] != q.Want {
			t.Errorf("%+v: got %v", q, got)
		}
	}
	// As it is delivered, it allows nothing.
	if strings.Contains(read(t, "50-failoverd.rules"), "\n    \"") {
		t.Error("the rule is delivered with a unit in its list")
	}
}

func TestSysusers(t *testing.T) {
	sysusers := program(t, "systemd-sysusers")
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf, err := filepath.Abs("sysusers.conf")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(sysusers, "--root="+root, conf).CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, name := range []string{"failoverd", "failoverd-agent"} {
		if text := read(t, filepath.Join(root, "etc", "passwd")); !regexp.MustCompile(`(?m)^` + name + `:.*:/var/lib/` + name + `:/usr/sbin/nologin$`).MatchString(text) {
			t.Errorf("passwd is %q", text)
		}
	}
}
