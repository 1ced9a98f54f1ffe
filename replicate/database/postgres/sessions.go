package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// sessionsQuery lists the clients in a catalog. What an account without pg_read_all_stats may not see of others is
// null: then they may be writing. The server's own processes have no user.
const sessionsQuery = `
SELECT coalesce(usename, '?') || coalesce(', ' || nullif(application_name, ''), '')
		|| coalesce(', from ' || host(client_addr), ', from the server''s own host'),
	backend_start, coalesce(state <> 'idle', true)
FROM pg_stat_activity
WHERE datname = $1 AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM $2
	AND coalesce(backend_type, 'client backend') = 'client backend' AND usesysid IS NOT NULL
ORDER BY backend_start, pid`

// Sessions lists the clients in a catalog.
func (Engine) Sessions(ctx context.Context, end database.End) ([]database.Session, error) {
	server, err := dialServer(ctx, end)
	if err != nil {
		return nil, err
	}
	defer hangUp(server)
	rows, err := server.Query(ctx, sessionsQuery, end.Catalog, program)
	if err != nil {
		return nil, cause(ctx, at(end, "list the sessions", err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s database.Session, err error) {
		var since *time.Time
		if err = row.Scan(&s.Who, &since, &s.Writing); since != nil {
			s.Since = *since
		}
		return s, err
	})
	if err != nil {
		return nil, cause(ctx, at(end, "list the sessions", err))
	}
	return list, nil
}
