package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// maxBody is how much of a body is looked at, in bytes; as much is allowed for
// the headers.
const maxBody = 64 << 10

// HTTP asks for a page and compares its status and its body.
type HTTP struct {
	Question // Addr is set by Probe

	// URL is http or https; its host is an IP address, so that no name server
	// takes part in the question.
	URL string

	// Status is the one that is wanted, 200 if zero. A redirect is a status
	// like any other and is not followed.
	Status int

	// Body is a part of the body that is wanted, in its first 64 KiB.
	Body string
}

// Probe asks once, over a connection of its own.
func (p HTTP) Probe(ctx context.Context) Result {
	u, to, err := endpoint(p.URL)
	if err != nil {
		return p.end(ctx, p.begin(), Unknown, err.Error())
	}
	p.Addr = to.Addr().Unmap()
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	r := p.begin()
	conn, outcome, evidence := p.connect(ctx, r.Sent, to)
	if conn == nil {
		return p.end(ctx, r, outcome, evidence)
	}
	// The standard client would leave goroutines behind that end some time
	// later; one request on one connection needs none.
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(r.Sent.Add(p.Timeout)); err != nil {
		return p.end(ctx, r, Unknown, sendFault(err))
	}
	broken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(broken)
		_ = conn.SetDeadline(time.Unix(1, 0)) // A closed connection needs none.
	})
	defer func() {
		if !stop() {
			<-broken
		}
	}()
	status, body, err := p.exchange(ctx, conn, u)
	if err != nil {
		outcome, evidence := p.failure(ctx, err, to)
		return p.end(ctx, r, outcome, evidence)
	}
	switch {
	case status != p.Status:
		return p.end(ctx, r, Missed, fmt.Sprintf("%s has status %s, wanted is %s", p.URL, statusText(status), statusText(p.Status)))
	case !bytes.Contains(body, []byte(p.Body)):
		return p.end(ctx, r, Missed, fmt.Sprintf("%s does not contain %q in its first %d bytes", p.URL, p.Body, len(body)))
	default:
		return p.end(ctx, r, Answered, fmt.Sprintf("%s has status %s", p.URL, statusText(status)))
	}
}

// exchange sends the request and reads the answer as far as it matters.
func (p HTTP) exchange(ctx context.Context, conn net.Conn, u *url.URL) (status int, body []byte, err error) {
	if u.Scheme == "https" {
		// The question is whether the service answers; nothing secret is sent,
		// and a certificate is hardly ever made out to an address.
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // see above
		if err := secure.HandshakeContext(ctx); err != nil {
			return 0, nil, fmt.Errorf("TLS: %w", err)
		}
		conn = secure
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	request.Close = true
	request.Header.Set("User-Agent", "failoverd")
	if err := request.Write(conn); err != nil {
		return 0, nil, fmt.Errorf("request: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 2*maxBody)), request)
	if err != nil {
		return 0, nil, fmt.Errorf("answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if p.Body == "" {
		return response.StatusCode, nil, nil
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil && !bytes.Contains(body, []byte(p.Body)) && len(body) < maxBody {
		return 0, nil, fmt.Errorf("body: %w", err)
	}
	return response.StatusCode, body, nil
}

// endpoint is where a URL leads.
func endpoint(raw string) (*url.URL, netip.AddrPort, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("URL: %w", err)
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("URL %s: the host must be an IP address", raw)
	}
	port := uint64(80)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, netip.AddrPort{}, fmt.Errorf("URL %s: the scheme must be http or https", raw)
	case u.Port() != "":
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil {
			return nil, netip.AddrPort{}, fmt.Errorf("URL %s: port: %w", raw, err)
		}
	case u.Scheme == "https":
		port = 443
	}
	return u, netip.AddrPortFrom(addr, uint16(port)), nil
}

// statusText is a status for people.
func statusText(status int) string {
	return fmt.Sprintf("%d %s", status, http.StatusText(status))
}
