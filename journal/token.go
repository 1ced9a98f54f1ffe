package journal

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// touchEvery is how far apart the stored uses of one token are, so that a busy one costs no write per request.
const touchEvery = time.Minute

// Token gives access to the API. Only the hash of the secret is kept.
type Token struct {
	ID       string
	Name     string
	Role     string
	Prefix   string // the first characters of the secret, to recognise it by
	Hash     []byte // SHA-256 of the secret
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time
	LastFrom string
	Revoked  time.Time // zero: in force
}

const selectToken = `SELECT id, name, role, prefix, hash, created, expires, last_used, last_from, revoked FROM tokens`

// AddToken stores a new token; ErrExists when one of that name is in force.
func (j *Journal) AddToken(ctx context.Context, t Token) error {
	err := j.write(ctx, func(tx *transaction) error {
		_, err := tx.Exec(`INSERT INTO tokens (id, name, role, prefix, hash, created, expires, last_used, last_from, revoked)
			VALUES (?,?,?,?,?,?,?,?,?,?)`, t.ID, t.Name, t.Role, t.Prefix, t.Hash, nanos(t.Created), nanos(t.Expires),
			nanos(t.LastUsed), t.LastFrom, nanos(t.Revoked))
		return err
	})
	if err != nil {
		return fmt.Errorf("add token %s: %w", t.Name, err)
	}
	return nil
}

// TokenQuery chooses tokens; a zero field chooses all. The newest come first.
type TokenQuery struct {
	ID     string
	Before Position
	Limit  int // 0: 1000
}

// Tokens returns the tokens that q chooses, revoked ones too, the newest first.
func (j *Journal) Tokens(ctx context.Context, q TokenQuery) ([]Token, error) {
	var w where
	w.and(q.ID != "", "id = ?", q.ID)
	w.older("created", q.Before)
	tokens, err := collect(ctx, j.reader, scanToken, selectToken+w.String()+" ORDER BY created DESC, id DESC"+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return tokens, nil
}

// TokenByHash returns the token whose secret has that SHA-256, also a revoked or expired one, or ErrNotFound.
func (j *Journal) TokenByHash(ctx context.Context, hash []byte) (Token, error) {
	tokens, err := collect(ctx, j.reader, scanToken, selectToken+" WHERE hash = ?", hash)
	if err == nil && len(tokens) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Token{}, fmt.Errorf("read a token: %w", err)
	}
	return tokens[0], nil
}

// TouchToken notes when and from where a token was used last, at most once a minute for one address.
func (j *Journal) TouchToken(ctx context.Context, id string, at time.Time, from string) error {
	tokens, err := collect(ctx, j.reader, scanToken, selectToken+" WHERE id = ?", id)
	if err != nil {
		return fmt.Errorf("note the use of a token: %w", err)
	}
	if len(tokens) == 1 && tokens[0].LastFrom == from && at.Sub(tokens[0].LastUsed) < touchEvery {
		return nil
	}
	return j.changeToken(ctx, id, `UPDATE tokens SET last_used = ?, last_from = ? WHERE id = ?`, nanos(at), from, id)
}

// RevokeToken ends a token; ErrNotFound when there is none of that id in force.
func (j *Journal) RevokeToken(ctx context.Context, id string, at time.Time) error {
	return j.changeToken(ctx, id, `UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0`, nanos(at), id)
}

// changeToken runs a change of one token.
func (j *Journal) changeToken(ctx context.Context, id, query string, args ...any) error {
	err := j.write(ctx, func(tx *transaction) error {
		row, err := tx.Exec(query, args...)
		if err != nil {
			return err
		}
		return touched(row, "token", id)
	})
	if err != nil {
		return fmt.Errorf("change a token: %w", err)
	}
	return nil
}

// scanToken reads one row of tokens.
func scanToken(row *sql.Rows) (t Token, err error) {
	var created, expires, used, revoked int64
	err = row.Scan(&t.ID, &t.Name, &t.Role, &t.Prefix, &t.Hash, &created, &expires, &used, &t.LastFrom, &revoked)
	t.Created, t.Expires, t.LastUsed, t.Revoked = moment(created), moment(expires), moment(used), moment(revoked)
	return t, err
}
