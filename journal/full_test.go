package journal

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
func TestDiskFull(t *testing.T) { withSmallDisk(t, diskFull) }

// A disk that has filled up while nobody had the journal open keeps nobody from opening it: the reserve is the room for that,
// and once it has been used up what the log takes while it is open. Where somebody has taken that too the start says where to
// make room, and nothing is lost.
func TestDiskFullAtTheStart(t *testing.T) { withSmallDisk(t, fullAtTheStart) }

// withSmallDisk runs a story on a disk of its own, in a child.
func withSmallDisk(t *testing.T, story func(t *testing.T, disk string)) {
	t.Helper()
	if dir := os.Getenv(smallDiskVariable); dir != "" {
		story(t, dir)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
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
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// hog is who has taken a disk's room.
func hog(disk string) string { return filepath.Join(disk, "hog") }

// fill takes all the room that a disk has.
func fill(t *testing.T, disk string) {
	t.Helper()
	f, err := os.OpenFile(hog(disk), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
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

// empty gives it back.
func empty(t *testing.T, disk string) {
	t.Helper()
	if err := os.Remove(hog(disk)); err != nil {
		t.Fatal(err)
	}
}

// fullAtTheStart is the story of TestDiskFullAtTheStart.
func fullAtTheStart(t *testing.T, disk string) {
	dir := filepath.Join(disk, "journal")
	reserved := filepath.Join(dir, reserveName)
	j := open(t, dir, Options{})
	commit(t, j, typicalBatch())
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	written := 1
	// opens wants the journal to be opened on the full disk, and used.
	opens := func(what string) {
		t.Helper()
		j, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatalf("open on a full disk, %s: %v", what, err)
		}
		commit(t, j, typicalBatch())
		written++
		if events, err := j.Events(t.Context(), EventQuery{}); err != nil || len(events) != written*len(typicalBatch().Events) {
			t.Errorf("%s: %d events, %v; want those of %d batches", what, len(events), err, written)
		}
		if err := j.Close(); err != nil {
			t.Errorf("%s: close on a full disk: %v", what, err)
		}
	}
	// There is room to open it, and not for all that the log is made long by.
	fill(t, disk)
	if err := os.Truncate(hog(disk), size(t, hog(disk))-logRoom/2); err != nil {
		t.Fatal(err)
	}
	opens("with a little room")
	if got := size(t, reserved); got != reserveSize {
		t.Errorf("the reserve has %d bytes, want all %d: it was not needed", got, reserveSize)
	}
	fill(t, disk)
	opens("with the reserve")
	fill(t, disk)
	opens("with what the log has given back")
	fill(t, disk)
	opens("with what the log could not give back")

	// room empties the disk, and wants the reserve to be whole again.
	room := func(what string) {
		t.Helper()
		empty(t, disk)
		opens(what)
		if got := size(t, reserved); got != reserveSize {
			t.Errorf("%s: the reserve has %d bytes, want all %d again", what, got, reserveSize)
		}
		if err := os.Remove(reserved); err != nil {
			t.Fatal(err)
		}
		fill(t, disk)
	}
	// short leaves room to open it and for a few commits, of which Close keeps what is left.
	short := func() {
		t.Helper()
		if err := os.Truncate(hog(disk), size(t, hog(disk))-startSize/2); err != nil {
			t.Fatal(err)
		}
		opens("with hardly any room, and no reserve")
		if got := size(t, reserved); got == 0 || got >= startSize {
			t.Errorf("%d bytes are kept, want what is left, less than %d", got, startSize)
		}
	}
	room("that has been made empty")
	short()
	fill(t, disk)
	opens("with what was left")
	room("that has been made empty once more")
	short()
	room("that has been made empty while something was kept")
	if j, err := Open(t.Context(), dir, Options{}); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), dir+": make room there") {
		if err == nil {
			j.Close()
		}
		t.Errorf("open: %v, want %v and where to make room", err, ErrFull)
	}
	empty(t, disk)
	opens("when there is room")
}

// size is a file's.
func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// diskFull is the story of TestDiskFull.
func diskFull(t *testing.T, disk string) {
	dir := filepath.Join(disk, "journal")
	j := open(t, dir, Options{})
	commit(t, j, typicalBatch())
	if !j.reserve.whole() {
		t.Fatal("there is no reserve")
	}
	fill(t, disk)

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
	if j.reserve.size.Load() > 0 {
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
	empty(t, disk)
	commit(t, j, typicalBatch())
	if after := count(); after != before+1 {
		t.Errorf("%d batches became %d by one commit", before, after)
	}
	j.reserve.renew()
	if !j.reserve.whole() {
		t.Error("the reserve was not taken again")
	}

	// Opening on a full disk works too, since what was being done must be found out.
	fill(t, disk)
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
