package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Incident is something wrong that people were told of: a JSON document of whoever keeps it. An open one has no end.
type Incident struct {
	ID     string
	Server string
	Opened time.Time
	Ended  time.Time
	Body   json.RawMessage
}

// IncidentQuery chooses incidents; a zero field chooses all. The newest come first.
type IncidentQuery struct {
	ID      string
	Server  string
	Servers []string // about one of these; nil: about all
	Open    bool     // only those that are not over
	Before  Position
	Limit   int // 0: 1000
}

// Incidents returns the incidents that q chooses.
func (j *Journal) Incidents(ctx context.Context, q IncidentQuery) ([]Incident, error) {
	var w where
	w.and(q.ID != "", "id = ?", q.ID)
	w.and(q.Server != "", "server = ?", q.Server)
	w.among("server", q.Servers)
	w.and(q.Open, "ended = ?", 0)
	w.older("opened", q.Before)
	found, err := collect(ctx, j.reader, scanIncident, `SELECT id, server, opened, ended, body FROM incidents`+w.String()+
		" ORDER BY opened DESC, id DESC"+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	return found, nil
}

// scanIncident reads one row of incidents.
func scanIncident(row *sql.Rows) (i Incident, err error) {
	var opened, ended int64
	var body string
	err = row.Scan(&i.ID, &i.Server, &opened, &ended, &body)
	i.Opened, i.Ended, i.Body = moment(opened), moment(ended), json.RawMessage(body)
	return i, err
}
