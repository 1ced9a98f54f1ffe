package journal

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// smallDiskVariable names the directory on which the child mounts a small disk of its own.
const smallDiskVariable = "FAILOVERD_TEST_SMALL_DISK"

// onSmallDisk runs in a mount namespace of its own: it mounts a disk of 48 MiB and runs the test there.
func onSmallDisk(m *testing.M, dir string) int {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m,mode=700"); err != nil {
		os.Stderr.WriteString("mount: " + err.Error() + "\n")
		return 3
	}
	return m.Run()
}

// A disk that fills up costs no commit as long as the reserve lasts, then ErrFull and nothing else;
// with room again the journal goes on, and takes its reserve again.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(smallDiskVariable); dir != "" {
		diskFull(t, dir)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
	child.Env = append(os.Environ(), smallDiskVariable+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() == 3) {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("no small disk: %v\n%s", err, out)
		}
		t.Skipf("user namespaces are not allowed here: %v %s", err, out)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestDiskFull")) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// diskFull is the story, on a disk of its own.
func diskFull(t *testing.T, disk string) {
	dir := filepath.Join(disk, "journal")
	j := open(t, dir, Options{})
	commit(t, j, typicalBatch())
	if _, kept, err := j.Room(); err != nil || !kept {
		t.Fatalf("reserve %v, %v; want it", kept, err)
	}
	hog := filepath.Join(disk, "hog")
	fill := func() {
		t.Helper()
		f, err := os.OpenFile(hog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		f.Close()
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	fill()

	// The reserve carries some commits; what is acknowledged is counted.
	acknowledged, err := 1, error(nil)
	for ; err == nil; acknowledged++ {
		_, err = j.Commit(t.Context(), typicalBatch())
		if acknowledged > 100_000 {
			t.Fatal("the disk does not fill")
		}
	}
	acknowledged--
	if !errors.Is(err, ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	if acknowledged < 1000 {
		t.Errorf("%d commits on a full disk, want at least 1000 by the reserve", acknowledged)
	}
	if _, kept, _ := j.Room(); kept {
		t.Error("the reserve is still there")
	}
	for range 10 { // It stays full, and stays usable for reading.
		if _, err := j.Commit(t.Context(), typicalBatch()); !errors.Is(err, ErrFull) {
			t.Errorf("error %v, want ErrFull", err)
		}
		if _, err := j.Facts(t.Context()); err != nil {
			t.Errorf("reading on a full disk: %v", err)
		}
	}
	count := func() int {
		t.Helper()
		var n int
		if err := j.reader.QueryRow(`SELECT count(*) FROM events`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n / 2
	}
	before := count()
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	commit(t, j, typicalBatch())
	if after := count(); after != before+1 {
		t.Errorf("%d batches became %d by one commit", before, after)
	}
	j.reserve.renew()
	if _, kept, err := j.Room(); err != nil || !kept {
		t.Errorf("reserve %v, %v; want it again", kept, err)
	}

	// Opening on a full disk works too, since what was being done must be found out.
	fill()
	if err := j.Close(); err != nil {
		t.Logf("close on a full disk: %v", err)
	}
	again, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	defer again.Close()
	if facts, err := again.Facts(t.Context()); err != nil || len(facts) != 1 {
		t.Errorf("facts %v, %v", facts, err)
	}
	var took []time.Duration
	for range 5 {
		start := time.Now()
		commit(t, again, typicalBatch())
		took = append(took, time.Since(start))
	}
	t.Logf("commits on a full disk: %d by the reserve; afterwards at most %v", acknowledged, slices.Max(took))
}
