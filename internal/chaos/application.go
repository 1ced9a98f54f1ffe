package chaos

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// applicationName as the first argument makes a program the application of the company.
const applicationName = "chaos-application"

// Application makes this process the company's application, if it was started as that, and does not return then. A test
// binary calls it first in TestMain, since it is the program that the company's hosts start.
//
// Users ask it for "read", or for "write NUMBER": it notes the call in its database, in two tables by one transaction,
// and in a file of its own, and answers only then.
func Application() {
	if len(os.Args) < 2 || os.Args[1] != applicationName {
		return
	}
	var a application
	flags := flag.NewFlagSet(applicationName, flag.ExitOnError)
	listen := flags.String("listen", "", "address and port")
	flags.StringVar(&a.who, "who", "", "what it says that it is")
	flags.StringVar(&a.db, "db", "", "its database")
	flags.StringVar(&a.tree, "tree", "", "the directory of its files")
	_ = flags.Parse(os.Args[2:]) // it exits
	if err := a.serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// application is what users work with, on the primary and, as the stand-in, on the standby.
type application struct{ who, db, tree string }

// serve answers until the process is ended.
func (a application) serve(at string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		all.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil {
				return
			}
			said := "done"
			if n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "write ")); err == nil {
				if err := a.write(n); err != nil {
					said = "not done: " + strings.ReplaceAll(err.Error(), "\n", " ")
				}
			}
			// A user who has gone away learns nothing, which is as it is.
			_, _ = fmt.Fprintf(conn, "%s\t%s\n", a.who, said)
		})
	}
}

// write notes a call.
func (a application) write(n int) (err error) {
	db, err := openDB(a.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, table := range []string{"calls", "bills"} {
		if _, err := tx.Exec("INSERT INTO "+table+" VALUES (?)", n); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return writeCall(a.tree, n)
}

// openDB opens a database that is there. What the disk keeps over a power cut is no matter here: only processes die.
func openDB(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=rw&_pragma=busy_timeout(3000)&_pragma=synchronous(off)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// createDB makes the application's database.
func createDB(ctx context.Context, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := openDB(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, table := range []string{"calls", "bills"} {
		if _, err := db.ExecContext(ctx, "CREATE TABLE "+table+" (id INTEGER PRIMARY KEY)"); err != nil {
			return err
		}
	}
	return nil
}

// callsIn reads a database in one transaction: its calls, and why it is not whole.
func callsIn(ctx context.Context, file string) (calls []int, trouble string, err error) {
	if _, err := os.Stat(file); err != nil {
		return nil, "", err
	}
	db, err := openDB(file)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = db.Close() }()
	defer func() {
		if err != nil {
			calls, trouble = nil, damaged(err)
		}
	}()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = tx.Rollback() }()
	numbers := func(query string) (list []int, err error) {
		rows, err := tx.QueryContext(ctx, query)
		if err != nil {
			return nil, err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return nil, err
			}
			list = append(list, n)
		}
		return list, rows.Err()
	}
	calls, err = numbers("SELECT id FROM calls ORDER BY id")
	if err != nil {
		return nil, "", err
	}
	bills, err := numbers("SELECT id FROM bills ORDER BY id")
	if err != nil {
		return nil, "", err
	}
	if !slices.Equal(calls, bills) {
		trouble = fmt.Sprintf("calls without bills: %v; bills without calls: %v", some(without(calls, bills)), some(without(bills, calls)))
	}
	var verdict string
	if err := tx.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return nil, "", err
	}
	if verdict != "ok" {
		trouble = verdict
	}
	return calls, trouble, nil
}

// damaged is the text of an error that says that a file is not a database, or not a whole one, and empty for others: a
// file that is locked or away is not damaged.
func damaged(err error) string {
	for _, words := range []string{"malformed", "not a database", "no such table"} {
		if strings.Contains(err.Error(), words) {
			return err.Error()
		}
	}
	return ""
}

// callFile is the name of the file of a call in a tree, and textOf is what it holds.
func callFile(tree string, n int) string {
	return filepath.Join(tree, "calls", fmt.Sprintf("%d.txt", n))
}

func textOf(n int) string { return strings.Repeat(fmt.Sprintf("call %d\n", n), n%40+1) + "end\n" }

// writeCall makes the file of a call; under its name it is whole.
func writeCall(tree string, n int) error {
	name := callFile(tree, n)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".part", []byte(textOf(n)), 0o644); err != nil {
		return errors.Join(err, os.Remove(name+".part"))
	}
	return os.Rename(name+".part", name)
}

// callsUnder reads a tree, and what was set aside in it: its calls, and why it is not whole.
func callsUnder(tree string) (calls []int, trouble string, err error) {
	if _, err := os.Stat(tree); err != nil {
		return nil, "", err
	}
	for _, pattern := range []string{"calls/*.txt", ".failoverd/rescue/*/tree/calls/*.txt"} {
		files, err := filepath.Glob(filepath.Join(tree, pattern))
		if err != nil {
			return nil, "", err
		}
		for _, file := range files {
			n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".txt"))
			if err != nil {
				return nil, "", err
			}
			text, err := os.ReadFile(file)
			if errors.Is(err, os.ErrNotExist) {
				continue // it was just moved
			}
			if err != nil {
				return nil, "", err
			}
			if string(text) != textOf(n) {
				trouble = fmt.Sprintf("%s has %d bytes of %d, or others", file, len(text), len(textOf(n)))
			}
			calls = append(calls, n)
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls), trouble, nil
}
