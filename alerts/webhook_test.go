package alerts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// webhookPath is a path with a token, as many receivers have one.
const webhookPath = "/hooks/t0k3n-of-the-receiver"

// genuine is how a receiver examines what comes: docs/alerts.md shows it.
func genuine(secret, header string, body []byte, now time.Time) error {
	var seconds, given string
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			seconds = value
		case "v1":
			given = value
		}
	}
	sent, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return errors.New("no time")
	}
	if age := now.Sub(time.Unix(sent, 0)); age.Abs() > 5*time.Minute {
		return errors.New("too old, or from the future")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(given)) {
		return errors.New("not signed with our secret")
	}
	return nil
}

// receiver is a real HTTP server, over TLS with an authority of its own, and the webhook that leads there. What is given
// beside is called when somebody connects, before anything can be sent to it.
func receiver(t *testing.T, answer http.HandlerFunc, connects ...func()) WebhookConfig {
	t.Helper()
	certificate, authority := newCertificate(t)
	server := httptest.NewUnstartedServer(answer)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		for _, called := range connects {
			called()
		}
		return nil, nil
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return WebhookConfig{
		URL: server.URL + webhookPath, CAFile: authority, Timeout: 20 * time.Second, Agent: "failoverd/test",
		Secret: func() (string, error) { return testSecret, nil },
	}
}

// post sends the sample and checks that no error shows the secret or the path.
func post(t *testing.T, c WebhookConfig) (string, bool, error) {
	t.Helper()
	// Not the deadline that a test waits for, so that one without its own is told from one that has ended.
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the time-out of the webhook has not ended it"))
	defer cancel()
	answer, retry, err := NewWebhook(c).Send(ctx, sample())
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), "t0k3n") || strings.Contains(e.Error(), testSecret) {
			t.Errorf("the token or the secret is in %q", e)
		}
	}
	return answer, retry, err
}

// What arrives is the whole alert as JSON, signed so that its receiver can tell it from anybody else's and from an old one.
func TestWebhookArrivesSigned(t *testing.T) {
	var got *http.Request
	var body []byte
	c := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		io.WriteString(w, "thanks\n")
	})
	answer, retry, err := post(t, c)
	if err != nil || retry || answer != "200 OK: thanks" {
		t.Fatalf("answer %q, retry %t, %v", answer, retry, err)
	}
	if got.Method != http.MethodPost || got.URL.Path != webhookPath || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("User-Agent") != "failoverd/test" {
		t.Errorf("%s %s, %v", got.Method, got.URL.Path, got.Header)
	}
	var n Notification
	if err := json.Unmarshal(body, &n); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample().Notification, n); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}
	if got.Header.Get("Failoverd-Id") != n.ID || got.Header.Get("Failoverd-Event") != "takeover.done" {
		t.Errorf("headers %v", got.Header)
	}
	signature := got.Header.Get(SignatureHeader)
	if err := genuine(testSecret, signature, body, time.Now()); err != nil {
		t.Errorf("signature %s: %v", signature, err)
	}
	for name, forged := range map[string]error{
		"another secret":   genuine("hunter2", signature, body, time.Now()),
		"another body":     genuine(testSecret, signature, append(body, ' '), time.Now()),
		"another time":     genuine(testSecret, strings.Replace(signature, "t=1", "t=2", 1), body, time.Now()),
		"replayed":         genuine(testSecret, signature, body, time.Now().Add(6*time.Minute)),
		"no signature":     genuine(testSecret, "", body, time.Now()),
		"a signature only": genuine(testSecret, "v1="+signature[strings.Index(signature, "v1=")+3:], body, time.Now()),
	} {
		if forged == nil {
			t.Errorf("%s: taken for genuine", name)
		}
	}
}

// What each answer means: arrived, to be tried again, or refused for good.
func TestWebhookAnswers(t *testing.T) {
	for _, tt := range []struct {
		status    int
		delivered bool
		retry     bool
	}{
		{200, true, false},
		{202, true, false},
		{204, true, false},
		{301, false, true},
		{302, false, true},
		{307, false, true},
		{400, false, false},
		{401, false, true},
		{403, false, true},
		{404, false, true},
		{408, false, true},
		{410, false, false},
		{413, false, false},
		{422, false, false},
		{429, false, true},
		{500, false, true},
		{503, false, true},
	} {
		t.Run(strconv.Itoa(tt.status), func(t *testing.T) {
			var elsewhere atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
			defer other.Close()
			c := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", other.URL)
				w.WriteHeader(tt.status)
			})
			answer, retry, err := post(t, c)
			if (err == nil) != tt.delivered || retry != tt.retry {
				t.Errorf("answer %q, retry %t, %v", answer, retry, err)
			}
			if n := elsewhere.Load(); n != 0 {
				t.Errorf("the alert went elsewhere %d times", n)
			}
		})
	}
}

// A receiver that cannot be trusted gets nothing.
func TestWebhookVerifiesTheReceiver(t *testing.T) {
	var got atomic.Int32
	c := receiver(t, func(http.ResponseWriter, *http.Request) { got.Add(1) })
	_, stranger := newCertificate(t)
	for name, change := range map[string]func(*WebhookConfig){
		"unknown authority": func(c *WebhookConfig) { c.CAFile = "" },
		"another authority": func(c *WebhookConfig) { c.CAFile = stranger },
		"another name":      func(c *WebhookConfig) { c.URL = strings.Replace(c.URL, "127.0.0.1", "localhost", 1) },
		"no such file":      func(c *WebhookConfig) { c.CAFile += ".gone" },
		"no secret":         func(c *WebhookConfig) { c.Secret = func() (string, error) { return "", errors.New("it is gone") } },
		"empty secret":      func(c *WebhookConfig) { c.Secret = func() (string, error) { return "", nil } },
		"not encrypted":     func(c *WebhookConfig) { c.URL = strings.Replace(c.URL, "https:", "http:", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			change(&c)
			if answer, _, err := post(t, c); err == nil {
				t.Errorf("accepted with %q", answer)
			}
		})
	}
	if n := got.Load(); n != 0 {
		t.Errorf("%d alerts arrived", n)
	}
}

// A proxy of the environment gets nothing either.
func TestWebhookKnowsNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:1")
	if _, _, err := post(t, receiver(t, func(http.ResponseWriter, *http.Request) {})); err != nil {
		t.Error(err)
	}
}

// A receiver that is slow, cuts the line or talks without end costs no more than the time-out, and what it had not accepted is sent again.
func TestWebhookBadReceivers(t *testing.T) {
	hijacked := func(text string, hang bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, text)
			for hang {
				if _, err := conn.Read(make([]byte, 1024)); err != nil {
					return // the sender has had enough
				}
			}
		}
	}
	endless := func(head, line string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for _, err = io.WriteString(conn, head); err == nil; {
				_, err = io.WriteString(conn, line)
			}
		}
	}
	const hasty = 300 * time.Millisecond
	for name, tt := range map[string]struct {
		answer    http.HandlerFunc
		timeout   time.Duration
		delivered bool
	}{
		"says nothing":               {hijacked("", true), hasty, false},
		"cut at once":                {hijacked("", false), 0, false},
		"cut in the status":          {hijacked("HTTP/1.1 20", false), 0, false},
		"cut in the headers":         {hijacked("HTTP/1.1 200 OK\r\nContent-Le", false), 0, false},
		"hangs in the headers":       {hijacked("HTTP/1.1 200 OK\r\nContent-Le", true), hasty, false},
		"cut in the answer's body":   {hijacked("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", false), 0, true},
		"hangs in the answer's body": {hijacked("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", true), hasty, true},
		"talks without end":          {endless("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("bla ", 1000)), 0, true},
		"headers without end":        {endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("b", 1000)+"\r\n"), 0, false},
		"no HTTP":                    {hijacked("220 mail.example.com ESMTP\r\n", false), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := receiver(t, tt.answer)
			if tt.timeout > 0 {
				c.Timeout = tt.timeout
			}
			answer, retry, err := post(t, c)
			if (err == nil) != tt.delivered || retry == tt.delivered {
				t.Errorf("answer %q, retry %t, %v", answer, retry, err)
			}
			if tt.timeout > 0 && !tt.delivered && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want a deadline", err)
			}
			if len(answer) > 2*mostWords {
				t.Errorf("an answer of %d bytes is kept", len(answer))
			}
		})
	}
}

// The dialogue shows a person what was said, and what is likely to be wrong, and neither secret nor token.
func TestWebhookDialogue(t *testing.T) {
	c := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "you are not %s", testSecret)
	})
	lines, err := NewWebhook(c).Dialogue(t.Context(), sample())
	text := strings.Join(lines, "\n")
	if err == nil || strings.Contains(text, "t0k3n") || strings.Contains(text, testSecret) || strings.Contains(err.Error(), testSecret) {
		t.Errorf("%v\n%s", err, text)
	}
	for _, want := range []string{"*: connected to 127.0.0.1:", "TLS 1.3", "C: POST to 127.0.0.1:", "S: 403 Forbidden", "S: you are not ***", "*: not sent: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	for url, want := range map[string]string{
		"https://" + closed: "likely cause: nothing listens",
		c.URL:               "likely cause: the server's certificate is signed by nobody",
	} {
		bad := c
		bad.URL, bad.CAFile = url, ""
		lines, err := NewWebhook(bad).Dialogue(t.Context(), sample())
		if text := strings.Join(lines, "\n"); err == nil || !strings.Contains(text, want) {
			t.Errorf("%v, want %q in\n%s", err, want, text)
		}
	}
}
