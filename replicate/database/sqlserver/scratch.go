package sqlserver

import (
	"context"
	"errors"
	"fmt"

	"failoverd/replicate/database"
)

// scratchSchema is what a scratch database holds: a key, a foreign key, an index, a view, a procedure, a trigger.
const scratchSchema = `CREATE TABLE dbo.accounts (id int NOT NULL PRIMARY KEY, balance int NOT NULL);
CREATE TABLE dbo.moves (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, account int NOT NULL REFERENCES dbo.accounts (id), amount int NOT NULL);
CREATE INDEX ix_moves_account ON dbo.moves (account);
CREATE TABLE dbo.tally (moves int NOT NULL);
INSERT INTO dbo.tally (moves) VALUES (0);
INSERT INTO dbo.accounts (id, balance) VALUES (1, 1000), (2, 2000);
GO
CREATE TRIGGER dbo.count_moves ON dbo.moves AFTER INSERT AS
UPDATE dbo.tally SET moves = moves + (SELECT COUNT(*) FROM inserted);
GO
CREATE VIEW dbo.totals AS SELECT account, SUM(amount) AS total FROM dbo.moves GROUP BY account;
GO
CREATE PROCEDURE dbo.move_amount @account int, @amount int AS
INSERT INTO dbo.moves (account, amount) VALUES (@account, @amount);
GO
`

// scratchMove is one more piece of work of the scratch database's application.
const scratchMove = "EXEC dbo.move_amount @account = 1, @amount = 10;"

// scratchFix is a script as an administrator would write one.
const scratchFix = `UPDATE dbo.accounts SET balance = balance + 1 WHERE id = 2;
GO
DELETE FROM dbo.moves WHERE id = 1;
`

// scratchState is what a scratch database shows, in one line.
type scratchState struct{ moves, tally, balance int64 }

func (s scratchState) String() string {
	return fmt.Sprintf("%d moves, a tally of %d, a balance of %d", s.moves, s.tally, s.balance)
}

// createScratch makes a scratch database with one move in it.
func createScratch(ctx context.Context, e database.End) error {
	s, err := open(ctx, e, master, program)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.exec(ctx, "create "+e.Catalog, "CREATE DATABASE "+ident(e.Catalog)); err != nil {
		return err
	}
	return workOn(ctx, e, scratchSchema+scratchMove)
}

// workOn runs a script in an end's catalog as an application would.
func workOn(ctx context.Context, e database.End, script string) error {
	list, err := batches(script)
	if err != nil {
		return err
	}
	s, err := open(ctx, e, e.Catalog, program)
	if err != nil {
		return err
	}
	defer s.close()
	for _, b := range list {
		if err := s.exec(ctx, "work in "+e.Catalog, b.text); err != nil {
			return fmt.Errorf("%w; %s", err, b.place(err))
		}
	}
	return nil
}

// wantScratch wants a catalog of an end to show a state.
func wantScratch(ctx context.Context, e database.End, catalog string, want scratchState) error {
	s, err := open(ctx, e, catalog, program)
	if err != nil {
		return err
	}
	defer s.close()
	r, err := s.one(ctx, "read "+catalog, `SELECT (SELECT COUNT(*) FROM dbo.moves) AS moves, (SELECT moves FROM dbo.tally) AS tally,
(SELECT SUM(balance) FROM dbo.accounts) AS balance`)
	if err != nil {
		return err
	}
	got := scratchState{r.number("moves"), r.number("tally"), r.number("balance")}
	if got != want {
		return fmt.Errorf("%s at %s shows %v, and should show %v", catalog, e.Host, got, want)
	}
	return nil
}

// dropScratch drops databases of an end by their names.
func (e *Engine) dropScratch(ctx context.Context, end database.End, catalogs ...string) error {
	s, err := open(ctx, end, master, program)
	if err != nil {
		return err
	}
	defer s.close()
	var errs []error
	for _, catalog := range catalogs {
		errs = append(errs, e.drop(ctx, s, catalog))
	}
	return errors.Join(errs...)
}
