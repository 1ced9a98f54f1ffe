package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"failoverd/config"
	"failoverd/journal"
)

// While somebody brings a journal back, no new one is put into its place: neither where the directory is empty, nor where the file is
// there and has nothing in it yet.
func TestAJournalThatIsBeingBroughtBackIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	c := &config.Config{Standby: config.Standby{DataDir: dir}, API: config.API{Socket: filepath.Join(dir, "api.sock")}}
	place := filepath.Join(dir, "journal")
	ok(t, os.WriteFile(place, nil, 0o600))
	m, err := openMemory(t.Context(), c, journal.Options{Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	defer func() { ok(t, m.close()) }()
	if m.unreadable == nil {
		t.Fatal("a file is taken for the journal's directory")
	}
	ok(t, errors.Join(os.Remove(place), os.Mkdir(place, 0o700)))
	file := filepath.Join(place, journal.FileName)
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := make(chan time.Time)
	go func() { ended <- m.mended(ctx, again) }()
	// tick has it try, and returns when it has.
	tick := func() {
		t.Helper()
		for range 2 {
			select {
			case again <- time.Now():
			case err := <-ended:
				t.Fatalf("another journal is in its place: %v", err)
			}
		}
	}
	tick()
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where there is no journal: %v", err)
	}
	ok(t, os.WriteFile(file, nil, 0o600))
	tick()
	if info, err := os.Stat(file); err != nil || info.Size() > 0 {
		t.Errorf("where there is none yet: %v, %v", info, err)
	}
	ok(t, os.Remove(file))
	j, err := journal.Open(ctx, place, journal.Options{})
	ok(t, err)
	ok(t, j.Close())
	again <- time.Now()
	if err := <-ended; err == nil || ctx.Err() != nil {
		t.Errorf("it is back, and the daemon is not started anew: %v", err)
	}
}
