package standin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	// redialFirst and redialMost bound the pause between two tries to reach a bus that went away, doubled each time.
	redialFirst = 50 * time.Millisecond
	redialMost  = time.Second
	// unavailable is how long a bus may be away when a unit is to be started or stopped: as long as its own restart
	// takes. Where there never was one, waiting longer helps nobody.
	unavailable = 3 * time.Second
	// returning is how long a bus that went away under a job is awaited: until the time of the whole call is up.
	returning = 24 * time.Hour
	// jobPoll is how often a job is looked at while its result is awaited: a bus that died, or a signal that was lost,
	// says nothing.
	jobPoll = 250 * time.Millisecond
	// lastLook is how long the state of a unit may be asked for after the time is up, for the error.
	lastLook = 500 * time.Millisecond
)

// errBusLost says that the bus went away while it was asked. What was asked for may have happened all the same.
var errBusLost = errors.New("the bus went away")

// dialer makes a connection to systemd. The context is the connection's life, not only the dialling's.
type dialer func(ctx context.Context) (*systemd.Conn, error)

// dialSystem reaches systemd over the system bus, or directly where there is no bus daemon, or none that knows
// systemd. The direct socket is for root only.
func dialSystem(ctx context.Context) (*systemd.Conn, error) {
	return dialFirst(ctx, systemd.NewSystemConnectionContext, systemd.NewSystemdConnectionContext)
}

// dialFirst returns the first connection by which systemd answers. Subscribe is both the proof of that and the request
// without which systemd sends no job results to a connection that it does not know.
func dialFirst(ctx context.Context, ways ...dialer) (*systemd.Conn, error) {
	var errs []error
	for _, dial := range ways {
		conn, err := dial(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := conn.Subscribe(); err != nil {
			conn.Close()
			errs = append(errs, fmt.Errorf("subscribe: %w", err))
			continue
		}
		return conn, nil
	}
	return nil, fmt.Errorf("reach systemd: %w", errors.Join(errs...))
}

// session is one connection after another to systemd, for the length of one call.
type session struct {
	dial   dialer
	log    *slog.Logger
	conn   *systemd.Conn
	cancel context.CancelFunc // ends conn
}

// close ends the connection, if there is one.
func (s *session) close() {
	if s.conn == nil {
		return
	}
	s.conn.Close()
	s.cancel()
	s.conn = nil
}

// connect makes a connection unless there is a live one. It tries again until the patience or ctx is at its end.
func (s *session) connect(ctx context.Context, patience time.Duration) error {
	if s.conn != nil && s.conn.Connected() {
		return nil
	}
	s.close()
	begun := time.Now()
	for pause := redialFirst; ; pause = min(2*pause, redialMost) {
		err := s.dialOnce(ctx)
		if err == nil {
			return nil
		}
		if time.Since(begun)+pause > patience {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// dialOnce makes a connection. It gets a life of its own, so that the last look at a unit is still possible when ctx
// has ended, but while it is being made the end of ctx ends it.
func (s *session) dialOnce(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	conn, err := s.dial(life)
	if !stop() && err == nil {
		conn.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel()
		return err
	}
	s.conn, s.cancel = conn, cancel
	return nil
}

// lost turns the error of a call into errBusLost where the connection did not survive the call.
func (s *session) lost(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || s.conn.Connected() && !errors.Is(err, dbus.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", errBusLost, err)
}

// state asks for a unit's state, once more if the bus goes away meanwhile.
func (s *session) state(ctx context.Context, name string) (state, error) {
	if err := s.connect(ctx, 0); err != nil {
		return state{}, err
	}
	st, err := s.look(ctx, name)
	if errors.Is(err, errBusLost) {
		if err := s.connect(ctx, unavailable); err != nil {
			return state{}, err
		}
		st, err = s.look(ctx, name)
	}
	return st, err
}

// look asks for a unit's state by the connection that there is.
func (s *session) look(ctx context.Context, name string) (state, error) {
	general, err := s.conn.GetUnitPropertiesContext(ctx, name)
	if err != nil {
		return state{}, s.lost(ctx, fmt.Errorf("unit %s: ask for its state: %w", name, err))
	}
	st := newState(general)
	if st.active == "failed" {
		// Why it failed is worth one more question, and nothing if that is not answered: only services have it.
		if more, err := s.conn.GetUnitTypePropertiesContext(ctx, name, "Service"); err == nil {
			st.explain(more)
		}
	}
	return st, nil
}
