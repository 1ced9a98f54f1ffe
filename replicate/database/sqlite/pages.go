package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"modernc.org/sqlite"
)

// pages gives every page of a database, as it is in a transaction, to a function of ours. SQLite itself hands them out,
// in their order, from the file or from the log beside it; it takes half the time of its own backup, which keeps each
// page in the memory of two databases and writes it by itself.
type pages struct {
	driver *sqlite.Driver

	mu     sync.Mutex
	last   int64
	takers map[int64]func(page []byte) error
}

func newPages() *pages {
	p := &pages{driver: new(sqlite.Driver), takers: map[int64]func([]byte) error{}}
	// A driver keeps its functions for good: it gets one, which knows by a number for whom a page is.
	p.driver.MustRegisterFunction("failoverd_take", &sqlite.FunctionImpl{NArgs: 2, Scalar: p.take, VolatileArgs: true})
	return p
}

// take is the function in SQL. The page is SQLite's own memory, and only until it returns.
func (p *pages) take(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	number, _ := args[0].(int64)
	page, _ := args[1].([]byte)
	p.mu.Lock()
	taker, known := p.takers[number]
	p.mu.Unlock()
	if !known {
		return nil, errors.New("nobody takes it")
	}
	return nil, taker(page)
}

// connector connects to one file by a driver that database/sql does not know by name.
type connector struct {
	driver *sqlite.Driver
	source string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.source) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// look opens a file to read it, in such a way that its pages can be given out.
func (p *pages) look(ctx context.Context, path string) (*connection, error) {
	return adopt(ctx, sql.OpenDB(connector{p.driver, source(path, readOnly)}), path)
}

// each gives every page to taker, within the transaction that has begun. A taker's error ends it. The bytes are not to
// be kept, nor the connection used, by the taker.
func (p *pages) each(ctx context.Context, c *connection, taker func(page []byte) error) error {
	var fault error
	p.mu.Lock()
	p.last++
	number := p.last
	p.takers[number] = func(page []byte) error {
		fault = taker(page)
		return fault
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.takers, number)
	}()
	_, err := c.number(ctx, "SELECT count(failoverd_take(?, data)) FROM sqlite_dbpage", number)
	if fault != nil {
		return fault // SQLite knows only its text.
	}
	return err
}
