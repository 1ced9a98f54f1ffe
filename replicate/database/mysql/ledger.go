package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// ledger is the schema in which it is written down, at a target, what has been begun there.
const ledger = "failoverd"

// record is what is kept about the copies of a live name.
type record struct {
	First string `json:"first,omitempty"` // the run that made the first copy, while it is live
	Fixed *fixed `json:"fixed,omitempty"` // what scripts have made of the staging
}

// openLedger makes the ledger, if there is none.
func openLedger(ctx context.Context, s *session) error {
	for _, statement := range []string{
		"CREATE DATABASE IF NOT EXISTS " + ident(ledger) + " CHARACTER SET utf8mb4",
		"CREATE TABLE IF NOT EXISTS " + of(ledger, "copies") +
			" (live VARCHAR(64) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, record LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4",
	} {
		if err := s.exec(ctx, statement); err != nil {
			return at(s.end, "open the ledger "+ledger, err)
		}
	}
	return nil
}

// readRecord reads what is kept about a live name.
func readRecord(ctx context.Context, s *session, live string) (record, error) {
	var r record
	var text string
	err := s.conn.QueryRowContext(ctx, "SELECT record FROM "+of(ledger, "copies")+" WHERE live = ?", live).Scan(&text)
	if absent(err) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &r)
	}
	if err != nil {
		return r, at(s.end, "read the ledger about "+live, err)
	}
	return r, nil
}

// keepRecord writes it. One that says nothing is none.
func keepRecord(ctx context.Context, s *session, live string, r record) error {
	text, err := json.Marshal(r)
	if err == nil && r == (record{}) {
		err = s.exec(ctx, "DELETE FROM "+of(ledger, "copies")+" WHERE live = ?", live)
		if absent(err) {
			err = nil
		}
	} else if err == nil {
		if err = openLedger(ctx, s); err == nil {
			err = s.exec(ctx, "REPLACE INTO "+of(ledger, "copies")+" VALUES (?, ?)", live, string(text))
		}
	}
	if err != nil {
		return at(s.end, "write to the ledger about "+live, err)
	}
	return nil
}

// absent says that a query has found no row, or no table to look in.
func absent(err error) bool {
	n := number(err)
	return errors.Is(err, sql.ErrNoRows) || n == noSuchTable || n == noSuchCatalog
}

// begun and renamed are the tables that hold an exchange that is not finished: before and after its rename, of which
// the change of this table's name is a part.
func begun(live string) string   { return of(ledger, "swap_"+digest(live)) }
func renamed(live string) string { return of(ledger, "swapped_"+digest(live)) }

// digest is a name that fits wherever another name does.
func digest(live string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(live)))[:32] }

// keepExchange writes down an exchange that is about to begin.
func keepExchange(ctx context.Context, s *session, x exchange) error {
	if err := openLedger(ctx, s); err != nil {
		return err
	}
	text, err := json.Marshal(x)
	for _, statement := range []string{
		"DROP TABLE IF EXISTS " + begun(x.Live), "CREATE TABLE " + begun(x.Live) + " (n TINYINT NOT NULL PRIMARY KEY, plan LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4",
	} {
		if err == nil {
			err = s.exec(ctx, statement)
		}
	}
	if err == nil {
		err = s.exec(ctx, "INSERT INTO "+begun(x.Live)+" VALUES (1, ?)", string(text))
	}
	if err != nil {
		return at(s.end, "write down the exchange of "+x.Live, err)
	}
	return nil
}

// readExchange reads an exchange that is not finished, and how far it is. nil: there is none.
func readExchange(ctx context.Context, s *session, live string) (x *exchange, done bool, err error) {
	for _, table := range []string{begun(live), renamed(live)} {
		var text string
		err := s.conn.QueryRowContext(ctx, "SELECT plan FROM "+table).Scan(&text)
		if absent(err) {
			continue
		}
		if err == nil {
			x = &exchange{}
			err = json.Unmarshal([]byte(text), x)
		}
		if err != nil {
			return nil, false, at(s.end, "read the exchange of "+live, err)
		}
		return x, table == renamed(live), nil
	}
	return nil, false, nil
}
