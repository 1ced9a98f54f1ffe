package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	driverlib "github.com/go-sql-driver/mysql"

	"failoverd/replicate/database"
)

// Numbers of the server's errors on which something is decided.
const (
	noSuchCatalog = 1049
	noSuchTable   = 1146
	noSuchRoutine = 1305
	brokenView    = 1356
	lockTimeout   = 1205
	noSuchThread  = 1094
	noAccess      = 1044 // to a catalog, also to one that does not exist
	noTableAccess = 1142
	noRight       = 1227
	diskFull      = 1021
	cannotGrow    = 14 // EE_CANT_CHSIZE of MariaDB's mysys: a file could not be made longer
	tableFull     = 1114
)

const (
	dialTimeout = 10 * time.Second
	// killPatience is how long a server may take to end a statement that is not wanted any more.
	killPatience = 5 * time.Second
)

// modes let in whatever a source holds, such as dates of zeros and the number 0 in a counted column, and make an error
// of everything that would have to be changed to be kept.
const modes = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"

// session is one connection, which is never exchanged for another one.
type session struct {
	end    database.End
	db     *sql.DB
	conn   *sql.Conn
	raw    net.Conn // what conn travels by
	id     uint64
	from   string // where the server sees us
	server server
}

// dial connects to a catalog of an end, to none if it is empty.
func dial(ctx context.Context, end database.End, catalog string) (*session, error) {
	return connect(ctx, end, catalog, false)
}

// connect connects; scripts may be sent in one piece if so wanted.
func connect(ctx context.Context, end database.End, catalog string, scripts bool) (*session, error) {
	c, err := driverlib.ParseDSN(end.DSN)
	if err != nil {
		return nil, at(end, "read the data source", errors.New("it is none of go-sql-driver: user@tcp(host:port)/"))
	}
	if end.Password != nil {
		if c.Passwd, err = end.Password(); err != nil {
			return nil, at(end, "read the password", err)
		}
	}
	c.DBName, c.Collation, c.Timeout = catalog, "utf8mb4_general_ci", dialTimeout
	c.ParseTime, c.InterpolateParams, c.MultiStatements = false, true, scripts
	c.AllowAllFiles, c.ReadTimeout, c.WriteTimeout = false, 0, 0
	c.Logger = &driverlib.NopLogger{}
	s := &session{end: end}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
		s.raw = raw
		return raw, err
	}
	connector, err := driverlib.NewConnector(c)
	if err != nil {
		return nil, at(end, "read the data source", err)
	}
	s.db = sql.OpenDB(connector)
	if s.conn, err = s.db.Conn(ctx); err == nil {
		err = s.prepare(ctx)
	}
	switch n := number(err); {
	case err == nil:
		return s, nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case n == noSuchCatalog || n == noAccess && catalog != "":
		err = fmt.Errorf("%s: connect to %s: %w", end.Host, catalog, err)
	default:
		err = &database.UnreachableError{Host: end.Host, Err: err}
	}
	_ = s.db.Close() // It has not been used.
	return nil, err
}

// prepare makes the session's settings ours, whatever an administrator has set for people's sessions.
func (s *session) prepare(ctx context.Context) error {
	var version string
	err := s.conn.QueryRowContext(ctx, `SELECT CONNECTION_ID(), VERSION(),
		(SELECT COALESCE(HOST, '') FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID())`).Scan(&s.id, &version, &s.from)
	if err != nil {
		return err
	}
	s.server = parseVersion(version)
	return s.settle(ctx)
}

// settle makes the session's settings ours again.
func (s *session) settle(ctx context.Context) error {
	settings := []string{
		"sql_mode = '" + modes + "'", "time_zone = '+00:00'", "character_set_client = utf8mb4",
		"collation_connection = utf8mb4_general_ci", "character_set_results = NULL",
		"foreign_key_checks = 0", "unique_checks = 1", "autocommit = 1", "sql_quote_show_create = 1",
		"lock_wait_timeout = 20", "wait_timeout = 28800", "net_read_timeout = 3600", "net_write_timeout = 3600",
		"sql_select_limit = DEFAULT",
	}
	if s.server.mariadb {
		settings = append(settings, "max_statement_time = 0", "check_constraint_checks = 0")
	} else {
		settings = append(settings, "max_execution_time = 0", "information_schema_stats_expiry = 0")
		if s.server.shows() {
			settings = append(settings, "show_gipk_in_create_table_and_information_schema = ON")
		}
		if !s.server.before(8, 4) { // What a source has, a copy has: also keys that refer to what is not unique.
			settings = append(settings, "restrict_fk_on_non_standard_key = OFF")
		}
	}
	return s.exec(ctx, "SET "+strings.Join(settings, ", "))
}

func (s *session) exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.conn.ExecContext(ctx, statement, args...)
	return err
}

// hangUp ends the session. What it has not finished is ended at the server too.
func (s *session) hangUp() {
	whole := false
	_ = s.conn.Raw(func(c any) error { // An error is a connection that is no more.
		v, is := c.(driver.Validator)
		whole = is && v.IsValid()
		return nil
	})
	_ = s.conn.Close()
	_ = s.db.Close()
	if !whole {
		s.kill()
	}
}

// kill ends a session that does not listen, and waits a moment until it is gone. A server notices by itself that a
// client has gone only when it has something to say to it. Who answers at the end's address may be another server by now,
// after a takeover the standby's own, and have somebody else under our number: he is left alone.
func (s *session) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), killPatience)
	defer cancel()
	k, err := dial(ctx, s.end, "")
	if err != nil {
		return // A server that has gone as well has nothing running.
	}
	defer func() { _, _ = k.conn.Close(), k.db.Close() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ours, err := k.column(ctx, "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = ? AND COALESCE(HOST, '') = ?", s.id, s.from)
		if err != nil || len(ours) == 0 {
			return // It has gone.
		}
		if err := k.exec(ctx, "KILL "+ours[0]); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// number is the number of an error of the server, 0 if it is not one.
func number(err error) uint16 {
	var failed *driverlib.MySQLError
	if errors.As(err, &failed) {
		return failed.Number
	}
	return 0
}

// rows asks for rows of texts. Nothing that is asked so is null.
func (s *session) rows(ctx context.Context, query string, args ...any) ([][]string, error) {
	rows, err := s.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]string
	for rows.Next() {
		row, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// column asks for one column of texts.
func (s *session) column(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.rows(ctx, query, args...)
	var list []string
	for _, row := range rows {
		list = append(list, row[0])
	}
	return list, err
}
