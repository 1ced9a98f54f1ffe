package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// Swap renames the catalogs in one transaction.
func (Engine) Swap(ctx context.Context, p database.Pair, note func(what string) error) error {
	server, usher, err := dialTwo(ctx, p.Target)
	if err != nil {
		return err
	}
	defer hangUp(server)
	defer hangUp(usher)
	found, err := lookUp(ctx, server, p.Target, p.Names.Live, p.Names.Staging, p.Names.Previous)
	if err != nil {
		return err
	}
	live, serving := found[p.Names.Live]
	staging, staged := found[p.Names.Staging]
	switch {
	case staged && staging.mark.Doomed:
		return at(p.Target, "put a copy in service", errors.New("what stands as "+p.Names.Staging+" was taken out of service"))
	case !staged && serving:
		return nil // It has been done.
	case !staged:
		return at(p.Target, "put a copy in service", errors.New("there is no "+p.Names.Staging))
	}
	if _, kept := found[p.Names.Previous]; kept && serving {
		if err := noteAndDrop(ctx, server, p.Target, p.Names.Previous, note); err != nil {
			return err
		}
	}
	if err := note("rename " + p.Names.Staging + " to " + p.Names.Live); err != nil {
		return err
	}
	return cause(ctx, exchange(ctx, server, usher, p, live, serving, staging))
}

// exchange puts the staging in service.
func exchange(ctx context.Context, server, usher *pgx.Conn, p database.Pair, live standing, serving bool, staging standing) error {
	m := mark{Run: p.Run, First: !serving}
	mark, err := setMark(p.Names.Live, staging.people, m)
	if err != nil {
		return err
	}
	// The staging goes aside first: then nobody can be in it any more, and the live one is missed as shortly as can be.
	aside := p.Names.Live + "__up"
	statements := []string{rename(p.Names.Staging, aside)}
	var cleared []string
	if serving {
		live.mark.First = false
		kept, err := setMark(p.Names.Previous, live.people, live.mark)
		if err != nil {
			return err
		}
		statements = append(statements, rename(p.Names.Live, p.Names.Previous), rename(aside, p.Names.Live), kept)
		cleared = append(cleared, p.Names.Live)
	} else {
		statements = append(statements, rename(aside, p.Names.Live))
	}
	statements = append(statements, mark)
	if live.sealed {
		statements = append(statements, sealing(p.Names.Live, true))
	}
	return renames(ctx, server, usher, p.Target, append(cleared, p.Names.Staging), statements)
}

// dialTwo connects to a server twice: for a session that renames, and one that sends away who is in the way.
func dialTwo(ctx context.Context, end database.End) (server, usher *pgx.Conn, err error) {
	err = together(ctx,
		func(ctx context.Context) (err error) {
			server, err = dialServer(ctx, end)
			return err
		},
		func(ctx context.Context) (err error) {
			usher, err = dialServer(ctx, end)
			return err
		},
	)
	if err == nil {
		return server, usher, nil
	}
	hangUp(server)
	hangUp(usher)
	return nil, nil, err
}

// Rollback renames the catalogs back in one transaction, and drops what was in service.
func (Engine) Rollback(ctx context.Context, p database.Pair, note func(what string) error) error {
	server, usher, err := dialTwo(ctx, p.Target)
	if err != nil {
		return err
	}
	defer hangUp(server)
	defer hangUp(usher)
	found, err := lookUp(ctx, server, p.Target, p.Names.Live, p.Names.Staging, p.Names.Previous)
	if err != nil {
		return err
	}
	live, serving := found[p.Names.Live]
	previous, kept := found[p.Names.Previous]
	staging, staged := found[p.Names.Staging]
	switch {
	case staged && staging.mark.Doomed:
		return noteAndDrop(ctx, server, p.Target, p.Names.Staging, note)
	case staged && serving:
		// The swap was not made: what is in service is what was.
		return closeRun(ctx, server, p.Target, p.Names.Live, live, p.Run)
	case staged, serving && live.mark.Undone == p.Run:
		return nil
	case serving && kept:
		return takeBack(ctx, server, usher, p, live, previous, note)
	case kept:
		if err := note("rename " + p.Names.Previous + " to " + p.Names.Live); err != nil {
			return err
		}
		return renames(ctx, server, usher, p.Target, []string{p.Names.Previous}, []string{rename(p.Names.Previous, p.Names.Live)})
	case serving && live.mark.First && live.mark.Run == p.Run:
		return noteAndDrop(ctx, server, p.Target, p.Names.Live, note)
	}
	return nil // It has been done.
}

// takeBack puts the previous copy in service again.
func takeBack(ctx context.Context, server, usher *pgx.Conn, p database.Pair, live, previous standing, note func(string) error) error {
	if err := note("rename " + p.Names.Previous + " to " + p.Names.Live); err != nil {
		return err
	}
	live.mark.Doomed = true
	doom, err := setMark(p.Names.Staging, live.people, live.mark)
	if err != nil {
		return err
	}
	statements := []string{
		rename(p.Names.Live, p.Names.Staging), rename(p.Names.Previous, p.Names.Live), doom,
		sealing(p.Names.Live, live.sealed),
	}
	if live.sealed == previous.sealed {
		statements = statements[:3]
	}
	if err := renames(ctx, server, usher, p.Target, []string{p.Names.Live, p.Names.Previous}, statements); err != nil {
		return cause(ctx, err)
	}
	return noteAndDrop(ctx, server, p.Target, p.Names.Staging, note)
}

func rename(from, to string) string {
	return "ALTER DATABASE " + ident(from) + " RENAME TO " + ident(to)
}

// renames executes statements that rename catalogs in one transaction, while another session sends away who is in
// them. The server lets nobody in from the moment on that a name is changed; who comes then waits for the end of the
// transaction. So it is never half done, and an end of failoverd or of the server in the middle leaves it undone.
func renames(ctx context.Context, server, usher *pgx.Conn, end database.End, catalogs, statements []string) error {
	if err := empty(ctx, usher, catalogs); err != nil {
		return at(end, "end the sessions in "+fmt.Sprint(catalogs), err)
	}
	done, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				// Who may not be sent away is known by now; who came meanwhile and stays is told by the rename.
				_, _ = usher.Exec(ctx, endSessions, catalogs)
			case <-quit:
				return
			}
		}
	}()
	err := pgx.BeginFunc(ctx, server, func(tx pgx.Tx) error {
		for _, statement := range append([]string{`SET LOCAL synchronous_commit = on`}, statements...) {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	close(quit)
	<-done
	if err != nil {
		return fmt.Errorf("%s: %w", end.Host, err)
	}
	return nil
}

// endSessions ends the sessions in some catalogs. Those of the server's autovacuum, which it ends itself, have no user;
// what kind of process they are is hidden from an account without pg_read_all_stats.
const endSessions = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	WHERE datname = ANY($1) AND pid <> pg_backend_pid() AND usesysid IS NOT NULL`

// empty ends the sessions in some catalogs, and waits a moment until they have ended.
func empty(ctx context.Context, usher *pgx.Conn, catalogs []string) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range 250 {
		var n int
		if err := usher.QueryRow(ctx, endSessions, catalogs).Scan(&n); err != nil || n == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil // Some come again and again; the rename keeps them out.
}
