package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// defaultLimit is how many rows a query without a limit of its own returns at most.
const defaultLimit = 1000

// EventQuery chooses events; a zero field chooses all.
type EventQuery struct {
	After, Before int64     // Seq > After, Seq < Before
	Since         time.Time // not older
	Server        string
	Kind          string // may be a pattern: takeover.*
	Incident      string
	Operation     string
	Actor         string // the actor's name
	Limit         int    // 0: 1000
	Newest        bool   // newest first; otherwise oldest first
}

// OperationQuery chooses operations; a zero field chooses all. The newest come first.
type OperationQuery struct {
	Server  string
	Servers []string // of one of these; nil: of all
	Kinds   []string // of one of these; nil: of all
	Open    *bool
	Before  Position
	Limit   int    // 0: 1000
	Having  string // of those that are chosen by all this, the ones whose body has this text
}

// Position is a place in a list that is in order of time, the newest first: that of the record that began then and has this
// identifier. The zero Position is before the newest.
type Position struct {
	At time.Time
	ID string
}

// where collects conditions of a query.
type where struct {
	terms []string
	args  []any
}

// and adds a condition.
func (w *where) and(given bool, term string, arg any) {
	if given {
		w.terms = append(w.terms, term)
		w.args = append(w.args, arg)
	}
}

// among adds the condition that a column has one of the values; nil stands for any, an empty list for none.
func (w *where) among(column string, values []string) {
	if values == nil {
		return
	}
	w.terms = append(w.terms, column+" IN ("+strings.TrimSuffix(strings.Repeat("?,", len(values)), ",")+")")
	for _, v := range values {
		w.args = append(w.args, v)
	}
}

// older adds the condition that a record comes after p where the newest come first, by the column of its beginning.
func (w *where) older(column string, p Position) {
	if p != (Position{}) {
		w.terms = append(w.terms, "("+column+", id) < (?, ?)")
		w.args = append(w.args, nanos(p.At), p.ID)
	}
}

// String gives the clause.
func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

// limit adds the last argument.
func (w *where) limit(n int) string {
	if n <= 0 {
		n = defaultLimit
	}
	w.args = append(w.args, n)
	return " LIMIT ?"
}

// Events returns the events that q chooses.
func (j *Journal) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	var w where
	w.and(q.After > 0, "seq > ?", q.After)
	w.and(q.Before > 0, "seq < ?", q.Before)
	w.and(!q.Since.IsZero(), "time >= ?", nanos(q.Since))
	// The first term of each pair lets SQLite use the index that leaves out the empty ones.
	w.and(q.Server != "", "server <> '' AND server = ?", q.Server)
	w.and(q.Incident != "", "incident <> '' AND incident = ?", q.Incident)
	w.and(q.Operation != "", "operation = ?", q.Operation)
	w.and(q.Kind != "", "kind GLOB ?", q.Kind)
	w.and(q.Actor != "", "actor_name = ?", q.Actor)
	order := " ORDER BY seq"
	if q.Newest {
		order = " ORDER BY seq DESC"
	}
	query := `SELECT seq, time, kind, severity, server, incident, operation, actor_kind, actor_name, actor_via, actor_from,
		message, reason, evidence FROM events` + w.String() + order + w.limit(q.Limit)
	events, err := collect(ctx, j.reader, scanEvent, query, w.args...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

// Event returns the event of that number, or ErrNotFound.
func (j *Journal) Event(ctx context.Context, seq int64) (Event, error) {
	events, err := j.Events(ctx, EventQuery{After: seq - 1, Before: seq + 1, Limit: 1})
	if err == nil && len(events) == 0 {
		err = fmt.Errorf("event %d: %w", seq, ErrNotFound)
	}
	if err != nil {
		return Event{}, err
	}
	return events[0], nil
}

// scanEvent reads one row of events.
func scanEvent(row *sql.Rows) (e Event, err error) {
	var at int64
	var evidence sql.NullString
	err = row.Scan(&e.Seq, &at, &e.Kind, &e.Severity, &e.Server, &e.Incident, &e.Operation,
		&e.Actor.Kind, &e.Actor.Name, &e.Actor.Via, &e.Actor.From, &e.Message, &e.Reason, &evidence)
	if err != nil {
		return e, err
	}
	e.Time = moment(at)
	if evidence.Valid {
		err = json.Unmarshal([]byte(evidence.String), &e.Evidence)
	}
	return e, err
}

// Facts returns every server's facts.
func (j *Journal) Facts(ctx context.Context) (map[string]json.RawMessage, error) {
	pairs, err := collect(ctx, j.reader, scanPair, `SELECT server, body FROM facts`)
	if err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	facts := make(map[string]json.RawMessage, len(pairs))
	for _, p := range pairs {
		facts[p[0]] = json.RawMessage(p[1])
	}
	return facts, nil
}

// Values returns the standby-wide values.
func (j *Journal) Values(ctx context.Context) (map[string]string, error) {
	pairs, err := collect(ctx, j.reader, scanPair, `SELECT name, value FROM standby_values`)
	if err != nil {
		return nil, fmt.Errorf("read values: %w", err)
	}
	values := make(map[string]string, len(pairs))
	for _, p := range pairs {
		values[p[0]] = p[1]
	}
	return values, nil
}

// scanPair reads a name and its value.
func scanPair(row *sql.Rows) (p [2]string, err error) {
	err = row.Scan(&p[0], &p[1])
	return p, err
}

// Copies returns what is remembered of every catalog's copies.
func (j *Journal) Copies(ctx context.Context) ([]Copy, error) {
	copies, err := collect(ctx, j.reader, scanCopy, `SELECT server, catalog, body FROM copies`)
	if err != nil {
		return nil, fmt.Errorf("read copies: %w", err)
	}
	return copies, nil
}

// scanCopy reads one row of copies.
func scanCopy(row *sql.Rows) (c Copy, err error) {
	var body string
	err = row.Scan(&c.Server, &c.Catalog, &body)
	c.Body = json.RawMessage(body)
	return c, err
}

// Operations returns the operations that q chooses, the newest first.
func (j *Journal) Operations(ctx context.Context, q OperationQuery) ([]Operation, error) {
	var w where
	w.and(q.Server != "", "server = ?", q.Server)
	w.among("server", q.Servers)
	w.among("kind", q.Kinds)
	if q.Open != nil {
		w.and(true, "open = ?", *q.Open)
	}
	w.older("started", q.Before)
	query := selectOperation + w.String() + " ORDER BY started DESC, id DESC" + w.limit(q.Limit)
	if q.Having != "" {
		query = "SELECT * FROM (" + query + ") WHERE instr(body, ?) > 0"
		w.args = append(w.args, q.Having)
	}
	operations, err := collect(ctx, j.reader, scanOperation, query, w.args...)
	if err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	return operations, nil
}

// Operation returns the operation of that id, or ErrNotFound.
func (j *Journal) Operation(ctx context.Context, id string) (Operation, error) {
	operations, err := collect(ctx, j.reader, scanOperation, selectOperation+" WHERE id = ?", id)
	if err == nil && len(operations) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Operation{}, fmt.Errorf("read operation %s: %w", id, err)
	}
	return operations[0], nil
}

const selectOperation = `SELECT id, kind, server, open, started, ended, body FROM operations`

// scanOperation reads one row of operations.
func scanOperation(row *sql.Rows) (o Operation, err error) {
	var started, ended int64
	var body sql.NullString
	if err = row.Scan(&o.ID, &o.Kind, &o.Server, &o.Open, &started, &ended, &body); err != nil {
		return o, err
	}
	o.Started, o.Ended = moment(started), moment(ended)
	if body.Valid {
		o.Body = json.RawMessage(body.String)
	}
	return o, nil
}

// collect runs a query and reads each of its rows.
func collect[T any](ctx context.Context, db *reading, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, classify(err)
		}
		all = append(all, one)
	}
	return all, classify(rows.Err())
}
