package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"failoverd/plan"
)

// sessionPath is where the console signs in and out.
const sessionPath = Base + "/session"

// SignIn turns a token into a session.
type SignIn struct {
	Token string `json:"token" minLength:"1" maxLength:"200" doc:"The secret of a token: fvt_…"`
}

// Session is who asks, and until when.
type Session struct {
	Name    string     `json:"name" doc:"Of the token, or of the user on the socket; empty: nobody is signed in"`
	Role    string     `json:"role" enum:"none,viewer,operator,admin"`
	Servers []string   `json:"servers" nullable:"false" doc:"The only servers that are shown; empty: all"`
	Via     string     `json:"via" enum:"none,console,https,socket"`
	Expires *time.Time `json:"expires_at" doc:"When the session or the token ends, null: never"`
}

// signIn is a request to be signed in.
type signIn struct {
	Body SignIn

	req *http.Request
	w   http.ResponseWriter
}

// Resolve keeps what limits and audit need to know.
func (in *signIn) Resolve(ctx huma.Context) []error {
	in.req, in.w = humago.Unwrap(ctx)
	return nil
}

// signedIn is the answer with the cookie.
type signedIn struct {
	Cookie string `header:"Set-Cookie" doc:"The session's secret: HttpOnly, Secure, SameSite=Strict"`
	Body   Session
}

// signedOut takes the cookie away.
type signedOut struct {
	Cookie string `header:"Set-Cookie" doc:"Takes the cookie away"`
}

// sessionRoutes sign the console in and out.
func (s *Server) sessionRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodPost, path: "/session", id: "sign-in", tag: "access", status: http.StatusCreated, changes: true,
		errors: []int{503}, summary: "Turn a token into a session of the console",
		detail: "The session is a cookie, good for 12 hours and not longer than the token; it may do what the token may. It ends with the token, with sign-out, and with the daemon.",
	}, s.signIn)
	add(s, h, route{method: http.MethodGet, path: "/session", id: "get-session", tag: "access", summary: "Who asks, and what he may do"},
		func(ctx context.Context, _ *struct{}) (*document[Session], error) {
			return &document[Session]{sessionOf(callerOf(ctx))}, nil
		})
	add(s, h, route{
		method: http.MethodDelete, path: "/session", id: "sign-out", tag: "access", role: Viewer, status: http.StatusNoContent, changes: true,
		summary: "End the session", detail: "Idempotent. Its event streams end too. Without a session, nothing happens.",
	},
		func(ctx context.Context, _ *struct{}) (*signedOut, error) {
			c := callerOf(ctx)
			if c.session != nil {
				s.access.sessions.end(*c.session)
				s.streams.end(c.token) // Those of other sessions come again by themselves.
				s.sessionEvent(ctx, "audit.signed_out", "token "+c.actor.Name+" signed out of the console", c.actor)
			}
			return &signedOut{cookie("", -1)}, nil
		})
}

// signIn opens a session for the holder of a token.
func (s *Server) signIn(ctx context.Context, in *signIn) (*signedIn, error) {
	hash := sha256.Sum256([]byte(strings.TrimSpace(in.Body.Token)))
	c, p := s.access.byToken(in.req, hash, "console")
	if p != nil {
		return nil, s.refuseSignIn(in, p)
	}
	if old, ok := cookieOf(in.req); ok {
		s.access.sessions.end(old)
	}
	now := time.Now()
	ends := now.Add(sessionLife)
	if !c.expires.IsZero() && c.expires.Before(ends) {
		ends = c.expires
	}
	secret := s.access.sessions.begin(session{token: hash, id: c.token, expires: ends}, now)
	c.expires = ends
	s.sessionEvent(ctx, "audit.signed_in", "token "+c.actor.Name+" signed in to the console", c.actor)
	return &signedIn{Cookie: cookie(secret, int(ends.Sub(now).Seconds())), Body: sessionOf(c)}, nil
}

// refuseSignIn counts a wrong token as any other is counted, and writes it down.
func (s *Server) refuseSignIn(in *signIn, p *Problem) *Problem {
	if p.Status != http.StatusUnauthorized {
		return p
	}
	in.w.Header().Set("Connection", "close")
	if wait, ok := s.access.failures.allow(origin(in.req), time.Now()); !ok {
		seconds := max(1, int(math.Ceil(wait.Seconds())))
		in.w.Header().Set("Retry-After", strconv.Itoa(seconds))
		return newProblem(http.StatusTooManyRequests, RateLimited, fmt.Sprintf("too many wrong tokens from this address; again in %d s", seconds))
	}
	s.access.audit(in.req, plan.Actor{Kind: "token", Via: "console", From: address(in.req)}, p.Detail)
	return p
}

// sessionOf is the caller as the console shows him; nil is nobody.
func sessionOf(c *caller) Session {
	if c == nil {
		return Session{Role: "none", Servers: []string{}, Via: "none"}
	}
	return Session{Name: c.actor.Name, Role: string(c.role), Servers: orEmpty(c.servers), Via: c.actor.Via, Expires: orNull(c.expires)}
}

// cookie is the console's cookie with that value; a negative age takes it away.
func cookie(value string, seconds int) string {
	c := http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: seconds,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	return c.String()
}
