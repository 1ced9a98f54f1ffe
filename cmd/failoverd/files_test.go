package main

import (
	"path/filepath"
	"strings"
	"testing"

	"failoverd/api"
	"failoverd/status"
)

// setAside is what the primary had alone, of two times.
func setAside() status.SetAside {
	return status.SetAside{Files: []status.Aside{
		{Set: "2026-09-21T22-10-00.000000001Z", Path: "Extn/201/hello.wav", Reason: "the other side has not confirmed it", Kind: "file", Size: 12 << 10, ModTime: at(7, 59, 58)},
		{Set: "2026-09-21T22-10-00.000000001Z", Path: "li\nnk", Reason: "it came when nobody was watching", Kind: "symbolic link", ModTime: at(8, 0, 0)},
		{Set: "2026-08-01T10-00-00.000000000Z", Path: "old.wav", Reason: "it has changed after the other side had it", Kind: "file", Size: 1, ModTime: at(-900, 0, 0)},
	}}
}

// filing is a quiet day on which one tree of files is as its source, and others are not.
func filing() *fakeDaemon {
	d := quietDay()
	d.snapshot.Servers[0].Trees = []status.Tree{
		{
			Name: "vm", Source: "/mnt/demoserver/VM", By: "path", Directory: "/srv/standby/VM", State: "current", Connected: true, Files: 4120, Bytes: 3 << 30,
			Received: 5 << 20, Lag: ptr(0.2), MaxLag: 900, Synced: ptr(at(12, 4, 30)), Changed: ptr(at(12, 1, 0)), Failed: []status.FailedPath{},
		},
		{
			Name: "greetings", Source: "/mnt/demoserver/Greetings", By: "path", Directory: "/srv/standby/Greetings", State: "copying", Connected: true, Files: 300,
			Ailment: "held", Problem: "150 deletions wait", Held: 150, Lag: ptr(732.0), MaxLag: 900, Synced: ptr(at(11, 52, 19)), Limit: 10 << 20,
			Missing: 1, Failed: []status.FailedPath{{Path: "Line\n1.wav", Reason: "it is a device"}},
		},
		{
			Name: "conf", Source: "/srv/conf", By: "agent", Directory: "/srv/standby/conf", State: "failing", Ailment: "root", Problem: "unmounted, or replaced", MaxLag: 900,
		},
		{
			Name: "fax", Source: "/mnt/demoserver/Fax", By: "path", Directory: "/srv/standby/Fax", State: "diverged", Diverged: true, Files: 7,
			Lag: ptr(60.0), MaxLag: 900, Synced: ptr(at(12, 3, 31)),
		},
	}
	return d
}

// TestFilesScreens shows copies of files, alone, with their server, and in the overview.
func TestFilesScreens(t *testing.T) {
	for name, args := range map[string][]string{
		"files": {"files", "DEMOSERVER"}, "show-files": {"show", "DEMOSERVER"}, "status-files": {"status"}, "files-json": {"files", "DEMOSERVER", "--json"},
		"set-aside": {"files", "set-aside", "DEMOSERVER", "vm"}, "set-aside-json": {"files", "set-aside", "DEMOSERVER", "vm", "--json"},
	} {
		d := filing()
		d.aside = setAside()
		got := invoke(t, d, args...)
		golden(t, filepath.Join("testdata", "screens", name), got.stdout+"--- standard error\n"+got.stderr)
	}
	if got := invoke(t, quietDay(), "files", "set-aside", "DEMOSERVER", "vm"); got.exit != exitDone || got.stdout != "Nothing of vm is set aside at DEMOSERVER.\n" {
		t.Errorf("nothing set aside: exit %d, %s", got.exit, got.stdout)
	}
	if got := invoke(t, quietDay(), "files", "DEMOSERVER"); got.exit != exitDone || !strings.Contains(got.stdout, "No files of DEMOSERVER are configured") {
		t.Errorf("without files: exit %d, %s", got.exit, got.stdout)
	}
}

// TestFilesQuestion: each decision says what it means and is asked for; what gives data up wants the server's name.
func TestFilesQuestion(t *testing.T) {
	for _, c := range []struct {
		args, asked, typed string
		exit               int
	}{
		{"files confirm-deletions DEMOSERVER greetings", "150 paths of 300 files are deleted from /srv/standby/Greetings; they stay in its trash for the configured time. [y/N] ", "y", exitDone},
		{"files confirm-deletions DEMOSERVER greetings", "[y/N] ", "", exitDeclined},
		{"files accept-source DEMOSERVER conf", "/srv/standby/conf becomes what /srv/conf is now. [y/N] ", "YES", exitDone},
		{"files discard-diverged DEMOSERVER fax", "What the stand-in wrote in /srv/standby/Fax is GIVEN UP", "y", exitDeclined},
		{"files discard-diverged DEMOSERVER fax", "Type the server's name to go on: ", "DEMOSERVER", exitDone},
		{"files restore DEMOSERVER vm 2026-08-01T10-00-00.000000000Z old.wav", "Put old.wav (1 B, of 2026-08-15 12:00 +10:00) into its place in vm of DEMOSERVER? What is there goes to the trash there. [y/N] ", "y", exitDone},
		{"files restore DEMOSERVER vm 2026-08-01T10-00-00.000000000Z old.wav", "[y/N] ", "", exitDeclined},
	} {
		t.Run(c.args+" "+c.typed, func(t *testing.T) {
			d, term := filing(), openTerminal(t)
			d.aside = setAside()
			exit := term.sit(t.Context(), t, d, nil, strings.Fields(c.args)...)
			term.screen.await(t, c.asked)
			if orders := d.sent(); len(orders) > 0 {
				t.Errorf("ordered before the answer: %q", orders)
			}
			term.types(t, c.typed)
			if code := <-exit; code != c.exit {
				t.Errorf("exit %d, want %d:\n%s", code, c.exit, term.screen)
			}
			if orders := d.sent(); len(orders) != map[int]int{exitDone: 1}[c.exit] {
				t.Errorf("ordered %q", orders)
			}
		})
	}
	// Where there is nothing to decide, or nobody to ask, nothing is asked.
	d := filing()
	d.problem = &api.Problem{Status: 409, Code: status.WrongState, Title: "Conflict", Detail: "no deletions of vm are held back"}
	if got := invoke(t, d, "files", "confirm-deletions", "DEMOSERVER", "vm"); got.exit != exitConflict {
		t.Errorf("nothing is held: exit %d, %s", got.exit, got.stderr)
	}
	got := invoke(t, filing(), "files", "discard-diverged", "DEMOSERVER", "fax")
	if got.exit != exitUsage || !strings.Contains(got.stderr, "failoverd files discard-diverged DEMOSERVER fax --yes") {
		t.Errorf("nobody can be asked: exit %d, %s", got.exit, got.stderr)
	}
}
