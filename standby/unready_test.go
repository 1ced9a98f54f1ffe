package standby

import (
	"testing"
	"time"

	"failoverd/status"
)

// TestNotReadyIsMailed: a standby that could not have taken over says so, once, and says when it could again.
func TestNotReadyIsMailed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t)
		expect := func(when string, notReady, ready int) {
			t.Helper()
			mails := w.mails()
			if a, b := count(mails, "server.not_ready"), count(mails, "server.ready"); a != notReady || b != ready {
				t.Errorf("%s: %d mails of not ready and %d of ready, want %d and %d", when, a, b, notReady, ready)
			}
		}
		w.until("2000-01-01 12:00")
		w.start()
		w.pass(time.Minute)
		expect("a minute without a copy", 0, 0)
		w.pass(3 * time.Minute)
		expect("four minutes", 1, 0)
		w.idles("2000-01-01 12:10")
		w.pass(10 * time.Minute)
		expect("after a restart", 1, 0)
		w.orders(status.FromLive)
		w.pass(time.Minute)
		expect("after a copy", 1, 1)
		w.pass(10 * time.Minute)
		expect("later", 1, 1)
	})
}

// TestJudged: what of a server is said, and what is not because it is said elsewhere or was ordered.
func TestJudged(t *testing.T) {
	now := time.Unix(1e9, 0)
	long := unready{since: now.Add(-unreadyFor)}
	told := unready{since: now.Add(-time.Hour), incident: "i"}
	critical := []status.Check{{Name: "fine", Result: "ok"}, {Name: "alerts", Result: "warning"}, {Name: "link", Result: "critical", Value: "down"}}
	with := func(name string) []status.Check {
		return append(critical[:3:3], status.Check{Name: name, Result: "critical"})
	}
	server := func(change func(v *status.Server)) status.Server {
		v := status.Server{Name: "pbx", State: "OK", Role: "standing by", Mode: "active", Readiness: status.Readiness{Checks: critical}}
		if change != nil {
			change(&v)
		}
		return v
	}
	for name, c := range map[string]struct {
		was      unready
		server   status.Server
		isolated bool
		want     string // the event
		told     bool   // afterwards
	}{
		"ready":                    {server: server(func(v *status.Server) { v.Readiness.Checks = critical[:2] })},
		"seen for the first time":  {server: server(nil)},
		"for long enough":          {was: long, server: server(nil), want: "server.not_ready", told: true},
		"not for long enough":      {was: unready{since: now.Add(-unreadyFor + 1)}, server: server(nil)},
		"told already":             {was: told, server: server(nil), told: true},
		"after a restart":          {was: unready{incident: "i"}, server: server(nil), told: true},
		"ready again":              {was: told, server: server(func(v *status.Server) { v.Readiness.Checks = critical[:2] }), want: "server.ready"},
		"was not told":             {was: long, server: server(func(v *status.Server) { v.Readiness.Checks = nil })},
		"isolated":                 {was: long, server: server(nil), isolated: true},
		"isolated, and was told":   {was: told, server: server(nil), isolated: true, told: true},
		"suspended":                {was: long, server: server(func(v *status.Server) { v.Mode = "suspended" })},
		"down":                     {was: long, server: server(func(v *status.Server) { v.State = "Failure" })},
		"standing in":              {was: long, server: server(func(v *status.Server) { v.Role = "standing in" })},
		"cannot be asked":          {was: long, server: server(func(v *status.Server) { v.Readiness.Checks = with("asked") })},
		"nothing can be written":   {was: long, server: server(func(v *status.Server) { v.Readiness.Checks = with("journal") })},
		"taken over, and was told": {was: told, server: server(func(v *status.Server) { v.Role = "taking over" }), told: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, e := judged(c.was, c.server, c.isolated, now)
			said := ""
			if e != nil {
				said = e.Kind
			}
			if said != c.want || (got.incident != "") != c.told {
				t.Errorf("said %q, told %v; want %q, %v", said, got, c.want, c.told)
			}
			if e != nil && c.was.incident != "" && e.Incident != c.was.incident {
				t.Errorf("incident %q", e.Incident)
			}
			if e != nil && e.Kind == "server.not_ready" && e.Reason != "link: down" {
				t.Errorf("reason %q", e.Reason)
			}
		})
	}
}
