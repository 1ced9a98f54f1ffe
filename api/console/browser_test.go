package console_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"failoverd/api"
	"failoverd/journal"
)

var pictures = flag.String("pictures", "", "directory for screenshots") //nolint:gochecknoglobals // a flag

// patience is how long a test waits for what the page has to show by itself: never reached unless it does not come.
const patience = time.Minute

// browser is the one page of these tests, and line the one cable that leads from it to the API of the test that runs:
// a browser that starts, or a page in a process of its own, costs more than what most tests do in it.
var (
	browser context.Context //nolint:gochecknoglobals // one for all tests, ended by TestMain
	line    *cable          //nolint:gochecknoglobals // likewise
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// run starts the browser, if there is one.
func run(m *testing.M) int {
	if _, err := exec.LookPath("chromium"); err != nil {
		return m.Run()
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-crash-reporter", true), chromedp.WSURLReadTimeout(patience))
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	ctx, quit := chromedp.NewContext(allocated)
	defer quit()
	if err := chromedp.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "start chromium:", err)
		return 1
	}
	wire, err := newCable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "a port:", err)
		return 1
	}
	defer wire.close()
	browser, line = ctx, wire
	return m.Run()
}

// console is a page of the browser on an API with a journal of its own.
type console struct {
	t       *testing.T
	standby *standby
	api     *api.Server
	cable   *cable
	url     string
	stop    func() // ends the API
	ctx     context.Context
	screen  screen
	faults  []string // exceptions, and what the policy has forbidden
}

// screens are the sizes and themes that the page is looked at in.
var (
	desktop  = screen{1280, 900, "light"}
	night    = screen{1280, 900, "dark"}
	phone    = screen{320, 640, "light"}
	midnight = screen{320, 640, "dark"}

	opposites = map[string]screen{"desktop": desktop, "midnight": midnight} // each size and each theme
	crosswise = map[string]screen{"night": night, "phone": phone}           // each the other way round
	everyone  = map[string]screen{"desktop": desktop, "night": night, "phone": phone, "midnight": midnight}
)

type screen struct {
	width, height int64
	theme         string
}

// open starts an API and opens its page. Somebody of that role is signed in, or nobody.
func open(t *testing.T, s screen, role string) *console {
	t.Helper()
	if browser == nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatal("FAILOVERD_LAB=require: chromium is not there")
		}
		t.Skip("chromium is not there")
	}
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(dir, "journal"), journal.Options{Recipients: func(string) []journal.Recipient { return []journal.Recipient{{To: "ops@example.com"}} }})
	if err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, standby: newStandby(j), cable: line, screen: s}
	c.serve(dir, j)
	t.Cleanup(func() {
		c.stop()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	tab, end := context.WithTimeout(browser, 5*patience)
	t.Cleanup(end)
	c.ctx = tab
	chromedp.ListenTarget(tab, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			c.faults = append(c.faults, e.ExceptionDetails.Error())
		case *cdplog.EventEntryAdded:
			if e.Entry.Source == "security" || strings.Contains(e.Entry.Text, "Content Security Policy") {
				c.faults = append(c.faults, e.Entry.Text)
			}
		}
	})
	t.Cleanup(func() {
		if t.Failed() && tab.Err() == nil {
			c.picture("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
			var shown string
			if err := chromedp.Run(c.ctx, chromedp.Evaluate(`document.body.innerText`, &shown)); err == nil {
				t.Logf("the page shows:\n%s", shown)
			}
		}
		for _, f := range c.faults {
			t.Errorf("the page: %s", f)
		}
		if err := chromedp.Run(c.ctx, chromedp.Navigate("about:blank")); err != nil { // What it would ask for, nobody answers any more.
			t.Errorf("leave the page: %v", err)
		}
	})
	c.do(cdplog.Enable(), page.BringToFront(), emulation.SetFocusEmulationEnabled(true),
		storage.ClearDataForOrigin(c.url, "cookies,local_storage"))
	c.looks(s)
	c.do(chromedp.Navigate(c.url))
	if role != "" {
		c.signIn(c.token(role))
	}
	return c
}

// looks has the page drawn in another size and theme.
func (c *console) looks(s screen) {
	c.t.Helper()
	c.do(emulation.SetDeviceMetricsOverride(s.width, s.height, 1, s.width < 500),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
}

// screened calls f in each size and theme, with its name, and leaves the page in the one that it has.
func (c *console) screened(screens map[string]screen, f func(name string)) {
	c.t.Helper()
	for name, s := range screens {
		c.looks(s)
		f(name)
	}
	c.looks(c.screen)
}

// in is the same page for a part of a test.
func (c *console) in(t *testing.T) *console {
	part := *c
	part.t = t
	return &part
}

// serve has the API answer, at the other end of a cable, until stop is called.
func (c *console) serve(dir string, j *journal.Journal) {
	c.t.Helper()
	var err error
	if c.api, err = api.New(api.Config{Standby: c.standby, History: j, Agents: agents{}, Version: "1.0", Limits: api.Limits{KeepAlive: time.Second}}); err != nil {
		c.t.Fatal(err)
	}
	own, err := api.OwnCertificate(dir, []string{"127.0.0.1"})
	if err != nil {
		c.t.Fatal(err)
	}
	port, err := api.ListenTLS(netip.MustParseAddrPort("127.0.0.1:0"), own, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	c.cable.lead(port.Addr().String())
	c.url = "https://" + c.cable.address()
	socket, err := api.ListenSocket(filepath.Join(dir, "s"), "")
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.api.Run(ctx, socket, port) }()
	c.stop = func() {
		c.cable.unplug(true)
		cancel()
		if err := <-ended; err != nil {
			c.t.Errorf("Run: %v", err)
		}
	}
}

// token makes a token of that role and returns its secret.
func (c *console) token(role string) string {
	c.t.Helper()
	secret := "fvt_" + role
	if err := c.standby.addToken(c.t.Context(), role, secret); err != nil {
		c.t.Fatal(err)
	}
	return secret
}

// signIn types a token and waits for the overview.
func (c *console) signIn(secret string) {
	c.t.Helper()
	c.do(chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", secret+"\r"))
	c.see("Who serves my users?")
	c.until(`document.querySelector(".fresh") && !document.querySelector(".fresh").textContent.includes("reconnecting")`)
}

// do carries actions out in the page.
func (c *console) do(actions ...chromedp.Action) {
	c.t.Helper()
	if err := chromedp.Run(c.ctx, actions...); err != nil {
		c.t.Fatal(err)
	}
}

// until waits for a condition in the page, which the page looks at whenever it has drawn something.
func (c *console) until(condition string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.Poll(condition, nil, chromedp.WithPollingMutation(), chromedp.WithPollingTimeout(0))); err != nil {
		c.t.Fatalf("wait for %s: %v", condition, err)
	}
}

// see waits for a text in the page.
func (c *console) see(text string) {
	c.t.Helper()
	c.until(fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// click clicks what a selector names, where it is drawn.
func (c *console) click(selector string) {
	c.t.Helper()
	c.do(chromedp.ScrollIntoView(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery))
}

// ask evaluates an expression in the page.
func ask[T any](c *console, expression string, options ...chromedp.EvaluateOption) T {
	c.t.Helper()
	var answer T
	c.do(chromedp.Evaluate(expression, &answer, options...))
	return answer
}

// picture keeps a screenshot if they were asked for.
func (c *console) picture(name string) {
	c.t.Helper()
	if *pictures == "" {
		return
	}
	var png []byte
	err := chromedp.Run(c.ctx, chromedp.FullScreenshot(&png, 100))
	if err := errors.Join(err, os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o644)); err != nil {
		c.t.Log(err)
	}
}

// awaitPromise has an expression's promise waited for.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
