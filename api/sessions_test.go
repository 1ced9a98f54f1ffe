package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"failoverd/journal"
)

// fromPage makes a request look like one of the console's own: the cookie, and what a browser says about the sender.
func fromPage(cookie *http.Cookie) func(*http.Request) {
	return func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
}

// signIn signs in with a token and returns the cookie.
func (w *world) signIn(secret string) *http.Cookie {
	w.t.Helper()
	res, answer := w.call("POST", sessionPath, "", fmt.Sprintf(`{"token":%q}`, secret))
	if res.StatusCode != http.StatusCreated || len(res.Cookies()) != 1 {
		w.t.Fatalf("sign in: %s %s, cookies %v", res.Status, answer, res.Cookies())
	}
	return res.Cookies()[0]
}

// A session is made of a token, may do what the token may, is in the history under the token's name, and ends.
func TestSessionLife(t *testing.T) {
	w := startWorld(t, Limits{})
	secret := w.token(Operator).Secret
	c := w.signIn(secret)
	if c.Name != cookieName || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 11*3600 || c.MaxAge > 12*3600 {
		t.Errorf("the cookie: %+v", c)
	}
	if res, answer := w.call("GET", sessionPath, "", "", fromPage(c)); res.StatusCode != 200 || !strings.Contains(string(answer), `"role":"operator"`) || !strings.Contains(string(answer), `"via":"console"`) {
		t.Errorf("who am I: %s %s", res.Status, answer)
	}
	if res, answer := w.call("POST", "/api/v1/servers/PBX/suspend", "", `{"reason":"x"}`, fromPage(c)); res.StatusCode != 200 {
		t.Errorf("suspend: %s %s", res.Status, answer)
	}
	if given := w.standby.orders(); len(given) != 1 || given[0].Order.By.Name != "operator x" || given[0].Order.By.Via != "console" || given[0].Order.By.Kind != "token" {
		t.Errorf("the order: %+v", given)
	}
	if p := w.refused("POST", "/api/v1/reload", "", "", fromPage(c)); p.Status != 403 || p.Code != Forbidden {
		t.Errorf("an operator reloads: %+v", p)
	}
	if res, _ := w.call("DELETE", sessionPath, "", "", fromPage(c)); res.StatusCode != 204 || len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
		t.Errorf("sign out: %s, %v", res.Status, res.Cookies())
	}
	if p := w.refused("GET", "/api/v1/status", "", "", fromPage(c)); p.Status != 401 || !strings.Contains(p.Detail, "sign in again") {
		t.Errorf("after it: %+v", p)
	}
	if in, out := w.events("audit.signed_in"), w.events("audit.signed_out"); len(in) != 1 || len(out) != 1 || in[0].Actor.Name != "operator x" || out[0].Actor.Name != "operator x" {
		t.Errorf("in the history: %+v, %+v", in, out)
	}
	if res, answer := w.call("GET", sessionPath, "", "", fromPage(c)); res.StatusCode != 200 || !strings.Contains(string(answer), `"role":"none"`) {
		t.Errorf("who am I, after it: %s %s", res.Status, answer)
	}
	if got := w.events("audit.refused"); len(got) != 2 { // the reload, and the status without a session
		t.Errorf("refusals in the history: %+v", got)
	}
	w.searchFor(c.Value)
	w.searchFor(secret)
}

// A change with the cookie needs the browser's word that a page of this site sends it.
func TestSessionNeedsItsOwnPage(t *testing.T) {
	w := startWorld(t, Limits{})
	c := w.signIn(w.token(Operator).Secret)
	plain := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
	for name, change := range map[string]func(*http.Request){
		"nothing said":           func(*http.Request) {},
		"another site":           func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another port":           func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"typed":                  func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") },
		"another site's origin":  func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"another port's origin":  func(r *http.Request) { r.Header.Set("Origin", "https://127.0.0.1:1") },
		"no origin to speak of":  func(r *http.Request) { r.Header.Set("Origin", "null") },
		"the origin without TLS": func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
	} {
		for _, method := range []string{"POST /api/v1/servers/PBX/suspend", "DELETE " + sessionPath} {
			verb, path, _ := strings.Cut(method, " ")
			if p := w.refused(verb, path, "", "", plain, change); p.Status != 403 || p.Code != CrossOrigin || p.Changed {
				t.Errorf("%s, %s: %+v", name, method, p)
			}
		}
	}
	if given := w.standby.orders(); len(given) != 0 {
		t.Errorf("orders reached the standby: %+v", given)
	}
	if res, answer := w.call("POST", "/api/v1/servers/PBX/suspend", "", "", plain, func(r *http.Request) { r.Header.Set("Origin", w.url) }); res.StatusCode != 200 {
		t.Errorf("an old browser's own page: %s %s", res.Status, answer)
	}
	if res, answer := w.call("GET", "/api/v1/status", "", "", plain); res.StatusCode != 200 {
		t.Errorf("a question: %s %s", res.Status, answer)
	}
}

// A session ends with its token, at once.
func TestSessionEndsWithItsToken(t *testing.T) {
	w := startWorld(t, Limits{})
	made := w.token(Viewer)
	c := w.signIn(made.Secret)
	if _, err := w.client().RevokeToken(t.Context(), made.ID, "left"); err != nil {
		t.Fatal(err)
	}
	if p := w.refused("GET", "/api/v1/status", "", "", fromPage(c)); p.Status != 401 || !strings.Contains(p.Detail, "revoked") {
		t.Errorf("its token is revoked: %+v", p)
	}
	if n := w.api.access.sessions.number(time.Now()); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
	w.storeToken("short", func(t *journal.Token) { t.Expires = time.Now().Add(time.Hour) })
	if c := w.signIn("short"); c.MaxAge > 3600 || c.MaxAge < 3500 {
		t.Errorf("a token of an hour makes a session of %d s", c.MaxAge)
	}
}

// Wrong tokens at the door are counted like wrong tokens anywhere, and are in the history.
func TestSignInWithWrongTokens(t *testing.T) {
	w := startWorld(t, Limits{Failures: 3})
	w.storeToken("expired", func(t *journal.Token) { t.Expires = time.Now().Add(-time.Hour) })
	for _, secret := range []string{"fvt_guess", "expired", " "} {
		if p := w.refused("POST", sessionPath, "", fmt.Sprintf(`{"token":%q}`, secret)); p.Status != 401 || p.Code != Unauthenticated || p.Changed {
			t.Errorf("%q: %+v", secret, p)
		}
	}
	res, answer := w.call("POST", sessionPath, "", `{"token":"fvt_guess"}`)
	if p := w.problem(res, answer); p.Status != 429 || p.Code != RateLimited || res.Header.Get("Retry-After") == "" || len(res.Cookies()) != 0 {
		t.Errorf("one too many: %+v, %v", p, res.Header)
	}
	if p := w.refused("GET", "/api/v1/status", "fvt_guess", ""); p.Status != 429 {
		t.Errorf("the same allowance elsewhere: %+v", p)
	}
	if got := w.events("audit.refused"); len(got) == 0 || got[0].Actor.Via != "console" {
		t.Errorf("in the history: %+v", got)
	}
	w.signIn(w.token(Viewer).Secret) // Who has a good one is let in all the same.
}

// The number of sessions is bounded, for one token and for all, and the one that ends first gives way.
func TestSessionsAreBounded(t *testing.T) {
	s, now := newSessions(), time.Now()
	first := s.begin(session{id: "a", expires: now.Add(time.Minute)}, now)
	var last string
	for range sessionsPerToken {
		last = s.begin(session{id: "a", expires: now.Add(time.Hour)}, now)
	}
	if _, ok := s.find(sha256.Sum256([]byte(first)), now); ok || s.number(now) != sessionsPerToken {
		t.Errorf("the first is open: %t; %d are", ok, s.number(now))
	}
	if _, ok := s.find(sha256.Sum256([]byte(last)), now); !ok {
		t.Error("the last is not open")
	}
	for i := range sessionsKept + 5 {
		s.begin(session{id: fmt.Sprint(i), expires: now.Add(2 * time.Hour)}, now)
	}
	if n := s.number(now); n != sessionsKept {
		t.Errorf("%d are open", n)
	}
	if n := s.number(now.Add(2 * time.Hour)); n != 0 {
		t.Errorf("%d are open when all have expired", n)
	}
}

// Signing out ends the streams of events too.
func TestSignOutEndsStreams(t *testing.T) {
	w := startWorld(t, Limits{})
	c := w.signIn(w.token(Viewer).Secret)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", w.url+"/api/v1/events/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	fromPage(c)(req)
	res, err := w.web.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("open a stream: %v, %v", res, err)
	}
	defer res.Body.Close()
	if out, _ := w.call("DELETE", sessionPath, "", "", fromPage(c)); out.StatusCode != 204 {
		t.Fatalf("sign out: %s", out.Status)
	}
	buffer := make([]byte, 1024)
	for err == nil {
		_, err = res.Body.Read(buffer)
	}
	if ctx.Err() != nil {
		t.Error("the stream goes on")
	}
}

// The console's files are there for everybody, may do next to nothing, and nothing else is below their path.
func TestConsoleFiles(t *testing.T) {
	w := startWorld(t, Limits{})
	for path, kind := range map[string]string{"/": "text/html", "/console/main.js": "text/javascript", "/console/style.css": "text/css", "/console/icon.svg": "image/svg+xml"} {
		res, answer := w.call("GET", path, "", "")
		csp := res.Header.Get("Content-Security-Policy")
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), kind) || len(answer) == 0 {
			t.Errorf("%s: %s, %s, %d bytes", path, res.Status, res.Header.Get("Content-Type"), len(answer))
		}
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: policy %q", path, csp)
		}
		again, _ := w.call("GET", path, "", "", func(r *http.Request) { r.Header.Set("If-None-Match", res.Header.Get("ETag")) })
		wantStatus(t, again, http.StatusNotModified)
	}
	for _, path := range []string{"/console/", "/console/index.html", "/console/../api.go", "/console/doc.go", "/console"} {
		if p := w.refused("GET", path, "", ""); p.Status != 404 && p.Status != 401 {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if p := w.refused("POST", "/", w.token(Viewer).Secret, ""); p.Status != 405 {
		t.Errorf("POST /: %+v", p)
	}
}
