package sqlserver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"failoverd/replicate/database"
)

// Sessions lists who is connected to a catalog, failoverd left out. An account without VIEW SERVER STATE would see
// nobody but itself, so it is refused rather than told that nobody is there.
func (e *Engine) Sessions(ctx context.Context, end database.End) ([]database.Session, error) {
	s, err := open(ctx, end, master, program)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if may, err := s.may(ctx, serverRight("VIEW SERVER STATE")); err != nil {
		return nil, err
	} else if !may {
		return nil, fmt.Errorf("list the sessions at %s: the account lacks VIEW SERVER STATE", end.Host)
	}
	list, err := s.query(ctx, "list the sessions", `SELECT s.login_name, s.program_name, s.host_name,
DATEDIFF(second, s.login_time, GETDATE()) AS [seconds], s.open_transaction_count, r.command
FROM sys.dm_exec_sessions AS s LEFT JOIN sys.dm_exec_requests AS r ON r.session_id = s.session_id
WHERE s.is_user_process = 1 AND s.database_id = DB_ID(@p1)`, end.Catalog)
	if err != nil {
		return nil, err
	}
	return sessionsOf(list, time.Now()), nil
}

// sessionsOf reads the list, at an instant.
func sessionsOf(list []row, now time.Time) []database.Session {
	var found []database.Session
	for _, r := range list {
		if p := r.text("program_name"); p == program || strings.HasPrefix(p, program+" ") {
			continue
		}
		found = append(found, database.Session{
			Who:     who(r.text("login_name"), r.text("program_name"), r.text("host_name")),
			Since:   now.Add(-time.Duration(r.number("seconds")) * time.Second),
			Writing: r.number("open_transaction_count") > 0 || r.text("command") != "",
		})
	}
	return found
}

// who is somebody as people know them: "app by Cashier on PC7".
func who(login, program, host string) string {
	words := []string{login}
	if program != "" {
		words = append(words, "by "+program)
	}
	if host != "" {
		words = append(words, "on "+host)
	}
	return strings.Join(words, " ")
}
