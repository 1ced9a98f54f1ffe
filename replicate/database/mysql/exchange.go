package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"failoverd/replicate/database"
)

// exchange puts what stands in one schema in the place of what stands in another one. It is written down with all that
// has to be dropped before it is dropped, so that it is finished or taken back from wherever it was left.
type exchange struct {
	Live  string `json:"live"`
	In    string `json:"in"`             // what comes into service
	Out   string `json:"out"`            // where what is in service goes; "" if nothing is
	Keep  bool   `json:"keep"`           // it is kept there
	Back  bool   `json:"back,omitempty"` // it takes another one back
	First string `json:"first,omitempty"`

	InCode   []definition `json:"in_code"`
	LiveCode []definition `json:"live_code"`
}

// begin reads what there is, and writes the exchange down. Nobody notices anything yet.
func (x *exchange) begin(ctx context.Context, s *session) error {
	var err error
	if x.InCode, err = definitions(ctx, s, x.In); err != nil {
		return err
	}
	if x.Out != "" {
		if x.LiveCode, err = definitions(ctx, s, x.Live); err != nil {
			return err
		}
	}
	return keepExchange(ctx, s, *x)
}

// room makes the schema that is not there yet: where what is in service goes, or else the live one.
func (x *exchange) room(ctx context.Context, s *session) error {
	empty, like := x.Out, x.Live
	if empty == "" {
		empty, like = x.Live, x.In
	}
	m, err := readMold(ctx, s, like)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "CREATE DATABASE IF NOT EXISTS "+ident(empty)+m.set()); err != nil {
		return at(s.end, "create "+empty, err)
	}
	return nil
}

// do does it, and goes on to the end. All tables change their places in one statement.
func (x *exchange) do(ctx context.Context, s *session) error {
	if err := x.room(ctx, s); err != nil {
		return err
	}
	for schema, list := range map[string][]definition{x.In: x.InCode, x.Live: x.LiveCode} {
		for _, d := range list {
			if d.Kind != trigger {
				continue // Only tables with triggers cannot change their schema.
			}
			if err := x.insist(ctx, s, "DROP TRIGGER IF EXISTS "+of(schema, d.Name)); err != nil {
				return at(s.end, "set trigger "+of(schema, d.Name)+" aside", err)
			}
		}
	}
	out, err := movable(ctx, s, x.Live)
	if err != nil {
		return err
	}
	in, err := movable(ctx, s, x.In)
	if err != nil {
		return err
	}
	var moves []string
	for _, name := range out {
		moves = append(moves, of(x.Live, name)+" TO "+of(x.Out, name))
	}
	for _, name := range in {
		moves = append(moves, of(x.In, name)+" TO "+of(x.Live, name))
	}
	// A view that has become a table is in its way.
	for _, d := range x.LiveCode {
		if d.Kind == view && slices.Contains(in, d.Name) {
			if err := d.drop(ctx, s, x.Live); err != nil {
				return err
			}
		}
	}
	moves = append(moves, begun(x.Live)+" TO "+renamed(x.Live))
	if err := x.insist(ctx, s, "RENAME TABLE "+strings.Join(moves, ", ")); err != nil {
		return at(s.end, "rename the tables of "+x.Live+" and "+x.In, err)
	}
	return x.finish(ctx, s)
}

// movable lists what has rows.
func movable(ctx context.Context, s *session, schema string) ([]string, error) {
	list, err := s.column(ctx, `SELECT TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = ? AND TABLE_TYPE <> 'VIEW' ORDER BY TABLE_NAME`, schema)
	if err != nil {
		return nil, at(s.end, "list the tables of "+schema, err)
	}
	return list, nil
}

// finish makes all that could not be moved, after the tables have been. Each is replaced in one statement, so that
// nobody misses it.
func (x *exchange) finish(ctx context.Context, s *session) error {
	accounts, err := readAccounts(ctx, s)
	if err != nil {
		return err
	}
	standing, err := exists(ctx, s, x.In, x.Out)
	if err != nil {
		return err
	}
	if standing[x.In] { // Otherwise this has been done, but for the last line.
		if err := x.recode(ctx, s, accounts); err != nil {
			return err
		}
		if x.Out != "" && !x.Keep {
			if err := drop(ctx, s, x.Out); err != nil {
				return err
			}
		}
		if err := drop(ctx, s, x.In); err != nil {
			return err
		}
	}
	if err := keepRecord(ctx, s, x.Live, record{First: x.First}); err != nil {
		return err
	}
	return x.forget(ctx, s)
}

// recode makes the live code of what has come in, and keeps what was live with what is kept.
func (x *exchange) recode(ctx context.Context, s *session, accounts map[string]bool) error {
	in, err := readMold(ctx, s, x.In)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "ALTER DATABASE "+ident(x.Live)+in.set()); err != nil {
		return at(s.end, "set the character set of "+x.Live, err)
	}
	if err := makeAll(ctx, s, x.Live, x.InCode, terms{from: x.In, accounts: accounts}); err != nil {
		return err
	}
	for _, d := range x.LiveCode {
		same := func(other definition) bool { return other.Kind == d.Kind && other.Name == d.Name }
		if d.Kind == trigger || slices.ContainsFunc(x.InCode, same) {
			continue // Triggers have gone with their tables.
		}
		if err := d.drop(ctx, s, x.Live); err != nil {
			return err
		}
	}
	if !x.Keep {
		return nil
	}
	return makeAll(ctx, s, x.Out, x.LiveCode, terms{from: x.Live, accounts: accounts})
}

// undo puts back what was dropped before the tables changed their places.
func (x *exchange) undo(ctx context.Context, s *session) error {
	accounts, err := readAccounts(ctx, s)
	if err != nil {
		return err
	}
	for schema, list := range map[string][]definition{x.In: x.InCode, x.Live: x.LiveCode} {
		var dropped []definition
		for _, d := range list {
			if d.Kind == trigger || d.Kind == view {
				dropped = append(dropped, d)
			}
		}
		if err := makeAll(ctx, s, schema, dropped, terms{from: schema, accounts: accounts}); err != nil {
			return err
		}
	}
	empty := x.Out
	if empty == "" {
		empty = x.Live
	}
	if err := drop(ctx, s, empty); err != nil {
		return err
	}
	return x.forget(ctx, s)
}

// forget strikes the exchange out of the ledger.
func (x *exchange) forget(ctx context.Context, s *session) error { return forget(ctx, s, x.Live) }

func forget(ctx context.Context, s *session, live string) error {
	if err := s.exec(ctx, "DROP TABLE IF EXISTS "+begun(live)+", "+renamed(live)); err != nil && !absent(err) {
		return at(s.end, "strike the exchange of "+live+" out of the ledger", err)
	}
	return nil
}

// resolve brings an exchange that was cut off to an end: it is finished if the tables have changed their places, and
// otherwise taken back.
func resolve(ctx context.Context, s *session, names database.Names) error {
	x, done, err := readExchange(ctx, s, names.Live)
	switch {
	case err != nil:
		return err
	case x == nil:
		return forget(ctx, s, names.Live) // It was cut off before it was written down: its table is there, and empty.
	case done:
		return x.finish(ctx, s)
	}
	return x.undo(ctx, s)
}

// attempts are how often somebody who holds a table is sent away, a second after each.
const attempts = 5

// insist executes a statement that needs tables for itself. It waits a second for whoever has them in a transaction,
// and ends the sessions in these schemas then: whoever comes has to wait behind us meanwhile.
func (x *exchange) insist(ctx context.Context, s *session, statement string) error {
	return insist(ctx, s, statement, x.Live, x.In)
}

func insist(ctx context.Context, s *session, statement string, schemas ...string) error {
	if err := s.exec(ctx, "SET lock_wait_timeout = 1"); err != nil {
		return err
	}
	var err error
	for range attempts {
		if err = s.exec(ctx, statement); number(err) != lockTimeout {
			break
		}
		if cleared := sendAway(ctx, s, schemas); cleared != nil {
			return fmt.Errorf("%w; to end the sessions in it: %w", err, cleared)
		}
	}
	if settled := s.exec(ctx, "SET lock_wait_timeout = 20"); err == nil {
		err = settled
	}
	return err
}

// sendAway ends the sessions in some schemas.
func sendAway(ctx context.Context, s *session, schemas []string) error {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(schemas)), ", ")
	args := []any{}
	for _, schema := range schemas {
		args = append(args, schema)
	}
	ids, err := s.column(ctx, `SELECT ID FROM information_schema.PROCESSLIST
		WHERE ID <> CONNECTION_ID() AND DB IN (`+marks+`)`, args...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.exec(ctx, "KILL "+id); err != nil && number(err) != noSuchThread {
			return err
		}
	}
	return nil
}
