package database

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The name is what stands in a BACKUP statement, so it has to be the server's own way to write it.
func TestDirectoryName(t *testing.T) {
	tests := []struct{ server, want string }{
		{`D:\Backup`, `D:\Backup\x.bak`},
		{`D:\Backup\`, `D:\Backup\x.bak`},
		{`D:`, `D:\x.bak`},
		{`\\nas\sql`, `\\nas\sql\x.bak`},
		{`/var/opt/mssql/backup`, `/var/opt/mssql/backup/x.bak`},
		{`/var/opt/mssql/backup/`, `/var/opt/mssql/backup/x.bak`},
	}
	for _, tt := range tests {
		if got := (Directory{Server: tt.server}).Name("x.bak"); got != tt.want {
			t.Errorf("Name in %s = %s, want %s", tt.server, got, tt.want)
		}
	}
}

func TestDirectoryKeepsAFileWholeOrNotAtAll(t *testing.T) {
	d := Directory{Server: "/backup", Path: t.TempDir()}
	w, err := d.Create(t.Context(), "a.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "everything"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Open(t.Context(), "a.failoverd-1.bak"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open before Close = %v, want fs.ErrNotExist", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, size, err := d.Open(t.Context(), "a.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(got) != "everything" || size != int64(len(got)) {
		t.Errorf("read %q of %d bytes, %v", got, size, err)
	}

	w, err = d.Create(t.Context(), "b.bak")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.(interface{ Abandon() error }).Abandon(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Sweep(t.Context(), "a.failoverd-1.bak"); err != nil {
			t.Error("remove:", err)
		}
	}
	if left, err := os.ReadDir(d.Path); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A sweep takes what is marked and begins so, also what somebody was killed over, and nothing else.
func TestDirectorySweeps(t *testing.T) {
	d := Directory{Path: t.TempDir()}
	kept := []string{"b.failoverd-1.bak", "a.bak", ".a.bak.tmp", "aa.failoverd-1.bak", "full.bak"}
	for _, name := range append([]string{"a.failoverd-1.bak", "a.failoverd-2.bak", ".a.failoverd-3.bak.QWERTY.tmp"}, kept...) {
		if err := os.WriteFile(filepath.Join(d.Path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Sweep(t.Context(), "a.failoverd-"); err != nil {
		t.Fatal(err)
	}
	for _, beginning := range []string{"", "a", "a.bak", ".failoverd-", "../a.failoverd-"} {
		if err := d.Sweep(t.Context(), beginning); err == nil {
			t.Errorf("%q was swept", beginning)
		}
	}
	list, err := os.ReadDir(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	slices.Sort(kept)
	if !slices.Equal(names, kept) {
		t.Errorf("left are %q, want %q", names, kept)
	}
}

func TestDirectoryStaysInside(t *testing.T) {
	parent := t.TempDir()
	if err := os.WriteFile(filepath.Join(parent, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := Directory{Path: filepath.Join(parent, "backup")}
	if err := os.Mkdir(d.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret", filepath.Join(d.Path, "link.bak")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../secret", "", ".", "..", `..\secret`, "link.bak"} {
		if _, _, err := d.Open(t.Context(), name); err == nil {
			t.Errorf("opened %q", name)
		}
		if err := d.Sweep(t.Context(), name+"/x.failoverd-"); err == nil || !strings.Contains(err.Error(), "no file name") {
			t.Errorf("Sweep(%q) = %v", name, err)
		}
	}
}

func TestSameDirectory(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	link := filepath.Join(b, "link")
	if err := os.Symlink(a, link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		one, other string
		want       bool
	}{{a, a, true}, {a, link, true}, {a, b, false}}
	for _, tt := range tests {
		got, err := Same(Directory{Server: `D:\B`, Path: tt.one}, Directory{Server: "/backup", Path: tt.other})
		if err != nil || got != tt.want {
			t.Errorf("Same(%s, %s) = %v, %v, want %v", tt.one, tt.other, got, err, tt.want)
		}
	}
	// The same name on two hosts is not the same directory.
	if got, err := Same(Directory{Server: `D:\B`, Path: a}, Directory{Server: `D:\B`, Path: b}); err != nil || got {
		t.Errorf("two hosts: %v, %v", got, err)
	}
}

func TestDirectoryFree(t *testing.T) {
	if free, err := (Directory{Path: t.TempDir()}).Free(t.Context()); err != nil || free <= 0 {
		t.Errorf("Free = %d, %v", free, err)
	}
	if _, err := (Directory{Path: filepath.Join(t.TempDir(), "unmounted")}).Free(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Free of a directory that is not there = %v", err)
	}
}

// The database server may read what failoverd brings, since it may read what lies in its directory's group.
func TestDirectoryGivesItsFilesToItsGroup(t *testing.T) {
	d := Directory{Path: t.TempDir()}
	group := os.Getegid()
	if os.Geteuid() == 0 { // others have no second group to give a file to
		group = 4711
		if err := os.Chown(d.Path, -1, group); err != nil {
			t.Fatal(err)
		}
	}
	w, err := d.Create(t.Context(), "a.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(d.Path, "a.failoverd-1.bak"))
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Gid); got != group || info.Mode().Perm() != 0o660 {
		t.Errorf("group %d, mode %v, want %d, -rw-rw----", got, info.Mode(), group)
	}
}
