package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"failoverd/journal"
	"failoverd/plan"
)

// Role is what somebody may do. Each role may do what the ones before it may.
type Role string

// The roles, the least first.
const (
	Viewer   Role = "viewer"   // read
	Operator Role = "operator" // suspend, stop, resume, fail over, release, cancel, test
	Admin    Role = "admin"    // tokens, audit, configuration
)

// rank orders the roles; an unknown one may do nothing.
func (r Role) rank() int { return slices.Index([]Role{Viewer, Operator, Admin}, r) }

// includes reports whether r may do what need may.
func (r Role) includes(need Role) bool { return r.rank() >= 0 && r.rank() >= need.rank() }

// caller is who sent a request.
type caller struct {
	actor   plan.Actor
	role    Role
	client  string      // whose number of streams is counted
	token   string      // identifier of the token, empty on the socket
	expires time.Time   // of the token or of the session; zero: never
	servers []string    // the only servers that it may see; nil: all
	session *sessionKey // of the console, nil for everybody else
}

// sees reports whether the caller may know about the server. What concerns the
// standby itself, with no server's name, only those see who see all.
func (c *caller) sees(server string) bool {
	return c.servers == nil || slices.Contains(c.servers, server)
}

// contextKey is the type of the keys of what a request carries with it.
type contextKey int

const (
	callerKey contextKey = iota
	requestIDKey
	peerKey
)

// callerOf is who sent the request. Routes that need a role have one always.
func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey).(*caller)
	return c
}

// access knows who may come in, and how often somebody knocks.
type access struct {
	history  History
	log      *slog.Logger
	sessions *sessions
	requests *limiter // by client
	failures *limiter // by address: wrong tokens
	audits   *limiter // by address: events about refusals
	flood    *limiter // one for all: events about refusals
}

// newAccess returns an access that has seen nobody.
func newAccess(h History, log *slog.Logger, l Limits) *access {
	return &access{
		history: h, log: log, sessions: newSessions(),
		requests: newLimiter(rate.Limit(l.Rate), l.Burst),
		failures: newLimiter(rate.Every(6*time.Second), l.Failures),
		audits:   newLimiter(rate.Every(10*time.Minute), 5),
		flood:    newLimiter(rate.Every(30*time.Second), 60),
	}
}

// tokenPrefix begins every secret, so that a scanner of source code or logs can
// recognise one.
const tokenPrefix = "fvt_"

// who tells who sent the request. It is nil, without a problem, for somebody
// without credentials.
func (a *access) who(r *http.Request) (*caller, *Problem) {
	if p, ok := r.Context().Value(peerKey).(peer); ok {
		return p.caller(), nil
	}
	if secret, ok := bearer(r); ok {
		return a.byToken(r, sha256.Sum256([]byte(secret)), "https")
	}
	if key, ok := cookieOf(r); ok {
		return a.bySession(r, key)
	}
	return nil, nil
}

// byToken is the caller whose token has that hash; via is how it came here.
func (a *access) byToken(r *http.Request, hash [sha256.Size]byte, via string) (*caller, *Problem) {
	now := time.Now()
	t, err := a.history.TokenByHash(r.Context(), hash[:])
	switch {
	case errors.Is(err, journal.ErrNotFound), err == nil && subtle.ConstantTimeCompare(hash[:], t.Hash) != 1:
		return nil, newProblem(http.StatusUnauthorized, Unauthenticated, "the token is not known")
	case err != nil:
		a.log.Error("read a token", "err", err, "request_id", requestID(r.Context()))
		return nil, newProblem(http.StatusServiceUnavailable, Unavailable, "the journal cannot be read, so no token can be checked; the socket on the standby itself works without")
	case !t.Revoked.IsZero():
		return nil, newProblem(http.StatusUnauthorized, Unauthenticated, "the token has been revoked")
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return nil, newProblem(http.StatusUnauthorized, Unauthenticated, "the token has expired")
	}
	from := address(r)
	if now.Sub(t.LastUsed) >= touchEvery {
		if err := a.history.TouchToken(r.Context(), t.ID, now, from); err != nil {
			a.log.Warn("note the use of a token", "token", t.Name, "err", err)
		}
	}
	role, servers := splitRole(t.Role)
	return &caller{
		actor: plan.Actor{Kind: "token", Name: t.Name, Via: via, From: from},
		role:  role, servers: servers, token: t.ID, expires: t.Expires, client: "token " + t.ID,
	}, nil
}

// touchEvery is how far apart the notes of a token's use are at least.
const touchEvery = time.Minute

// bearer is the secret of a request.
func bearer(r *http.Request) (string, bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(secret), ok && strings.EqualFold(scheme, "Bearer")
}

// address is where a request came from, without the port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// origin is whose allowance a request counts against: the user on the socket,
// the address otherwise. An IPv6 host has a whole network of addresses to
// itself.
func origin(r *http.Request) string {
	if p, ok := r.Context().Value(peerKey).(peer); ok {
		return p.caller().client
	}
	host := address(r)
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap(); ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// refuse answers somebody who was not let in, and writes it down.
func (a *access) refuse(w http.ResponseWriter, r *http.Request, p *Problem) {
	now := time.Now()
	// What follows from this connection is not worth keeping it for.
	w.Header().Set("Connection", "close")
	if p.Status == http.StatusUnauthorized {
		if wait, ok := a.failures.allow(origin(r), now); !ok {
			tooMany(w, r, wait, "too many requests without a valid token from this address")
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="failoverd"`)
		a.audit(r, plan.Actor{Kind: "token", Via: "https", From: address(r)}, p.Detail)
	}
	writeProblem(w, r, p)
}

// audit writes a refusal into the history. So that nobody can push the history
// out of the journal by being refused, only some are written; all are logged.
func (a *access) audit(r *http.Request, by plan.Actor, why string) {
	ctx := r.Context()
	a.log.Warn("request refused", "method", r.Method, "path", r.URL.Path, "by", by.Name, "from", by.From, "why", why, "request_id", requestID(ctx))
	now := time.Now()
	if _, ok := a.audits.allow(by.Kind+" "+by.Name+" "+origin(r), now); !ok {
		return
	}
	if _, ok := a.flood.allow("", now); !ok {
		return
	}
	_, err := a.history.Commit(context.WithoutCancel(ctx), journal.Batch{Events: []journal.Event{{
		Kind: "audit.refused", Severity: journal.Warning, Actor: journal.Actor(by),
		Message:  "request refused: " + why,
		Reason:   why,
		Evidence: map[string]any{"method": r.Method, "path": clip(r.URL.Path, 200), "request_id": requestID(ctx)},
	}}})
	if err != nil {
		a.log.Error("write a refusal down", "err", err)
	}
}

// clip shortens s to n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
