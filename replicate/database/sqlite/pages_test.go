package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestPagesAreOfOneInstant gives the pages of a database out while somebody else commits between them: they are what the
// file was when the transaction began, with what was still in the log.
func TestPagesAreOfOneInstant(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	run := func(script string) {
		t.Helper()
		if _, err := db.Exec(script); err != nil {
			t.Fatal(err)
		}
	}
	run(`PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE calls (n INTEGER, text TEXT);
		WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 5000) INSERT INTO calls SELECT n, 'a call' FROM i;
		PRAGMA wal_checkpoint(TRUNCATE); UPDATE calls SET text = 'another' WHERE n % 2 = 0;`)

	p := newPages()
	c, err := p.look(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := errors.Join(c.exec(t.Context(), "BEGIN"), func() error { _, err := c.objects(t.Context()); return err }()); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	given := 0
	err = p.each(t.Context(), c, func(page []byte) error {
		if given++; given == 3 || given == 10 {
			run("UPDATE calls SET n = n + 1; PRAGMA wal_checkpoint(PASSIVE)")
		}
		all.Write(page)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(copied, all.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := sql.Open("sqlite", copied)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	var sum, others int
	var check string
	err = got.QueryRow(`SELECT sum(n), sum(text = 'another'), (SELECT group_concat(integrity_check) FROM pragma_integrity_check) FROM calls`).
		Scan(&sum, &others, &check)
	if err != nil || sum != 5000*5001/2 || others != 2500 || check != "ok" {
		t.Errorf("sum %d, others %d, %s, %v", sum, others, check, err)
	}
	if given < 20 {
		t.Errorf("%d pages were given", given)
	}

	// A taker's error ends it, and is the error; nothing of it is remembered.
	enough := errors.New("enough")
	given = 0
	err = p.each(t.Context(), c, func([]byte) error { given++; return enough })
	if !errors.Is(err, enough) || given != 1 || len(p.takers) != 0 {
		t.Errorf("%v after %d pages, %d takers", err, given, len(p.takers))
	}
}
