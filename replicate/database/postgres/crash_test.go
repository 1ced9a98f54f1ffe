package postgres

import (
	"context"
	"strings"
	"testing"

	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// TestServersAreKilled kills the servers themselves, with all their processes at once.
func TestServersAreKilled(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	f := s.fixture()
	// PostgreSQL itself empties unlogged tables after a crash, so there is none here.
	f.Dialect.Schema = strings.ReplaceAll(f.Dialect.Schema, "UNLOGGED", "")
	enginetest.RunKilled(t, f, func(ctx context.Context, e database.End) error {
		server := s.source
		if e.DSN == s.target.DSN(engineer) {
			server = s.target
		}
		if err := server.Kill(); err != nil {
			return err
		}
		return server.Start(ctx)
	})
}
