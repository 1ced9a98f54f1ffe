// Package standin starts, watches and stops the stand-in: the application on the standby that does a primary's work
// during a takeover.
//
// There are two kinds. Units are started by systemd over D-Bus, in the order in which they are written, and stopped
// in reverse; systemd owns their processes. Commands are the operator's own scripts: one that starts, one that stops,
// one that says whether it runs. The start command must return once the application is started, exit status 0 and the
// application in the background, as a service of systemd's Type=forking or oneshot does; one that stays in the
// foreground is killed at its time-out. Both kinds go on when failoverd is restarted.
package standin

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"
)

// DefaultTimeout is how long a start, a stop or a command may take where nothing else is said.
const DefaultTimeout = time.Minute

// ErrCannotTell is returned by Running where nothing is configured that could say whether the stand-in runs. It is
// neither yes nor no: whoever watches the stand-in must not start it again for it.
var ErrCannotTell = errors.New("no check command is configured")

// App is one server's stand-in. Start and Stop may be called again after a crash, when nobody knows how far they had
// come; they are not called at the same time as each other. Running may be called at any time.
type App interface {
	// Start starts what does not run yet; it returns once the application is started, which is not yet ready.
	Start(ctx context.Context) error
	// Stop stops whatever runs; it returns nil only if nothing of it runs any more, as far as can be told.
	Stop(ctx context.Context) error
	// Running says whether all of it runs, and by which evidence. An error means that it could not be told.
	Running(ctx context.Context) (running bool, evidence string, err error)
}

// Spec says what a server's stand-in is.
type Spec struct {
	What               string        // what it is, for people; "" is the stand-in
	Units              []string      // systemd units, in the order of starting; where there are any, commands are ignored
	Start, Stop, Check []string      // commands, as argument lists; Check ends with status 0 while the stand-in runs
	Timeout            time.Duration // for a whole start or stop, and for each command; 0 is DefaultTimeout
	Dir                string        // the server's own directory on the standby, made if it is not there
	Environment        Environment   // what the application is told
}

// what the application is, for people.
func (s Spec) what() string { return cmp.Or(s.What, "the stand-in") }

// New returns the stand-in that spec describes. A spec with neither units nor commands is a stand-in that has nothing
// to start: its application runs on the standby all the time, and only the address moves.
func New(spec Spec, log *slog.Logger) App {
	if spec.Timeout <= 0 {
		spec.Timeout = DefaultTimeout
	}
	switch {
	case len(spec.Units) > 0:
		return &units{spec: spec, dial: dialSystem, log: log}
	case len(spec.Start) > 0:
		return &commands{spec: spec, log: log}
	default:
		return nothing{}
	}
}

// nothing is the stand-in of a server whose application needs no starting.
type nothing struct{}

func (nothing) Start(context.Context) error { return nil }
func (nothing) Stop(context.Context) error  { return nil }
func (nothing) Running(context.Context) (bool, string, error) {
	return true, "nothing to start is configured", nil
}
