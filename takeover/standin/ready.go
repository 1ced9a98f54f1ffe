package standin

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	// readyFirst and readyMost bound the pause between two checks, doubled each time.
	readyFirst = 100 * time.Millisecond
	readyMost  = time.Second
	// readyTry is the time that a single check may take: one that hangs must not use up all the time that there is.
	readyTry = 5 * time.Second
	// bodyLimit is how much of an HTTP answer is searched, in bytes.
	bodyLimit = 1 << 20
)

// Ready says when a stand-in that was started is at its users' service: the first that is set of TCP, HTTP and
// Command. The zero value is always ready.
type Ready struct {
	TCP     netip.AddrPort // accepts a connection
	HTTP    *HTTPCheck
	Command []string      // ends with status 0
	Env     []string      // for Command, beside PATH
	Timeout time.Duration // for all checks together; 0 is DefaultTimeout
}

// HTTPCheck is a question to a web server.
type HTTPCheck struct {
	URL    string
	Status int    // expected; 0 is 200
	Body   string // must occur in the answer; "" is not looked for
}

// Environ returns the environment that the stand-in of spec is given, for its Ready command.
func (s Spec) Environ() []string { return s.Environment.list(s.Dir) }

// Wait asks every 100 ms, then less often, at least once a second, until the stand-in is ready. It returns the
// evidence; after the time-out, or when ctx ends, an error with the last check's.
func (r Ready) Wait(ctx context.Context) (evidence string, err error) {
	check := r.check()
	if check == nil {
		return "no readiness check is configured", nil
	}
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return waitUntil(ctx, timeout, check)
}

// check returns the configured check, nil if there is none.
func (r Ready) check() func(context.Context) (string, error) {
	switch {
	case r.TCP.IsValid():
		return func(ctx context.Context) (string, error) { return checkTCP(ctx, r.TCP) }
	case r.HTTP != nil:
		return r.HTTP.check
	case len(r.Command) > 0:
		return func(ctx context.Context) (string, error) {
			output, err := RunCommand(ctx, Command{Args: r.Command, Env: r.Env, Timeout: readyTry})
			return "ready command: exit status 0" + because(output), err
		}
	}
	return nil
}

// waitUntil repeats check until it returns no error.
func waitUntil(ctx context.Context, timeout time.Duration, check func(context.Context) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not ready within %v", timeout))
	defer cancel()
	end, _ := ctx.Deadline()
	var last error
	for pause := readyFirst; ; pause = min(2*pause, readyMost) {
		try, done := context.WithTimeout(ctx, readyTry)
		evidence, err := check(try)
		done()
		if err == nil {
			return evidence, nil
		}
		// A check that the end of time cut short knows less than the one before it. The clock is asked, since the
		// deadline of a socket is kept by another timer than that of the context.
		if last == nil || ctx.Err() == nil && time.Now().Before(end) {
			last = err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return "", fmt.Errorf("wait for the stand-in: %w: %w", context.Cause(ctx), last)
		}
	}
}

// checkTCP makes a connection and closes it.
func checkTCP(ctx context.Context, to netip.AddrPort) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%v accepts connections", to), conn.Close()
}

// check asks the web server once. Its certificate is not looked at: the question is whether our own application is up,
// by an IP address that its certificate need not name, not who it is. A redirect is an answer, not an order.
func (h *HTTPCheck) check(ctx context.Context) (evidence string, err error) {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	want := h.Status
	if want == 0 {
		want = http.StatusOK
	}
	if res.StatusCode != want {
		return "", fmt.Errorf("GET %s: answered %s, expected %d", h.URL, res.Status, want)
	}
	if h.Body != "" {
		body, err := io.ReadAll(io.LimitReader(res.Body, bodyLimit))
		if err != nil {
			return "", fmt.Errorf("GET %s: read the answer: %w", h.URL, err)
		}
		if !bytes.Contains(body, []byte(h.Body)) {
			return "", fmt.Errorf("GET %s: answered %s without %q", h.URL, res.Status, h.Body)
		}
	}
	return fmt.Sprintf("GET %s: answered %s", h.URL, res.Status), nil
}
