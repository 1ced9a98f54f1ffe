package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// statements are prepared once on the writer's connection, because preparing costs more than running.
type statements struct {
	addEvent, putFacts, dropFacts, putOperation, putCopy, putValue, addMail, askMail, putIncident, saveMail, addBucket *sql.Stmt
	all                                                                                                                []*sql.Stmt
}

// prepare prepares all statements or none.
func prepare(ctx context.Context, db *sql.DB) (*statements, error) {
	s := new(statements)
	for _, p := range []struct {
		into  **sql.Stmt
		query string
	}{
		{&s.addEvent, `INSERT INTO events (time, kind, severity, server, incident, operation,
			actor_kind, actor_name, actor_via, actor_from, message, reason, evidence) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`},
		{&s.putFacts, `INSERT INTO facts (server, body) VALUES (?,?) ON CONFLICT DO UPDATE SET body = excluded.body`},
		{&s.dropFacts, `DELETE FROM facts WHERE server = ?`},
		{&s.putOperation, `INSERT INTO operations (id, kind, server, open, started, ended, body) VALUES (?,?,?,?,?,?,?)
			ON CONFLICT DO UPDATE SET kind = excluded.kind, server = excluded.server, open = excluded.open,
			started = excluded.started, ended = excluded.ended, body = excluded.body`},
		{&s.putCopy, `INSERT INTO copies (server, catalog, body) VALUES (?,?,?) ON CONFLICT DO UPDATE SET body = excluded.body`},
		{&s.putValue, `INSERT INTO standby_values (name, value) VALUES (?,?) ON CONFLICT DO UPDATE SET value = excluded.value`},
		// A second alert about one event, or a recipient named twice, is one mail. A next try of 0 is at once, whatever the clock says.
		{&s.addMail, `INSERT INTO outbox (event, kind, server, incident, recipient, created, next_try) VALUES (?,?,?,?,?,?,0)
			ON CONFLICT DO NOTHING`},
		// Whoever was told of an incident is told how it goes on (?7 tells that they are told in any case), and is not
		// reminded (?8 tells that it is a reminder) of what they have not got yet.
		{&s.askMail, `INSERT INTO outbox (event, kind, server, incident, recipient, created, next_try)
			SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0
			WHERE (?7 OR EXISTS (SELECT 1 FROM outbox WHERE incident <> '' AND incident = ?4 AND recipient = ?5))
			AND NOT (?8 AND EXISTS (SELECT 1 FROM outbox WHERE incident <> '' AND incident = ?4 AND recipient = ?5 AND state = 'pending'))
			ON CONFLICT DO NOTHING`},
		{&s.putIncident, `INSERT INTO incidents (id, server, opened, ended, body) VALUES (?,?,?,?,?)
			ON CONFLICT DO UPDATE SET server = excluded.server, opened = excluded.opened, ended = excluded.ended, body = excluded.body`},
		{&s.saveMail, `UPDATE outbox SET message_id = ?, state = ?, answer = ?, attempts = ?, first_tried = ?, next_try = ?, done = ? WHERE id = ?`},
		{&s.addBucket, `INSERT INTO buckets (server, path, step, start, sent, lost, late, unknown, min_rtt, sum_rtt, max_rtt)
			VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
			sent = sent + excluded.sent, lost = lost + excluded.lost, late = late + excluded.late, unknown = unknown + excluded.unknown,
			min_rtt = CASE WHEN min_rtt = 0 OR (excluded.min_rtt > 0 AND excluded.min_rtt < min_rtt) THEN excluded.min_rtt ELSE min_rtt END,
			sum_rtt = sum_rtt + excluded.sum_rtt, max_rtt = max(max_rtt, excluded.max_rtt)`},
	} {
		stmt, err := db.PrepareContext(ctx, p.query)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("prepare the journal's statements: %w", classify(err))
		}
		*p.into = stmt
		s.all = append(s.all, stmt)
	}
	return s, nil
}

// close gives the statements back.
func (s *statements) close() error {
	var errs []error
	for _, stmt := range s.all {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}
