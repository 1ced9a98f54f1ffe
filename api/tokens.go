package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
	"failoverd/plan"
)

// Token is a token without its secret.
type Token struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Role     string     `json:"role" enum:"viewer,operator,admin"`
	Servers  []string   `json:"servers" nullable:"false" doc:"The only servers it is good for; empty: all"`
	Prefix   string     `json:"prefix" doc:"How the secret begins, to recognise it by"`
	State    string     `json:"state" enum:"valid,expired,revoked"`
	Created  time.Time  `json:"created_at"`
	Expires  *time.Time `json:"expires_at" doc:"Null: never"`
	LastUsed *time.Time `json:"last_used_at" doc:"To the minute; null: never"`
	LastFrom string     `json:"last_from" doc:"Address that it was last used from"`
	Revoked  *time.Time `json:"revoked_at"`
}

// TokenList is some tokens, revoked and expired ones too, the newest first.
type TokenList struct {
	Tokens []Token `json:"tokens" nullable:"false"`
	Next   *string `json:"next" doc:"Give it as before to go on; null if there is no more"`
}

// NewToken is a token to be made.
type NewToken struct {
	Name    string   `json:"name" minLength:"1" maxLength:"64" doc:"Who or what will use it"`
	Role    string   `json:"role" enum:"viewer,operator,admin"`
	Servers []string `json:"servers,omitempty" maxItems:"100" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" patternDescription:"the name of a server" doc:"The only servers it is good for; not for an admin, who sees all of them"`
	Days    int      `json:"days,omitempty" minimum:"0" maximum:"3650" doc:"How long it is good for; 0: 90 days"`
	Reason  string   `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// CreatedToken is a new token with its secret, which is shown this once.
type CreatedToken struct {
	Token
	Secret string `json:"secret" doc:"Shown this once and kept nowhere"`
}

// tokenDays is how long a token is good for if nobody says.
const tokenDays = 90

// tokenRoutes are access by token.
func (s *Server) tokenRoutes(h huma.API) {
	add(s, h, route{method: http.MethodGet, path: "/tokens", id: "list-tokens", tag: "access", role: Admin, wide: true, summary: "The tokens without their secrets, the newest first"},
		func(ctx context.Context, in *struct{ Page }) (*document[TokenList], error) {
			found, err := s.history.Tokens(ctx, journal.TokenQuery{Before: in.position(), Limit: in.Limit + 1})
			tokens, next := cut(found, in.Limit, func(t journal.Token) string { return cursor(t.Created, t.ID) })
			list := TokenList{Tokens: []Token{}, Next: next}
			for _, t := range tokens {
				list.Tokens = append(list.Tokens, tokenShown(t))
			}
			return &document[TokenList]{list}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/tokens", id: "create-token", tag: "access", role: Admin, wide: true, status: http.StatusCreated, changes: true,
		errors: []int{404, 409, 503}, summary: "Make a token", detail: "The secret is in this answer and nowhere else.",
	},
		func(ctx context.Context, in *struct{ Body NewToken }) (*document[CreatedToken], error) {
			made, err := s.createToken(ctx, in.Body)
			return &document[CreatedToken]{made}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/tokens/{id}/revoke", id: "revoke-token", tag: "access", role: Admin, wide: true, changes: true,
		errors: []int{503}, summary: "End a token at once", detail: "Idempotent. Its event streams end too.",
	},
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64" doc:"Identifier of the token"`
			Body *Remark
		},
		) (*document[Token], error) {
			t, err := s.revokeToken(ctx, in.ID, orZero(in.Body).Reason)
			return &document[Token]{t}, err
		})
}

// createToken makes a token and writes down who did.
func (s *Server) createToken(ctx context.Context, n NewToken) (CreatedToken, error) {
	o, err := order(ctx, n.Reason, nil, nil)
	if err != nil {
		return CreatedToken{}, err
	}
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@ -]*$`).MatchString(n.Name) {
		return CreatedToken{}, invalid("body.name", "letters, digits, spaces and . _ @ -, a letter or a digit first")
	}
	role := n.Role
	if len(n.Servers) > 0 {
		if n.Role == string(Admin) {
			return CreatedToken{}, invalid("body.servers", "no servers: an admin sees all of them")
		}
		for _, name := range n.Servers {
			if _, err := s.server(name); err != nil {
				return CreatedToken{}, err
			}
		}
		role += ":" + strings.Join(n.Servers, ",")
	}
	if n.Days == 0 {
		n.Days = tokenDays
	}
	now := time.Now().UTC().Truncate(time.Second)
	secret := tokenPrefix + rand.Text()
	hash := sha256.Sum256([]byte(secret))
	t := journal.Token{
		ID: "tok_" + strings.ToLower(rand.Text()[:12]), Name: n.Name, Role: role, Prefix: secret[:len(tokenPrefix)+4],
		Hash: hash[:], Created: now, Expires: now.AddDate(0, 0, n.Days),
	}
	if err := s.history.AddToken(ctx, t); err != nil {
		if errors.Is(err, journal.ErrExists) {
			return CreatedToken{}, newProblem(http.StatusConflict, NameTaken, fmt.Sprintf("a token named %q is in force; revoke it first or take another name", n.Name))
		}
		return CreatedToken{}, fmt.Errorf("create a token: %w", err)
	}
	if err := s.audit(ctx, "audit.token_created", o.By, o.Reason, fmt.Sprintf("token %s created with the role %s", t.Name, t.Role), t); err != nil {
		// A token that nobody is on record for must not exist.
		return CreatedToken{}, errors.Join(err, s.history.RevokeToken(ctx, t.ID, now))
	}
	return CreatedToken{Token: tokenShown(t), Secret: secret}, nil
}

// revokeToken ends a token, ends its streams, and writes down who did.
func (s *Server) revokeToken(ctx context.Context, id, reason string) (Token, error) {
	o, err := order(ctx, reason, nil, nil)
	if err != nil {
		return Token{}, err
	}
	t, err := s.tokenByID(ctx, id)
	if err != nil || !t.Revoked.IsZero() {
		return tokenShown(t), err
	}
	now := time.Now().UTC()
	if err := s.history.RevokeToken(ctx, id, now); err != nil && !errors.Is(err, journal.ErrNotFound) {
		return Token{}, fmt.Errorf("revoke a token: %w", err)
	}
	s.streams.end(id)
	t.Revoked = now
	return tokenShown(t), s.audit(ctx, "audit.token_revoked", o.By, o.Reason, fmt.Sprintf("token %s revoked", t.Name), t)
}

// tokenByID finds a token.
func (s *Server) tokenByID(ctx context.Context, id string) (journal.Token, error) {
	found, err := s.history.Tokens(ctx, journal.TokenQuery{ID: id, Limit: 1})
	switch {
	case err != nil:
		return journal.Token{}, fmt.Errorf("find a token: %w", err)
	case len(found) == 0 || id == "":
		return journal.Token{}, newProblem(http.StatusNotFound, "not-found", "there is no such token")
	}
	return found[0], nil
}

// audit writes down who changed access.
func (s *Server) audit(ctx context.Context, kind string, by plan.Actor, reason, message string, t journal.Token) error {
	_, err := s.history.Commit(ctx, journal.Batch{Events: []journal.Event{{
		Kind: kind, Severity: journal.Info, Actor: journal.Actor(by), Message: message, Reason: reason,
		Evidence: map[string]any{"token": t.ID, "name": t.Name, "role": t.Role, "prefix": t.Prefix, "request_id": requestID(ctx)},
	}}})
	if err != nil {
		return fmt.Errorf("write down that %s: %w", message, err)
	}
	return nil
}

// tokenShown is a token as the API shows it: without its hash.
func tokenShown(t journal.Token) Token {
	role, servers := splitRole(t.Role)
	shown := Token{
		ID: t.ID, Name: t.Name, Role: string(role), Servers: orEmpty(servers), Prefix: t.Prefix, State: "valid",
		Created: t.Created, Expires: orNull(t.Expires), LastUsed: orNull(t.LastUsed), LastFrom: t.LastFrom, Revoked: orNull(t.Revoked),
	}
	switch {
	case !t.Revoked.IsZero():
		shown.State = "revoked"
	case !t.Expires.IsZero() && !time.Now().Before(t.Expires):
		shown.State = "expired"
	}
	return shown
}
