package mysql

import (
	"context"
	"testing"

	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// TestServersAreKilled kills the servers themselves. They write their logs as servers in production do: else they would
// lose what they have said to be done.
func TestServersAreKilled(t *testing.T) {
	t.Parallel()
	s := startServers(t, "innodb_flush_log_at_trx_commit=1", "sync_binlog=1")
	enginetest.RunKilled(t, s.fixture(), func(ctx context.Context, e database.End) error {
		server := s.source
		if e.DSN == s.target.DSN("failoverd") {
			server = s.target
		}
		if err := server.Kill(); err != nil {
			return err
		}
		return server.Start(ctx)
	})
}
