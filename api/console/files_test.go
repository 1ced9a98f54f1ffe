package console_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"failoverd/plan"
	"failoverd/status"
)

// copiesFiles gives a server a tree of files: of 4,118 paths three are not copied.
func (s *standby) copiesFiles(name string) {
	now := time.Now()
	lag, whole := 12.0, now.Add(-12*time.Second)
	s.change(name, "files.followed", "info", "the files of "+name+" are followed", func(v *status.Server) {
		v.Trees = []status.Tree{{
			Name: "vm", Source: "/srv/ctserver/VM", By: "agent", Directory: "/srv/copies/pbx/VM", State: "copying", Connected: true,
			Files: 4118, Bytes: 3 << 30, Received: 40 << 20, Lag: &lag, MaxLag: 300, Synced: &whole, Changed: &now, Missing: 3,
			Failed: []status.FailedPath{{Path: "Extn/201.wav", Reason: "permission denied at the source"}, {Path: "Mail/a*b.txt", Reason: "the name cannot be written here"}},
		}}
	})
}

// holds holds deletions back in a server's tree.
func (s *standby) holds(name string, deletions int) {
	s.change(name, "files.held", "warning", fmt.Sprintf("%d deletions are held back", deletions), func(v *status.Server) {
		t := v.Trees[0]
		t.Held, t.Ailment, t.Problem = deletions, "held", "more deletions than the brake lets pass"
		v.Trees = []status.Tree{t}
	})
}

// decideTree notes a decision about a tree and mends what it is about.
func (s *standby) decideTree(ctx context.Context, what, name, tree string) (status.Server, error) {
	if err := s.carried(ctx, what, name+"/"+tree); err != nil {
		return status.Server{}, err
	}
	s.change(name, "files."+what, "warning", what+" of "+tree, func(v *status.Server) {
		t := v.Trees[0]
		t.Held, t.Ailment, t.Problem, t.Diverged = 0, "", "", false
		v.Trees = []status.Tree{t}
	})
	return s.find(name), nil
}

func (s *standby) ConfirmDeletions(ctx context.Context, name, tree string, _ status.Order) (status.Server, error) {
	return s.decideTree(ctx, "confirm-deletions", name, tree)
}

func (s *standby) AcceptSource(ctx context.Context, name, tree string, _ status.Order) (status.Server, error) {
	return s.decideTree(ctx, "accept-source", name, tree)
}

func (s *standby) DiscardFiles(ctx context.Context, name, tree string, _ status.Order) (status.Server, error) {
	return s.decideTree(ctx, "discard-diverged", name, tree)
}

func (s *standby) SetAside(_ context.Context, _, _ string, after status.AsidePlace, limit int) (status.SetAside, error) {
	var list status.SetAside
	for n := range 60 { // the first one a letter, then voices
		a := status.Aside{Set: "2026-08-12T02-40-00.000000000Z", Path: fmt.Sprintf("Mail/voice%02d.wav", n), Reason: "changed at the primary after the takeover", Kind: "file", Size: 2048, ModTime: time.Now().Add(-time.Hour)}
		if n == 0 {
			a.Path = "Mail/letter.txt"
		}
		switch {
		case a.Path <= after.Path:
		case len(list.Files) == limit:
			list.Next = new(status.AsidePlace{Set: a.Set, Path: list.Files[limit-1].Path}.String())
			return list, nil
		default:
			list.Files = append(list.Files, a)
		}
	}
	return list, nil
}

func (s *standby) RestoreAside(ctx context.Context, name, tree, set, path string, _ status.Order) (status.Server, error) {
	return s.decideTree(ctx, "restore "+set+" "+path, name, tree)
}

// homeward is what a failback would do.
func homeward() status.Preview {
	return status.Preview{
		Steps: []plan.Shown{{Name: "back", Title: "Is pbx back?", Will: "ask its management address"}, {Name: "application", Title: "Start the application on pbx", Will: "by its agent"}},
		Crossings: []status.Crossing{{
			Catalog: "CALLS", Engine: "postgres", From: "standby-1", FromName: "pbx_CALLS", To: "pbx", ToName: "CALLS", Bytes: 734003200, Tables: 41,
			Overwrites: "CALLS on pbx, 701 MiB", Newer: []status.Newer{}, Problems: []string{},
		}},
		Trees: []status.TreeCrossing{{Tree: "vm", From: "standby-1", FromDir: "/srv/copies/pbx/VM", To: "pbx", ToDir: "/srv/ctserver/VM", Files: 4120, Bytes: 3 << 30, There: 4118}},
	}
}

// A failback: what the dialog says of hosts, direction, counts and the point of no return; that a release offers it
// instead; and its steps.
func TestFailback(t *testing.T) {
	c := open(t, midnight, "operator")
	c.standby.preview(status.Failback, homeward())
	c.standby.copiesFiles("pbx")
	c.standby.dies("pbx", true)
	c.on("pbx")
	c.opens("release")
	c.see("in CALLS stays on standby-1 until you replicate to live")
	c.click(`dialog [data-instead="failback"]`)
	c.see("Fail pbx back?")
	c.asked()
	if direction := ask[string](c, `document.querySelector(".direction").textContent`); direction != "standby-1 → topbx" {
		t.Errorf("the direction: %q", direction)
	}
	c.see("700 MiB, 41 tables")
	c.see("4120 files, 3072 MiB")
	c.see("Nobody serves the users of pbx during the final stop.")
	c.see("The start of the application on pbx is the point of no return.")
	c.examine(opposites, "a failback", "failback")
	c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
	c.orders()
	c.until(`location.hash === "#/operations/failback-1"`)
	c.see("Failback of pbx")
	c.carriedOut("failback pbx")
}

// What waits for a person about files: the count that was looked at is the count that is decided about.
func TestDecisionsAboutFiles(t *testing.T) {
	c := open(t, phone, "operator")
	c.standby.copiesFiles("pbx")
	c.standby.holds("pbx", 1204)
	c.do(chromedp.Evaluate(`location.hash = "#/servers/pbx/replication"`, nil))
	c.see("more deletions than the brake lets pass")
	c.see("Why not complete? 3 paths not copied")
	c.see("permission denied at the source")
	c.see("and 1 more")
	c.click(`[data-action="set-aside-vm"]`)
	c.until(`document.querySelectorAll("[data-action^=restore-vm]").length === 50`)
	c.click(`[data-earlier=files]`)
	c.see("All 60 files are shown.")
	c.until(`document.querySelectorAll("[data-action^=restore-vm]").length === 60`)
	c.examine(crosswise, "the replication page", "files")
	c.asks("confirm-deletions-vm")
	c.see("Let 1\u202f204 deletions happen in the copy of vm?")
	c.see("1\u202f204 paths of 4\u202f118 files go to the copy's trash.")
	c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
	c.standby.holds("pbx", 1205)
	c.orders()
	c.see("Nothing was changed. Pbx has changed since you looked")
	c.see("Let 1\u202f205 deletions happen in the copy of vm?")
	c.carriedOut()
	c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
	c.until(`document.querySelector("dialog [data-do]:not([aria-disabled=true])")`)
	c.do(chromedp.Evaluate(`{ const b = document.querySelector("dialog [data-do]"); b.click(); b.click(); }`, nil))
	c.closed()
	c.carriedOut("confirm-deletions pbx/vm")
	c.until(`!document.querySelector("[data-action=confirm-deletions-vm]")`)

	c.click(`[data-action="set-aside-vm"]`)
	c.see("changed at the primary after the takeover")
	c.asks("restore-vm-0")
	c.see("Put Mail/letter.txt into its place again?")
	c.examine(crosswise, "putting something back", "")
	c.orders()
	c.closed()
	c.carriedOut("confirm-deletions pbx/vm", "restore 2026-08-12T02-40-00.000000000Z Mail/letter.txt pbx/vm")
}

// asks opens the dialog behind a button, once it can be ordered.
func (c *console) asks(action string) {
	c.t.Helper()
	button := fmt.Sprintf(`[data-action=%q]`, action)
	for {
		c.until(fmt.Sprintf(`document.querySelector('%s:not([aria-disabled=true])')`, button))
		c.click(button)
		if ask[bool](c, `Boolean(document.querySelector("dialog"))`) {
			break
		}
	}
	c.asked()
}

// diverged is what the standby says of a replication from live over newer data.
func diverged() status.Preview {
	return status.Preview{Refused: true, Steps: []plan.Shown{}, Checks: []status.Check{{
		Name: "diverged", Result: "critical", Value: "the stand-in has written in CALLS since 02:11", Limit: "nothing newer on the standby", Accept: status.DiscardDiverged,
	}}}
}

// Every dialog that can destroy data or end a service: a wrong name, a state that has changed meanwhile, a second click
// and the way back do nothing that was not meant.
func TestNothingIsDestroyedByAccident(t *testing.T) {
	in := func(s *standby) { s.dies("pbx", true) }
	idle := func(*standby) {}
	whole := open(t, desktop, "operator")
	for _, test := range []struct {
		action, where string
		setup         func(*standby)
		want          string
	}{
		{"failover", "#/servers/pbx", idle, "failover pbx"},
		{"release", "#/servers/pbx", in, "release pbx"},
		{"failback", "#/servers/pbx", in, "failback pbx"},
		{"replicate-from-live", "#/servers/pbx", func(s *standby) {
			s.preview(status.FromLive, diverged())
			s.change("pbx", "server.diverged", "warning", "diverged", func(v *status.Server) { v.Diverged = true })
		}, "replicate-from-live pbx"},
		{"replicate-to-live", "#/servers/pbx", idle, "replicate-to-live pbx"},
		{"rollback", "#/servers/pbx", idle, "rollback pbx"},
		{"confirm-deletions-vm", "#/servers/pbx", func(s *standby) { s.holds("pbx", 7) }, "confirm-deletions pbx/vm"},
		{"accept-source-vm", "#/servers/pbx", func(s *standby) {
			s.change("pbx", "files.root", "warning", "another source", func(v *status.Server) { v.Trees[0].Ailment = "root" })
		}, "accept-source pbx/vm"},
		{"discard-diverged-vm", "#/servers/pbx", func(s *standby) {
			s.change("pbx", "files.diverged", "warning", "diverged", func(v *status.Server) { v.Trees[0].Diverged = true })
		}, "discard-diverged pbx/vm"},
	} {
		t.Run(test.action, func(t *testing.T) {
			c := whole.in(t)
			c.standby.begin()
			c.standby.copiesFiles("pbx")
			test.setup(c.standby)
			// From anew: the part before has left a way back that the browser may only now be going.
			c.do(chromedp.Navigate("about:blank"), chromedp.Navigate(c.url+"/#/options"))
			c.see("Who may do what")
			c.do(chromedp.Evaluate(fmt.Sprintf(`location.hash = %q`, test.where), nil))
			button := `[data-action="` + test.action + `"]`

			c.asks(test.action)
			c.ticks()
			c.do(chromedp.SendKeys(`dialog .typed`, "pbx "))
			c.do(chromedp.Evaluate(`{ const b = document.querySelector("dialog [data-do]"); b.click(); b.click(); }`, nil))
			c.see("type pbx")
			c.do(chromedp.Evaluate(`history.back()`, nil))
			c.closed()
			c.do(chromedp.Evaluate(`history.forward()`, nil))
			c.until(`document.querySelector('` + button + `')`)
			if ask[bool](c, `Boolean(document.querySelector("dialog"))`) {
				t.Error("the way forward has opened the dialog again")
			}

			c.asks(test.action)
			c.ticks()
			c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
			c.standby.change("pbx", "server.changed", "info", "something else has happened", func(v *status.Server) { v.Epoch++ })
			c.orders()
			c.see("Nothing was changed. Pbx has changed since you looked")
			c.carriedOut()

			c.until(`document.querySelector("dialog .typed")?.value === ""`)
			c.ticks()
			c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
			c.until(`document.querySelector("dialog [data-do]:not([aria-disabled=true])")`)
			c.do(chromedp.Evaluate(`{ const b = document.querySelector("dialog [data-do]"); b.click(); b.click(); b.click(); history.back(); }`, nil))
			c.closed()
			c.standby.settled(t, test.want)
			c.carriedOut(test.want)
		})
	}
}

// ticks accepts every risk that the open dialog names and has not been accepted.
func (c *console) ticks() {
	c.t.Helper()
	c.do(chromedp.Evaluate(`document.querySelectorAll("dialog .accept input:not(:checked)").forEach((b) => b.click())`, nil))
	c.until(`[...document.querySelectorAll("dialog .accept input")].every((b) => b.checked)`)
}

// settled waits until the standby has carried something out.
func (s *standby) settled(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		changed := s.journal.Changed()
		if slices.Contains(s.done(), want) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s was never carried out", want)
		case <-changed:
		}
	}
}
