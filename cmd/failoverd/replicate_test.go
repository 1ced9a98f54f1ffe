package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// crossing is the catalog CTSERVER on its way to live.
func crossing() status.Crossing {
	return status.Crossing{
		Catalog: "CTSERVER", Engine: "sqlserver", From: "standby-1 (127.0.0.1)", FromName: "DEMOSERVER_CTSERVER", To: "DEMOSERVER (192.168.11.1)", ToName: "CTSERVER",
		Bytes: 1288490188, Tables: 41, Overwrites: "CTSERVER", Newer: []status.Newer{}, Problems: []string{},
	}
}

// goingBack is the tree vm on its way to live.
func goingBack() status.TreeCrossing {
	return status.TreeCrossing{
		Tree: "vm", From: "standby-1", FromDir: "/srv/standby/VM", To: "DEMOSERVER (192.168.11.1)", ToDir: "/srv/ctserver/VM",
		Files: 4120, Bytes: 3 << 30, There: 4118, ThereBytes: 3<<30 - 5<<20, Alone: 2, AloneBytes: 34 << 10,
	}
}

// coming is the catalog CTSERVER on its way from live.
func coming() status.Crossing {
	c := crossing()
	c.From, c.FromName, c.To, c.ToName = c.To, c.ToName, c.From, c.FromName
	c.Overwrites = "DEMOSERVER_CTSERVER of 01:00"
	return c
}

// copying is a quiet day on which a replication of that kind is asked for.
func copying(kind string, crossings ...status.Crossing) *fakeDaemon {
	d := quietDay()
	d.preview = status.Preview{
		Kind: kind, Server: "DEMOSERVER", At: noon, Crossings: crossings, Checks: []status.Check{}, Skips: []string{},
		Steps: []plan.Shown{{Name: "check", Title: "look at both ends"}, {Name: "copy CTSERVER", Title: "copy CTSERVER"}},
	}
	d.snapshot.Servers[0].Copies = []status.Copy{copied("CTSERVER", "sqlserver", at(1, 0, 0))}
	d.snapshot.Servers[0].Copies[0].Previous = ptr(at(-23, 0, 0))
	d.records = []plan.Record{copyIn(plan.Succeeded)}
	return d
}

// withTrees is a day on which files go back as well.
func withTrees(d *fakeDaemon, list ...status.TreeCrossing) *fakeDaemon {
	d.preview.Trees = list
	return d
}

// TestReplicationPreview shows what goes where, with nothing and with much in the way.
func TestReplicationPreview(t *testing.T) {
	much := crossing()
	much.Newer = []status.Newer{{Table: "dbo.calls", Rows: 12, Detail: "12 written or changed"}, {Table: "dbo.blobs", Rows: -1}, {Table: "dbo.one", Rows: 1}}
	much.Problems = []string{"no room: 1.0 GiB free on DEMOSERVER, 3.6 GiB needed; make room on D:"}
	second := crossing()
	second.Catalog, second.FromName, second.ToName, second.Overwrites, second.Bytes, second.Tables = "new", "DEMOSERVER_new", "new", "", -1, -1
	refused := copying(status.ToLive, much, second)
	refused.preview.Refused = true
	refused.preview.Checks = []status.Check{{Name: "newer", Result: "critical", Value: "DEMOSERVER holds newer data: dbo.calls, 12 rows", Limit: "nothing newer", Accept: status.OverwriteNewer}}
	files := copying(status.ToLive)
	files.preview.Trees = []status.TreeCrossing{goingBack(), goingBack()}
	files.preview.Trees[1].Tree, files.preview.Trees[1].Alone, files.preview.Trees[1].AloneBytes = "fax", 0, 0
	silent := copying(status.ToLive, crossing())
	silent.preview.Trees = []status.TreeCrossing{{
		Tree: "vm", From: "standby-1", FromDir: "/srv/standby/VM", To: "DEMOSERVER (192.168.11.1)", ToDir: "/srv/ctserver/VM",
		Files: -1, Bytes: -1, There: -1, ThereBytes: -1, Alone: -1, AloneBytes: -1, Problem: "the agent does not answer",
	}}
	silent.preview.Refused = true
	silent.preview.Checks = []status.Check{{Name: "leave-files files vm", Result: "critical", Value: "the agent does not answer", Limit: "both hosts can be asked", Accept: status.LeaveFiles}}
	for name, d := range map[string]*fakeDaemon{
		"quiet": copying(status.FromLive, coming()), "refused": refused, "files": files, "files-silent": silent,
	} {
		t.Run(name, func(t *testing.T) {
			args := strings.Fields("replicate " + strings.TrimPrefix(d.preview.Kind, "replicate-") + " DEMOSERVER --dry-run")
			got := invoke(t, d, args...)
			golden(t, filepath.Join("testdata", "screens", "replicate-dry-run."+name), got.stdout+"--- standard error\n"+got.stderr)
			if want := map[string]int{"quiet": exitDone, "refused": exitRefused, "files-silent": exitRefused}[name]; got.exit != want {
				t.Errorf("exit %d, want %d", got.exit, want)
			}
		})
	}
}

// TestReplicationSteps shows the steps as they ended, of one that succeeds and of one that fails.
func TestReplicationSteps(t *testing.T) {
	for name, end := range map[string]plan.State{"done": plan.Succeeded, "undone": plan.Undone} {
		d := copying(status.FromLive, coming())
		d.records = []plan.Record{copyIn(plan.Running), copyIn(end)}
		got := invoke(t, d, "replicate", "from-live", "DEMOSERVER", "--yes")
		golden(t, filepath.Join("testdata", "screens", "replicate-from-live."+name), got.stdout+"--- standard error\n"+got.stderr)
		if want := map[plan.State]int{plan.Succeeded: exitDone, plan.Undone: exitFailed}[end]; got.exit != want {
			t.Errorf("%s: exit %d, want %d", name, got.exit, want)
		}
	}
}

// TestReplicationQuestion wants both hosts, the direction and the amount in the question, and the server's name where data
// would be given up.
func TestReplicationQuestion(t *testing.T) {
	ahead := crossing()
	ahead.Newer = []status.Newer{{Table: "dbo.calls", Rows: 12}, {Table: "dbo.blobs", Rows: -1}}
	for _, c := range []struct {
		name, args   string
		d            *fakeDaemon
		asked, typed string
		exit         int
	}{
		{
			"from live", "replicate from-live DEMOSERVER", copying(status.FromLive, coming(), coming()),
			"Replicate DEMOSERVER from live? DEMOSERVER --> standby-1: 2 catalogs, 82 tables, 2.3 GiB. The copies on standby-1 are replaced, and kept as previous. [y/N] ", "y", exitDone,
		},
		{
			"to live", "replicate to-live DEMOSERVER", copying(status.ToLive, crossing()),
			"Replicate DEMOSERVER to live? standby-1 --> DEMOSERVER: 1 catalog, 41 tables, 1.1 GiB. The databases on DEMOSERVER are replaced, and kept as previous. [y/N] ", "yes", exitDone,
		},
		{
			"files back", "replicate to-live DEMOSERVER", withTrees(copying(status.ToLive), goingBack()),
			"Replicate DEMOSERVER to live? standby-1 --> DEMOSERVER: 1 tree, 4120 files, 3.0 GiB. " +
				"These trees on DEMOSERVER become as the copies are; 2 files (34.0 KiB) that only DEMOSERVER has are set aside there. [y/N] ", "y", exitDone,
		},
		{
			"both back", "replicate to-live DEMOSERVER", withTrees(copying(status.ToLive, crossing()), goingBack()),
			"standby-1 --> DEMOSERVER: 1 catalog, 41 tables, 1.1 GiB; 1 tree, 4120 files, 3.0 GiB. The databases on DEMOSERVER are replaced, and kept as previous. These trees", "y", exitDone,
		},
		{
			"rollback", "replicate rollback DEMOSERVER", copying(status.RollBack),
			"Roll back DEMOSERVER? On standby-1 the previous copies are put in service: CTSERVER of 2026-09-21 01:00 +10:00 in place of 01:00 +10:00. The present ones are dropped. [y/N] ", "y", exitDone,
		},
		{"declined", "replicate to-live DEMOSERVER", copying(status.ToLive, crossing()), "[y/N] ", "", exitDeclined},
		{
			"newer, yes typed", "replicate to-live DEMOSERVER --accept overwrite-newer", copying(status.ToLive, ahead),
			"DEMOSERVER HOLDS NEWER DATA (2 tables, 12 rows and 1 table that cannot be counted), which is set aside.", "y", exitDeclined,
		},
		{"newer, name typed", "replicate to-live DEMOSERVER --accept overwrite-newer", copying(status.ToLive, ahead), "Type the server's name to go on: ", "DEMOSERVER", exitDone},
		{
			"newer, not counted", "replicate to-live DEMOSERVER --accept overwrite-newer", copying(status.ToLive, crossing()),
			"What DEMOSERVER holds beyond the last copy is SET ASIDE.", "y", exitDeclined,
		},
		{
			"diverged", "replicate from-live DEMOSERVER --accept discard-diverged", copying(status.FromLive, coming()),
			"What the stand-in wrote on standby-1 is GIVEN UP.", "y", exitDeclined,
		},
		{"diverged, name typed", "replicate from-live DEMOSERVER --accept discard-diverged", copying(status.FromLive, coming()), "Type the server's name to go on: ", "DEMOSERVER", exitDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			term := openTerminal(t)
			exit := term.sit(t.Context(), t, c.d, nil, strings.Fields(c.args)...)
			term.screen.await(t, c.asked)
			if orders := ordered(c.d); len(orders) > 0 {
				t.Errorf("ordered before the answer: %q", orders)
			}
			term.types(t, c.typed)
			if code := <-exit; code != c.exit {
				t.Errorf("exit %d, want %d:\n%s", code, c.exit, term.screen)
			}
			if orders := ordered(c.d); len(orders) != map[int]int{exitDone: 1}[c.exit] {
				t.Errorf("ordered %q", orders)
			}
		})
	}
}

// TestReplicationProgress shows on a terminal what is copied, how fast and how long still, and takes it away at the end.
func TestReplicationProgress(t *testing.T) {
	d, term := copying(status.FromLive, coming()), openTerminal(t)
	d.records = []plan.Record{copyIn(plan.Queued)}
	exit := term.sit(t.Context(), t, d, []string{"NO_COLOR", "1"}, "replicate", "from-live", "DEMOSERVER", "--yes")
	term.screen.await(t, "waiting for: its turn: another replication runs")
	d.change(func() { d.records = []plan.Record{copyIn(plan.Running)} })
	term.screen.await(t, "  copy CTSERVER: data of dbo.calls, 430.0 MiB of 1.1 GiB (35 %), 41200 rows, 88.0 MiB/s, 9 s left")
	d.change(func() { d.records = []plan.Record{copyIn(plan.Succeeded)} })
	if code := <-exit; code != exitDone {
		t.Errorf("exit %d, want 0:\n%s", code, term.screen)
	}
	term.screen.await(t, "\r\x1b[K  copy CTSERVER  succeeded  1.2 s     copy CTSERVER to DEMOSERVER_CTSERVER__new (1.1 GiB, 120034 rows, 954.0 MiB/s)")
	term.screen.await(t, "The standby has complete copies.")
}

// TestReplicationProgressInALog has a line of progress a minute where there is no terminal, and none with --json.
func TestReplicationProgressInALog(t *testing.T) {
	p, out, _ := here("")
	show := &progress{p: p, told: noon}
	after := func(d time.Duration) {
		p.now = func() time.Time { return noon.Add(d) }
		show.waiting(copyIn(plan.Running))
	}
	const told = "  copy CTSERVER: data of dbo.calls, 430.0 MiB of 1.1 GiB (35 %), 41200 rows, 88.0 MiB/s, 9 s left\n"
	for d, want := range map[int]string{59: "", 60: told, 119: told, 121: told + told} {
		out.Reset()
		show.told = noon
		for second := range d + 1 {
			after(time.Duration(second) * time.Second)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("after %d s (-want +got):\n%s", d, diff)
		}
	}
	out.Reset()
	p.global.json = true
	after(time.Hour)
	p.global.json = false
	show.waiting(copyIn(plan.Queued))
	show.waiting(copyIn(plan.Succeeded))
	if out.Len() > 0 {
		t.Errorf("told: %s", out)
	}
}

// TestReplicationLines prints each change as a document, progress as well, and the end.
func TestReplicationLines(t *testing.T) {
	d := copying(status.FromLive, coming())
	further := copyIn(plan.Running)
	further.Progress.Done *= 2
	d.records = []plan.Record{copyIn(plan.Running), copyIn(plan.Running), further, copyIn(plan.Succeeded)}
	got := invoke(t, d, "replicate", "from-live", "DEMOSERVER", "--yes", "--json")
	var states []string
	for _, doc := range documents(t, got.stdout) {
		states = append(states, doc["state"].(string))
	}
	if diff := cmp.Diff([]string{"running", "running", "succeeded"}, states); diff != "" || got.exit != exitDone {
		t.Errorf("exit %d (-want +got):\n%s", got.exit, diff)
	}
}

// TestReplicationRefused has a check that refuses: exit 5, and the command that goes on all the same.
func TestReplicationRefused(t *testing.T) {
	d := copying(status.ToLive, crossing())
	d.problem = &api.Problem{
		Status: 409, Code: status.ChecksFailed, Detail: "DEMOSERVER holds newer data",
		Checks: []status.Check{{Name: "newer", Value: "dbo.calls: 12 rows", Accept: status.OverwriteNewer}},
	}
	got := invoke(t, d, "replicate", "to-live", "DEMOSERVER", "--yes", "--reason", "repaired")
	want := `failoverd: DEMOSERVER holds newer data
  newer  dbo.calls: 12 rows  to go on all the same: --accept overwrite-newer
Nothing was changed.
Try: failoverd replicate to-live DEMOSERVER --yes --accept overwrite-newer --reason "repaired"
`
	if diff := cmp.Diff(want, got.stderr); diff != "" || got.exit != exitRefused {
		t.Errorf("exit %d (-want +got):\n%s", got.exit, diff)
	}
}

// TestStatusOfRunningReplication has its progress on the screen, and is not held up when it cannot be had.
func TestStatusOfRunningReplication(t *testing.T) {
	d := copying(status.FromLive)
	d.snapshot.Servers[0].Replication = "op-1"
	d.records = []plan.Record{copyIn(plan.Running)}
	if got := invoke(t, d, "operations"); !strings.Contains(got.stdout, "runs, copy CTSERVER at 35 %") {
		t.Errorf("operations:\n%s", got.stdout)
	}
	for _, args := range []string{"status", "show DEMOSERVER"} {
		got := invoke(t, d, strings.Fields(args)...)
		if want := "replicate-from-live runs: data of dbo.calls, 430.0 MiB of 1.1 GiB (35 %)"; !strings.Contains(got.stdout, want) {
			t.Errorf("%s: %q is missing:\n%s", args, want, got.stdout)
		}
	}
	var screen bytes.Buffer
	p, _, _ := here("")
	p.writeStatus(&screen, false, d.snapshot, nil)
	if !strings.Contains(screen.String(), "11 h 4 m (at most 1 d 12 h), replication runs") {
		t.Errorf("without its record:\n%s", &screen)
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		-1: "0 B", 0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1075: "1.0 KiB", 1<<20 - 1: "1023.9 KiB", 1 << 20: "1.0 MiB",
		5 << 29: "2.5 GiB", 1<<63 - 1: "7.9 EiB", 1 << 60: "1.0 EiB",
	} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %q, want %q", bytes, got, want)
		}
	}
}
