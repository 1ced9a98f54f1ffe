package standin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// units is the stand-in that consists of systemd units.
type units struct {
	spec Spec
	dial dialer
	log  *slog.Logger
}

// Start writes the environment file and starts the units in order, each when the one before it is active. One that is
// active already stays as it is. At the first that fails it stops; Stop takes back what was started.
func (u *units) Start(ctx context.Context) error {
	// A unit that reads a stale environment would work for the wrong addresses and databases: no file, no start.
	if err := u.spec.Environment.write(u.spec.Dir); err != nil {
		return fmt.Errorf("start %s: write its environment: %w", u.spec.what(), err)
	}
	return u.session(ctx, "start "+u.spec.what(), func(ctx context.Context, s *session) error {
		for _, name := range u.spec.Units {
			if err := s.start(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// Stop stops the units in reverse order. One that cannot be stopped does not keep the others from being stopped.
func (u *units) Stop(ctx context.Context) error {
	return u.session(ctx, "stop "+u.spec.what(), func(ctx context.Context, s *session) error {
		var errs []error
		for _, name := range slices.Backward(u.spec.Units) {
			errs = append(errs, s.stop(ctx, name))
		}
		return errors.Join(errs...)
	})
}

// Running says whether every unit is active; the evidence names each one's state, as systemctl does.
func (u *units) Running(ctx context.Context) (running bool, evidence string, err error) {
	err = u.session(ctx, "look at "+u.spec.what(), func(ctx context.Context, s *session) error {
		running = true
		var states []string
		for _, name := range u.spec.Units {
			st, err := s.state(ctx, name)
			if err != nil {
				return err
			}
			running = running && st.up()
			states = append(states, name+": "+st.String())
		}
		evidence = strings.Join(states, "; ")
		return nil
	})
	if err != nil {
		return false, "", err
	}
	return running, evidence, nil
}

// session calls do with a session that lasts as long as the call, and a context that ends after the stand-in's
// time-out. A connection to the bus is made for each call: it costs a millisecond or two, and there is none that
// could have died since the last time.
func (u *units) session(ctx context.Context, what string, do func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, u.spec.Timeout, fmt.Errorf("systemd did not finish within %v", u.spec.Timeout))
	defer cancel()
	s := &session{dial: u.dial, log: u.log.With("server", u.spec.Environment.Server)}
	defer s.close()
	if err := do(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
