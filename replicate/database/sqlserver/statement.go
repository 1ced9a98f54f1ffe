package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"failoverd/replicate/database"
)

// carryOut runs a long statement in a session of its own, and follows it from a second one, since the driver's way to
// hear the server's messages can wait for ever. Whether it was done is what the statement itself says.
func (e *Engine) carryOut(ctx context.Context, end database.End, as, doing, statement string, percent func(float64)) error {
	s, err := open(ctx, end, master, as)
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() { e.follow(following, end, s.id, percent) })
	err = s.exec(ctx, doing, statement)
	stop()
	follower.Wait()
	s.close()
	if err == nil || answered(err) {
		return err
	}
	// Cancelled, or the connection was lost: the server may take a while to notice.
	if late := e.untilGone(context.WithoutCancel(ctx), end, as); late != nil && ctx.Err() != nil {
		return fmt.Errorf("%w; %w", err, late)
	}
	return err
}

// follow asks how far a session's statement has come, until ctx ends. An account that may not see it sees nothing.
func (e *Engine) follow(ctx context.Context, end database.End, id int64, percent func(float64)) {
	s, err := open(ctx, end, master, program)
	if err != nil {
		return
	}
	defer s.close()
	ticker := time.NewTicker(e.every)
	defer ticker.Stop()
	for {
		list, err := s.query(ctx, "progress", "SELECT percent_complete FROM sys.dm_exec_requests WHERE session_id = @p1", id)
		if err != nil {
			return
		}
		for _, r := range list {
			var n float64
			if _, err := fmt.Sscan(r.text("percent_complete"), &n); err == nil {
				percent(n)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// untilGone waits until no session of that name is left at a server, and ends those that stay.
func (e *Engine) untilGone(ctx context.Context, end database.End, as string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, e.stopping, errors.New("the server does not stop what was cancelled"))
	defer cancel()
	s, err := open(ctx, end, master, program)
	if err != nil {
		return err
	}
	defer s.close()
	wait := e.pause
	for round := 1; ; round++ {
		list, err := s.query(ctx, "wait for cancelled work",
			"SELECT session_id FROM sys.dm_exec_sessions WHERE program_name = @p1", as)
		if err != nil || len(list) == 0 {
			return err
		}
		if round == 6 { // it has had its time to notice by itself
			for _, r := range list {
				// Without ALTER ANY CONNECTION it is waited for.
				if err := s.exec(ctx, "end a session", fmt.Sprintf("KILL %d", r.number("session_id"))); err != nil && !answered(err) {
					return err
				}
			}
		}
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("wait for cancelled work at %s: %w", end.Host, err)
		}
		wait = min(2*wait, time.Second)
	}
}

// persist runs a statement again while somebody else is in its way.
func (e *Engine) persist(ctx context.Context, s *session, doing, statement string) error {
	wait := e.pause
	for attempt := 1; ; attempt++ {
		err := s.exec(ctx, doing, statement)
		if !says(err, busy...) || attempt == e.attempts {
			return err
		}
		if late := sleep(ctx, wait); late != nil {
			return fmt.Errorf("%w; %w", err, late)
		}
		wait = min(2*wait, longestPause)
	}
}

// sleep waits, or gives the context's cause.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
