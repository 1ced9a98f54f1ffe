package main

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"failoverd/status"
)

// TestNagiosState: what is how bad. The worst decides.
func TestNagiosState(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *status.Snapshot)
		want   int
		says   string
	}{
		"all is well":          {func(*status.Snapshot) {}, nagiosOK, "ready: DEMOSERVER"},
		"nobody is watched":    {func(s *status.Snapshot) { s.Servers = nil }, nagiosOK, "no servers are configured"},
		"degraded":             {func(s *status.Snapshot) { s.Servers[0].Readiness.Verdict = "degraded" }, nagiosWarning, "DEMOSERVER is degraded"},
		"unverified":           {func(s *status.Snapshot) { s.Servers[0].Readiness.Verdict = "unverified" }, nagiosWarning, "DEMOSERVER is unverified"},
		"standing in":          {func(s *status.Snapshot) { s.Servers[0].Role = "standing in" }, nagiosWarning, "standing in for DEMOSERVER"},
		"a warning":            {func(s *status.Snapshot) { notice(s, "warning", "") }, nagiosWarning, "so it is"},
		"a server's own":       {func(s *status.Snapshot) { notice(s, "critical", "DEMOSERVER") }, nagiosOK, "ready"},
		"the standby is ill":   {func(s *status.Snapshot) { notice(s, "critical", "") }, nagiosCritical, "so it is"},
		"down":                 {func(s *status.Snapshot) { s.Servers[0].State = "Failure" }, nagiosCritical, "DEMOSERVER is down and nobody serves it"},
		"down and standing in": {func(s *status.Snapshot) { s.Servers[0].State, s.Servers[0].Role = "Failure", "standing in" }, nagiosWarning, "standing in"},
		"not ready": {func(s *status.Snapshot) {
			s.Servers[0].Readiness = status.Readiness{Verdict: "not ready", Checks: []status.Check{
				{Name: "alerts", Result: "warning", Value: "no mail"}, {Name: "link", Result: "critical", Value: "eth0 is down"},
			}}
		}, nagiosCritical, "DEMOSERVER is not ready: link, eth0 is down"},
		"suspended, and so not ready": {func(s *status.Snapshot) {
			s.Servers[0].Mode, s.Servers[0].State = "suspended", "Suspended"
			s.Servers[0].Suspension = &status.Suspension{By: "alice"}
			s.Servers[0].Readiness.Verdict = "not ready"
		}, nagiosWarning, "DEMOSERVER is suspended by alice"},
		"bars": {func(s *status.Snapshot) {
			s.Servers[0].Readiness = status.Readiness{Verdict: "degraded", Checks: []status.Check{{Name: "x|y", Result: "warning", Value: "a|b\nc"}}}
		}, nagiosWarning, "x/y, a/b c"},
	} {
		t.Run(name, func(t *testing.T) {
			d := quietDay()
			c.change(&d.snapshot)
			got := invoke(t, d, "check", "--nagios")
			if got.exit != c.want || !strings.Contains(got.stdout, c.says) || got.stderr != "" {
				t.Errorf("exit %d, want %d; wanted %q:\n%s%s", got.exit, c.want, c.says, got.stdout, got.stderr)
			}
		})
	}
}

// notice adds something that needs a person.
func notice(s *status.Snapshot, severity, server string) {
	s.Attention = append(s.Attention, status.Notice{Severity: severity, Server: server, Text: "so it is"})
}

// TestNagiosFormat holds the output against the form that the Monitoring Plugins Development Guidelines give: one line
// with one bar, behind it performance data as 'label'=value[unit];[warning];[critical];[least].
func TestNagiosFormat(t *testing.T) {
	datum := regexp.MustCompile(`^'[^'=|]+'=-?[0-9.]+(s|B)?;[0-9.]*;[0-9.]*;[0-9.]*$`)
	for _, d := range []*fakeDaemon{quietDay(), badNight()} {
		d.snapshot.Servers[0].Name = "it's=a|name"
		got := invoke(t, d, "check", "--nagios")
		lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
		head, data, ok := strings.Cut(lines[0], " | ")
		if !ok || !regexp.MustCompile(`^FAILOVERD (OK|WARNING|CRITICAL|UNKNOWN) - .`).MatchString(head) {
			t.Errorf("the first line is %q", lines[0])
		}
		for _, one := range regexp.MustCompile(`'[^']*'=\S+`).FindAllString(data, -1) {
			if !datum.MatchString(one) {
				t.Errorf("performance data %q", one)
			}
			data = strings.Replace(data, one, "", 1)
		}
		if strings.TrimSpace(data) != "" {
			t.Errorf("beside the performance data there is %q", data)
		}
		for _, l := range lines[1:] {
			if strings.Contains(l, "|") {
				t.Errorf("a bar in %q", l)
			}
		}
	}
}

// TestNagiosWithoutDaemon: that nobody watches is critical; that one may not ask is not known to be.
func TestNagiosWithoutDaemon(t *testing.T) {
	got := invokeAt(t, filepath.Join(t.TempDir(), "s"), "check", "--nagios")
	if got.exit != nagiosCritical || !strings.HasPrefix(got.stdout, "FAILOVERD CRITICAL - no daemon answers on ") || got.stderr != "" {
		t.Errorf("exit %d: %s%s", got.exit, got.stdout, got.stderr)
	}
	p, _, _ := here("/run/s")
	if f := p.inability(&fs.PathError{Op: "dial", Path: "/run/s", Err: fs.ErrPermission}); f.state != nagiosUnknown {
		t.Errorf("without the right to ask: %+v", f)
	}
}
