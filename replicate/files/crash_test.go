package files

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// crashAddress tells the child of TestSinkCrash where its source is, and crashCopy where to keep the copy.
const crashAddress, crashCopy = "FILES_TEST_SOURCE", "FILES_TEST_COPY"

// TestMain runs a child of TestSinkCrash or TestSoak instead of the tests where it is told to.
func TestMain(m *testing.M) {
	if role := os.Getenv(soakRole); role != "" {
		if err := soakChild(role, os.Getenv(soakDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if address := os.Getenv(crashAddress); address != "" {
		if err := crashChild(address, os.Getenv(crashCopy)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// crashChild is a sink that takes what the source has and ends when it has all.
func crashChild(address, directory string) error {
	rules, err := NewRules(nil, nil, false)
	if err != nil {
		return err
	}
	s, err := OpenSink(SinkOptions{
		Directory: directory, Rules: rules, Retention: 1 << 40, Brake: Brake{Share: 1, Least: 1 << 40},
	})
	if err != nil {
		return err
	}
	s.target.window, s.target.reachEvery = 2*blockSize, 0 // so that a large file is noted several times
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Receive(ctx, conn) }()
	for deadline := time.After(patience); ; {
		v, changed := s.Status()
		if v.Connected && v.Cursor > 0 && v.Cursor == v.Head && v.Missing == 0 {
			cancel()
			return <-ended
		}
		select {
		case <-changed:
		case err := <-ended:
			return fmt.Errorf("the conversation ended early: %w, %+v", err, v)
		case <-deadline:
			return fmt.Errorf("it does not end: %+v", v)
		}
	}
}

// TestSinkCrash kills a sink at each system call by which it changes something, starts it again, and looks each time
// whether a file is under its name that is neither the old nor the new one.
func TestSinkCrash(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed; scripts/test-deps installs it")
	}
	b := newBed(t)
	old := map[string]string{}
	for _, name := range []string{"d/over", "d/gone", "d/large", "moved/x", "kind"} {
		old[name] = string(noise("old "+name, 200_000))
		if !strings.HasSuffix(name, "large") {
			old[name] = old[name][:3000]
		}
		b.write(name, []byte(old[name]))
	}
	b.openSource()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = b.from.Serve(ctx, conn)
		}
	}()
	defer func() {
		cancel()
		_ = l.Close()
		<-served
	}()
	run := func(copyDir string, inject ...string) (killed bool) {
		args := append(inject, os.Args[0])
		if len(inject) > 0 {
			args = append([]string{"-f", "-o", "/dev/null"}, args...)
			args = append([]string{strace}, args...)
		}
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), crashAddress+"="+l.Addr().String(), crashCopy+"="+copyDir)
		text, err := cmd.CombinedOutput()
		if err == nil {
			return false
		}
		state := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !state.Signaled() || state.Signal() != syscall.SIGKILL {
			t.Fatalf("%v: %v\n%s", inject, err, text)
		}
		return true
	}
	// The copy as it is before: everything old.
	before := filepath.Join(t.TempDir(), "before")
	run(before)
	changed := map[string]string{}
	for name, content := range old {
		changed[name] = content
	}
	changed["d/over"] = string(noise("new", 3500))
	changed["d/large"] = old["d/large"][:100_000] + "changed" + old["d/large"][100_007:] + "and longer"
	changed["d/fresh"] = "fresh"
	changed["away/x"] = old["moved/x"]
	changed["kind/inside"] = "inside"
	b.write("d/over", []byte(changed["d/over"]))
	b.write("d/large", []byte(changed["d/large"]))
	b.write("d/fresh", []byte(changed["d/fresh"]))
	b.must(os.Remove(b.in("d/gone")))
	b.must(os.Rename(b.in("moved"), b.in("away")))
	b.must(os.Remove(b.in("kind")))
	b.write("kind/inside", []byte("inside"))
	b.must(os.Symlink("over", b.in("d/link")))
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Files == 5 && v.Dirty == 0 })

	// Of the calls that are made many times for the same, not each is needed.
	for call, stride := range map[string]int{
		"write": 5, "pwrite64": 4, "ftruncate": 1, "fchmod": 1, "utimensat": 1, "fsync": 1, "fdatasync": 1, "renameat": 1,
		"linkat": 1, "unlinkat": 1, "mkdirat": 3, "symlinkat": 1,
	} {
		t.Run(call, func(t *testing.T) {
			for n := 1; ; n += stride {
				copyDir := filepath.Join(t.TempDir(), "copy")
				b.must(exec.Command("cp", "-a", before, copyDir).Run())
				if !run(copyDir, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)) {
					if n == 1 {
						t.Errorf("the sink never calls %s", call)
					}
					return
				}
				neverHalf(t, copyDir, old, changed)
				run(copyDir)
				b.dst = copyDir
				if diff := b.differences(); diff != "" {
					t.Errorf("killed at the call number %d and started again, it is different:\n%s", n, diff)
				}
				if list, err := os.ReadDir(filepath.Join(copyDir, stageDir)); err != nil || len(list) > 0 {
					t.Errorf("killed at the call number %d and started again, on the stage there is %v, %v", n, list, err)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// neverHalf looks at every file of a copy: it is the old or the new one.
func neverHalf(t *testing.T, dir string, old, changed map[string]string) {
	t.Helper()
	var names []string
	for _, m := range []map[string]string{old, changed} {
		for name := range m {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			// Over what stays there is never nothing.
			if _, was := old[name]; was && name != "d/gone" && name != "moved/x" && name != "kind" {
				t.Fatal(err)
			}
			continue
		}
		if o, ok := old[name]; ok && string(got) == o {
			continue
		}
		if c, ok := changed[name]; ok && string(got) == c {
			continue
		}
		t.Fatalf("%s has %d bytes that are neither the old nor the new ones", name, len(got))
	}
}

// waitForSource waits until the source's status is as wanted.
func waitForSource(t testing.TB, s *Source, good func(SourceStatus) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		v, changed := s.Status()
		if good(v) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the source stays %+v", v)
		}
	}
}
