package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failoverd/journal"
)

// world is a daemon's API on a real unix socket and a real TLS port, with a
// real journal and a fake standby.
type world struct {
	t       *testing.T
	standby *fakeStandby
	agents  *fakeAgents
	journal *journal.Journal
	api     *Server
	socket  string
	url     string
	pin     string
	log     *bytes.Buffer
	logLock *lockedWriter
	web     *http.Client // trusts the daemon's certificate

	scrapeToken string
}

// startWorld starts it and ends it with the test.
func startWorld(t *testing.T, limits Limits) *world {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), filepath.Join(dir, "journal"), journal.Options{Recipients: func(string) []journal.Recipient { return []journal.Recipient{{To: "ops@example.com"}} }})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, standby: newFakeStandby(), agents: &fakeAgents{}, journal: j, socket: filepath.Join(dir, "s"), log: &bytes.Buffer{}}
	w.logLock = &lockedWriter{w: w.log}
	w.api, err = New(Config{
		Standby: w.standby, History: j, Agents: w.agents, Version: "1.2.3", Limits: limits,
		Log: slog.New(slog.NewTextHandler(w.logLock, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := ListenSocket(w.socket, "")
	if err != nil {
		t.Fatal(err)
	}
	own, err := OwnCertificate(dir, []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	w.pin = Fingerprint(own)
	port, err := ListenTLS(netip.MustParseAddrPort("127.0.0.1:0"), own, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.url = "https://" + port.Addr().String()
	trust, err := clientTLS("", w.pin)
	if err != nil {
		t.Fatal(err)
	}
	w.web = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, MaxIdleConnsPerHost: 4}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.api.Run(ctx, socket, port) }()
	t.Cleanup(func() {
		w.web.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := j.Close(); err != nil {
			t.Errorf("close the journal: %v", err)
		}
	})
	return w
}

// client is a client on the socket.
func (w *world) client() *Client {
	w.t.Helper()
	c, err := NewClient(ClientConfig{Socket: w.socket})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// remote is a client over TLS with that token.
func (w *world) remote(token string) *Client {
	w.t.Helper()
	c, err := NewClient(ClientConfig{URL: w.url, Token: token, Pin: w.pin})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// token makes a token and returns its secret.
func (w *world) token(role Role, servers ...string) CreatedToken {
	w.t.Helper()
	made, err := w.client().CreateToken(w.t.Context(), NewToken{Name: string(role) + " " + strings.Join(servers, " ") + "x", Role: string(role), Servers: servers})
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// storeToken puts a token into the journal that the API itself would not make.
func (w *world) storeToken(secret string, change func(*journal.Token)) journal.Token {
	w.t.Helper()
	hash := sha256.Sum256([]byte(secret))
	t := journal.Token{ID: "tok_" + secret, Name: secret, Role: "admin", Prefix: "fvt_", Hash: hash[:], Created: time.Now(), Expires: time.Now().Add(time.Hour)}
	change(&t)
	if err := w.journal.AddToken(w.t.Context(), t); err != nil {
		w.t.Fatal(err)
	}
	return t
}

// commit writes events and returns them with their numbers.
func (w *world) commit(events ...journal.Event) []journal.Event {
	w.t.Helper()
	stored, err := w.journal.Commit(w.t.Context(), journal.Batch{Events: events})
	if err != nil {
		w.t.Fatal(err)
	}
	return stored
}

// events are the events of that kind, the oldest first.
func (w *world) events(kind string) []journal.Event {
	w.t.Helper()
	found, err := w.journal.Events(w.t.Context(), journal.EventQuery{Kind: kind})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// call is one request over TLS.
func (w *world) call(method, path, token, body string, change ...func(*http.Request)) (*http.Response, []byte) {
	w.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, content)
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		c(req)
	}
	res, err := w.web.Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res, answer
}

// refused is a request that must be answered with a problem; it is checked for
// what every problem must have.
func (w *world) refused(method, path, token, body string, change ...func(*http.Request)) Problem {
	w.t.Helper()
	res, answer := w.call(method, path, token, body, change...)
	return w.problem(res, answer)
}

// problem checks that an answer is a whole problem.
func (w *world) problem(res *http.Response, answer []byte) Problem {
	w.t.Helper()
	if got := res.Header.Get("Content-Type"); got != problemType {
		w.t.Errorf("%s %s: status %d, Content-Type %q, want %q; body %s", res.Request.Method, res.Request.URL.Path, res.StatusCode, got, problemType, answer)
	}
	var keys map[string]any
	if err := json.Unmarshal(answer, &keys); err != nil {
		w.t.Fatalf("a problem is not JSON: %v: %s", err, answer)
	}
	for _, k := range []string{"type", "title", "status", "detail", "instance", "code", "changed", "checks", "operation", "try", "errors", "request_id"} {
		if v, ok := keys[k]; !ok || v == nil {
			w.t.Errorf("the problem has no %s: %s", k, answer)
		}
	}
	var p Problem
	if err := json.Unmarshal(answer, &p); err != nil {
		w.t.Fatal(err)
	}
	if p.Status != res.StatusCode || p.Code == "" || p.Detail == "" || p.Title == "" {
		w.t.Errorf("the problem is not whole: %+v for status %d", p, res.StatusCode)
	}
	if p.RequestID == "" || p.RequestID != res.Header.Get("X-Request-Id") {
		w.t.Errorf("request_id %q, X-Request-Id %q", p.RequestID, res.Header.Get("X-Request-Id"))
	}
	return p
}

// raw opens a TLS connection of which the test writes every byte.
func (w *world) raw() net.Conn {
	w.t.Helper()
	transport := w.web.Transport.(*http.Transport)
	c, err := tlsDial(strings.TrimPrefix(w.url, "https://"), transport.TLSClientConfig)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// logged is the log until now.
func (w *world) logged() string {
	w.logLock.mu.Lock()
	defer w.logLock.mu.Unlock()
	return w.log.String()
}

// noHistory is a history in which nothing has happened.
type noHistory struct{ History }

func (noHistory) Changed() <-chan struct{} { return nil }

func (noHistory) Events(context.Context, journal.EventQuery) ([]journal.Event, error) {
	return nil, nil
}

func (noHistory) Commit(context.Context, journal.Batch) ([]journal.Event, error) { return nil, nil }

// orderDirectly sends an order for a failover as root on the socket would,
// without a connection.
func orderDirectly(ctx context.Context, s *Server, body []byte, contentType, dryRun string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/api/v1/servers/PBX/failover", bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if dryRun != "" {
		r.URL.RawQuery = "dry_run=" + dryRun
	}
	r = r.WithContext(context.WithValue(ctx, peerKey, peer{name: "root"}))
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, r)
	return answer
}
