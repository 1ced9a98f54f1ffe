package standin

import (
	"context"
	"errors"
	"fmt"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// verb is a job of systemd with what it is for.
type verb struct {
	name    string
	request func(c *systemd.Conn, ctx context.Context, unit, mode string, result chan<- string) (int, error)
	reached func(state) bool
}

// start makes a unit active.
func (s *session) start(ctx context.Context, unit string) error {
	if err := s.connect(ctx, unavailable); err != nil {
		return err
	}
	st, err := s.state(ctx, unit)
	if err != nil {
		return err
	}
	if st.load != "loaded" {
		return fmt.Errorf("unit %s cannot be started: %v", unit, st)
	}
	if st.active == "failed" {
		// A unit that failed too often is not started again (StartLimitBurst) until that is forgotten. If we may not
		// do that, the start says so.
		if err := s.conn.ResetFailedUnitContext(ctx, unit); err != nil {
			s.log.Debug("failed state of the unit not reset", "unit", unit, "err", err)
		}
	}
	return s.bring(ctx, unit, verb{"start", (*systemd.Conn).StartUnitContext, state.up})
}

// stop makes a unit inactive. A unit that does not exist is.
func (s *session) stop(ctx context.Context, unit string) error {
	if err := s.connect(ctx, unavailable); err != nil {
		return err
	}
	return s.bring(ctx, unit, verb{"stop", (*systemd.Conn).StopUnitContext, state.down})
}

// bring requests a job for a unit and waits for its end, unless the unit is already where it should be and no job is
// about to move it. When the bus goes away, it looks again as soon as the bus is back, and requests the job again if
// that is still needed: systemd merges equal jobs. Mode replace makes a start take the place of a pending stop, and
// the other way round, as the operator's last word must.
func (s *session) bring(ctx context.Context, unit string, v verb) error {
	for {
		st, err := s.state(ctx, unit)
		if err == nil && v.reached(st) && !st.job {
			return nil
		}
		var result string
		if err == nil {
			result, err = s.job(ctx, unit, v)
		}
		switch {
		case errors.Is(err, errBusLost):
			if err := s.connect(ctx, returning); err != nil {
				return fmt.Errorf("unit %s: %s: %w", unit, v.name, err)
			}
			continue
		case err != nil:
			return fmt.Errorf("unit %s: %s: %w%s%s", unit, v.name, err, s.lastState(ctx, unit), hint(err))
		}
		return s.judge(ctx, unit, v, result)
	}
}

// job requests the job and returns its result. It returns errBusLost if the bus went away before that.
func (s *session) job(ctx context.Context, unit string, v verb) (string, error) {
	// The library delivers the result while it holds a lock that every other job needs: a channel without a place for
	// it, not read because we gave up, would block them for ever.
	results := make(chan string, 1)
	if _, err := v.request(s.conn, ctx, unit, "replace", results); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", s.lost(ctx, err)
	}
	tick := time.NewTicker(jobPoll)
	defer tick.Stop()
	for gone := 0; gone < 2; {
		select {
		case result := <-results:
			return result, nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		}
		if !s.conn.Connected() {
			return "", errBusLost
		}
		// The signal with the result can be lost. A job that is gone twice in a row, with no result, is over. A systemd
		// that does not answer right now (daemon-reexec) will.
		if st, err := s.look(ctx, unit); err != nil || st.job {
			gone = 0
		} else {
			gone++
		}
	}
	return "unknown", nil
}

// judge compares the end of a job with the state of the unit: "done" alone does not mean that it is there. A oneshot
// service without RemainAfterExit=yes, for one, is done and inactive.
func (s *session) judge(ctx context.Context, unit string, v verb, result string) error {
	st, err := s.state(ctx, unit)
	if err != nil {
		return fmt.Errorf("unit %s: %s: the job's result is %q, but %w", unit, v.name, result, err)
	}
	if v.reached(st) && (result == "done" || result == "unknown") {
		return nil
	}
	return fmt.Errorf("unit %s: %s: the job's result is %q, the unit is %v", unit, v.name, result, st)
}

// lastState returns the state of a unit as the end of an error, although ctx may have ended; "" if it cannot be had.
func (s *session) lastState(ctx context.Context, unit string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	if s.conn == nil || !s.conn.Connected() {
		return ""
	}
	st, err := s.look(ctx, unit)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("; the unit is %v", st)
}

// hint says what to do about a refusal by polkit, which words it as a wish for a password.
func hint(err error) string {
	refused, ok := errors.AsType[dbus.Error](err)
	if ok && (refused.Name == "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" ||
		refused.Name == "org.freedesktop.DBus.Error.AccessDenied") {
		return "; failoverd may not manage this unit: add it to /etc/polkit-1/rules.d/50-failoverd.rules"
	}
	return ""
}
