package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"failoverd/api"
	"failoverd/api/console"
)

// What the page does: how often it asks for the snapshot, how soon after an event, and how often for round-trip times.
const (
	every      = 2 * time.Second
	atOnce     = 250 * time.Millisecond
	chartEvery = 15 * time.Second
)

// perToken is how many consoles are signed in with one token.
const perToken = 10

// newHTTP is a client as a browser is one: with an address, connections and cookies of its own.
func newHTTP(from net.IP) (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	return &http.Client{Jar: jar, Transport: &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // The standby's certificate is its own.
		ForceAttemptHTTP2: true,
	}}, nil
}

// firstByte asks for a page on a new connection and says when its first byte came.
func firstByte(ctx context.Context, page string) (at time.Time, err error) {
	client, err := newHTTP(net.IPv4(127, 0, 3, 1))
	if err != nil {
		return at, err
	}
	defer client.CloseIdleConnections()
	body, err := ask(ctx, client, http.MethodGet, page, nil, nil)
	if err != nil {
		return at, err
	}
	defer body.Close()
	var one [1]byte
	if _, err := io.ReadFull(body, one[:]); err != nil {
		return at, err
	}
	at = time.Now()
	_, err = io.Copy(io.Discard, body)
	return at, err
}

// pages are open pages without a browser around them.
type pages struct {
	end     context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	err     error
}

// openPages opens so many, each as a function does it that tells when the page is there, and returns when all are.
func openPages(ctx context.Context, n int, one func(ctx context.Context, i int, client *http.Client, there func()) error) (*pages, error) {
	ctx, end := context.WithCancel(ctx)
	p := &pages{end: end}
	opened := make(chan struct{}, n)
	for i := range n {
		p.running.Go(func() {
			client, err := newHTTP(net.IPv4(127, 0, 4+byte(i/250), 1+byte(i%250)))
			if err == nil {
				err = one(ctx, i, client, func() { opened <- struct{}{} })
				client.CloseIdleConnections()
			}
			if err != nil && ctx.Err() == nil {
				p.fail(fmt.Errorf("page %d: %w", i+1, err))
				end()
			}
		})
	}
	for range n {
		select {
		case <-opened:
		case <-ctx.Done():
			return nil, errors.Join(p.close(), ctx.Err())
		}
	}
	return p, nil
}

// fail keeps the first error.
func (p *pages) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

// close ends them, and says if one of them was not well.
func (p *pages) close() error {
	p.end()
	p.running.Wait()
	return p.err
}

// openConsoles opens so many consoles.
func openConsoles(ctx context.Context, origin string, n int, tokens []string) (*pages, error) {
	return openPages(ctx, n, func(ctx context.Context, i int, client *http.Client, there func()) error {
		c := consolePage{client: client, origin: strings.TrimSuffix(origin, "/")}
		if err := c.signIn(ctx, tokens[i/perToken]); err != nil {
			return err
		}
		return c.follow(ctx, there)
	})
}

// consolePage is a console: the requests of its page.
type consolePage struct {
	client  *http.Client
	origin  string
	charted time.Time // when it asked for round-trip times last
}

// signIn fetches the page's files and signs in, as somebody does who opens it for the first time.
func (c *consolePage) signIn(ctx context.Context, token string) error {
	for path := range console.Parts() {
		if err := c.fetch(ctx, http.MethodGet, path, nil); err != nil {
			return err
		}
	}
	if err := c.fetch(ctx, http.MethodGet, api.Base+"/session", nil); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return err
	}
	return c.fetch(ctx, http.MethodPost, api.Base+"/session", body)
}

// look is what the overview asks for whenever it looks: the snapshot, the last operation of the server that is selected and, now
// and then, its round-trip times of the last hour.
func (c *consolePage) look(ctx context.Context) error {
	if err := c.fetch(ctx, http.MethodGet, api.Base+"/status", nil); err != nil {
		return err
	}
	if time.Since(c.charted) > chartEvery {
		c.charted = time.Now()
		from := url.QueryEscape(c.charted.Add(-time.Hour).UTC().Format(time.RFC3339Nano))
		if err := c.fetch(ctx, http.MethodGet, api.Base+"/servers/"+hostName(0)+"/probes?step=1m&from="+from, nil); err != nil {
			return err
		}
	}
	return c.fetch(ctx, http.MethodGet, api.Base+"/operations?limit=1&server="+hostName(0), nil)
}

// follow opens the stream of events and looks until ctx ends: every two seconds, and soon after an event.
func (c *consolePage) follow(ctx context.Context, there func()) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	last, err := c.lastEvent(ctx)
	if err != nil {
		return err
	}
	stream, err := ask(ctx, c.client, http.MethodGet, c.origin+api.Base+"/events/stream", nil, http.Header{"Last-Event-Id": {last}})
	if err != nil {
		return err
	}
	there()
	events, broken := make(chan struct{}, 1), make(chan error, 1)
	read := sync.WaitGroup{}
	read.Go(func() {
		lines := bufio.NewScanner(stream)
		for lines.Scan() {
			// Of a message without an event in it, a place in the stream, the first line is its number, and this the second.
			if kind, named := strings.CutPrefix(lines.Text(), "event: "); !named || kind == "position" {
				continue
			}
			select {
			case events <- struct{}{}:
			default: // It is going to look anyway.
			}
		}
		broken <- errors.Join(errors.New("the stream has ended"), lines.Err())
	})
	defer read.Wait()
	defer stream.Close()
	next := time.NewTimer(every)
	defer next.Stop()
	due := time.Now().Add(every)
	for {
		select {
		case <-events:
			if soon := time.Now().Add(atOnce); soon.Before(due) {
				due = soon
				next.Reset(atOnce)
			}
		case <-next.C:
			if err := c.look(ctx); err != nil {
				return err
			}
			due = time.Now().Add(every)
			next.Reset(every)
		case err := <-broken:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// lastEvent asks for the events that the log begins with, and returns the number of the last one.
func (c *consolePage) lastEvent(ctx context.Context) (string, error) {
	body, err := ask(ctx, c.client, http.MethodGet, c.origin+api.Base+"/events?limit=100", nil, nil)
	if err != nil {
		return "", err
	}
	defer body.Close()
	var list api.EventList
	if err := json.NewDecoder(body).Decode(&list); err != nil {
		return "", err
	}
	if len(list.Events) == 0 {
		return "0", nil
	}
	return strconv.FormatInt(list.Events[0].Seq, 10), nil
}

// fetch sends a request and reads its answer to the end.
func (c *consolePage) fetch(ctx context.Context, method, path string, body []byte) error {
	return fetch(ctx, c.client, method, c.origin+path, body)
}

// openMonits opens so many of monit's pages, each of which is loaded anew every two seconds, as it asks browsers to.
func openMonits(ctx context.Context, page string, n int) (*pages, error) {
	return openPages(ctx, n, func(ctx context.Context, _ int, client *http.Client, there func()) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for first := true; ; first = false {
			if err := fetch(ctx, client, http.MethodGet, page, nil); err != nil {
				return err
			}
			if first {
				there()
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// ask sends a request and returns the body of its answer.
func ask(ctx context.Context, client *http.Client, method, address string, body []byte, header http.Header) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		answer.Body.Close()
		return nil, fmt.Errorf("%s %s: %s", method, address, answer.Status)
	}
	return answer.Body, nil
}

// fetch sends a request and reads its answer to the end.
func fetch(ctx context.Context, client *http.Client, method, address string, body []byte) error {
	answer, err := ask(ctx, client, method, address, body, nil)
	if err != nil {
		return err
	}
	defer answer.Close()
	_, err = io.Copy(io.Discard, answer)
	return err
}
