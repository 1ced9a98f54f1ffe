package sqlserver

import (
	"strings"
	"time"

	"failoverd/replicate/database"
)

// Engine copies the catalogs of SQL Server. It holds no connection between two calls.
type Engine struct {
	every    time.Duration // between two questions how far a statement has come
	pause    time.Duration // before a statement that met somebody else is tried again, longer each time
	attempts int           // how often: a reader that comes again at once takes the place in single-user mode most times
	stopping time.Duration // how long a server may take to stop what was cancelled
}

var _ database.Engine = (*Engine)(nil)

// longestPause bounds the pause, so that the tries are many in half a minute and not few in a long one.
const longestPause = 500 * time.Millisecond

// New returns the engine.
func New() *Engine {
	return &Engine{every: 500 * time.Millisecond, pause: 100 * time.Millisecond, attempts: 60, stopping: 2 * time.Minute}
}

// ident quotes a name for a statement.
func ident(s string) string { return "[" + strings.ReplaceAll(s, "]", "]]") + "]" }

// quote quotes a text, for statements that take no parameters.
func quote(s string) string { return "N'" + strings.ReplaceAll(s, "'", "''") + "'" }
