package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/status"
)

// The file of options is written whole, keeps its permissions, has what it held before beside it, and is taken away.
func TestOptionsFile(t *testing.T) {
	f := optionsFile{main: filepath.Join(t.TempDir(), "failoverd.yaml")}
	ok(t, os.WriteFile(f.main, []byte("servers: [{name: A, address: 10.0.0.1}]\n"), 0o600))
	ok(t, f.Writable())
	in := func() map[string]string {
		t.Helper()
		got := map[string]string{}
		entries, err := os.ReadDir(filepath.Dir(f.Name()))
		ok(t, err)
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(filepath.Dir(f.Name()), e.Name()))
			ok(t, err)
			info, err := e.Info()
			ok(t, err)
			got[e.Name()] = info.Mode().Perm().String() + " " + string(text)
		}
		return got
	}
	ok(t, f.Write([]byte("a: 1\n")))
	if diff := cmp.Diff(map[string]string{"options.yaml": "-rw-r----- a: 1\n"}, in()); diff != "" {
		t.Errorf("new (-want +got):\n%s", diff)
	}
	ok(t, os.Chmod(f.Name(), 0o600))
	ok(t, f.Write([]byte("a: 2\n")))
	if diff := cmp.Diff(map[string]string{"options.yaml": "-rw------- a: 2\n", "options.yaml.before": "-rw------- a: 1\n"}, in()); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	ok(t, f.Write(nil))
	if diff := cmp.Diff(map[string]string{"options.yaml.before": "-rw------- a: 2\n"}, in()); diff != "" {
		t.Errorf("taken away (-want +got):\n%s", diff)
	}
	if _, text, err := f.Read(); err != nil || text != nil {
		t.Errorf("read: %q, %v", text, err)
	}
	ok(t, os.Mkdir(f.Name(), 0o700))
	if err := f.Write([]byte("a: 3\n")); err == nil {
		t.Error("a directory was written over")
	}
}

// Where failoverd may not write, people read how that is allowed; other faults stay what they are.
func TestOptionsFileClosed(t *testing.T) {
	f := optionsFile{main: "/etc/failoverd/failoverd.yaml"}
	for _, err := range []error{fs.ErrPermission, syscall.EACCES, syscall.EROFS, &fs.PathError{Op: "mkdir", Path: "x", Err: syscall.EACCES}} {
		var r *status.Refusal
		if !errors.As(f.closed(err), &r) || r.Code != status.NotAvailable || r.Try != "sudo install -d -o root -g failoverd -m 2770 /etc/failoverd/options.d" {
			t.Errorf("%v: %+v", err, r)
		}
	}
	if err := f.closed(syscall.ENOSPC); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	if err := (optionsFile{main: "/proc/failoverd/failoverd.yaml"}).Writable(); err == nil {
		t.Error("in /proc/failoverd it may be written")
	}
}
