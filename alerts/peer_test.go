package alerts

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"failoverd/internal/freeport"
)

// peer returns the path of somebody else's program. Where there is none, the test is skipped, or fails when FAILOVERD_LAB
// is "require".
func peer(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path = "/usr/sbin/" + name; isFile(path) {
			return path
		}
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: %s is not installed (Debian package %s)", name, debian)
		}
		t.Skipf("%s is not installed (Debian package %s)", name, debian)
	}
	return path
}

// said is what a program has written so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// daemon runs a program until the test ends, and returns what it writes.
func daemon(t *testing.T, env []string, program string, args ...string) *said {
	t.Helper()
	out := &said{}
	run := exec.Command(program, args...)
	run.Env = append(os.Environ(), env...)
	run.Stdout, run.Stderr = out, out
	run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait() // It was killed.
		if t.Failed() {
			t.Logf("%s says:\n%s", filepath.Base(program), out)
		}
	})
	return out
}

// freePort is a port of the loopback that nobody has at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// listens tells whether somebody has a port of the loopback, as the kernel lists it.
func listens(t *testing.T, list string, port int) bool {
	t.Helper()
	file, err := os.Open("/proc/net/" + list)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), fmt.Sprintf("0100007F:%04X 00000000:0000", port))
}

// write puts a file into a directory and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
