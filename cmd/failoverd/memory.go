package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"failoverd/api"
	"failoverd/config"
	"failoverd/journal"
	"failoverd/status"
)

// memory is what the daemon remembers with: its journal or, where that cannot be read, one in its place that is empty, lies where
// nothing stays, and is gone when the daemon ends. With it servers are watched and people are told.
type memory struct {
	journal    *journal.Journal
	unreadable error // why the journal cannot be read; nil if it can

	dir     string // of the journal that cannot be read
	options journal.Options
	instead string // the directory of the one in its place
}

// openMemory opens the journal. One that another daemon has is that one's.
func openMemory(ctx context.Context, c *config.Config, o journal.Options) (*memory, error) {
	m := &memory{dir: filepath.Join(c.Standby.DataDir, "journal"), options: o}
	m.journal, m.unreadable = openWritable(ctx, m.dir, o)
	switch {
	case m.unreadable == nil:
		return m, nil
	case ctx.Err() != nil, errors.Is(m.unreadable, journal.ErrInUse):
		return nil, m.unreadable
	}
	// Not in the data directory, which may be why.
	var err error
	if m.instead, err = os.MkdirTemp(filepath.Dir(c.API.Socket), "journal-"); err != nil {
		return nil, errors.Join(m.unreadable, err)
	}
	if m.journal, err = journal.Open(ctx, m.instead, o); err != nil {
		return nil, errors.Join(m.unreadable, err, os.RemoveAll(m.instead))
	}
	return m, nil
}

// valueOpened is where a journal holds when it was last opened.
const valueOpened = "opened"

// openWritable opens a journal that can be written to.
func openWritable(ctx context.Context, dir string, o journal.Options) (*journal.Journal, error) {
	j, err := journal.Open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	if _, err := j.Commit(ctx, journal.Batch{Values: map[string]string{valueOpened: time.Now().UTC().Format(time.RFC3339)}}); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// close closes the journal.
func (m *memory) close() error {
	err := m.journal.Close()
	if m.instead != "" {
		err = errors.Join(err, os.RemoveAll(m.instead))
	}
	return err
}

// tryAgain is how often it is tried whether there is room for the journal by now, or a disk that can be written to.
const tryAgain = 5 * time.Second

// mended is told when to try, and ends with an error as soon as the journal can be opened again, so that the daemon is started
// with it. A journal that is damaged, or of a newer version, is mended by a person, who may have only begun to: it is left alone.
func (m *memory) mended(ctx context.Context, again <-chan time.Time) error {
	if m.unreadable == nil || errors.Is(m.unreadable, journal.ErrDamaged) || errors.Is(m.unreadable, journal.ErrNewer) {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
		}
		if !m.there() {
			continue // Somebody may be bringing it back, and a new one would be in the way.
		}
		j, err := openWritable(ctx, m.dir, m.options)
		if err == nil {
			return errors.Join(errors.New("the journal can be read again: failoverd has to be started anew"), j.Close())
		}
	}
}

// there says whether there is a journal; on a disk that was full there may have been none yet.
func (m *memory) there() bool {
	info, err := os.Stat(filepath.Join(m.dir, journal.FileName))
	return errors.Is(m.unreadable, journal.ErrFull) || err == nil && info.Size() > 0
}

// history is what the API reads and writes.
func (m *memory) history() api.History {
	if m.unreadable == nil {
		return m.journal
	}
	return forgetful{m.journal, m.unreadable}
}

// forgetful is the history where the journal cannot be read. It knows no token, and makes none that would be good until the next
// start only.
type forgetful struct {
	*journal.Journal
	cause error
}

// TokenByHash fails: whether a token is good is not known.
func (f forgetful) TokenByHash(context.Context, []byte) (journal.Token, error) {
	return journal.Token{}, f.cause
}

// Tokens refuses.
func (f forgetful) Tokens(context.Context, journal.TokenQuery) ([]journal.Token, error) {
	return nil, f.refusal()
}

// AddToken refuses.
func (f forgetful) AddToken(context.Context, journal.Token) error { return f.refusal() }

// RevokeToken refuses.
func (f forgetful) RevokeToken(context.Context, string, time.Time) error { return f.refusal() }

func (f forgetful) refusal() error {
	return &status.Refusal{
		Code: status.JournalUnreadable, Detail: fmt.Sprintf("the journal, which has the tokens, cannot be read: %v", f.cause), Try: "journalctl -u failoverd",
	}
}
