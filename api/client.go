package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"failoverd/plan"
)

// ErrNoDaemon says that nobody answers at the socket or the address.
var ErrNoDaemon = errors.New("no failoverd answers")

// ErrClosed says that the daemon was there and went away in the middle: what
// became of the request is not known.
var ErrClosed = errors.New("the connection to failoverd was lost")

// maxAnswer bounds an answer, so that a server that is none does not fill the
// memory of the client.
const maxAnswer = 64 << 20

// ClientConfig says where the daemon is and who asks.
type ClientConfig struct {
	Socket string // path of the unix socket; used when URL is empty
	URL    string // https://host:port
	Token  string // for URL
	CAFile string // PEM; the server's certificate must be issued by one of these, or be one of them
	Pin    string // SHA-256 fingerprint of the server's certificate, with or without colons
	// Timeout bounds a request, but not a stream. Zero means 30 s.
	Timeout time.Duration
}

// Client is the typed client of the API. Its methods may be called from several
// goroutines. Errors are *Problem when the daemon answered, ErrNoDaemon when
// nobody did.
type Client struct {
	base    string
	token   string
	http    *http.Client
	timeout time.Duration
	pause   time.Duration // before an order is given again
	where   string        // for error texts
}

// NewClient returns a client. It does not connect yet.
func NewClient(c ClientConfig) (*Client, error) {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		// The daemon is asked directly: a proxy may be part of the outage, and
		// must not see the token.
		Proxy: nil,
	}
	client := &Client{token: c.Token, timeout: c.Timeout, pause: commissionPause, http: &http.Client{Transport: transport, CheckRedirect: noRedirect}}
	if client.timeout == 0 {
		client.timeout = 30 * time.Second
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if c.URL == "" {
		if c.Socket == "" {
			return nil, errors.New("neither a socket nor a URL is given")
		}
		client.base, client.where, client.token = "http://failoverd", c.Socket, ""
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", c.Socket)
		}
		return client, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("url %q: want https://host:port", c.URL)
	}
	if u.Scheme == "http" && c.Token != "" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("url %q: the token would cross the network in clear text; use https", c.URL)
	}
	client.base, client.where = strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/"), u.Host
	transport.DialContext = dialer.DialContext
	transport.TLSHandshakeTimeout = 5 * time.Second
	if transport.TLSClientConfig, err = clientTLS(c.CAFile, c.Pin); err != nil {
		return nil, err
	}
	return client, nil
}

// noRedirect keeps the token from going anywhere else.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// loopback reports whether the host is this one.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close gives the idle connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// get reads one document.
func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, q, nil, nil)
}

// post orders something.
func post[T any](ctx context.Context, c *Client, path string, q url.Values, body any) (T, error) {
	return ask[T](ctx, c, http.MethodPost, path, q, body, nil)
}

// commission gives an order for an operation. When the connection is lost before the answer has come, the same order is given again
// under the same name, also to a daemon that starts again meanwhile: it is carried out once.
func commission(ctx context.Context, c *Client, path string, d Decision) (plan.Record, error) {
	header := http.Header{"Idempotency-Key": {rand.Text()}}
	lost := false
	for again := 0; ; again++ {
		r, err := ask[plan.Record](ctx, c, http.MethodPost, path, nil, d, header)
		lost = lost || errors.Is(err, ErrClosed)
		if err == nil || !lost || again == commissionAgain || !errors.Is(err, ErrClosed) && !errors.Is(err, ErrNoDaemon) {
			return r, err
		}
		pause := time.NewTimer(c.pause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return r, err
		}
	}
}

// commissionAgain is how often an order is given again whose answer was lost, and commissionPause how long is waited before each.
const (
	commissionAgain = 10
	commissionPause = time.Second
)

// ask is one request with its answer.
func ask[T any](ctx context.Context, c *Client, method, path string, q url.Values, body any, header http.Header) (T, error) {
	var answer T
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, err := c.send(ctx, method, path, q, body, header)
	if err != nil {
		return answer, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer, c.lost(ctx, err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("read the answer of %s to %s %s: %w", c.where, method, path, err)
	}
	return answer, nil
}

// send sends a request and returns the response of one that was accepted. The
// caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, q url.Values, body any, header http.Header) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		content = bytes.NewReader(data)
	}
	target := c.base + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(ctx, err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, c.problem(res)
}

// problem reads the error of an answer.
func (c *Client) problem(res *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	var p Problem
	if strings.HasPrefix(res.Header.Get("Content-Type"), problemType) && json.Unmarshal(data, &p) == nil && p.Code != "" {
		return &p
	}
	return fmt.Errorf("%s answered %s, but not in the words of failoverd", c.where, res.Status)
}

// lost says what a failed connection means.
func (c *Client) lost(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("ask failoverd at %s: %w", c.where, cause)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // Its text has the whole URL in it, which says nothing new.
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return fmt.Errorf("%w at %s: %w", ErrNoDaemon, c.where, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrClosed, c.where, err)
}
