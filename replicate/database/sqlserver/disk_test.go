package sqlserver

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"failoverd/internal/tdstest"
	"failoverd/replicate/database"
)

// crowded is a shelf on whose disk there is no room.
type crowded struct{ database.Directory }

func (c crowded) Create(ctx context.Context, file string) (io.WriteCloser, error) {
	w, err := c.Directory.Create(ctx, file)
	if err != nil {
		return nil, err
	}
	return crowdedFile{w}, nil
}

type crowdedFile struct{ io.WriteCloser }

func (crowdedFile) Write([]byte) (int, error) { return 0, unix.ENOSPC }

// The disk becomes full in the middle of a copy, at either server, whatever is under way: the error says so, the copy in
// service stays, nothing is left behind, and with room again the next copy is made.
func TestDiskFullInTheMiddleOfACopy(t *testing.T) {
	for _, stage := range []struct {
		name string
		at   func(p database.Progress) bool
		fill func(s *story) (free func())
		says string
	}{
		{
			"the primary writes the backup", func(p database.Progress) bool { return p.Phase == "backup" },
			func(s *story) func() { return s.there.FillBackups() }, "(3202)",
		},
		{
			"the backup is brought", func(p database.Progress) bool { return p.Phase == "backup" },
			func(s *story) func() {
				roomy := s.Pair.Target.Shelf
				s.Pair.Target.Shelf = crowded{roomy.(database.Directory)}
				return func() { s.Pair.Target.Shelf = roomy }
			}, "no space left",
		},
		{
			"the standby reads the backup", func(p database.Progress) bool { return p.Phase == "verify" },
			func(s *story) func() { return s.here.FillData() }, "(3257)",
		},
		{
			"the standby restores it", func(p database.Progress) bool { return p.Phase == "restore" },
			func(s *story) func() { return s.here.FillData() }, "(3257)",
		},
		{
			"it is marked", func(p database.Progress) bool { return p.Phase == "restore" && p.Done == p.Total },
			func(s *story) func() { return s.here.FillData() }, "(1105)",
		},
	} {
		t.Run(stage.name, func(t *testing.T) {
			s := tell(t)
			s.replicate()
			s.run(s.Pair.Source, s.Pair.Source.Catalog, dialect().Move)
			s.nextRun()
			free := func() {}
			fill := sync.OnceFunc(func() { free = stage.fill(s) })
			pair := s.Pair
			if stage.says == "no space left" { // The copy has its shelves from the beginning.
				fill()
				pair = s.Pair
			}
			_, err := s.engine.Copy(t.Context(), pair, func(p database.Progress) {
				if stage.at(p) {
					fill()
				}
			})
			if err == nil || !strings.Contains(err.Error(), stage.says) {
				t.Errorf("copy: %v, want %q", err, stage.says)
			}
			s.stands(s.Names.Live)
			if got := s.till(s.Names.Live); got != "0" {
				t.Errorf("the live copy has %s in its till", got)
			}
			free()
			s.replicate()
			s.stands(s.Names.Live, s.Names.Previous)
			if got := s.till(s.Names.Live); got != "7" {
				t.Errorf("with room again the copy has %s in its till", got)
			}
		})
	}
}

// logIsFull is what a server says that has no room to write down what it is about to change.
func logIsFull() []*tdstest.Error {
	return []*tdstest.Error{
		{Number: 9002, Class: 17, Text: "The transaction log for database 'master' is full due to 'ACTIVE_TRANSACTION'."},
		{Number: 5069, Class: 16, Text: "ALTER DATABASE statement failed."},
	}
}

// Between the two names nobody is served, so it is tried again whatever the server says. Where it says so for ever the
// error has its words, and with room again the swap is taken back, or finished.
func TestTheLogIsFullBetweenTheNames(t *testing.T) {
	for name, tale := range map[string]struct {
		lasting bool
		finish  func(*story) error
		want    string
	}{
		"for a moment":                  {false, nil, "7"},
		"and the swap is taken back":    {true, (*story).rollback, "0"},
		"and the swap is finished then": {true, (*story).swap, "7"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			s.replicate()
			s.run(s.Pair.Source, s.Pair.Source.Catalog, dialect().Move)
			s.nextRun()
			if _, err := s.engine.Copy(t.Context(), s.Pair, nil); err != nil {
				t.Fatal(err)
			}
			if !tale.lasting {
				for range 4 { // One a try: each suffers the first statement that no earlier one has.
					s.here.Break(tdstest.Fault{Match: renamed(s.Names.Staging), Nth: 1, Errors: logIsFull()})
				}
				if err := s.swap(); err != nil {
					t.Fatal(err)
				}
			} else {
				s.engine.attempts = 3
				for _, from := range []string{s.Names.Staging, s.Names.Previous} {
					s.here.Break(tdstest.Fault{Match: renamed(from), Errors: logIsFull()})
				}
				for _, err := range []error{s.swap(), s.rollback()} {
					if !says(err, 9002) || !strings.Contains(err.Error(), "is full") {
						t.Errorf("with a full log: %v", err)
					}
				}
				s.stands(s.Names.Staging, s.Names.Previous)
				s.here.Mend()
				if err := tale.finish(s); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.till(s.Names.Live); got != tale.want {
				t.Errorf("the till holds %s, want %s", got, tale.want)
			}
			s.replicate()
			s.stands(s.Names.Live, s.Names.Previous)
		})
	}
}
