package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// A token is made, seen, used, ended; its secret is nowhere but in the answer
// that made it.
func TestTokenLife(t *testing.T) {
	w := startWorld(t, Limits{})
	c, ctx := w.client(), t.Context()
	made, err := c.CreateToken(ctx, NewToken{Name: "grafana", Role: "viewer", Reason: "dashboards"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.Secret, "fvt_") || len(made.Secret) < 30 || !strings.HasPrefix(made.Secret, made.Prefix) || len(made.Prefix) > 8 {
		t.Errorf("secret of %d characters, prefix %q", len(made.Secret), made.Prefix)
	}
	if life := made.Expires.Sub(made.Created); life < 89*24*time.Hour || life > 91*24*time.Hour {
		t.Errorf("it is good for %s", life)
	}
	if made.LastUsed != nil || made.State != "valid" {
		t.Errorf("new: %+v", made)
	}
	if res, _ := w.call("GET", "/api/v1/status", made.Secret, ""); res.StatusCode != 200 {
		t.Fatalf("its first use: %s", res.Status)
	}
	page, err := c.Tokens(ctx, Page{})
	list := page.Tokens
	if err != nil || len(list) != 1 || list[0].LastUsed == nil || list[0].LastFrom != "127.0.0.1" || time.Since(*list[0].LastUsed) > time.Minute {
		t.Errorf("after its first use: %+v, %v", list, err)
	}
	short, err := c.CreateToken(ctx, NewToken{Name: "short", Role: "operator", Servers: []string{"PBX"}, Days: 1})
	if err != nil || short.Expires.Sub(short.Created) > 25*time.Hour || strings.Join(short.Servers, "") != "PBX" {
		t.Errorf("for a day and a server: %+v, %v", short, err)
	}
	for range 2 { // Revoking is idempotent.
		gone, err := c.RevokeToken(ctx, made.ID, "left")
		if err != nil || gone.State != "revoked" || gone.Revoked == nil {
			t.Errorf("revoked: %+v, %v", gone, err)
		}
	}
	if res, _ := w.call("GET", "/api/v1/status", made.Secret, ""); res.StatusCode != 401 {
		t.Errorf("after it was revoked: %s", res.Status)
	}
	if _, err := c.CreateToken(ctx, NewToken{Name: "grafana", Role: "viewer"}); err != nil {
		t.Errorf("the name is free again: %v", err)
	}

	created, revoked := w.events("audit.token_created"), w.events("audit.token_revoked")
	if len(created) != 3 || len(revoked) != 1 {
		t.Fatalf("%d created and %d revoked in the history", len(created), len(revoked))
	}
	if created[0].Reason != "dashboards" || created[0].Actor.Name != userName(uint32(os.Geteuid())) || created[0].Actor.Via != "socket" || revoked[0].Reason != "left" {
		t.Errorf("audit: %+v, %+v", created[0], revoked[0])
	}
	w.searchFor(made.Secret)
	hash := sha256.Sum256([]byte(made.Secret))
	w.searchAnswersFor(fmt.Sprintf("%x", hash), string(hash[:]), made.Secret)
}

// searchFor fails the test if the secret is in the journal's files or the log.
func (w *world) searchFor(secret string) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(w.socket), "journal", "*"))
	if err != nil || len(files) == 0 {
		w.t.Fatalf("the journal's files: %v, %v", files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.Contains(string(data), secret) {
			w.t.Errorf("the secret is in %s", f)
		}
	}
	if strings.Contains(w.logged(), secret) {
		w.t.Error("the secret is in the log")
	}
}

// searchAnswersFor fails the test if any of the texts is in an answer.
func (w *world) searchAnswersFor(texts ...string) {
	w.t.Helper()
	admin := w.token(Admin).Secret
	for _, path := range []string{"/api/v1/tokens", "/api/v1/audit", "/api/v1/events", "/api/v1/status", "/metrics"} {
		_, answer := w.call("GET", path, admin, "")
		for _, text := range texts {
			if strings.Contains(string(answer), text) {
				w.t.Errorf("GET %s has %q", path, text)
			}
		}
	}
}

// A token for some servers shows these and nothing of the others.
func TestTokenForSomeServers(t *testing.T) {
	w := startWorld(t, Limits{})
	w.commit(tick(0, "PBX"), tick(1, "CRM"), tick(2, ""))
	for _, server := range []string{"PBX", "CRM"} {
		alert := journal.Alert{Kind: "server.suspect", Server: server}
		if _, err := w.journal.Commit(t.Context(), journal.Batch{Events: []journal.Event{{Kind: alert.Kind, Server: server}}, Alerts: []journal.Alert{alert}}); err != nil {
			t.Fatal(err)
		}
	}
	open, err := w.standby.Incidents(t.Context(), journal.IncidentQuery{Open: true, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	w.standby.set(func(f *fakeStandby) {
		f.snapshot.Incidents = open
		f.snapshot.Standby.Config.Notices = []string{"failoverd.yaml:7: servers[CRM].takeover: nothing would be started"}
	})
	w.call("POST", "/api/v1/servers/CRM/failover", w.token(Operator).Secret, "{}")
	secret := w.token(Viewer, "PBX").Secret
	all := w.token(Viewer).Secret
	for _, path := range []string{"/status", "/servers", "/operations", "/events", "/mails", "/incidents"} {
		if res, answer := w.call("GET", Base+path, all, ""); res.StatusCode != 200 || !strings.Contains(string(answer), "CRM") {
			t.Errorf("GET %s for all servers: %s %s", path, res.Status, answer)
		}
		res, answer := w.call("GET", Base+path, secret, "")
		if res.StatusCode != 200 || strings.Contains(string(answer), "CRM") || path != "/operations" && !strings.Contains(string(answer), "PBX") {
			t.Errorf("GET %s: %s %s", path, res.Status, answer)
		}
	}
	c := w.remote(secret)
	if l, err := c.Events(t.Context(), EventQuery{}); err != nil || len(l.Events) != 2 || l.Events[0].Message != "m0" {
		t.Errorf("events: %+v, %v", l, err)
	}
	for _, path := range []string{"/servers/CRM", "/operations/op_CRM", "/events?server=CRM", "/events/stream?server=CRM", "/operations?server=CRM", "/mails?server=CRM", "/servers/NONE"} {
		if p := w.refused("GET", Base+path, secret, ""); p.Status != 403 {
			t.Errorf("GET %s: %+v", path, p)
		}
	}
	if p := w.refused("POST", Base+"/operations/op_CRM/cancel", w.token(Operator, "PBX").Secret, ""); p.Status != 403 {
		t.Errorf("cancel of another server's operation: %+v", p)
	}
	if s := w.standby.Snapshot(); len(s.Servers) != 2 || s.Standby.Waiting[0] != "CRM" || len(s.Incidents) != 3 || len(s.Standby.Config.Notices) != 1 {
		t.Errorf("the common snapshot was changed: %+v", s)
	}
}

// A text that names a server which the token may not see is told without the name, wherever it stands; in what everybody else is
// told, the name is.
func TestTextsForSomeServers(t *testing.T) {
	w := startWorld(t, Limits{})
	w.standby.set(func(f *fakeStandby) {
		pbx := &f.snapshot.Servers[slices.IndexFunc(f.snapshot.Servers, func(v status.Server) bool { return v.Name == "PBX" })]
		pbx.Hold = &status.Hold{Code: "segment", Reason: "CRM fell silent as well, PBX too, and CRMS has not"}
		pbx.Summary = "DOWN, and nobody serves: CRM fell silent as well"
		pbx.Readiness.Checks = []status.Check{{Name: "capacity", Result: "warning", Value: "the standby stands in for CRM"}}
		pbx.Actions = []status.Action{{Name: "failover", WhyNot: "the standby stands in for CRM"}}
		c := &f.snapshot.Standby.Config
		c.Error, c.NeedsRestart = `servers.d/CRM.yaml:7: servers[CRM].address: "10.0.0.7" is no address`, []string{"servers[CRM].address", "standby.interface"}
		f.snapshot.Attention = []status.Notice{
			{Severity: "warning", Text: "the configuration file was rejected, the old one is in force: " + c.Error},
			{Severity: "warning", Text: "waits for a restart: servers[CRM].address, standby.interface"},
			{Severity: "critical", Server: "PBX", Text: "DOWN, and nobody serves: CRM fell silent as well"},
		}
		f.slot = " by CRM"
		f.records["op-1"] = plan.Record{ID: "op-1", Kind: Takeover, Server: "PBX", Started: time.Now(), State: plan.Failed, Error: "the standby stands in for CRM"}
		f.incidents = append(f.incidents, status.Incident{ID: "PBX-9", Server: "PBX", Opened: time.Now(), Title: "PBX has failed, as CRM"})
	})
	w.commit(journal.Event{Kind: "decision.hold", Server: "PBX", Message: "not taken over: CRM fell silent as well", Reason: "CRM", Evidence: map[string]any{"others": []any{"CRM"}}})
	some, all := w.token(Operator, "PBX").Secret, w.token(Operator).Secret
	get := func(path string) [4]string { return [4]string{"GET", Base + path} }
	for _, call := range [][4]string{
		get("/status"), get("/servers"), get("/servers/PBX"), get("/servers/PBX/readiness"), get("/servers/PBX/explain"), get("/events"), get("/operations"),
		get("/operations/op-1"), get("/incidents"),
		{"POST", Base + "/servers/PBX/failover?dry_run=true", "{}"},
	} {
		_, told := w.call(call[0], call[1], all, call[2])
		res, answer := w.call(call[0], call[1], some, call[2])
		named := regexp.MustCompile(`\bCRM\b|10\.0\.0\.7`)
		if !named.Match(told) || named.Match(answer) || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s; and for all servers %s", call[1], res.Status, answer, told)
		}
		if call[1] == Base+"/status" {
			for _, text := range []string{
				"another server fell silent as well, PBX too, and CRMS has not", `"needs_restart":["standby.interface"]`, `"text":"waits for a restart"`,
				`"text":"the configuration file was rejected, the old one is in force"`, "the newest files were not taken",
			} {
				if !strings.Contains(string(answer), text) {
					t.Errorf("/status has no %s: %s", text, answer)
				}
			}
		}
	}
	w.standby.set(func(f *fakeStandby) {
		f.err = &status.Refusal{Code: status.AgentSilent, Detail: "the standby stands in for CRM", Checks: []status.Check{{Name: "capacity", Value: "CRM"}}}
	})
	if p := w.refused("POST", Base+"/servers/PBX/failover", some, "{}"); p.Detail != "the standby stands in for another server" || p.Checks[0].Value != "another server" {
		t.Errorf("refused: %+v", p)
	}
	if v := w.standby.Snapshot().Servers; !slices.ContainsFunc(v, func(v status.Server) bool { return v.Hold != nil && strings.HasPrefix(v.Hold.Reason, "CRM") }) {
		t.Error("the common snapshot was changed")
	}
	stream := w.remote(some)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := stream.Follow(ctx, FollowQuery{After: -1}, func(e journal.Event) error {
		if e.Kind == "decision.hold" {
			if e.Message != "not taken over: another server fell silent as well" || fmt.Sprint(e.Evidence["others"]) != "[another server]" {
				t.Errorf("in a stream: %+v", e)
			}
			cancel()
		}
		return nil
	})
	if ctx.Err() == nil {
		t.Errorf("the stream ended: %v", err)
	}
}

// The use of a token is noted once a minute, and a journal that cannot be
// written does not keep anybody out.
func TestTokenUseIsThrottled(t *testing.T) {
	h := &touchHistory{token: journal.Token{ID: "t", Name: "n", Role: "viewer", LastUsed: time.Now().Add(-59 * time.Second)}}
	s, err := New(Config{Standby: newFakeStandby(), History: h})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() int { return askWithToken(s, "fvt_x") }
	if code := ask(); code != 200 || h.touched != 0 {
		t.Errorf("59 s after its last use: %d, noted %d times", code, h.touched)
	}
	h.token.LastUsed = time.Now().Add(-61 * time.Second)
	h.touchErr = journal.ErrFull
	if code := ask(); code != 200 || h.touched != 1 {
		t.Errorf("61 s after its last use: %d, noted %d times", code, h.touched)
	}
	h.readErr = journal.ErrDamaged
	if code := ask(); code != 503 {
		t.Errorf("with a journal that cannot be read: %d", code)
	}
}

// A token that cannot be written down is not given out.
func TestTokenThatIsNotOnRecord(t *testing.T) {
	w := startWorld(t, Limits{})
	w.api.history = failingCommit{w.journal}
	_, err := w.client().CreateToken(t.Context(), NewToken{Name: "x", Role: "admin"})
	if problemCode(err) != Internal {
		t.Errorf("created: %v", err)
	}
	all, err := w.journal.Tokens(t.Context(), journal.TokenQuery{})
	if err != nil || len(all) != 1 || all[0].Revoked.IsZero() {
		t.Errorf("tokens: %+v, %v; want one that is revoked", all, err)
	}
}
