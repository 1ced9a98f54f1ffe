package console_test

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"failoverd/status"
)

//go:embed testdata/axe.min.js
var axeSource string

// axe fails the test if axe-core finds something serious or critical in what the page shows now. It is put into the page
// once for each time the page is loaded. Of what it finds, the selectors are not worked out: the HTML says which it is.
func (c *console) axe(what string) {
	c.t.Helper()
	if !ask[bool](c, `Boolean(window.axe)`) {
		c.do(chromedp.Evaluate(axeSource, nil))
	}
	var answer struct {
		Found  []string
		Wide   bool
		Widest string
	}
	c.do(chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"], selectors: false}).then((r) => ({Found: r.violations
		.filter((v) => v.impact === "serious" || v.impact === "critical")
		.map((v) => v.impact + " " + v.id + ": " + v.nodes.map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join(" | ")),
		Wide: document.documentElement.scrollWidth > innerWidth, Widest: document.documentElement.scrollWidth > innerWidth ? `+widest+` : ""}))`,
		&answer, awaitPromise))
	for _, f := range answer.Found {
		c.t.Errorf("axe, %s: %s", what, f)
	}
	if answer.Wide {
		c.t.Errorf("%s: the page is wider than the screen: %s", what, answer.Widest)
	}
}

// examine lets axe look in each size and theme, and keeps the pictures under that name if it is given.
func (c *console) examine(screens map[string]screen, what, picture string) {
	c.t.Helper()
	c.screened(screens, func(name string) {
		c.axe(what + ", " + name)
		if picture != "" {
			c.picture(picture + "-" + name)
		}
	})
}

// widest names what sticks out at the right.
const widest = `[...document.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map((e) => e.tagName + "." + e.className).join(", ")`

func TestSignIn(t *testing.T) {
	c := open(t, desktop, "")
	c.do(chromedp.WaitVisible("#token"))
	c.do(chromedp.SendKeys("#token", "fvt_wrong\r"))
	c.see("Not signed in: the token is not known.")
	c.examine(everyone, "the door, a wrong token", "")
	c.signIn(c.token("viewer"))
	c.screened(everyone, func(string) {
		c.see("alice (viewer)")
		c.see("alice may only look (viewer); this needs an operator")
	})
	if kept := ask[string](c, `JSON.stringify(localStorage) + document.cookie + JSON.stringify(sessionStorage)`); strings.Contains(kept, "fvt_") || strings.Contains(kept, "failoverd=") {
		t.Errorf("a script can read: %s", kept)
	}
	c.do(chromedp.Evaluate(`[...document.querySelectorAll("button")].find((b) => b.textContent === "Sign out").click()`, nil))
	c.do(chromedp.WaitVisible("#token"))
	c.do(chromedp.Reload(), chromedp.WaitVisible("#token"))
}

// The three answers, the banner and the details, as they are while all is well, while nobody serves, while the standby
// stands in; in every size and theme.
func TestOverview(t *testing.T) {
	c := open(t, desktop, "operator")
	c.screened(everyone, func(name string) {
		c.see("Each server its own.")
		c.see("Yes, all 3.")
		c.picture("well-" + name)
	})
	c.standby.dies("crm", false)
	c.screened(everyone, func(string) {
		c.see("crm: nobody.")
		c.see("2 of 3. Not: crm.")
		c.see("DOWN, and nobody serves")
	})
	c.until(`document.title.startsWith("(!1) crm: DOWN")`)
	c.standby.dies("pbx", true)
	c.screened(everyone, func(string) {
		c.see("standby-1 stands in for pbx since")
		c.see("Not protected: pbx itself; crm, web.")
		c.see("repair pbx, then fail it back, or release it")
	})
	if n := ask[int](c, `document.querySelectorAll(".banner button, .banner [aria-label*=lose]").length`); n != 0 {
		t.Errorf("%d ways to dismiss the banner", n)
	}
	c.do(chromedp.Evaluate(`location.hash = "#/servers/pbx"`, nil))
	c.screened(everyone, func(string) {
		c.see("standby-1 has written since the takeover")
		c.see("Stop\nrelease it first")
	})
	c.examine(everyone, "standing in", "standing-in")
}

// At 200 % text on a desktop, nothing is lost or has to be scrolled sideways.
func TestLargeText(t *testing.T) {
	c := open(t, desktop, "operator")
	c.standby.dies("pbx", true)
	c.see("standby-1 stands in for pbx")
	c.do(chromedp.Evaluate(`document.documentElement.style.fontSize = "200%"`, nil))
	c.axe("200 % text")
	c.do(chromedp.Evaluate(`document.documentElement.style.fontSize = ""`, nil),
		emulation.SetDeviceMetricsOverride(desktop.width/2, desktop.height/2, 2, false))
	c.axe("zoomed to 200 %")
	c.picture("large-text")
}

// What a first look costs to load.
func TestWeight(t *testing.T) {
	c := open(t, desktop, "viewer")
	c.do(network.SetCacheDisabled(true), chromedp.Reload())
	c.see("Yes, all 3.")
	c.do(network.SetCacheDisabled(false))
	total := ask[int](c, weight)
	files := ask[int](c, `performance.getEntriesByType("resource").length`)
	if total > 300_000 || total < 50_000 {
		t.Errorf("the overview loads %d bytes", total)
	}
	t.Logf("the overview loads %d bytes in %d requests", total, files)
	if elsewhere := ask[string](c, `performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith(location.origin)).join(" ")`); elsewhere != "" {
		t.Errorf("from elsewhere: %s", elsewhere)
	}
	if n := ask[int](c, fmt.Sprintf(`document.querySelectorAll(%q).length`, "[style]")); n != 0 {
		t.Logf("%d elements have styles that scripts have set", n)
	}
}

// crowd gives the standby that many servers, each as the real one shows it: 40 pings with their times, all checks, databases
// and files.
func (s *standby) crowd(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Servers = nil
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		name := fmt.Sprintf("server%02d", i)
		v := s.server(name, fmt.Sprintf("192.168.11.%d", 10+i))
		v.Beats = nil
		for k := range 40 {
			rtt := float64(200+random.IntN(900)) / 1e6
			v.Beats = append(v.Beats, status.Beat{At: time.Now().Add(time.Duration(k-40)*2*time.Second + time.Duration(random.IntN(1e9))), Outcome: "answered", RTT: &rtt})
		}
		v.Readiness.Checks = nil
		for _, c := range [][2]string{
			{"monitored", "active"},
			{"asked", "it can be asked"},
			{"link", "eth0 is up"},
			{"settled", "settled"},
			{"witnesses", "somebody answers"},
			{"capacity", "1 of 1 free"},
			{"journal", "writable"},
			{"segment", "can be asked and announced on"},
			{"conflict", "no other host claims the address"},
			{"automatic", "automatic"},
			{"files vm", fmt.Sprintf("%d files, %d s behind", random.IntN(90000), random.IntN(60))},
			{"data CALLS", "as of 2026-11-29 01:00, 14 h old, verified: row counts and checksums"},
			{"source CALLS", "changed since the copy before"},
			{"space CALLS", fmt.Sprintf("%d GiB free", random.IntN(900))},
			{"drill", "rehearsed 3 d ago"},
			{"alerts", "to 2 recipients"},
		} {
			v.Readiness.Checks = append(v.Readiness.Checks, status.Check{Name: c[0], Result: "ok", Value: c[1], Limit: c[1], Help: "failoverd explain " + name})
		}
		lag, whole := random.Float64()*60, time.Now()
		v.Trees = []status.Tree{{
			Name: "vm", Source: "/srv/ctserver/VM", By: "agent", Directory: "/var/lib/failoverd/servers/" + name + "/trees/vm", State: "current", Connected: true,
			Files: random.Uint64N(90000), Bytes: random.Uint64(), Received: random.Uint64(), Lag: &lag, MaxLag: 300, Synced: &whole, Changed: &whole, Failed: []status.FailedPath{},
		}}
		s.now.Servers = append(s.now.Servers, v)
	}
}

// With twenty servers, what is asked every two seconds is small, and the page still fits a phone.
func TestTwentyServers(t *testing.T) {
	c := open(t, desktop, "viewer")
	c.standby.crowd(20)
	c.see("Yes, all 20.")
	c.do(network.SetCacheDisabled(true), chromedp.Reload())
	c.see("Yes, all 20.")
	var sizes []int
	c.until(`performance.getEntriesByType("resource").some((e) => e.name.endsWith("/api/v1/status") && e.responseEnd > 0)`)
	c.do(chromedp.Evaluate(`performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/api/v1/status") && e.responseEnd > 0).flatMap((e) => [e.transferSize, e.decodedBodySize])`, &sizes),
		network.SetCacheDisabled(false))
	if sizes[0] > 30_000 || sizes[0] == 0 || sizes[1] < 100_000 {
		t.Errorf("/status is %d bytes on the line, %d bytes of JSON", sizes[0], sizes[1])
	}
	t.Logf("/status is %d bytes on the line, %d bytes of JSON", sizes[0], sizes[1])
	if total := ask[int](c, weight); total > 300_000 {
		t.Errorf("the overview loads %d bytes", total)
	}
	c.examine(opposites, "twenty servers", "twenty")
}

// weight is what has been loaded, in bytes on the line.
const weight = `[...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")]
	.filter((e) => !e.name.includes("/stream")).reduce((n, e) => n + e.transferSize, 0)`
