package shelf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"failoverd/replicate/database"
)

// Base is a database of the agent's host of which copies can be made into a directory.
type Base interface {
	Look(ctx context.Context) (database.Report, error)
	Make(ctx context.Context, into *os.Root, file string) (database.Made, error)
}

// ServeBase carries out one order of a standby about a database, of which copies are made in a directory, and closes the
// stream. Nothing can be put.
func ServeBase(ctx context.Context, stream io.ReadWriteCloser, directory string, base Base) error {
	return serve(ctx, stream, directory, base)
}

// RemoteBase is a database on a primary, as the standby has it.
type RemoteBase struct{ Remote }

var _ database.Maker = RemoteBase{}

// seen is what an agent says of a database. It is a database.Report, of what concerns a source.
type seen struct {
	Product  string         `json:"product"`
	Version  string         `json:"version"`
	Bytes    int64          `json:"size_bytes"`
	Objects  map[string]int `json:"objects"`
	NoKey    []string       `json:"tables_without_key"`
	Problems []flaw         `json:"problems"`
}

// flaw is a database.Problem on its way.
type flaw struct {
	Code   string `json:"code"`
	Blocks bool   `json:"blocks"`
	Text   string `json:"detail"`
	Remedy string `json:"remedy"`
}

// Bounds of what is said of a database, so that it fits into a frame whatever JSON makes of its letters.
const (
	maxWord   = 80
	maxList   = 12 // tables without a key, kinds of objects
	maxFlaws  = 5
	maxRemedy = 400
)

// seenOf makes a report fit to travel.
func seenOf(r database.Report) seen {
	s := seen{Product: tame(cut(r.Source.Product, maxWord)), Version: tame(cut(r.Source.Version, maxWord)), Bytes: r.Bytes, Objects: map[string]int{}}
	for _, kind := range slices.Sorted(maps.Keys(r.Objects)) {
		if len(s.Objects) < maxList {
			s.Objects[tame(cut(kind, maxWord))] = r.Objects[kind]
		}
	}
	for _, name := range r.NoKey[:min(len(r.NoKey), maxList)] {
		s.NoKey = append(s.NoKey, tame(cut(name, maxWord)))
	}
	for _, p := range r.Problems[:min(len(r.Problems), maxFlaws)] {
		s.Problems = append(s.Problems, flaw{tame(cut(p.Code, maxWord)), p.Blocks, tame(cut(p.Text, maxRemedy)), tame(cut(p.Remedy, maxRemedy))})
	}
	return s
}

// report is what was said, made fit to be shown.
func (s seen) report() (database.Report, error) {
	if s.Bytes < 0 || len(s.Objects) > maxList || len(s.NoKey) > maxList || len(s.Problems) > maxFlaws {
		return database.Report{}, fmt.Errorf("%w: a database of %d bytes, with %d problems", errPeer, s.Bytes, len(s.Problems))
	}
	r := database.Report{Source: database.Server{Product: tame(s.Product), Version: tame(s.Version), Free: -1}, Bytes: s.Bytes, Objects: map[string]int{}}
	for kind, n := range s.Objects {
		r.Objects[tame(kind)] = n
	}
	for _, name := range s.NoKey {
		r.NoKey = append(r.NoKey, tame(name))
	}
	for _, p := range s.Problems {
		r.Problems = append(r.Problems, database.Problem{Code: tame(p.Code), Blocks: p.Blocks, Text: tame(p.Text), Remedy: tame(p.Remedy)})
	}
	return r, nil
}

// Look has the agent look at the database.
func (r RemoteBase) Look(ctx context.Context) (database.Report, error) {
	a, err := r.simple(ctx, order{Order: "look"})
	switch {
	case err != nil:
		return database.Report{}, err
	case a.Seen == nil:
		return database.Report{}, fmt.Errorf("%w: it has looked, and says nothing", errPeer)
	}
	return a.Seen.report()
}

// Make has the agent make a copy of the database, which takes as long as it takes.
func (r RemoteBase) Make(ctx context.Context, file string) (database.Made, error) {
	a, err := r.simple(ctx, order{Order: "make", File: file})
	if err == nil && (a.Identity == "" || len(a.Identity) > maxRemedy || a.Mode&^uint32(fs.ModePerm) != 0) {
		err = fmt.Errorf("%w: a database %.20q, mode %o", errPeer, a.Identity, a.Mode)
	}
	return database.Made{Identity: tame(a.Identity), Mode: fs.FileMode(a.Mode)}, err
}

// look tells what there is of the database.
func (s *serving) look(ctx context.Context) error {
	r, err := s.base.Look(ctx)
	if err != nil {
		return s.no("look at", err)
	}
	said := seenOf(r)
	return s.line.say(answer, result{Seen: &said})
}

// make makes a copy of the database.
func (s *serving) make(ctx context.Context) error {
	root, err := os.OpenRoot(s.shelf.Path)
	if err != nil {
		return s.no("make", err)
	}
	defer root.Close()
	// While it is made nothing is said; that the standby has gone is seen by its hanging up.
	s.line.watch.Stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if _, err := s.line.in.Peek(1); err != nil {
			cancel(errGone)
		}
	}()
	made, err := s.base.Make(ctx, root, s.order.File)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errGone):
		err = errGone
	case err != nil:
		err = s.line.say(refuse, s.no("make", err))
	default:
		err = s.line.say(answer, result{Identity: cut(made.Identity, maxRemedy), Mode: uint32(made.Mode.Perm())})
	}
	// The standby hangs up when it has heard that.
	s.line.watch.Reset(time.Minute)
	<-gone
	return err
}

// errGone is why something is not made any more.
var errGone = errors.New("the standby has hung up")
