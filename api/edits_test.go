package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/plan"
	"failoverd/status"
)

// What root orders on the socket reaches the standby as ordered on the host; with the tag of what was looked at.
func TestEditsReachTheStandby(t *testing.T) {
	host := func(reason string) status.Order { return status.Order{By: me(), Reason: reason, OnHost: true} }
	tests := map[string]struct {
		do   func(context.Context, *Client) (status.Edited, error)
		want given
	}{
		"add": {func(ctx context.Context, c *Client) (status.Edited, error) {
			return c.AddServer(ctx, NewServer{Name: "ERP", Text: "address: 10.0.0.3\n# é\n", Reason: "new"}, false)
		}, given{What: "add", Target: "ERP", Kind: `"address: 10.0.0.3\n# é\n" tag "" dry false`, Order: host("new")}},
		"add, dry": {func(ctx context.Context, c *Client) (status.Edited, error) {
			return c.AddServer(ctx, NewServer{Name: "ERP", Text: "a: b"}, true)
		}, given{What: "add", Target: "ERP", Kind: `"a: b" tag "" dry true`, Order: host("")}},
		"edit": {func(ctx context.Context, c *Client) (status.Edited, error) {
			return c.EditServer(ctx, "PBX", "abc", NewText{Text: "a: b", Reason: "why"}, false)
		}, given{What: "edit", Target: "PBX", Kind: `"a: b" tag "abc" dry false`, Order: host("why")}},
		"edit, dry": {func(ctx context.Context, c *Client) (status.Edited, error) {
			return c.EditServer(ctx, "PBX", "abc", NewText{Text: "a: b"}, true)
		}, given{What: "edit", Target: "PBX", Kind: `"a: b" tag "abc" dry true`, Order: host("")}},
		"remove": {func(ctx context.Context, c *Client) (status.Edited, error) {
			return c.RemoveServer(ctx, "PBX", "abc", "old", false)
		}, given{What: "remove", Target: "PBX", Kind: `"" tag "abc" dry false`, Order: host("old")}},
	}
	w := startWorld(t, Limits{})
	c := w.client()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := len(w.standby.orders())
			out, err := test.do(t.Context(), c)
			if err != nil || out.Server != test.want.Target || out.DryRun != strings.Contains(name, "dry") {
				t.Fatalf("%v, %+v", err, out)
			}
			if diff := cmp.Diff([]given{test.want}, w.standby.orders()[before:], sameOrder()); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
		})
	}
	f, err := c.ServerFile(t.Context(), "PBX")
	if err != nil || f.ETag != "abc" || !strings.Contains(f.Text, "10.0.0.1") {
		t.Errorf("the file: %v, %+v", err, f)
	}
}

// Who comes over the network is never on the host, whatever his role; and only an administrator edits.
func TestEditsFromElsewhere(t *testing.T) {
	w := startWorld(t, Limits{})
	admin, operator := w.token(Admin).Secret, w.token(Operator).Secret
	const add, text = "/api/v1/servers", `{"name":"ERP","text":"a: b"}`
	tagged := func(r *http.Request) { r.Header.Set("If-Match", `"abc"`) }

	res, _ := w.call("GET", "/api/v1/servers/PBX/configuration", admin, "")
	if res.StatusCode != http.StatusOK || res.Header.Get("ETag") != `"abc"` {
		t.Errorf("the file: %s, ETag %s", res.Status, res.Header.Get("ETag"))
	}
	w.standby.set(func(f *fakeStandby) { f.given = nil })
	if res, answer := w.call("POST", add, admin, text); res.StatusCode != http.StatusOK || res.Header.Get("ETag") != `"def"` {
		t.Errorf("add: %s %s", res.Status, answer)
	}
	if res, answer := w.call("PUT", "/api/v1/servers/PBX/configuration", admin, `{"text":"a: b"}`, tagged); res.StatusCode != http.StatusOK {
		t.Errorf("edit: %s %s", res.Status, answer)
	}
	if res, answer := w.call("DELETE", "/api/v1/servers/PBX?reason=old", admin, "", tagged); res.StatusCode != http.StatusOK {
		t.Errorf("remove: %s %s", res.Status, answer)
	}
	given := w.standby.orders()
	if len(given) != 3 {
		t.Fatalf("%d orders", len(given))
	}
	for _, g := range given {
		if g.Order.OnHost || g.Order.By.Kind != "token" || g.Order.By.Via != "https" {
			t.Errorf("%s by %+v, on the host: %t", g.What, g.Order.By, g.Order.OnHost)
		}
	}

	w.standby.set(func(f *fakeStandby) { f.given = nil })
	for _, r := range []struct {
		method, path, secret, body string
		tag                        func(*http.Request)
		status                     int
		code                       string
	}{
		{"GET", "/api/v1/servers/PBX/configuration", operator, "", tagged, 403, Forbidden},
		{"POST", add, operator, text, tagged, 403, Forbidden},
		{"PUT", "/api/v1/servers/PBX/configuration", operator, `{"text":"a: b"}`, tagged, 403, Forbidden},
		{"DELETE", "/api/v1/servers/PBX", operator, "", tagged, 403, Forbidden},
		{"PUT", "/api/v1/servers/PBX/configuration", admin, `{"text":"a: b"}`, func(*http.Request) {}, 428, PreconditionRequired},
		{"DELETE", "/api/v1/servers/PBX", admin, "", func(*http.Request) {}, 428, PreconditionRequired},
		{"DELETE", "/api/v1/servers/PBX", admin, "", func(r *http.Request) { r.Header.Set("If-Match", "*") }, 428, PreconditionRequired},
		{"POST", add, admin, `{"name":"ERP","text":""}`, tagged, 422, Invalid},
		{"POST", add, admin, `{"name":"ERP","text":"` + strings.Repeat("a", 32<<10+1) + `"}`, tagged, 422, Invalid},
		{"POST", add, admin, `{"name":"ERP","text":"a: b","reason":"two\nlines"}`, tagged, 422, Invalid},
	} {
		if p := w.refused(r.method, r.path, r.secret, r.body, r.tag); p.Status != r.status || p.Code != r.code || p.Changed {
			t.Errorf("%s %s: %+v, want %d %s", r.method, r.path, p, r.status, r.code)
		}
	}
	for code, want := range map[string]int{status.StateChanged: 412, status.HostOnly: 403, status.InvalidConfig: 422, status.WrongState: 409, status.NotAvailable: 409} {
		w.standby.set(func(f *fakeStandby) { f.err = &status.Refusal{Code: code, Detail: "no"} })
		if p := w.refused("POST", add, admin, text); p.Status != want || p.Code != code {
			t.Errorf("%s: %+v, want %d", code, p, want)
		}
	}
	for _, g := range w.standby.orders() {
		if g.Order.By != (plan.Actor{}) && g.What != "add" {
			t.Errorf("a refused order has reached the standby: %+v", g)
		}
	}
}
