package tdstest

import (
	"context"
	"strings"
	"time"
)

// Fault is something that goes wrong with a statement.
type Fault struct {
	Match string // the words that the statement begins with; LOGIN is a login
	Nth   int    // of those that match, which one suffers; 0 is every one

	Errors []*Error      // what it fails with, at once
	Silent bool          // nothing is answered any more
	Cut    bool          // the connection is lost
	After  int           // and that after so many bytes of the answer
	Pace   time.Duration // how long each part of a backup or a restore takes
	Torn   bool          // the backup file ends in its middle, and nobody says so

	met int
}

// Break has a fault happen from now on.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Mend ends all faults.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.welcomes = nil, -1
}

// WelcomeOnly has every password be wrong after so many more logins.
func (s *Server) WelcomeOnly(logins int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.welcomes = logins
}

func (s *Server) welcomesOneMore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.welcomes > 0 {
		s.welcomes--
		return true
	}
	return s.welcomes < 0
}

// faultFor is what goes wrong with a statement, nil if nothing does.
func (s *Server) faultFor(words string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if len(words) < len(f.Match) || !strings.EqualFold(words[:len(f.Match)], f.Match) {
			continue
		}
		if f.met++; f.Nth == 0 || f.Nth == f.met {
			return f
		}
	}
	return nil
}

// suffer lets a fault happen. Its error is what the statement fails with.
func (c *session) suffer(f *Fault) error {
	if f.Cut {
		c.wire.left = f.After
	}
	if f.Silent {
		<-c.ctx.Done()
		c.wire.left = 0
		return c.ctx.Err()
	}
	if len(f.Errors) == 0 {
		return nil
	}
	e := f.Errors[len(f.Errors)-1]
	for i := len(f.Errors) - 2; i >= 0; i-- {
		e = f.Errors[i].then(e)
	}
	return e
}

// pace waits as long as a part of a slow statement takes.
func (f *Fault) pace(ctx context.Context) error {
	if f == nil || f.Pace == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(f.Pace)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
