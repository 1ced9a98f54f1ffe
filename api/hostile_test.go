package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/journal"
	"failoverd/status"
)

// A request that is refused changes nothing and says why, each in its words.
func TestRefusedRequests(t *testing.T) {
	w := startWorld(t, Limits{Rate: 10000, Burst: 10000})
	secret := w.token(Admin).Secret
	contentType := func(ct string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", ct) }
	}
	ifMatch := func(tag string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("If-Match", tag) }
	}
	const failover = "/api/v1/servers/CRM/failover"
	tests := []struct {
		name, method, path, body string
		change                   func(*http.Request)
		status                   int
		code, field              string
	}{
		{"unknown path", "GET", "/api/v1/nothing", "", nil, 404, "not-found", ""},
		{"outside", "GET", "/nothing", "", nil, 404, "not-found", ""},
		{"create nothing", "POST", "/api/v1/servers", "{}", nil, 422, Invalid, "body"},
		{"create a server with a long text", "POST", "/api/v1/servers", `{"name":"FAX","text":"` + strings.Repeat("x", 60001) + `"}`, nil, 422, Invalid, "body.text"},
		{"delete a server unseen", "DELETE", "/api/v1/servers/CRM", "", nil, 422, Invalid, "header.If-Match"},
		{"delete a server in any state", "DELETE", "/api/v1/servers/CRM", "", ifMatch("*"), 422, Invalid, "header.If-Match"},
		{"delete a server in one of two", "DELETE", "/api/v1/servers/CRM", "", ifMatch(`"a", "b"`), 422, Invalid, "header.If-Match"},
		{"delete a server as it was", "DELETE", "/api/v1/servers/CRM", "", ifMatch(`"another"`), 412, StateChanged, ""},
		{"configure a server unseen", "PUT", "/api/v1/servers/CRM/configuration", `{"text":"x"}`, nil, 422, Invalid, "header.If-Match"},
		{"configure a server as it was", "PUT", "/api/v1/servers/CRM/configuration", `{"text":"x"}`, ifMatch(`"another"`), 412, StateChanged, ""},
		{"configure by force", "PUT", "/api/v1/servers/CRM/configuration", `{"text":"x","force":true}`, ifMatch(`"` + aRevision + `"`), 422, Invalid, "body.force"},
		{"options unseen", "PATCH", "/api/v1/config/options", `{"changes":[{"key":"standby.capacity","values":["2"]}]}`, nil, 422, Invalid, "header.If-Match"},
		{"options as they were", "PATCH", "/api/v1/config/options", `{"changes":[{"key":"standby.capacity","values":["2"]}]}`, ifMatch(`"another"`), 412, StateChanged, ""},
		{"no option", "PATCH", "/api/v1/config/options", `{"changes":[]}`, ifMatch(`"` + aRevision + `"`), 422, Invalid, "body.changes"},
		{"an option with a line end", "PATCH", "/api/v1/config/options", `{"changes":[{"key":"alerts.email.to","values":["a@b.c","x\nBcc: y"]}]}`, ifMatch(`"` + aRevision + `"`), 422, Invalid, "body.changes[0].values[1]"},
		{"a long option", "PATCH", "/api/v1/config/options", `{"changes":[{"key":"alerts.email.from","values":["` + strings.Repeat("x", 4097) + `"]}]}`, ifMatch(`"` + aRevision + `"`), 422, Invalid, "body.changes[0].values[0]"},
		{"many options", "PATCH", "/api/v1/config/options", `{"changes":[` + strings.Repeat(`{"key":"x"},`, 60) + `{"key":"x"}]}`, ifMatch(`"` + aRevision + `"`), 422, Invalid, "body.changes"},
		{"not in this version", "POST", "/api/v1/servers/CRM/give-away", "{}", nil, 404, "not-found", ""},
		{"order by GET", "GET", failover, "", nil, 405, MethodNotAllowed, ""},
		{"path traversal", "GET", "/api/v1/servers/../tokens", "", nil, 404, "not-found", ""},
		{"hidden path traversal", "GET", "/api/v1/servers/..%2f..%2ftokens", "", nil, 404, "not-found", ""},
		{"double slash", "POST", "/api/v1//servers/CRM/failover", "{}", nil, 404, "not-found", ""},
		{"newline in a name", "GET", "/api/v1/servers/a%0Ab", "", nil, 404, "not-found", ""},
		{"long name", "GET", "/api/v1/servers/" + strings.Repeat("x", 300), "", nil, 422, Invalid, "path.name"},
		{"no JSON", "POST", failover, "{", nil, 400, BadRequest, "body"},
		{"two documents", "POST", failover, "{}{}", nil, 400, BadRequest, "body"},
		{"form", "POST", failover, "reason=x", contentType("application/x-www-form-urlencoded"), 415, UnsupportedType, ""},
		{"xml", "POST", failover, "<a/>", contentType("text/xml"), 415, UnsupportedType, ""},
		{"unknown field", "POST", failover, `{"force":true}`, nil, 422, Invalid, "body.force"},
		{"other case", "POST", failover, `{"Accept":["primary-alive"]}`, nil, 400, BadRequest, "body"},
		{"a letter that folds to ours", "POST", failover, `{"rea\u017fon":"x"}`, nil, 400, BadRequest, "body"},
		{"field twice", "POST", failover, `{"accept":[],"accept":["primary-alive"]}`, nil, 400, BadRequest, "body"},
		{"very deep", "POST", failover, strings.Repeat("[", 30000), nil, 400, BadRequest, "body"},
		{"wrong type", "POST", failover, `{"accept":"primary-alive"}`, nil, 422, Invalid, "body.accept"},
		{"no object", "POST", failover, `[]`, nil, 422, Invalid, "body"},
		{"strange check", "POST", failover, `{"accept":["--yes"]}`, nil, 422, Invalid, "body.accept[0]"},
		{"control characters", "POST", failover, `{"reason":"a\u001b[2Jb"}`, nil, 422, Invalid, "body.reason"},
		{"two lines", "POST", failover, `{"reason":"a\nSubject: b"}`, nil, 422, Invalid, "body.reason"},
		{"turned text", "POST", failover, `{"reason":"a\u202eb"}`, nil, 422, Invalid, "body.reason"},
		{"long reason", "POST", failover, `{"reason":"` + strings.Repeat("x", 501) + `"}`, nil, 422, Invalid, "body.reason"},
		{"past", "POST", "/api/v1/servers/PBX/suspend", `{"until":"2020-01-01T00:00:00Z"}`, nil, 422, TimePassed, ""},
		{"no time", "POST", "/api/v1/servers/PBX/suspend", `{"until":"2h"}`, nil, 422, Invalid, "body.until"},
		{"until of resume", "POST", "/api/v1/servers/PBX/resume", `{"until":null}`, nil, 422, Invalid, "body.until"},
		{"misspelt dry run", "POST", failover + "?dry-run=true", "{}", nil, 422, Invalid, "query.dry-run"},
		{"dry run without a value", "POST", failover + "?dry_run", "{}", nil, 422, Invalid, "query.dry_run"},
		{"dry run that is empty", "POST", failover + "?dry_run=", "{}", nil, 422, Invalid, "query.dry_run"},
		{"dry run twice", "POST", failover + "?dry_run=true&dry_run=false", "{}", nil, 422, Invalid, "query.dry_run"},
		{"dry run, perhaps", "POST", failover + "?dry_run=perhaps", "{}", nil, 422, Invalid, "query.dry_run"},
		{"dry run hidden behind another", "POST", failover + "?dry_run&x=1", "{}", nil, 422, Invalid, ""},
		{"query that cannot be read", "POST", failover + "?dry_run=%zz", "{}", nil, 400, BadRequest, ""},
		{"semicolon in the query", "POST", failover + "?dry_run=true;x=1", "{}", nil, 400, BadRequest, ""},
		{"huge body", "POST", failover, `{"reason":"` + strings.Repeat("x", 64<<10) + `"}`, nil, 413, TooLarge, ""},
		{"huge body without a length", "POST", failover, "", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat(" ", 70<<10))), -1
		}, 413, TooLarge, ""},
		{"a direction that is none", "POST", "/api/v1/servers/PBX/replicate", "{}", nil, 404, "not-found", ""},
		{"replicate by GET", "GET", "/api/v1/servers/PBX/replicate-to-live", "", nil, 405, MethodNotAllowed, ""},
		{"replicate by force", "POST", "/api/v1/servers/PBX/replicate-to-live", `{"force":true}`, nil, 422, Invalid, "body.force"},
		{"roll back to a time", "POST", "/api/v1/servers/PBX/rollback", `{"to":"2026-01-01"}`, nil, 422, Invalid, "body.to"},
		{"misspelt dry run of a replication", "POST", "/api/v1/servers/PBX/replicate-to-live?dryrun=true", "{}", nil, 422, Invalid, "query.dryrun"},
		{"replications without end", "GET", "/api/v1/servers/PBX/replications?limit=1001", "", nil, 422, Invalid, "query.limit"},
		{"replications of nobody", "GET", "/api/v1/servers/NONE/replications", "", nil, 404, "not-found", ""},
		{"a place that is none", "GET", "/api/v1/operations?before=op_PBX", "", nil, 422, Invalid, "query.before"},
		{"a place before all time", "GET", "/api/v1/incidents?before=9000000000000000000_a", "", nil, 422, Invalid, "query.before"},
		{"mails before none", "GET", "/api/v1/mails?before=-1", "", nil, 422, Invalid, "query.before"},
		{"limit", "GET", "/api/v1/events?limit=100000", "", nil, 422, Invalid, "query.limit"},
		{"negative limit", "GET", "/api/v1/events?limit=-1", "", nil, 422, Invalid, "query.limit"},
		{"pattern", "GET", "/api/v1/events?kind=[a", "", nil, 422, Invalid, "query.kind"},
		{"since", "GET", "/api/v1/events?since=yesterday", "", nil, 422, Invalid, "query.since"},
		{"Last-Event-ID", "GET", "/api/v1/events/stream", "", func(r *http.Request) { r.Header.Set("Last-Event-ID", "x") }, 422, Invalid, "header.Last-Event-ID"},
		{"Last-Event-ID out of range", "GET", "/api/v1/events/stream", "", func(r *http.Request) { r.Header.Set("Last-Event-ID", "99999999999999999999") }, 422, Invalid, "header.Last-Event-ID"},
		{"another site", "POST", failover, "{}", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403, CrossOrigin, ""},
		{"another origin", "POST", failover, "{}", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403, CrossOrigin, ""},
		{"token for nobody", "POST", "/api/v1/tokens", `{"name":"","role":"viewer"}`, nil, 422, Invalid, "body.name"},
		{"token with a strange name", "POST", "/api/v1/tokens", `{"name":"a\tb","role":"viewer"}`, nil, 422, Invalid, "body.name"},
		{"token with no role", "POST", "/api/v1/tokens", `{"name":"a"}`, nil, 422, Invalid, "body"},
		{"token with a strange role", "POST", "/api/v1/tokens", `{"name":"a","role":"root"}`, nil, 422, Invalid, "body.role"},
		{"token for a strange server", "POST", "/api/v1/tokens", `{"name":"a","role":"viewer","servers":["NONE"]}`, nil, 404, "not-found", ""},
		{"token for no server's name", "POST", "/api/v1/tokens", `{"name":"a","role":"viewer","servers":["PBX,CRM"]}`, nil, 422, Invalid, "body.servers[0]"},
		{"admin of one server", "POST", "/api/v1/tokens", `{"name":"a","role":"admin","servers":["PBX"]}`, nil, 422, Invalid, "body.servers"},
		{"token for ever", "POST", "/api/v1/tokens", `{"name":"a","role":"viewer","days":100000}`, nil, 422, Invalid, "body.days"},
		{"token without a body", "POST", "/api/v1/tokens", ``, nil, 400, BadRequest, ""},
		{"revoke nothing", "POST", "/api/v1/tokens/tok_none/revoke", `{}`, nil, 404, "not-found", ""},
		{"name taken", "POST", "/api/v1/tokens", `{"name":"admin x","role":"viewer"}`, nil, 409, NameTaken, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.t = t
			if tt.change == nil {
				tt.change = func(*http.Request) {}
			}
			p := w.refused(tt.method, tt.path, secret, tt.body, tt.change)
			if p.Status != tt.status || p.Code != tt.code || p.Changed {
				t.Errorf("got %d %s changed=%v (%s), want %d %s", p.Status, p.Code, p.Changed, p.Detail, tt.status, tt.code)
			}
			if tt.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != tt.field) {
				t.Errorf("errors %+v, want one about %s", p.Errors, tt.field)
			}
		})
	}
	if got := w.standby.orders(); len(got) != 0 {
		t.Errorf("orders reached the standby: %+v", got)
	}
	if l, err := w.client().Tokens(t.Context(), Page{}); err != nil || len(l.Tokens) != 1 {
		t.Errorf("tokens: %+v, %v; want only the test's own", l, err)
	}
	// What looks like the same request in its only readable form is carried out.
	for _, query := range []string{"?dry_run=true", "?dry%5Frun=true", "?dry_run=1"} {
		if res, answer := w.call("POST", failover+query, secret, ""); res.StatusCode != 200 {
			t.Errorf("%s: %s %s", query, res.Status, answer)
		}
	}
	for _, o := range w.standby.orders() {
		if o.What != "preview" {
			t.Errorf("a dry run became %+v", o)
		}
	}
}

// What the standby refuses is told as it is; what goes wrong inside is not.
func TestRefusals(t *testing.T) {
	w := startWorld(t, Limits{})
	secret := w.token(Operator).Secret
	checks := []status.Check{{Name: "primary-alive", Result: "critical", Value: "rtt 0.4 ms", Limit: "no answer", Accept: "primary-alive"}}
	for _, tt := range []struct {
		err       error
		status    int
		code      string
		changed   bool
		operation string
	}{
		{&status.Refusal{Code: status.ChecksFailed, Detail: "PBX answers", Checks: checks, Try: "failoverd failover PBX --accept primary-alive"}, 409, "checks-failed", false, ""},
		{&status.Refusal{Code: status.OperationRunning, Detail: "one runs", Operation: "op_9"}, 409, "operation-running", false, "/api/v1/operations/op_9"},
		{&status.Refusal{Code: status.WrongState, Detail: "not standing in"}, 409, "wrong-state", false, ""},
		{&status.Refusal{Code: status.NotAvailable, Detail: "not now"}, 409, "not-available", false, ""},
		{&status.Refusal{Code: status.NotFound, Detail: "no such server"}, 404, "not-found", false, ""},
		{&status.Refusal{Code: status.InvalidConfig, Detail: "line 3"}, 422, "invalid-configuration", false, ""},
		{&status.Refusal{Code: status.JournalUnwritable, Detail: "disk full", Changed: true}, 503, "journal-unwritable", true, ""},
		{&status.Refusal{Code: status.JournalUnreadable, Detail: "torn"}, 503, "journal-unreadable", false, ""},
		{fmt.Errorf("wrapped: %w", &status.Refusal{Code: status.WrongState, Detail: "deep"}), 409, "wrong-state", false, ""},
		{errors.New("dial postgres://sa:hunter2@db"), 500, "internal", true, ""},
	} {
		w.standby.set(func(f *fakeStandby) { f.err = tt.err })
		p := w.refused("POST", "/api/v1/servers/PBX/failover", secret, "{}")
		if p.Status != tt.status || p.Code != tt.code || p.Changed != tt.changed || p.Operation != tt.operation {
			t.Errorf("%v: %+v", tt.err, p)
		}
		if strings.Contains(p.Error(), "hunter2") {
			t.Errorf("the fault's text came out: %+v", p)
		}
		if tt.code == "checks-failed" && (len(p.Checks) != 1 || p.Checks[0] != checks[0] || p.Try == "") {
			t.Errorf("checks: %+v", p)
		}
	}
	w.standby.set(func(f *fakeStandby) { f.err, f.panics = nil, true })
	p := w.refused("POST", "/api/v1/servers/PBX/failover", secret, "{}")
	if p.Status != 500 || p.Code != Internal || !p.Changed || strings.Contains(p.Error(), "hunter2") {
		t.Errorf("after a panic: %+v", p)
	}
	w.standby.set(func(f *fakeStandby) { f.panics = false })
	if res, _ := w.call("GET", "/api/v1/status", secret, ""); res.StatusCode != 200 {
		t.Errorf("after a panic the API answers %s", res.Status)
	}
	if !strings.Contains(w.logged(), p.RequestID) {
		t.Errorf("the log does not have the request %s", p.RequestID)
	}
}

// Tokens that are not good are refused, each with its reason, and it is written
// down.
func TestBadTokens(t *testing.T) {
	w := startWorld(t, Limits{})
	w.storeToken("fvt_expired", func(t *journal.Token) { t.Expires = time.Now().Add(-time.Second) })
	w.storeToken("fvt_revoked", func(t *journal.Token) { t.Revoked = time.Now() })
	w.storeToken("fvt_norole", func(t *journal.Token) { t.Role = "root" })
	w.storeToken("fvt_good", func(t *journal.Token) {})
	for _, tt := range []struct {
		header string
		status int
		want   string
	}{
		{"", 401, "a token is needed"},
		{"Bearer", 401, "a token is needed"},
		{"Bearer fvt_unknown", 401, "not known"},
		{"Bearer fvt_expired", 401, "expired"},
		{"Bearer fvt_revoked", 401, "revoked"},
		{"Bearer fvt_norole", 403, "the role root"},
		{"Basic ZnZ0X2dvb2Q=", 401, "a token is needed"},
		{"Bearer fvt_good fvt_good", 401, "not known"},
	} {
		p := w.refused("POST", "/api/v1/servers/PBX/stop", "", "{}", func(r *http.Request) {
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
		})
		if p.Status != tt.status || !strings.Contains(p.Detail, tt.want) {
			t.Errorf("%q: %d %s, want %d %s", tt.header, p.Status, p.Detail, tt.status, tt.want)
		}
		if strings.Contains(p.Error(), "fvt_good") || strings.Contains(p.Error(), "fvt_unknown") {
			t.Errorf("%q: the secret came back: %+v", tt.header, p)
		}
	}
	if len(w.standby.orders()) != 0 {
		t.Errorf("orders: %+v", w.standby.orders())
	}
	refused := w.events("audit.refused")
	for _, why := range []string{"a token is needed", "not known", "expired", "revoked", "the role root"} {
		if !slices.ContainsFunc(refused, func(e journal.Event) bool {
			return strings.Contains(e.Reason, why) && e.Actor.From == "127.0.0.1" && e.Actor.Via == "https"
		}) {
			t.Errorf("%q is not in the history: %+v", why, refused)
		}
	}
	if res, _ := w.call("POST", "/api/v1/servers/PBX/stop", "fvt_good", "{}"); res.StatusCode != 200 {
		t.Errorf("with the good token: %s", res.Status)
	}
	// The socket's rights are not to be had over TLS by saying so.
	if res, _ := w.call("GET", "/api/v1/tokens", "", "", func(r *http.Request) { r.Host = "failoverd" }); res.StatusCode != 401 {
		t.Errorf("with the socket's host name: %s", res.Status)
	}
}

// Whoever tries tokens is slowed down and cannot fill the history; whoever has a
// good one at the same address is not.
func TestGuessingIsSlowedDown(t *testing.T) {
	w := startWorld(t, Limits{Failures: 3})
	good := w.token(Viewer).Secret
	var codes []int
	for i := range 8 {
		p := w.refused("GET", "/api/v1/status", fmt.Sprint("fvt_", i), "")
		codes = append(codes, p.Status)
	}
	if got := fmt.Sprint(codes); got != "[401 401 401 429 429 429 429 429]" {
		t.Errorf("eight wrong tokens: %s", got)
	}
	res, _ := w.call("GET", "/api/v1/status", "fvt_x", "")
	if res.Header.Get("Retry-After") == "" || res.StatusCode != 429 {
		t.Errorf("%s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
	if res, _ := w.call("GET", "/api/v1/status", good, ""); res.StatusCode != 200 {
		t.Errorf("the good token: %s", res.Status)
	}
	if n := len(w.events("audit.refused")); n != 3 {
		t.Errorf("%d refusals in the history, want the 3 that were not slowed down", n)
	}
}

// One client cannot keep the others out.
func TestRateLimit(t *testing.T) {
	w := startWorld(t, Limits{Rate: 1, Burst: 3})
	secret := w.token(Viewer).Secret // over the socket, which counts for itself
	var last *http.Response
	for range 4 {
		last, _ = w.call("GET", "/api/v1/status", secret, "")
	}
	if last.StatusCode != 429 || last.Header.Get("Retry-After") != "1" {
		t.Errorf("the fourth request: %s, Retry-After %q", last.Status, last.Header.Get("Retry-After"))
	}
	if p := w.refused("GET", "/api/v1/status", secret, ""); p.Code != RateLimited {
		t.Errorf("problem: %+v", p)
	}
	if _, err := w.client().Status(t.Context()); err != nil {
		t.Errorf("another client: %v", err)
	}
}

// A sender that is slow is cut off: with an answer where one can be given.
func TestSlowSenders(t *testing.T) {
	w := startWorld(t, Limits{HeaderTime: 100 * time.Millisecond, BodyTime: 100 * time.Millisecond, IdleTime: 100 * time.Millisecond})
	secret := w.token(Operator).Secret

	c := w.raw()
	fmt.Fprintf(c, "POST /api/v1/servers/PBX/stop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", secret)
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: "POST"})
	if err != nil {
		t.Fatalf("a slow body: %v", err)
	}
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode != 408 || !strings.Contains(string(answer), RequestTimeout) || res.Header.Get("Content-Type") != problemType {
		t.Errorf("a slow body: %s %s", res.Status, answer)
	}

	c = w.raw()
	fmt.Fprint(c, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	if rest, err := io.ReadAll(c); err != nil {
		t.Errorf("a slow header: %q, %v; want the connection closed", rest, err)
	}
	c = w.raw()
	if rest, err := io.ReadAll(c); err != nil || len(rest) != 0 {
		t.Errorf("a silent connection: %q, %v; want it closed", rest, err)
	}
	if len(w.standby.orders()) != 0 {
		t.Errorf("orders: %+v", w.standby.orders())
	}
}

// An answer that nobody takes does not hold the daemon; a body that is short of
// its length is no order.
func TestBrokenBodies(t *testing.T) {
	t.Run("an answer that nobody takes", answerThatNobodyTakes)
	w := startWorld(t, Limits{})
	secret := w.token(Operator).Secret
	for name, rest := range map[string]string{
		"cut off":      "Content-Length: 100\r\n\r\n{}",
		"broken chunk": "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
	} {
		c := w.raw()
		fmt.Fprintf(c, "POST /api/v1/servers/PBX/stop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s", secret, rest)
		if closer, ok := c.(interface{ CloseWrite() error }); ok {
			closer.CloseWrite()
		}
		answer, _ := io.ReadAll(c)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
			t.Errorf("%s: %.200q", name, answer)
		}
	}
	if len(w.standby.orders()) != 0 {
		t.Errorf("orders: %+v", w.standby.orders())
	}
}

// answerThatNobodyTakes has clients ask for more than the kernel keeps for them, and read nothing of it.
func answerThatNobodyTakes(t *testing.T) {
	w := startWorld(t, Limits{AnswerTime: 200 * time.Millisecond})
	w.standby.set(func(f *fakeStandby) {
		f.snapshot.Attention = []status.Notice{{Severity: "info", Text: strings.Repeat("x", 4<<20)}}
	})
	const clients = 20
	before := runtime.NumGoroutine()
	for range clients {
		c, err := net.Dial("unix", w.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	eventually(t, func() bool { return w.standby.snapshots() >= clients })
	eventually(t, func() bool { return runtime.NumGoroutine() < before+clients })
}

// A header that is too large never reaches a route.
func TestHugeHeader(t *testing.T) {
	w := startWorld(t, Limits{})
	res, _ := w.call("GET", "/api/v1/status", "", "", func(r *http.Request) { r.Header.Set("X-Huge", strings.Repeat("x", 64<<10)) })
	if res.StatusCode != 431 {
		t.Errorf("64 KiB of header: %s", res.Status)
	}
}

// The sender's name for a request is kept if it is one.
func TestRequestID(t *testing.T) {
	w := startWorld(t, Limits{})
	for given, kept := range map[string]bool{"my-request.1": true, "": false, strings.Repeat("x", 65): false, "a b": false, "<script>": false} {
		res, _ := w.call("GET", "/healthz", "", "", func(r *http.Request) { r.Header.Set("X-Request-Id", given) })
		if got := res.Header.Get("X-Request-Id"); (got == given) != kept || got == "" {
			t.Errorf("given %q, got %q", given, got)
		}
	}
}
