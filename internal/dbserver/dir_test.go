package dbserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What a process that was killed has left in memory goes, and nobody else's.
func TestInMemory(t *testing.T) {
	where, err := os.MkdirTemp(memory, "dbserver-")
	if err != nil {
		t.Skipf("%s: %v", memory, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(where) })
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	left := func(name string) string {
		dir := filepath.Join(where, name)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dead := left(fmt.Sprintf("%s%d-1", dirPrefix, ended.Process.Pid))
	ours := left(fmt.Sprintf("%s%d-1", dirPrefix, os.Getpid()))
	others := left("somebody-else")

	dir, err := inMemory(where, 1)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{dead: false, ours: true, others: true, dir: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it to be there: %v", path, err, want)
		}
	}
	if dir, err := inMemory(where, 1<<62); err == nil {
		t.Errorf("%s was made without room for it", dir)
	}
}
