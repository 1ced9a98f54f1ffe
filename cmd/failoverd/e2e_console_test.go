package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"failoverd/internal/site"
)

// window is the console in a browser that reaches the standby from the client's place.
type window struct {
	*company
	ctx context.Context
}

// newWindow starts a browser and opens the console.
func newWindow(c *company) *window {
	c.t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		c.t.Skip("chromium is not there") // where everything has to be there, a skip is a failure
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience),
		// By itself it would be killed with the thread that started it, and threads end where hosts are entered.
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }))
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	c.t.Cleanup(end)
	ctx, quit := chromedp.NewContext(allocated)
	c.t.Cleanup(quit)
	w := &window{company: c, ctx: ctx}
	ok(c.t, chromedp.Run(ctx, chromedp.Navigate("https://"+c.passage(site.StandbyAddress+":8443"))))
	return w
}

// passage leads from a port of the host that the test runs on to an address that the client reaches.
func (c *company) passage(to string) string {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ok(c.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var carrying sync.WaitGroup
	carry := func(from, to net.Conn) {
		_, _ = io.Copy(to, from) // whichever end goes, the other one goes, too
		from.Close()
		to.Close()
	}
	carrying.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() {
				far, err := c.Client.Dial(ctx, "tcp", to)
				if err != nil {
					near.Close()
					return
				}
				stop := context.AfterFunc(ctx, func() { near.Close() })
				defer stop()
				carrying.Go(func() { carry(far, near) })
				carry(near, far)
			})
		}
	})
	c.t.Cleanup(func() {
		cancel()
		listener.Close()
		carrying.Wait()
	})
	return listener.Addr().String()
}

// do carries actions out in the page.
func (w *window) do(actions ...chromedp.Action) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	ok(w.t, chromedp.Run(ctx, actions...))
}

// until waits for a condition in the page.
func (w *window) until(condition string) {
	w.t.Helper()
	w.do(chromedp.Poll(condition, nil, chromedp.WithPollingMutation(), chromedp.WithPollingTimeout(0)))
}

// see waits for a text in the page.
func (w *window) see(text string) {
	w.t.Helper()
	w.until(fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// signIn types a token at the door.
func (w *window) signIn(token string) {
	w.t.Helper()
	w.do(chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", token+"\r"))
	w.see("Who serves my users?")
}

// The console on the real daemon: a takeover is on the page as it happens; a daemon that is killed leaves a page that says
// so, and is shown again when it is back; and the role is given back from the page.
func TestConsoleLooksOn(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	c.start()
	var made struct {
		Secret string `json:"secret"`
	}
	ok(t, json.Unmarshal([]byte(c.cli(exitDone, "token", "create", "console", "--role", "operator", "--json")), &made))
	w := newWindow(c)
	w.signIn(made.Secret)
	w.see("Each server its own.")

	w.do(chromedp.Evaluate(`new MutationObserver(() => { if (!window.shown && document.body.innerText.includes("stands in for pbx since")) window.shown = Date.now(); }).observe(document.body, {subtree: true, childList: true, characterData: true})`, nil))
	ok(t, c.PBX.Die())
	w.until(`window.shown`)
	done, happened := c.happened("pbx", "takeover.done")
	if !happened {
		t.Fatal("the page shows a takeover that is not in the history")
	}
	var shown int64
	w.do(chromedp.Evaluate(`window.shown`, &shown))
	t.Logf("the page shows the takeover %v after it was written down", time.UnixMilli(shown).Sub(done.Time))
	w.see(done.Message)

	ok(t, c.daemon.Kill())
	w.see("No connection to")
	w.until(`document.querySelector(".frame.stale") && [...document.querySelectorAll(".actions button")].every((b) => b.getAttribute("aria-disabled") === "true")`)
	c.launch()
	w.signIn(made.Secret) // Sessions end with the daemon.
	w.see("stands in for pbx since")
	w.until(`!document.querySelector(".stale")`)

	w.do(chromedp.Evaluate(`location.hash = "#/servers/pbx"`, nil))
	w.until(`document.querySelector('[data-action="release"]:not([aria-disabled=true])')`)
	w.do(chromedp.Click(`[data-action="release"]`, chromedp.ByQuery), chromedp.WaitVisible("dialog .typed", chromedp.ByQuery), chromedp.SendKeys("dialog .typed", "pbx", chromedp.ByQuery))
	w.until(`document.querySelector('dialog [data-do="release"]:not([aria-disabled=true])')`)
	w.do(chromedp.Click(`dialog [data-do="release"]`, chromedp.ByQuery))
	w.see("Release of pbx")
	w.until(`document.querySelector(".result")?.innerText.includes("succeeded")`)
	w.until(`!document.querySelector(".banner")`)
	c.assertHeld(site.PBXAddress, false)
	ok(t, c.PBX.Return())
	c.waitState("pbx", "OK", "standing by")
	w.do(chromedp.Evaluate(`location.hash = "#/"`, nil))
	w.see("Each server its own.")
}
