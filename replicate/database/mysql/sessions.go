package mysql

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"failoverd/replicate/database"
)

// sessionsQuery lists the clients in a catalog. Without the right PROCESS a server shows our account's own alone.
const sessionsQuery = `
SELECT CONCAT(p.USER, ' from ', p.HOST), p.TIME, p.COMMAND <> 'Sleep' OR %s
FROM information_schema.PROCESSLIST p WHERE p.DB = ? AND p.ID <> CONNECTION_ID() ORDER BY p.ID`

// inTransaction is asked where the account may see transactions.
const inTransaction = `EXISTS (SELECT 1 FROM information_schema.INNODB_TRX t WHERE t.trx_mysql_thread_id = p.ID)`

// Sessions lists the clients in a catalog.
func (Engine) Sessions(ctx context.Context, end database.End) ([]database.Session, error) {
	s, err := dial(ctx, end, "")
	if err != nil {
		return nil, err
	}
	defer s.hangUp()
	rows, err := s.rows(ctx, fmt.Sprintf(sessionsQuery, inTransaction), end.Catalog)
	if number(err) == noRight {
		rows, err = s.rows(ctx, fmt.Sprintf(sessionsQuery, "FALSE"), end.Catalog)
	}
	if err != nil {
		return nil, cause(ctx, at(end, "list the sessions", err))
	}
	var list []database.Session
	for _, row := range rows {
		seconds, _ := strconv.ParseInt(row[1], 10, 64) // Unknown is 0 there too.
		list = append(list, database.Session{
			Who: row[0], Since: time.Now().Add(-time.Duration(seconds) * time.Second), Writing: row[2] == "1",
		})
	}
	return list, nil
}
