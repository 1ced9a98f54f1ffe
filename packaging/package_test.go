package packaging_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// made makes the packages into a directory of the test.
func made(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"dpkg-deb", "lintian", "rpm"} {
		program(t, name)
	}
	dir := filepath.Join(t.TempDir(), "packages")
	build := exec.Command("../scripts/packages", "0.1.0")
	build.Env = append(os.Environ(), "PACKAGES="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("scripts/packages: %v:\n%s", err, out)
	}
	return dir
}

// said is what a program writes; it has to succeed.
func said(t *testing.T, name string, args ...string) string {
	t.Helper()
	command := exec.Command(program(t, name), args...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, complaints.String())
	}
	return string(out)
}

// TestPackages makes both packages and has them read by those who will: what is in them, with which mode, what is a
// configuration file, and what lintian says.
func TestPackages(t *testing.T) {
	dir := made(t)
	deb, rpm := filepath.Join(dir, "failoverd_0.1.0-1_amd64.deb"), filepath.Join(dir, "failoverd-0.1.0-1.x86_64.rpm")

	inDeb := map[string]string{}
	for line := range strings.Lines(said(t, "dpkg-deb", "--contents", deb)) {
		f := strings.Fields(line)
		if f[1] != "root/root" && f[1] != "0/0" {
			t.Errorf("not of root: %s", line)
		}
		inDeb[strings.TrimSuffix(strings.TrimPrefix(f[5], "."), "/")] = f[0]
	}
	inRPM := strings.Fields(said(t, "rpm", "-qpl", rpm))
	for path, mode := range map[string]string{
		"/usr/bin/failoverd":                                   "-rwxr-xr-x",
		"/usr/lib/systemd/system/failoverd.service":            "-rw-r--r--",
		"/usr/lib/systemd/system/failoverd-agent.service":      "-rw-r--r--",
		"/usr/lib/sysusers.d/failoverd.conf":                   "-rw-r--r--",
		"/etc/polkit-1/rules.d/50-failoverd.rules":             "-rw-r--r--",
		"/etc/failoverd":                                       "drwxr-xr-x",
		"/etc/failoverd/servers.d":                             "drwxr-xr-x",
		"/etc/failoverd/options.d":                             "drwxr-xr-x",
		"/usr/share/man/man1/failoverd.1.gz":                   "-rw-r--r--",
		"/usr/share/man/man1/failoverd-token-create.1.gz":      "-rw-r--r--",
		"/usr/share/man/man5/failoverd.yaml.5.gz":              "-rw-r--r--",
		"/usr/share/bash-completion/completions/failoverd":     "-rw-r--r--",
		"/usr/share/zsh/vendor-completions/_failoverd":         "-rw-r--r--",
		"/usr/share/fish/vendor_completions.d/failoverd.fish":  "-rw-r--r--",
		"/usr/share/doc/failoverd/docs/a-server-is-down.md":    "-rw-r--r--",
		"/usr/share/doc/failoverd/docs/console-failover.png":   "-rw-r--r--",
		"/usr/share/doc/failoverd/copyright":                   "-rw-r--r--",
		"/usr/share/doc/failoverd/licences":                    "-rw-r--r--",
		"/usr/share/doc/failoverd/sbom.cdx.json":               "-rw-r--r--",
		"/usr/share/doc/failoverd/examples/failoverd.yaml":     "-rw-r--r--",
		"/usr/share/doc/failoverd/docs/grafana-dashboard.json": "-rw-r--r--",
		"/usr/share/snmp/mibs/FAILOVERD-MIB":                   "-rw-r--r--",
	} {
		if inDeb[path] != mode {
			t.Errorf("deb: %s has the mode %q, want %s", path, inDeb[path], mode)
		}
		if !slices.Contains(inRPM, path) {
			t.Errorf("rpm: there is no %s", path)
		}
	}
	for path := range inDeb {
		if strings.HasPrefix(path, "/etc/") && strings.HasSuffix(path, ".yaml") || strings.HasPrefix(path, "/var") {
			t.Errorf("deb: %s is not the package's to bring", path)
		}
	}
	for conffiles, of := range map[string]string{
		said(t, "dpkg-deb", "-I", deb, "conffiles"): "deb", said(t, "rpm", "-qpc", rpm): "rpm",
	} {
		if diff := cmp.Diff("/etc/polkit-1/rules.d/50-failoverd.rules\n", conffiles); diff != "" {
			t.Errorf("configuration files of the %s (-want +got):\n%s", of, diff)
		}
	}
	if got := said(t, "dpkg-deb", "-f", deb, "Depends"); got != "systemd (>= 247)\n" {
		t.Errorf("the deb depends on %q", got)
	}
	if out, err := exec.Command(program(t, "lintian"), "--fail-on", "error", "--tag-display-limit", "0", deb).CombinedOutput(); err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	} else {
		t.Logf("lintian:\n%s", out)
	}
	if out := said(t, "rpm", "-K", "--nosignature", rpm); !strings.Contains(out, "digests OK") {
		t.Errorf("rpm -K: %s", out)
	}

	root := t.TempDir()
	said(t, "dpkg-deb", "-x", deb, root)
	if got := said(t, filepath.Join(root, "usr/bin/failoverd"), "version", "--socket", filepath.Join(root, "none")); !strings.HasPrefix(got, "failoverd 0.1.0, ") {
		t.Errorf("the program says %q", got)
	}
	// Every module that is in the program is in its list, and its licence in the other one.
	modules := regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(said(t, "go", "version", "-m", filepath.Join(root, "usr/bin/failoverd")), -1)
	if len(modules) < 40 {
		t.Fatalf("only %d modules", len(modules))
	}
	list, licences := read(t, filepath.Join(root, "usr/share/doc/failoverd/sbom.cdx.json")), read(t, filepath.Join(root, "usr/share/doc/failoverd/licences"))
	for _, m := range modules {
		if !strings.Contains(list, `"pkg:golang/`+m[1]+"@"+m[2]) {
			t.Errorf("sbom.cdx.json lacks %s %s", m[1], m[2])
		}
		_, rest, found := strings.Cut(licences, "\n==== "+m[1]+" "+m[2]+"\n")
		licence, _, _ := strings.Cut(rest, "\n==== ")
		if !found || len(strings.TrimSpace(licence)) < 200 {
			t.Errorf("licences lacks that of %s", m[1])
		}
	}
}
