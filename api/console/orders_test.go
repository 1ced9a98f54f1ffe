package console_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"failoverd/plan"
	"failoverd/status"
)

// opens opens the dialog of an action, and waits until the standby has been asked what it would do. On a busy machine
// the page may just then know nothing fresh: what cannot be ordered in that moment is clicked again.
func (c *console) opens(action string) {
	c.t.Helper()
	button := fmt.Sprintf(`.actions [data-action=%q]`, action)
	for {
		c.until(fmt.Sprintf(`document.querySelector('%s:not([aria-disabled=true])')`, button))
		c.click(button)
		if ask[bool](c, `Boolean(document.querySelector("dialog"))`) {
			break
		}
	}
	c.asked()
}

// orders clicks the button that gives the order, once it can be given.
func (c *console) orders() {
	c.t.Helper()
	for {
		c.until(`document.querySelector("dialog [data-do]:not([aria-disabled=true])")`)
		c.click(`dialog [data-do]`)
		if ask[bool](c, `!document.querySelector("dialog [data-do]:not([aria-disabled=true])") || Boolean(document.querySelector("dialog .problem"))`) {
			return
		}
	}
}

// asked waits until the open dialog shows what the standby has answered.
func (c *console) asked() {
	c.t.Helper()
	c.until(`document.querySelector("dialog[open]") && !document.querySelector("dialog").innerText.includes("Asking the standby")`)
	c.until(`document.activeElement.classList.contains("cancel")`)
}

// closed waits until no dialog is open.
func (c *console) closed() {
	c.t.Helper()
	c.until(`!document.querySelector("dialog")`)
}

// on goes to the page of a server.
func (c *console) on(server string) {
	c.t.Helper()
	c.do(chromedp.Evaluate(fmt.Sprintf(`location.hash = "#/servers/%s"`, server), nil))
	c.until(fmt.Sprintf(`document.querySelector(".details h2")?.textContent.startsWith(%q)`, server))
}

// carriedOut compares the orders that have reached the standby.
func (c *console) carriedOut(want ...string) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.standby.done(), equalEmpty()); diff != "" {
		c.t.Errorf("carried out (-want +got):\n%s", diff)
	}
}

// equalEmpty lets no list and an empty one be the same.
func equalEmpty() cmp.Option {
	return cmp.FilterValues(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 }, cmp.Comparer(func(_, _ []string) bool { return true }))
}

// alive is what the standby says of a failover while the primary answers.
func alive() status.Preview {
	return status.Preview{
		Refused: true, Skips: []string{"witnesses"},
		Steps: []plan.Shown{{Name: "probe", Title: "Probe the address", Will: "ask by ARP", Blocked: true}, {Name: "assume", Title: "Assume 192.168.11.1/24", Will: "add it to eth0"}},
		Checks: []status.Check{
			{Name: "primary-alive", Result: "critical", Value: "192.168.11.1 answers pings (last 0.4 ms, 1 s ago)", Limit: "no answer", Help: "failoverd show pbx", Accept: "primary-alive"},
			{Name: "probe", Result: "critical", Value: "192.168.11.1 is in use by 02:fa:00:00:00:05", Limit: "no answer by ARP", Help: "failoverd explain pbx", Accept: "address-in-use"},
		},
	}
}

// The main tasks by mouse: suspend, resume, take over a server that lives, watch it, release it.
func TestTasksByMouse(t *testing.T) {
	for name, s := range map[string]screen{"desktop": desktop, "midnight": midnight} {
		t.Run(name, func(t *testing.T) {
			c := open(t, s, "operator")
			c.on("pbx")
			c.opens("suspend")
			c.see("While it is suspended, pbx is not pinged, and standby-1 does not take it over.")
			c.click(`dialog input[value="7200"]`)
			c.see("Suspend pbx for 2 h?")
			c.do(chromedp.SendKeys(`dialog .field input`, "new disk"))
			c.picture("suspend-" + name)
			c.orders()
			c.closed()
			c.see("Suspended by alice; no takeover will happen")
			c.see("it is suspended already")
			if v := c.standby.find("pbx"); v.Suspension == nil || v.Suspension.Reason != "new disk" || v.Suspension.By != "alice" {
				t.Errorf("the suspension: %+v", v.Suspension)
			}
			c.opens("resume")
			c.orders()
			c.closed()
			c.see("The primary serves")
			c.carriedOut("suspend pbx", "resume pbx")

			c.standby.preview("takeover", alive())
			c.opens("failover")
			c.see("pbx is alive. Take it over anyway?")
			c.see("Two hosts would use the address unless pbx is shut down first.")
			c.see("CALLS on standby-1 is as of")
			c.see("Until it is released, nobody stands in for crm, web.")
			c.axe("failover")
			c.click(`dialog [data-do="failover"]`) // Neither accepted nor typed.
			c.see("each risk has to be accepted")
			for _, box := range []string{"1", "2"} {
				c.click(`dialog .accept label:nth-of-type(` + box + `) input`)
			}
			c.see("type pbx")
			c.do(chromedp.SendKeys(`dialog .typed`, "crm"))
			c.click(`dialog [data-do="failover"]`)
			c.carriedOut("suspend pbx", "resume pbx")
			c.do(chromedp.SendKeys(`dialog .typed`, kb.Backspace+kb.Backspace+kb.Backspace+"pbx"))
			c.until(`document.querySelector("[data-do=failover]").getAttribute("aria-disabled") !== "true"`)
			c.picture("failover-" + name)
			c.until(`!document.querySelector("[data-do=failover][aria-disabled=true]")`)
			c.do(chromedp.Evaluate(`{ const b = document.querySelector("[data-do=failover]"); b.click(); b.click(); }`, nil))
			c.closed()
			c.until(`location.hash === "#/operations/takeover-1"`)
			c.see("Takeover of pbx")
			c.see("Assume 192.168.11.1/24")
			c.see("running")
			c.axe("an operation")
			c.picture("operation-" + name)
			c.standby.ends("pbx", plan.Succeeded)
			c.until(`document.querySelector(".result").innerText.includes("succeeded")`)
			c.see("standby-1 stands in for pbx since")
			c.carriedOut("suspend pbx", "resume pbx", "failover pbx")

			c.on("pbx")
			c.opens("release")
			c.see("Stop serving pbx from standby-1?")
			c.see("Nothing is copied back")
			c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
			c.orders()
			c.until(`location.hash === "#/operations/release-2"`)
			c.standby.ends("pbx", plan.Succeeded)
			c.until(`!document.querySelector(".banner")`)
			c.carriedOut("suspend pbx", "resume pbx", "failover pbx", "release pbx")
		})
	}
}

// keys presses keys, one after the other, wherever the focus is.
func (c *console) keys(keys ...string) {
	c.t.Helper()
	for _, k := range keys {
		c.do(chromedp.KeyEvent(k))
	}
}

// tabTo presses the tabulator until the focus is on what the selector names.
func (c *console) tabTo(selector string) {
	c.t.Helper()
	for range 80 {
		if ask[bool](c, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			if ask[string](c, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
				c.t.Errorf("nobody sees that the focus is on %s", selector)
			}
			return
		}
		c.keys(kb.Tab)
	}
	c.t.Fatalf("the keyboard does not lead to %s", selector)
}

// The same by keyboard alone, from the door on. Cancel has the focus, Enter in a field orders nothing, Escape closes,
// and the focus comes back to where it was.
func TestTasksByKeyboard(t *testing.T) {
	for name, s := range map[string]screen{"night": night, "phone": phone} {
		t.Run(name, func(t *testing.T) {
			c := open(t, s, "operator")
			c.standby.preview("takeover", alive())
			c.tabTo(`.list a[href="#/servers/crm"]`)
			c.keys(kb.Enter)
			c.until(`document.querySelector(".details h2").textContent.startsWith("crm")`)
			c.tabTo(`[data-action="resume"]`) // What is not possible can be reached, and read.
			c.keys(kb.Enter)
			c.tabTo(`[data-action="failover"]`)
			c.keys(kb.Enter)
			c.asked()
			c.keys(kb.Escape)
			c.closed()
			c.until(`document.activeElement.dataset.action === "failover"`)
			c.keys(kb.Enter)
			c.asked()
			c.keys(kb.Enter) // Cancel has the focus.
			c.closed()
			c.keys(kb.Enter)
			c.asked()
			c.tabTo(`dialog .accept label:nth-of-type(1) input`)
			c.keys(" ", kb.Tab, " ")
			c.tabTo(`dialog .typed`)
			c.keys("c", "r", "m", kb.Enter)
			c.until(`document.querySelector("[data-do=failover]").getAttribute("aria-disabled") !== "true"`)
			c.carriedOut()
			c.tabTo(`dialog [data-do="failover"]`)
			c.keys(kb.Enter)
			c.until(`location.hash === "#/operations/takeover-1"`)
			c.carriedOut("failover crm")
			c.tabTo(`[data-action="cancel"]`)
			c.keys(kb.Enter)
			c.asked()
			c.see("What it has done is undone, the last step first.")
			c.tabTo(`dialog [data-do="cancel"]`)
			c.keys(kb.Enter)
			c.closed()
			c.until(`document.querySelector(".result").innerText.includes("undone")`)
			c.carriedOut("failover crm", "cancel takeover-1")
		})
	}
}

// What would make an order happen that nobody meant, or happen twice: a state that changed meanwhile, a double click,
// the back button, an answer that is lost, an operation that runs already.
func TestNothingHappensTwice(t *testing.T) {
	c := open(t, desktop, "operator")
	c.on("pbx")
	c.opens("failover")
	c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
	c.standby.change("pbx", "server.suspect", "warning", "pbx is suspect", func(v *status.Server) { v.State, v.Health = "Suspect", "suspect" })
	c.orders()
	c.see("Nothing was changed. Pbx has changed since you looked: it is Suspect, standing by; nothing was done.")
	c.carriedOut()
	c.until(`document.querySelector("dialog .typed")?.value === ""`)

	c.do(chromedp.Evaluate(`history.back()`, nil))
	c.closed()
	c.do(chromedp.Evaluate(`history.forward()`, nil))
	c.until(`document.querySelector(".details h2")?.textContent.startsWith("pbx")`)
	c.carriedOut()

	gate := make(chan struct{})
	c.standby.mu.Lock()
	c.standby.block = gate
	c.standby.mu.Unlock()
	c.opens("replicate-from-live")
	c.until(`document.querySelector("dialog [data-do]:not([aria-disabled=true])")`)
	c.do(chromedp.Evaluate(`{ const b = document.querySelector("dialog [data-do]"); b.click(); b.click(); b.click(); }`, nil))
	c.see("Ordering …")
	c.do(chromedp.Evaluate(`document.querySelector("dialog [data-do]").click()`, nil))
	close(gate)
	c.until(`location.hash === "#/operations/replicate-from-live-1"`)
	c.carriedOut("replicate-from-live pbx")

	// Somebody else's operation began after the dialog was opened.
	c.on("crm")
	c.opens("failover")
	if _, err := c.standby.Failover(t.Context(), "crm", status.Order{By: plan.Actor{Kind: "user", Name: "bob"}}); err != nil {
		t.Fatal(err)
	}
	c.do(chromedp.SendKeys(`dialog .typed`, "crm"))
	c.orders()
	c.see("Nothing was changed. Crm has changed since you looked")
	c.keys(kb.Escape)
	c.closed()
	c.see("the standby stands in alreadyoperation takeover-2 is running")
	c.carriedOut("replicate-from-live pbx", "failover crm")

	// The answer is lost: it is not known what became of the order, and it cannot be sent again from here.
	c.on("web")
	c.opens("suspend")
	c.standby.mu.Lock()
	c.standby.block = make(chan struct{})
	hold := c.standby.block
	c.standby.mu.Unlock()
	c.do(chromedp.Evaluate(`window.sent = 0; window.fetch = ((real) => (url, o) => o?.method === "POST" ? (window.sent++, real(url, o).then(() => { throw new TypeError("cut"); })) : real(url, o))(window.fetch)`, nil))
	c.orders()
	close(hold)
	c.see("It is not known whether the order has arrived")
	c.click(`dialog [data-do="suspend"]`)
	c.keys(kb.Escape)
	c.closed()
	c.carriedOut("replicate-from-live pbx", "failover crm", "suspend web")
	if n := ask[int](c, `window.sent`); n != 1 { // The standby would refuse it: its state has changed.
		t.Errorf("the order was sent %d times", n)
	}
}

// To live: both hosts, the direction, what is newer there and lost; a check that nothing overrides; the test alert.
func TestDialogs(t *testing.T) {
	c := open(t, night, "operator")
	c.on("pbx")
	c.standby.preview(status.ToLive, status.Preview{
		Refused: true, Steps: []plan.Shown{},
		Checks: []status.Check{{Name: "overwrite-newer", Result: "critical", Value: "pbx holds 11 rows that are newer", Limit: "nothing newer", Accept: status.OverwriteNewer}},
		Crossings: []status.Crossing{{
			Catalog: "CALLS", Engine: "postgres", From: "standby-1", FromName: "pbx_CALLS", To: "pbx", ToName: "CALLS", Bytes: 734003200, Tables: 41,
			Overwrites: "CALLS on pbx, 701 MiB", Newer: []status.Newer{{Table: "public.calls", Rows: 11, Detail: "written since the last copy"}}, Problems: []string{},
		}},
		Trees: []status.TreeCrossing{{
			Tree: "vm", From: "standby-1", FromDir: "/srv/standby/VM", To: "pbx", ToDir: "/srv/vm", Files: 4120, Bytes: 3 << 30, There: 4118, Alone: 2,
		}},
	})
	c.opens(status.ToLive)
	c.see("Overwrite pbx with standby-1's data?")
	c.see("Newer on pbx than what comes:")
	c.see("public.calls: 11 rows written since the last copy")
	c.see("The files on pbx become as the copies of standby-1 are.")
	c.see("4120 files, 3072 MiB")
	c.see("2 files, set aside there")
	if direction := ask[string](c, `document.querySelector(".direction").textContent`); direction != "standby-1 → topbx" && !strings.HasPrefix(direction, "standby-1") {
		t.Errorf("the direction: %q", direction)
	}
	c.axe("to live")
	c.picture("to-live")
	c.click(`dialog .accept input`)
	c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
	c.orders()
	c.until(`location.hash === "#/operations/replicate-to-live-1"`)
	if r, _ := c.standby.Operation(t.Context(), "replicate-to-live-1"); !slices.Equal(r.Accept, []string{status.OverwriteNewer}) {
		t.Errorf("accepted: %v", r.Accept)
	}
	c.standby.ends("pbx", plan.Succeeded)

	c.on("crm")
	c.standby.preview(status.RollBack, status.Preview{Refused: true, Steps: []plan.Shown{}, Checks: []status.Check{{Name: "previous", Result: "critical", Value: "the copy before is damaged", Limit: "whole"}}})
	c.opens("rollback")
	c.see("This cannot be overridden.")
	c.do(chromedp.SendKeys(`dialog .typed`, "crm"))
	c.click(`dialog [data-do="rollback"]`)
	c.see("previous cannot be overridden")
	c.keys(kb.Escape)
	c.closed()
	c.see("rehearsed")
	c.opens(status.Drill)
	c.see("Rehearse a takeover of crm?")
	c.axe("a drill")
	c.orders()
	c.until(`location.hash === "#/operations/drill-2"`)
	c.standby.ends("crm", plan.Succeeded)
	c.on("crm")
	c.opens("stop")
	c.orders()
	c.closed()
	c.do(chromedp.Evaluate(`location.hash = "#/options"`, nil))
	c.asks("test-alert")
	c.orders()
	c.see("ops@example.com: accepted.")
	c.see("not sent: 535 authentication failed. The user name or the password is wrong.")
	c.axe("a test alert")
	c.keys(kb.Escape)
	c.closed()
	c.do(chromedp.Evaluate(`location.hash = "#/servers/crm/overview"`, nil))
	c.asks("test")
	c.orders()
	c.see("agent 192.168.11.21:7443")
	c.see("it does not answer")
	c.axe("a test of connections")
	c.carriedOut("replicate-to-live pbx", "drill crm", "stop crm", "test-alert ", "test crm")
}

// The pages and orders that a keyboard alone has to do, besides those above: the menu of a row, a hand-over, a failback,
// what is decided about files, a drill, the settings of a server, a new one, the options.
func TestPagesByKeyboard(t *testing.T) {
	c := open(t, night, "admin")
	c.standby.copiesFiles("pbx")
	c.standby.preview(status.Handover, status.Preview{Steps: []plan.Shown{{Name: "leave", Title: "Stop the application on pbx", Will: "by its agent"}}})

	// The menu: arrows in a circle, a letter, Escape, Tab; what is not possible says why, and stays.
	menu := `.list tr:first-child .more`
	c.tabTo(menu)
	c.keys(kb.Enter)
	c.until(`document.activeElement.dataset.item === "open"`)
	c.examine(crosswise, "the menu of a row", "menu")
	c.keys(kb.ArrowUp)
	c.until(`document.activeElement.dataset.item === "settings"`)
	c.keys(kb.ArrowDown, kb.ArrowDown)
	c.until(`document.activeElement.dataset.item === "test"`)
	c.keys(kb.Escape)
	c.until(`!document.querySelector("[role=menu]") && document.activeElement.matches(".more")`)
	c.keys(" ", kb.End, kb.Home)
	c.keys(kb.Tab)
	c.until(`!document.querySelector("[role=menu]") && document.activeElement.matches(".list tr:first-child a")`)
	c.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(input.ModifierShift)))
	c.until(`document.activeElement.matches(".more")`)
	c.keys(kb.Enter, "r")
	c.until(`document.activeElement.dataset.item === "resume"`)
	c.keys(kb.Enter)
	c.until(`document.activeElement.innerText.includes("nothing waits to be acknowledged")`)
	c.keys("h")
	c.until(`document.activeElement.dataset.item === "handover"`)
	c.keys(kb.Enter)
	c.asked()
	c.see("Hand pbx over to standby-1?")
	c.see("Its agent stops the application on pbx.")
	c.examine(crosswise, "a hand-over", "handover")
	c.keys(kb.Escape)
	c.closed()
	c.until(`document.activeElement.matches(".list tr:first-child .more")`)
	c.keys(kb.Enter, "h", kb.Enter)
	c.confirms("handover", "pbx")
	c.until(`location.hash === "#/operations/handover-1"`)
	c.see("Hand-over of pbx")
	c.standby.ends("pbx", plan.Succeeded)

	c.standby.dies("pbx", true)
	c.goes("#/", "#/servers/pbx")
	c.tabTo(`[data-action="failback"]`)
	c.until(`document.activeElement.getAttribute("aria-disabled") !== "true"`)
	c.keys(kb.Enter)
	c.confirms("failback", "pbx")
	c.until(`location.hash === "#/operations/failback-2"`)
	c.standby.begin()
	c.standby.copiesFiles("pbx")
	c.standby.holds("pbx", 12)

	c.goes("#/", "#/servers/pbx", "#/servers/pbx/replication")
	c.tabTo(`[data-action="confirm-deletions-vm"]`)
	c.keys(kb.Enter)
	c.confirms("confirm-deletions", "pbx")
	c.until(`!document.querySelector("[data-action=confirm-deletions-vm]")`)
	c.tabTo(`[data-action="set-aside-vm"]`)
	c.keys(" ")
	c.tabTo(`[data-action="restore-vm-0"]`)
	c.keys(kb.Enter)
	c.confirms("restore", "")
	c.closed()
	c.until(`document.activeElement.dataset.action === "restore-vm-0"`)

	c.goes("#/servers/pbx/overview")
	c.tabTo(`[data-action="drill"]`)
	c.keys(kb.Enter)
	c.confirms("drill", "")
	c.until(`location.hash === "#/operations/drill-1"`)
	c.standby.ends("pbx", plan.Succeeded)

	c.goes("#/servers/pbx", "#/servers/pbx/settings")
	c.tabTo("textarea")
	c.do(chromedp.KeyEvent(kb.End, chromedp.KeyModifiers(input.ModifierCtrl)))
	c.keys("priority: 20")
	c.tabTo(`[data-action="test"]`) // The text lets the focus go.
	c.keys(kb.Enter)
	c.see("It can be saved")
	c.tabTo(`[data-action="save"]`)
	c.keys(kb.Enter)
	c.see("saved, and in force")

	c.goes("#/new")
	c.tabTo(`[name=agent]`)
	c.do(chromedp.KeyEvent("192.168.11.24\r"))
	c.until(`document.querySelector("[name=server]").value === "fax"`)
	c.tabTo(`[data-action="test"]`)
	c.keys(kb.Enter)
	c.tabTo(`[data-action="save"]`)
	c.keys(kb.Enter)
	c.until(`location.hash === "#/servers/fax"`)

	c.goes("#/options")
	c.tabTo(`[data-action="test-alert"]`)
	c.keys(kb.Enter)
	c.confirms("test-alert", "")
	c.see("ops@example.com: accepted.")
	c.until(`document.activeElement.matches("dialog .cancel")`) // What had the focus is gone.
	c.keys(kb.Enter)
	c.closed()
	c.until(`document.activeElement.dataset.action === "test-alert"`)
	c.tabTo(`[data-action="create-token"]`)
	c.keys(kb.Enter)
	c.asked()
	c.tabTo(`dialog [name=owner]`)
	c.keys("c", "y")
	c.confirms("create-token", "")
	c.see("cy (viewer)")
	c.keys(kb.Escape)
	c.closed()
	c.untrapped()
	c.carriedOut("confirm-deletions pbx/vm", "restore 2026-08-12T02-40-00.000000000Z Mail/letter.txt pbx/vm", "drill pbx",
		"configure pbx: address: 192.168.11.1|priority: 20", "configure fax: # fax at 192.168.11.24, as its agent tells|address: 192.168.11.4|", "test-alert ")
}

// The rest of it by keyboard alone: copies from live and back, copies of before, pairing, reading the configuration again, options,
// and a server that goes. Escape leaves each as it was; after each the focus is where it was, or in what was opened.
func TestOtherOrdersByKeyboard(t *testing.T) {
	c := open(t, midnight, "admin")
	c.standby.configured(t, optionsMain)
	for _, order := range []struct {
		action, name string
		screens      map[string]screen // in which its dialog is examined here, and nowhere else
	}{{status.FromLive, "", opposites}, {status.ToLive, "pbx", nil}, {"rollback", "pbx", crosswise}} {
		c.goes("#/", "#/servers/pbx")
		c.leaves(order.action)
		c.keys(kb.Enter)
		c.asked()
		c.examine(order.screens, order.action, "")
		c.confirms(order.action, order.name)
		c.until(`location.hash.startsWith("#/operations/")`)
		c.until(`document.activeElement.matches("#main")`) // The button is gone with its page.
		c.see("Asked for by")
		c.standby.ends("pbx", plan.Succeeded)
	}

	c.goes("#/options")
	c.leaves("pair")
	c.keys(kb.Enter)
	c.asked()
	c.examine(opposites, "pairing", "")
	c.tabTo(`dialog [name=address]`)
	c.do(chromedp.KeyEvent("192.168.11.24:7443"))
	c.tabTo(`dialog [name=code]`)
	c.do(chromedp.KeyEvent("7K3M-Q2XV-0T9R-HB4C"))
	c.confirms("pair", "")
	c.see("does not know this code")
	c.until(`document.activeElement.dataset.do === "pair"`)
	c.tabTo(`dialog [name=code]`) // The code is selected, and typed anew.
	c.do(chromedp.KeyEvent(goodCode))
	c.confirms("pair", "")
	c.closed()
	c.until(`document.activeElement.dataset.action === "pair"`)
	c.leaves("reload")
	c.keys(kb.Enter)
	c.confirms("reload", "")
	c.see("Nothing has changed.")
	c.until(`document.activeElement.matches("dialog .cancel")`)
	c.keys(kb.Enter)
	c.closed()
	c.until(`document.activeElement.dataset.action === "reload"`)

	c.tabTo(`#alerts-email-severity`)
	c.keys("w") // as in a list: the choice that begins so
	c.tabTo(`[data-action="options-check"]`)
	c.keys(kb.Enter)
	c.tabTo(`[data-action="options-save"]`)
	c.keys(kb.Enter)
	c.see("saved, and in force")
	c.until(`document.querySelector("#alerts-email-severity")?.value === "warning"`)
	c.until(`document.activeElement.dataset.action === "options-check"`)
	c.untrapped()

	c.goes("#/servers/pbx", "#/servers/pbx/settings")
	c.leaves("remove")
	c.keys(kb.Enter)
	c.confirms("remove", "pbx")
	c.until(`location.hash === "#/"`)
	c.until(`document.activeElement.matches("#main")`)
	if paired := c.events("audit.agent_paired"); len(paired) != 1 {
		t.Errorf("%d agents were paired", len(paired))
	}
	c.carriedOut("replicate-from-live pbx", "replicate-to-live pbx", "rollback pbx", "options alerts.email.severity=warning ()", "configure pbx: ")
}

// leaves opens the dialog of an order by the keyboard, and leaves it by Escape: the focus is on the button again.
func (c *console) leaves(action string) {
	c.t.Helper()
	c.tabTo(fmt.Sprintf(`[data-action=%q]`, action))
	c.keys(kb.Enter)
	c.asked()
	c.keys(kb.Escape)
	c.closed()
	c.until(fmt.Sprintf(`document.activeElement.dataset.action === %q`, action))
}

// goes follows links by the keyboard.
func (c *console) goes(links ...string) {
	c.t.Helper()
	for _, to := range links {
		c.tabTo(fmt.Sprintf(`a[href=%q]`, to))
		c.keys(kb.Enter)
		c.until(fmt.Sprintf(`location.hash === %q`, to))
	}
}

// confirms gives the order of the open dialog by the keyboard; the name is typed if the dialog wants it.
func (c *console) confirms(order, name string) {
	c.t.Helper()
	c.until(`document.querySelector("dialog[open]") && !document.querySelector("dialog").innerText.includes("Asking the standby")`)
	if name != "" {
		c.tabTo(`dialog .typed`)
		c.do(chromedp.KeyEvent(name))
	}
	button := fmt.Sprintf(`dialog [data-do=%q]`, order)
	c.tabTo(button)
	c.until(fmt.Sprintf(`document.querySelector('%s').getAttribute("aria-disabled") !== "true"`, button))
	c.keys(kb.Enter)
}

// untrapped presses the tabulator until the focus has been out of the page's content and is where it was, both ways.
func (c *console) untrapped() {
	c.t.Helper()
	for _, way := range []input.Modifier{input.ModifierNone, input.ModifierShift} {
		c.do(chromedp.Evaluate(`window.start = document.activeElement`, nil))
		outside := false
		for n := 0; ; n++ {
			c.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(way)))
			outside = outside || ask[bool](c, `document.activeElement.matches(".skip")`)
			if outside && ask[bool](c, `document.activeElement === window.start`) {
				break
			}
			if n > 150 {
				c.t.Fatalf("the focus is trapped at %s", ask[string](c, `document.activeElement.outerHTML.slice(0, 200)`))
			}
		}
	}
}
