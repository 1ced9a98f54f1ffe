package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/replicate/database"
)

// lockPatience is how long the source's writers may have to wait for the moment in which several sessions are brought
// to see the same.
const lockPatience = 5 * time.Second

// instant is a catalog at one instant: transactions that all see it.
type instant struct {
	at       time.Time
	identity string
	position string
	readers  []*session
	tables   []string // that there were
}

// hold begins to look at a source as it is now, by so many sessions, or by one where the account may not stop all
// writers for a moment, or they cannot be stopped.
func hold(ctx context.Context, end database.End, sessions int) (*instant, error) {
	if sessions > 1 {
		i, err := holdSeveral(ctx, end, sessions)
		if err == nil || !slices.Contains([]uint16{noRight, lockTimeout, statementTimeout}, number(err)) || ctx.Err() != nil {
			return i, err
		}
	}
	i := &instant{}
	if err := i.open(ctx, end, 1); err != nil {
		i.release()
		return nil, err
	}
	return i, nil
}

// statementTimeout is the number of MariaDB's error when max_statement_time has gone.
const statementTimeout = 1969

// holdSeveral stops all writers for the moment in which the sessions begin.
func holdSeveral(ctx context.Context, end database.End, sessions int) (*instant, error) {
	lock, err := dial(ctx, end, "")
	if err != nil {
		return nil, err
	}
	defer lock.hangUp()
	patience := int(lockPatience.Seconds())
	settings := fmt.Sprintf("SET lock_wait_timeout = %d", patience)
	if lock.server.mariadb {
		settings += fmt.Sprintf(", max_statement_time = %d", patience)
	}
	if err := lock.exec(ctx, settings); err != nil {
		return nil, at(end, "prepare the session", err)
	}
	if err := lock.exec(ctx, "FLUSH TABLES WITH READ LOCK"); err != nil {
		return nil, at(end, "hold an instant of all tables", err)
	}
	i := &instant{}
	err = i.open(ctx, end, sessions)
	if err == nil {
		err = lock.exec(ctx, "UNLOCK TABLES")
	}
	if err != nil {
		i.release()
		return nil, err
	}
	return i, nil
}

// open begins the transactions.
func (i *instant) open(ctx context.Context, end database.End, sessions int) error {
	i.at = time.Now()
	for range sessions {
		s, err := dial(ctx, end, end.Catalog)
		if err != nil {
			return err
		}
		i.readers = append(i.readers, s)
		for _, statement := range []string{
			"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
		} {
			if err := s.exec(ctx, statement); err != nil {
				return at(end, "hold an instant of "+end.Catalog, err)
			}
		}
	}
	s := i.readers[0]
	var err error
	i.tables, err = s.column(ctx, `SELECT TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME`, end.Catalog)
	if err != nil {
		return at(end, "list the tables of "+end.Catalog, err)
	}
	identity, position := "@@server_uuid", "@@global.gtid_executed"
	if s.server.mariadb {
		identity, position = "CONCAT(@@hostname, ':', @@port, @@datadir)", "@@global.gtid_current_pos"
		if !s.server.before(10, 10) {
			identity = "@@server_uid"
		}
	}
	row, err := s.rows(ctx, "SELECT "+identity+", "+position)
	if err != nil {
		return at(end, "read the server's position", err)
	}
	i.identity, i.position = row[0][0]+"/"+end.Catalog, strings.ReplaceAll(row[0][1], "\n", "")
	return nil
}

// look lists the tables with all that there is to know of them. What was altered since the instant is refused by the
// server when it is read; what has come or gone is seen here.
func (i *instant) look(ctx context.Context, schema string) ([]table, error) {
	s := i.readers[0]
	list, err := tables(ctx, s, schema)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range list {
		names = append(names, t.name)
		if t.versions {
			return nil, at(s.end, "copy table "+of(schema, t.name), errors.New("it is system-versioned, and its history would be lost"))
		}
	}
	if !slices.Equal(names, i.tables) {
		return nil, at(s.end, "list the tables of "+schema, errors.New("tables came or went as the copy began"))
	}
	return list, nil
}

// release lets the instant go.
func (i *instant) release() {
	for _, s := range i.readers {
		s.hangUp()
	}
}
