package console_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// seqs are the numbers of the events that the page knows, the newest first.
func (c *console) seqs() []int64 {
	c.t.Helper()
	var list []int64
	c.do(chromedp.Evaluate(`import("/console/store.js").then((m) => m.state.events.map((e) => e.seq))`, &list, awaitPromise))
	return list
}

// An event storm while the connection breaks a hundred times: each event is there once, in its order, and was shown once.
func TestEventsOverBreaks(t *testing.T) {
	c := open(t, desktop, "viewer")
	const breaks, each = 100, 20
	first := c.standby.Snapshot().Seq
	c.until(fmt.Sprintf(`document.querySelector("[data-seq='%d']")`, first))
	// Each event that the page takes in is noted where it takes it in: two of one number would be two. The last breaks are
	// looked at on the overview, the others on a page with little to draw.
	c.do(chromedp.Evaluate(`location.hash = "#/servers/none/overview"; import("/console/store.js").then((m) => { let newest = m.state.events[0]; window.taken = [];
		m.subscribe(() => { if (m.state.events[0] !== newest) { newest = m.state.events[0]; window.taken.push(newest.gap ? -1 : newest.seq); document.body.dataset.newest = newest.seq; } }); })`, nil, awaitPromise))
	// It is the breaks that count, not the wait after each.
	c.do(chromedp.Evaluate(`window.setTimeout = ((real) => (f, ms, ...rest) => real(f, ms === 250 && new Error().stack.includes("/stream.js") ? 0 : ms, ...rest))(window.setTimeout)`, nil))
	c.see("There is no server of this name.")
	var last int64
	for i := range breaks {
		drawn := i >= breaks-5
		if i == breaks-5 {
			c.do(chromedp.Evaluate(`location.hash = "#/"`, nil))
			c.until(fmt.Sprintf(`document.querySelector("[data-seq='%d']")`, last))
		}
		var storm []journal.Event
		for k := range each {
			storm = append(storm, journal.Event{Kind: "server.storm", Severity: "info", Server: "crm", Message: fmt.Sprintf("gust %d of %d", k, i)})
		}
		c.standby.tell(storm[:each/2]...)
		c.cable.cut()
		c.standby.tell(storm[each/2:]...)
		last = c.standby.Snapshot().Seq
		c.until(fmt.Sprintf(`document.body.dataset.newest === "%[1]d" && (!%[2]t || document.querySelector("[data-seq='%[1]d']"))`, last, drawn))
	}
	var want []int64
	for seq := first + 1; seq <= last; seq++ {
		want = append(want, seq)
	}
	if taken := ask[[]int64](c, `window.taken`); len(want) != breaks*each || !slices.Equal(taken, want) {
		t.Errorf("%d events were taken in, want %d: %v", len(taken), len(want), taken)
	}
	lines := ask[[]int64](c, `[...document.querySelectorAll(".log [data-seq]")].map((l) => Number(l.dataset.seq))`)
	slices.Reverse(lines)
	if len(lines) != 100 || !slices.Equal(lines, want[len(want)-100:]) {
		t.Errorf("the log shows %v", lines)
	}
	got := c.seqs()
	slices.Reverse(got)
	if !slices.Equal(got, want[len(want)-len(got):]) || len(got) < 500 {
		t.Errorf("the page has %d events: %v", len(got), got)
	}
}

// What is old does not look new: without a connection the page says since when, greys out, and orders nothing; when it
// is back, what happened meanwhile is there. A gap is announced. A session that ends shows the door.
func TestStale(t *testing.T) {
	c := open(t, phone, "operator")
	c.cable.unplug(true)
	c.see("No connection to standby-1 since")
	c.until(`document.querySelector(".frame.stale") && getComputedStyle(document.querySelector("main")).filter.includes("grayscale")`)
	c.until(`document.title.startsWith("(?) no connection")`)
	c.until(`[...document.querySelectorAll(".actions button")].every((b) => b.getAttribute("aria-disabled") === "true")`)
	c.see("no connection")
	c.axe("no connection")
	c.picture("stale")
	c.click(`[data-action="suspend"]`)
	if ask[bool](c, `Boolean(document.querySelector("dialog"))`) {
		t.Error("an order can be given without a connection")
	}
	c.standby.dies("pbx", true)
	c.cable.unplug(false)
	c.see("standby-1 stands in for pbx since")
	c.see("pbx has failed: 15 pings missed")
	c.until(`!document.querySelector(".stale")`)

	c.do(chromedp.Evaluate(`window.fetch = ((real) => { let told = false; return (url, o) => {
		if (told || !String(url).endsWith("/events/stream")) return real(url, o);
		told = true;
		return Promise.resolve(new Response("id: 41\nevent: reset\ndata: {\"oldest_seq\":42}\n\n"));
	}; })(window.fetch)`, nil))
	c.cable.cut()
	c.see("Events are missing here: those before number 42 are no longer kept.")

	if err := c.standby.journal.RevokeToken(t.Context(), "tok_operator", time.Now()); err != nil {
		t.Fatal(err)
	}
	c.do(chromedp.WaitVisible("#token"))
	if shown := ask[string](c, `document.body.innerText`); len(shown) > 400 {
		t.Errorf("behind the door: %s", shown)
	}
}

// The history with its filters, page by page; the filters stand in the address.
func TestHistory(t *testing.T) {
	c := open(t, desktop, "viewer")
	var many []journal.Event
	for i := range 250 {
		many = append(many, journal.Event{Kind: "server.counted", Severity: "info", Server: []string{"pbx", "crm"}[i%2], Message: fmt.Sprintf("event %d", i), Reason: "to be counted"})
	}
	c.standby.tell(many...)
	c.do(chromedp.Evaluate(`location.hash = "#/events?server=crm"`, nil))
	c.see("event 249")
	c.until(`document.querySelectorAll(".history [data-seq]").length === 100`)
	if shown := ask[int](c, `[...document.querySelectorAll(".history .about")].filter((e) => e.textContent !== "crm").length`); shown != 0 {
		t.Errorf("%d events of others", shown)
	}
	c.axe("the history")
	c.click(`[data-earlier=events]`)
	c.until(`document.querySelectorAll(".history [data-seq]").length === 125`)
	c.see("event 1 to be counted")
	c.do(chromedp.SetValue(`.history .bar label:nth-of-type(2) select`, "takeover.*"), chromedp.Evaluate(`document.querySelector(".history .bar label:nth-of-type(2) select").dispatchEvent(new Event("change", {bubbles: true}))`, nil))
	c.see("Nothing of this has happened.")
	c.until(`location.hash.includes("kind=takeover")`)
}

// more adds that many ended operations, incidents that are over, and alerts, about pbx and crm in turns.
func (s *standby) more(n int) {
	for range n {
		s.mu.Lock()
		k := len(s.records)
		server, at := []string{"pbx", "crm"}[k%2], time.Now().Add(time.Duration(k-1000)*time.Minute)
		ended := at.Add(time.Second)
		s.records = append(s.records, plan.Record{
			ID: fmt.Sprintf("drill-%03d", k), Kind: "drill", Server: server, State: plan.Succeeded, Started: at, Ended: &ended,
			By: plan.Actor{Kind: "user", Name: "bob"}, Reason: fmt.Sprintf("record %03d", k), Steps: []plan.Done{},
		})
		s.over = append(s.over, status.Incident{ID: fmt.Sprintf("%s-%03d", server, k), Server: server, Severity: "warning", Title: fmt.Sprintf("record %03d", k), Opened: at, Ended: &ended})
		s.mu.Unlock()
		batch := journal.Batch{Events: []journal.Event{{Kind: fmt.Sprintf("record %03d", k), Severity: "warning", Server: server}}}
		batch.Alerts = []journal.Alert{{Kind: fmt.Sprintf("record %03d", k), Server: server, Incident: fmt.Sprintf("%s-%03d", server, k)}}
		if _, err := s.journal.Commit(context.Background(), batch); err != nil {
			panic(err)
		}
	}
}

// The other lists of the history go back to their beginning, by mouse and by keyboard: in their order and each record once, while
// new ones come, and while what was told of one changes.
func TestEarlierRecords(t *testing.T) {
	c := open(t, desktop, "viewer")
	c.standby.more(125)
	rows := func() (list []string) {
		for _, text := range ask[[]string](c, `[...document.querySelectorAll(".page tbody tr")].map((r) => r.innerText)`) {
			_, number, _ := strings.Cut(text, "record ")
			list = append(list, number[:3])
		}
		return list
	}
	for _, part := range []struct{ page, what string }{{"operations", "operations"}, {"incidents", "incidents"}, {"mails", "alerts"}} {
		t.Run(part.page, func(t *testing.T) {
			c := c.in(t)
			first := len(c.standby.records) // of this part
			newest := func() string { return fmt.Sprintf("record %03d", len(c.standby.records)-1) }
			shown := func(n int) string { return fmt.Sprintf(`document.querySelectorAll(".page tbody tr").length === %d`, n) }
			c.do(chromedp.Evaluate(fmt.Sprintf(`location.hash = "#/%s"`, part.page), nil))
			c.until(shown(50))
			c.see(newest())
			if !ask[bool](c, `Boolean(document.querySelector(".bar").compareDocumentPosition(document.querySelector(".page table")) & Node.DOCUMENT_POSITION_FOLLOWING)`) {
				t.Error("the filters stand below what they choose")
			}
			button := fmt.Sprintf(`[data-earlier=%q]`, part.what)
			c.do(chromedp.Evaluate(fmt.Sprintf(`{ const b = document.querySelector('%s'); b.click(); b.click(); }`, button), nil))
			c.until(shown(100))
			c.standby.more(7)
			c.see(newest())
			c.until(shown(107))
			c.do(chromedp.Evaluate(`[...document.querySelectorAll(".page tbody a")].at(-1).focus()`, nil)) // and not all of them by the tabulator
			c.tabTo(button)
			c.keys(kb.Enter)
			c.until(shown(first + 7))
			c.see(fmt.Sprintf("All %d %s are shown.", first+7, part.what))
			c.until(`document.activeElement.matches(".earlier small")`) // The button is gone.
			c.standby.more(3)
			c.see(newest())
			var want []string
			for n := first + 9; n >= 0; n-- {
				want = append(want, fmt.Sprintf("%03d", n))
			}
			if diff := cmp.Diff(want, rows()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", part.page, diff)
			}
			c.do(chromedp.Evaluate(fmt.Sprintf(`location.hash = "#/%s?server=crm"`, part.page), nil))
			c.until(`document.querySelector("[name=server]").value === "crm"`)
			c.until(`[...document.querySelectorAll(".page tbody tr")].length === 50 && [...document.querySelectorAll(".page tbody tr")].every((r) => r.innerText.includes("crm"))`)
		})
	}

	// What changes is shown, far down as well.
	c.do(chromedp.Evaluate(`location.hash = "#/operations"`, nil))
	c.until(`document.querySelectorAll(".page tbody tr").length === 50`)
	c.click(`[data-earlier=operations]`)
	c.until(`document.querySelectorAll(".page tbody tr").length === 100`)
	c.standby.mu.Lock()
	c.standby.records[len(c.standby.records)-80].State = plan.Undone
	c.standby.mu.Unlock()
	c.standby.more(1)
	c.until(`document.querySelector(".page tbody tr:nth-child(81)").innerText.includes("undone")`)
	// If more has come than is asked for, the list begins anew: a part of it must not be missing.
	if got := ask[string](c, `import("/console/pages.js").then(({renewed}) => JSON.stringify(renewed({records: [3, 2, 1], next: "1", further: true}, [9, 8], "8", (r) => r)))`, awaitPromise); got != `{"records":[9,8],"next":"8","further":false}` {
		t.Errorf("a list whose parts do not meet: %s", got)
	}

	c.do(chromedp.Evaluate(`location.hash = "#/servers/pbx/drills"`, nil))
	c.until(`document.querySelectorAll("[aria-label=Drills] tbody tr").length === 20`)
	c.click(`[data-earlier=drills]`)
	c.until(`document.querySelectorAll("[aria-label=Drills] tbody tr").length === 40`)
}

// The chart draws what is recorded, marks the losses, and says the same in words. The run-book shows times, and a
// replication how far it has come.
func TestChartAndProgress(t *testing.T) {
	c := open(t, desktop, "operator")
	if err := c.standby.record("pbx"); err != nil {
		t.Fatal(err)
	}
	c.do(chromedp.Reload())
	c.see("Yes, all 3.")
	c.until(`document.querySelector(".plot canvas")`)
	c.see("1740 pings, 9 lost (0.52 %)")
	c.see("steps with losses")
	drawn := ask[bool](c, `(() => { const v = document.querySelector(".plot canvas"); const d = v.getContext("2d").getImageData(0, 0, v.width, v.height).data; let red = 0, blue = 0;
		for (let i = 0; i < d.length; i += 4) { if (d[i+3] > 200 && d[i] > 150 && d[i+1] < 90) red++; if (d[i+3] > 200 && d[i+2] > 150 && d[i] < 90) blue++; } return red > 20 && blue > 100; })()`)
	if !drawn {
		t.Error("the chart has no line, or no losses")
	}
	c.axe("a chart")
	c.picture("chart")
	r, err := c.standby.Replicate(t.Context(), "pbx", "replicate-from-live", orderOf("bob"))
	if err != nil {
		t.Fatal(err)
	}
	half, left := 43.0, 75.0
	c.standby.progress(r.ID, plan.Progress{Step: "copy", Phase: "data", Object: "public.calls", Done: 300 << 20, Total: 700 << 20, Rows: 51234, Rate: 5 << 20, Percent: &half, Remaining: &left})
	c.do(chromedp.Evaluate(fmt.Sprintf(`location.hash = "#/operations/%s"`, r.ID), nil))
	c.see("43 %, data public.calls: 300 MiB of 700 MiB, 51\u202f234 rows, 5.0 MiB/s, about 1 min 15 s left")
	c.see("Asked for by")
	c.axe("a replication")
	c.picture("replication")
}
