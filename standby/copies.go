package standby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/status"
)

// recallCopies reads what is remembered of every catalog's copies.
func (s *Standby) recallCopies(ctx context.Context) error {
	rows, err := s.deps.Journal.Copies(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		var c replicate.Copy
		if err := json.Unmarshal(row.Body, &c); err != nil {
			return fmt.Errorf("copy of %s of %q: %w", row.Catalog, row.Server, err)
		}
		if s.recalled[row.Server] == nil {
			s.recalled[row.Server] = map[string]replicate.Copy{}
		}
		s.recalled[row.Server][row.Catalog] = c
	}
	for name, v := range s.servers {
		v.copies = s.recalled[name]
	}
	return nil
}

// keep has what is remembered of a catalog written down with the turn.
func (t *turn) keep(v *server, catalog string, c replicate.Copy) {
	t.remember(v)
	v.copies = maps.Clone(v.copies)
	if v.copies == nil {
		v.copies = map[string]replicate.Copy{}
	}
	v.copies[catalog] = c
	t.batch.Copies = append(t.batch.Copies, copyRow(v.config.Name, catalog, c))
}

// copyRow is what is remembered of a catalog as the journal keeps it.
func copyRow(server, catalog string, c replicate.Copy) journal.Copy {
	body, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("copy of %s of %s: %v", catalog, server, err)) // it consists of texts, numbers and times
	}
	return journal.Copy{Server: server, Catalog: catalog, Body: body}
}

// firstCopy is the command that makes the first copy of a server's databases.
func firstCopy(server string) string { return "failoverd replicate from-live " + server }

// uncopied lists the catalogs of which no copy was ever completed.
func uncopied(catalogs []replicate.Catalog, copies map[string]replicate.Copy) []string {
	var names []string
	for _, c := range catalogs {
		if copies[c.Name].Last == nil {
			names = append(names, c.Name)
		}
	}
	return names
}

// uncopied are the servers whose first copy is yet to be ordered.
func (s *Standby) uncopied() []status.Uncopied {
	list := []status.Uncopied{}
	for _, name := range s.order {
		v := s.servers[name]
		if catalogs := uncopied(v.catalogs, v.copies); len(catalogs) > 0 && v.job == nil {
			list = append(list, status.Uncopied{Server: name, Catalogs: catalogs, Next: firstCopy(name)})
		}
	}
	return list
}

// offer says in the history that catalogs were added which are not copied yet.
func (t *turn) offer(v *server, catalogs []string) {
	name := v.config.Name
	t.note(journal.Event{
		Kind: "replication.offered", Severity: "info", Server: name, Actor: actor(automatic("schedule")),
		Message: fmt.Sprintf("%s: there is no copy of %s yet; copy now: %s", name, strings.Join(catalogs, ", "), firstCopy(name)),
		Reason:  "what was added is not copied before its first daily run, and until then a takeover would have no data",
	}, false)
}

// data is what the decision looks at: whether there is a copy of every catalog, and how old the oldest is.
func (s *server) data(now time.Time) monitor.Data {
	d := monitor.Data{Replicated: len(s.catalogs) > 0, Complete: true, Note: "no database is replicated for this server"}
	for _, c := range s.catalogs {
		last := s.copies[c.Name].Last
		if last == nil {
			d.Complete = false
			continue
		}
		d.Age = max(d.Age, now.Sub(last.Snapshot.At))
	}
	return d
}

// daily is when a catalog is replicated, nil if only by order.
func daily(d config.Database) *replicate.Daily {
	if d.ReplicateDaily == "" {
		return nil
	}
	clock, err := replicate.ParseClock(d.ReplicateDaily)
	if err != nil {
		return nil // the configuration has been checked
	}
	return &replicate.Daily{Clock: clock, CatchUp: d.CatchUp}
}

// views are the copies as people see them.
func (v *sight) views(now time.Time) []status.Copy {
	list := []status.Copy{}
	for i, c := range v.catalogs {
		known := v.copies[c.Name]
		out := status.Copy{Catalog: c.Name, Engine: c.Kind, Name: c.Standby.Catalog, Source: string(known.Source)}
		if out.Source == "" {
			out.Source = string(replicate.Untold)
		}
		if last := known.Last; last != nil {
			at, age, verified := last.Snapshot.At, now.Sub(last.Snapshot.At).Seconds(), last.Verified
			out.Snapshot, out.Age, out.Verified, out.Check, out.Operation = &at, &age, &verified, last.Check, last.Operation
			out.Bytes, out.Rows, out.Tables = last.Snapshot.Bytes, last.Snapshot.Rows, len(last.Snapshot.Tables)
		}
		if limit := v.policy.MaxAge; limit > 0 {
			seconds := limit.Seconds()
			out.MaxAge = &seconds
		}
		if p := known.Previous; p != nil {
			at := p.Snapshot.At
			out.Previous = &at
		}
		if a := known.Attempt; a != nil {
			out.Attempt = &status.Attempt{At: a.At, Kind: a.Kind, OK: a.OK, Error: a.Error, Operation: a.Operation}
		}
		var when *replicate.Daily
		if i < len(v.config.Databases) {
			when = daily(v.config.Databases[i])
		}
		if when != nil {
			next := when.Clock.Next(now)
			out.Next = &next
		}
		out.Space = v.space(c, now)
		out.Late = v.facts.Mode != monitor.Stopped && !v.facts.Diverged && replicate.Late(known, when, v.policy.MaxAge, now) != ""
		list = append(list, out)
	}
	return list
}

// promotion is what a takeover does with the copies of a server's databases and files.
type promotion struct {
	catalogs []replicate.Catalog
	copies   map[string]replicate.Copy
	fresh    bool // the copies were all put in service a moment ago
	job      *job // the replication that runs, if any: whoever takes over has cancelled it
	files    filePromotion
}

// How long a takeover waits for a replication that was cancelled. One that has begun to exchange the copies has to come
// to its end, or to the one before it; one that only clears away what it has begun, perhaps at a primary that does not
// answer, keeps nobody from working on the copy in service.
const (
	patienceWithTidying  = 2 * time.Second
	patienceWithExchange = 30 * time.Second
)

// Quiesce ends the copying of files, and waits until the replication that was cancelled has ended, or is in nobody's way.
func (p promotion) Quiesce(ctx context.Context) (string, error) {
	notes := p.ages(time.Now())
	files, err := p.files.quiesce(ctx)
	if err != nil {
		return "", err
	}
	notes = append(notes, files...)
	j := p.job
	if j == nil || j.waiting {
		return strings.Join(notes, "; "), nil
	}
	for _, patience := range []time.Duration{patienceWithTidying, patienceWithExchange} {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-j.done:
			return strings.Join(append(notes, j.id+" was cancelled"), "; "), nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-timer.C:
		}
		if !j.touches() {
			return strings.Join(append(notes, j.id+" was cancelled and is still clearing up"), "; "), nil
		}
	}
	return "", fmt.Errorf("%s has begun to exchange the copies and has not ended within %s", j.id, patienceWithTidying+patienceWithExchange)
}

// ages says what the copies show.
func (p promotion) ages(now time.Time) []string {
	var notes []string
	for _, c := range p.catalogs {
		last := p.copies[c.Name].Last
		if p.fresh {
			notes = append(notes, c.Standby.Catalog+" is as the primary's was when its application had stopped")
			continue
		}
		if last == nil {
			notes = append(notes, c.Standby.Catalog+" was never completed")
			continue
		}
		at := last.Snapshot.At
		notes = append(notes, fmt.Sprintf("%s shows %s, %s ago", c.Standby.Catalog, at.Format("2006-01-02 15:04:05"), now.Sub(at).Round(time.Second)))
	}
	return notes
}

// Release opens or seals every copy that there is. An operator may have accepted that there is none.
func (p promotion) Release(ctx context.Context, writable bool) error {
	var errs []error
	for _, c := range p.catalogs {
		if p.copies[c.Name].Last == nil && !p.fresh {
			continue
		}
		if err := c.Engine.Release(ctx, c.Standby, writable); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Standby.Catalog, err))
		}
	}
	return errors.Join(errs...)
}

// Names are the names of the copies that can be opened and sealed: those of databases.
func (p promotion) Names() string {
	var names []string
	for _, c := range p.catalogs {
		names = append(names, c.Standby.Catalog)
	}
	return strings.Join(names, ", ")
}

// crossings are the catalogs of a replication as the question before it shows them.
func crossings(x replicate.Examination, copies map[string]replicate.Copy) []status.Crossing {
	list := []status.Crossing{}
	for _, one := range x {
		p := one.Pair
		c := status.Crossing{
			Catalog: one.Catalog.Name, Engine: one.Catalog.Kind,
			From: p.Source.Host, FromName: p.Source.Catalog, To: p.Target.Host, ToName: p.Target.Catalog,
			Bytes: -1, Tables: -1, Newer: []status.Newer{}, Problems: []string{},
		}
		if one.Err != nil {
			c.Problems = append(c.Problems, one.Err.Error())
		} else {
			c.Bytes, c.Tables = one.Report.Bytes, one.Report.Objects["table"]
		}
		if one.Report.Standing.Live {
			c.Overwrites = overwrites(p, copies[one.Catalog.Name])
		}
		for _, n := range one.Newer {
			c.Newer = append(c.Newer, status.Newer{Table: n.Table, Rows: n.Rows, Detail: n.What})
		}
		for _, problem := range one.Report.Problems {
			text := problem.Text
			if problem.Remedy != "" {
				text += ": " + problem.Remedy
			}
			c.Problems = append(c.Problems, text)
		}
		list = append(list, c)
	}
	return list
}

// overwrites says what is replaced and kept as the previous one.
func overwrites(p database.Pair, c replicate.Copy) string {
	text := fmt.Sprintf("%s of %s is kept as %s", p.Names.Live, p.Target.Host, p.Names.Previous)
	if last := c.Last; last != nil {
		text += "; the last copy shows " + last.Snapshot.At.Format("2006-01-02 15:04:05")
	}
	return text
}

// accepted reports whether the record of an operation accepts a check.
func accepted(accept []string) func(string) bool {
	return status.Order{Accept: accept}.Accepts
}

// succeeded reports whether an operation has ended well.
func succeeded(r plan.Record) bool { return r.State == plan.Succeeded || r.State == plan.Partial }
