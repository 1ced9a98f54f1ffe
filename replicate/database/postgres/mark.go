package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// mark is what a catalog of ours remembers about itself: the end of its comment, which goes with it when it is renamed
// and changes in the transaction that renames it. So a crash at any instant leaves catalogs that say what they are.
type mark struct {
	Run    string `json:"run"`              // that made it
	First  bool   `json:"first,omitempty"`  // it was put in service where nothing had been
	Doomed bool   `json:"doomed,omitempty"` // it was taken out of service by a rollback, and is to be dropped
	Undone string `json:"undone,omitempty"` // the run that has put nothing in service in its place, and is over
	Fixed  *fixed `json:"fixed,omitempty"`  // what scripts have changed in the staging
}

// markStart begins the mark in a comment.
const markStart = "\nfailoverd: "

// comment is a catalog's comment with the mark.
func (m mark) comment(people string) (string, error) {
	text, err := json.Marshal(m)
	return people + markStart + string(text), err
}

// splitComment takes a comment apart into what people wrote, and the mark.
func splitComment(comment string) (people string, m mark) {
	people, text, found := strings.Cut(comment, markStart)
	if found && json.Unmarshal([]byte(text), &m) != nil {
		return comment, mark{} // People wrote that.
	}
	return people, m
}

// standing is one of a pair's catalogs that exists.
type standing struct {
	people string // the comment, without the mark
	mark   mark
	sealed bool
	owned  bool // failoverd's account may rename and drop it
}

// seal is the setting that keeps applications from writing.
const seal = "default_transaction_read_only"

// lookUp finds those catalogs of a server that exist.
func lookUp(ctx context.Context, server *pgx.Conn, end database.End, names ...string) (map[string]standing, error) {
	rows, err := server.Query(ctx, `
		SELECT datname, coalesce(shobj_description(d.oid, 'pg_database'), ''), coalesce(s.setconfig, '{}'),
			pg_has_role(datdba, 'USAGE')
		FROM pg_database d LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid AND s.setrole = 0
		WHERE datname = ANY($1)`, names)
	if err != nil {
		return nil, at(end, "look which catalogs there are", err)
	}
	found := map[string]standing{}
	var name, comment string
	var settings []string
	var owned bool
	_, err = pgx.ForEachRow(rows, []any{&name, &comment, &settings, &owned}, func() error {
		s := standing{sealed: slices.Contains(settings, seal+"=on"), owned: owned}
		s.people, s.mark = splitComment(comment)
		found[name] = s
		return nil
	})
	if err != nil {
		return nil, at(end, "look which catalogs there are", err)
	}
	return found, nil
}

// setMark is the statement that gives a catalog a comment and a mark.
func setMark(name, people string, m mark) (string, error) {
	comment, err := m.comment(people)
	if err != nil {
		return "", fmt.Errorf("mark %s: %w", name, err)
	}
	return "COMMENT ON DATABASE " + ident(name) + " IS " + quote(comment), nil
}

// closeRun notes at the copy in service that a run is over that has not replaced it, so that to take the run back, now
// or again, takes nothing away.
func closeRun(ctx context.Context, server *pgx.Conn, end database.End, name string, live standing, run string) error {
	if !live.owned || live.mark.Undone == run {
		return nil
	}
	live.mark.Undone = run
	statement, err := setMark(name, live.people, live.mark)
	if err != nil {
		return err
	}
	if _, err := server.Exec(ctx, statement); err != nil {
		return at(end, "mark "+name, err)
	}
	return nil
}
