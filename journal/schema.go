package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks the file as ours ("fovr"), so that another program's database is not taken for a journal.
const applicationID = 0x666f7672

// migrations lead from each version of the schema to the next: migrations[0] makes version 1 from
// an empty file. What has been released is never changed, only followed by another one.
// Times are nanoseconds since 1970 in UTC, 0 for none.
var migrations = []string{
	`
CREATE TABLE events (
	seq        INTEGER PRIMARY KEY AUTOINCREMENT,
	time       INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	severity   TEXT NOT NULL,
	server     TEXT NOT NULL,
	incident   TEXT NOT NULL,
	operation  TEXT NOT NULL,
	actor_kind TEXT NOT NULL,
	actor_name TEXT NOT NULL,
	actor_via  TEXT NOT NULL,
	actor_from TEXT NOT NULL,
	message    TEXT NOT NULL,
	reason     TEXT NOT NULL,
	evidence   TEXT
);
CREATE INDEX events_server ON events (server, seq) WHERE server <> '';
CREATE INDEX events_incident ON events (incident, seq) WHERE incident <> '';

CREATE TABLE facts (server TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE standby_values (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE operations (
	id      TEXT PRIMARY KEY,
	kind    TEXT NOT NULL,
	server  TEXT NOT NULL,
	open    INTEGER NOT NULL,
	started INTEGER NOT NULL,
	ended   INTEGER NOT NULL,
	body    TEXT
) WITHOUT ROWID;
CREATE INDEX operations_started ON operations (started);
CREATE INDEX operations_open ON operations (open) WHERE open = 1;

CREATE TABLE outbox (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	event       INTEGER NOT NULL,
	kind        TEXT NOT NULL,
	server      TEXT NOT NULL,
	incident    TEXT NOT NULL,
	recipient   TEXT NOT NULL,
	message_id  TEXT NOT NULL DEFAULT '',
	state       TEXT NOT NULL DEFAULT 'pending',
	answer      TEXT NOT NULL DEFAULT '',
	attempts    INTEGER NOT NULL DEFAULT 0,
	created     INTEGER NOT NULL,
	first_tried INTEGER NOT NULL DEFAULT 0,
	next_try    INTEGER NOT NULL,
	done        INTEGER NOT NULL DEFAULT 0,
	UNIQUE (event, recipient)
);
CREATE INDEX outbox_pending ON outbox (next_try) WHERE state = 'pending';
CREATE INDEX outbox_done ON outbox (done) WHERE state <> 'pending';

CREATE TABLE buckets (
	server  TEXT NOT NULL,
	path    INTEGER NOT NULL,
	step    INTEGER NOT NULL,
	start   INTEGER NOT NULL,
	sent    INTEGER NOT NULL,
	lost    INTEGER NOT NULL,
	late    INTEGER NOT NULL,
	unknown INTEGER NOT NULL,
	min_rtt INTEGER NOT NULL,
	sum_rtt INTEGER NOT NULL,
	max_rtt INTEGER NOT NULL,
	PRIMARY KEY (server, step, start, path)
) WITHOUT ROWID;

CREATE TABLE tokens (
	id        TEXT PRIMARY KEY,
	name      TEXT NOT NULL,
	role      TEXT NOT NULL,
	prefix    TEXT NOT NULL,
	hash      BLOB NOT NULL UNIQUE,
	created   INTEGER NOT NULL,
	expires   INTEGER NOT NULL,
	last_used INTEGER NOT NULL,
	last_from TEXT NOT NULL,
	revoked   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked = 0;
`,
	`
CREATE TABLE copies (
	server  TEXT NOT NULL,
	catalog TEXT NOT NULL,
	body    TEXT NOT NULL,
	PRIMARY KEY (server, catalog)
) WITHOUT ROWID;
`,
	`
CREATE INDEX outbox_incident ON outbox (incident, recipient) WHERE incident <> '';
`,
	`
CREATE TABLE incidents (
	id     TEXT PRIMARY KEY,
	server TEXT NOT NULL,
	opened INTEGER NOT NULL,
	ended  INTEGER NOT NULL,
	body   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX incidents_opened ON incidents (opened);
CREATE INDEX incidents_open ON incidents (ended) WHERE ended = 0;
`,
	`
CREATE INDEX outbox_due ON outbox (recipient, next_try, id) WHERE state = 'pending';
`,
}

// checkedTables are examined completely at opening a journal of this version: what decides what the standby does next.
// Probe history is left out, since it can be large and nothing is decided by it.
func checkedTables(version int64) []string {
	tables := []string{"facts", "standby_values", "operations", "outbox", "events", "tokens"}
	if version >= 2 {
		tables = append(tables, "copies")
	}
	if version >= 4 {
		tables = append(tables, "incidents")
	}
	return tables
}

// migrate brings the schema to the version that steps lead to, each step in a transaction of its own.
func migrate(ctx context.Context, db *sql.DB, steps []string) error {
	version, err := pragma(ctx, db, "user_version")
	if err != nil {
		return err
	}
	for ; version < int64(len(steps)); version++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("bring the journal to version %d: %w", version+1, classify(err))
		}
		script := steps[version] + fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, version+1)
		if _, err := tx.ExecContext(ctx, script); err != nil {
			tx.Rollback()
			return fmt.Errorf("bring the journal to version %d: %w", version+1, classify(err))
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("bring the journal to version %d: %w", version+1, classify(err))
		}
	}
	return nil
}

// pragma reads one number.
func pragma(ctx context.Context, db *sql.DB, name string) (int64, error) {
	var n int64
	if err := db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&n); err != nil {
		return 0, fmt.Errorf("read the journal's %s: %w", name, classify(err))
	}
	return n, nil
}
