package sqlite

import (
	"testing"

	"failoverd/replicate/database/enginetest"
)

// TestEngine runs the suite of all engines on files: probe, copy, verification, swap, rollback, to live, and every
// trouble in each.
func TestEngine(t *testing.T) {
	for name, s := range map[string]*site{
		"WAL, named by its file":             newSite(t, true, true),
		"rollback journal, by its directory": newSite(t, false, false),
	} {
		t.Run(name, func(t *testing.T) { enginetest.Run(t, s.fixture(t)) })
	}
}
