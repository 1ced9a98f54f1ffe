package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"failoverd/journal"
	"failoverd/plan"
)

// The console's cookie. Its name binds it to this host: a browser takes one that begins with __Host- only with Secure
// and Path=/, and from nobody else.
const cookieName = "__Host-failoverd"

// sessionLife is how long somebody stays signed in, if the token is good for as long.
const sessionLife = 12 * time.Hour

// Bounds on the sessions that are kept. The one that ends first gives way.
const (
	sessionsKept     = 1000
	sessionsPerToken = 20
)

// sessionKey is the SHA-256 of a session's secret, which only the browser has.
type sessionKey [sha256.Size]byte

// session is one browser that was signed in with a token. The token is looked at anew with each request, so that what
// its end or its expiry takes away is away at once.
type session struct {
	token   [sha256.Size]byte // SHA-256 of the token's secret
	id      string            // of the token
	expires time.Time
}

// sessions are the browsers that are signed in. They end with the daemon: nothing of them is on disk.
type sessions struct {
	mu   sync.Mutex
	open map[sessionKey]session
}

// newSessions returns sessions of which none is open.
func newSessions() *sessions { return &sessions{open: map[sessionKey]session{}} }

// begin opens a session and returns its secret.
func (s *sessions) begin(v session, now time.Time) string {
	secret := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	if s.count(func(o session) bool { return o.id == v.id }) >= sessionsPerToken {
		s.dropFirst(func(o session) bool { return o.id == v.id })
	}
	if len(s.open) >= sessionsKept {
		s.dropFirst(func(session) bool { return true })
	}
	s.open[sha256.Sum256([]byte(secret))] = v
	return secret
}

// find is the session of that key, if it is open.
func (s *sessions) find(key sessionKey, now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.open[key]
	if ok && !now.Before(v.expires) {
		delete(s.open, key)
		ok = false
	}
	return v, ok
}

// end closes the session of that key.
func (s *sessions) end(key sessionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, key)
}

// number is how many are open.
func (s *sessions) number(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	return len(s.open)
}

// expire drops what has expired.
func (s *sessions) expire(now time.Time) {
	for key, v := range s.open {
		if !now.Before(v.expires) {
			delete(s.open, key)
		}
	}
}

// count counts the sessions that are chosen.
func (s *sessions) count(choose func(session) bool) (n int) {
	for _, v := range s.open {
		if choose(v) {
			n++
		}
	}
	return n
}

// dropFirst closes the chosen session that would end first.
func (s *sessions) dropFirst(choose func(session) bool) {
	var first sessionKey
	var ends time.Time
	for key, v := range s.open {
		if choose(v) && (ends.IsZero() || v.expires.Before(ends)) {
			first, ends = key, v.expires
		}
	}
	delete(s.open, first)
}

// cookieOf is the key of the session that a request names.
func cookieOf(r *http.Request) (sessionKey, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil || c.Value == "" {
		return sessionKey{}, false
	}
	return sha256.Sum256([]byte(c.Value)), true
}

// bySession is the caller that has signed in.
func (a *access) bySession(r *http.Request, key sessionKey) (*caller, *Problem) {
	v, ok := a.sessions.find(key, time.Now())
	if !ok {
		return nil, newProblem(http.StatusUnauthorized, Unauthenticated, "the session has ended; sign in again")
	}
	c, p := a.byToken(r, v.token, "console")
	if p != nil {
		if p.Status == http.StatusUnauthorized {
			a.sessions.end(key)
		}
		return nil, p
	}
	c.session, c.expires = &key, v.expires
	return c, nil
}

// ownPage refuses a change that a browser sends with the cookie unless it says that a page of this very site sent it.
// SameSite keeps other sites' pages out, this keeps out the other ports of this host, and whoever says nothing.
func ownPage(r *http.Request, c *caller) *Problem {
	if c.session == nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	// Where one of them is there, it was looked at before.
	if r.Header.Get("Sec-Fetch-Site") == "same-origin" || r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") != "" {
		return nil
	}
	return newProblem(http.StatusForbidden, CrossOrigin, "with a session, a change needs Sec-Fetch-Site or Origin of this site; nothing was done")
}

// sessionEvent writes down that somebody was signed in or out.
func (s *Server) sessionEvent(ctx context.Context, kind, message string, by plan.Actor) {
	_, err := s.history.Commit(ctx, journal.Batch{Events: []journal.Event{{
		Kind: kind, Severity: journal.Info, Actor: journal.Actor(by), Message: message,
		Evidence: map[string]any{"request_id": requestID(ctx)},
	}}})
	if err != nil {
		s.log.Error("write a session down", "kind", kind, "err", err)
	}
}
