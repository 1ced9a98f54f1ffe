package replicate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"failoverd/replicate/database"
)

// The words by which an operator accepts what a check has found.
const (
	OverwriteNewer  = "overwrite-newer"
	DiscardDiverged = "discard-diverged"
)

// Examination is what was found at both hosts about every catalog of a run.
type Examination []Examined

// Examined is what was found about one catalog.
type Examined struct {
	Catalog Catalog
	Pair    database.Pair
	Report  database.Report
	Err     error             // an end cannot be asked
	Newer   []database.Change // what the target holds that the source does not
	Writers []database.Session
	Refused []Finding
}

// Finding is why a catalog is not replicated.
type Finding struct {
	Catalog string
	Text    string // what was found
	Limit   string // what would be needed
	Remedy  string
	Accept  string // the word that overrides it, empty if nothing does
}

// examinedAtOnce is how many catalogs both hosts are asked about at a time. In the final stop of a failback users wait for it.
const examinedAtOnce = 4

// Examine asks both hosts about every catalog and changes nothing. All problems are found at once.
func (r *Run) Examine(ctx context.Context) Examination {
	all := make(Examination, len(r.Catalogs))
	var asked errgroup.Group
	asked.SetLimit(examinedAtOnce)
	for i, c := range r.Catalogs {
		asked.Go(func() error {
			all[i] = r.examine(ctx, c)
			return nil
		})
	}
	_ = asked.Wait() // what went wrong is told with each catalog
	return all
}

// examine asks both hosts about a catalog.
func (r *Run) examine(ctx context.Context, c Catalog) Examined {
	x := Examined{Catalog: c, Pair: c.pair(r.ID, r.ToLive)}
	if x.Report, x.Err = c.Engine.Probe(ctx, x.Pair); x.Err == nil {
		x.Err = r.compare(ctx, &x)
	}
	x.Refused = r.findings(x)
	return x
}

// compare asks what the target holds that would be lost, and who is at work on the source: after the probe, since not every
// server tells a session of ours from one of others.
func (r *Run) compare(ctx context.Context, x *Examined) (err error) {
	c := x.Catalog
	last := r.copies[c.Name].Last
	if r.ToLive {
		if x.Writers, err = c.Engine.Sessions(ctx, c.Standby); err != nil {
			return fmt.Errorf("ask who writes: %w", err)
		}
	}
	if !x.Report.Standing.Live || !r.ToLive && !r.Diverged {
		return nil
	}
	if last == nil {
		x.Newer = []database.Change{{Table: x.Pair.Names.Live, Rows: -1, What: "no copy was ever completed to compare it with"}}
		return nil
	}
	if x.Newer, err = c.Engine.Changes(ctx, x.Pair.Target, last.Snapshot); err != nil {
		return fmt.Errorf("ask what is newer: %w", err)
	}
	return nil
}

// findings is why a catalog is not replicated, given what was found.
func (r *Run) findings(x Examined) []Finding {
	name := x.Catalog.Name
	var list []Finding
	if x.Err != nil {
		return append(list, Finding{Catalog: name, Text: x.Err.Error(), Limit: "both hosts can be asked"})
	}
	for _, p := range x.Report.Blocking() {
		list = append(list, Finding{Catalog: name, Text: p.Text, Limit: p.Needed(), Remedy: p.Remedy})
	}
	for _, s := range x.Writers {
		if s.Writing && !r.working {
			list = append(list, Finding{
				Catalog: name, Text: fmt.Sprintf("%s is writing to %s of %s", s.Who, x.Pair.Source.Catalog, x.Pair.Source.Host),
				Limit: "nobody writes to what is copied", Remedy: "stop what writes to it",
			})
		}
	}
	if r.Diverged && !r.ToLive {
		text := "the standby's data is newer than the primary's (diverged)"
		if n := Newer(x.Newer); n != "" {
			text += ": " + n
		}
		list = append(list, Finding{
			Catalog: name, Text: text, Limit: "not diverged", Accept: DiscardDiverged,
			Remedy: "replicate to live first, or give up what the standby has written",
		})
	}
	if n := Newer(x.Newer); n != "" && r.ToLive {
		list = append(list, Finding{
			Catalog: name, Text: fmt.Sprintf("%s of %s holds what the standby has not: %s", x.Pair.Target.Catalog, x.Pair.Target.Host, n),
			Limit: "nothing newer than the last copy", Accept: OverwriteNewer, Remedy: "it would be kept as " + x.Pair.Names.Previous,
		})
	}
	return list
}

// Newer says in a line what a target holds beyond a snapshot, empty if nothing.
func Newer(changes []database.Change) string {
	var parts []string
	for i, c := range changes {
		if i == 5 {
			parts = append(parts, fmt.Sprintf("and %d more tables", len(changes)-i))
			break
		}
		text := c.Table
		switch {
		case c.What != "":
			text += " (" + c.What + ")"
		case c.Rows >= 0:
			text += fmt.Sprintf(" (%d rows)", c.Rows)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// refused is the error of a check whose findings are not all accepted.
func (x Examination) refused(accepts func(string) bool) error {
	var errs []error
	for _, one := range x {
		errs = append(errs, refused(one.Refused, accepts))
	}
	return errors.Join(errs...)
}

// refused is the error of findings that are not all accepted.
func refused(list []Finding, accepts func(string) bool) error {
	var errs []error
	for _, f := range list {
		if f.Accept != "" && accepts != nil && accepts(f.Accept) {
			continue
		}
		text := f.Catalog + ": " + f.Text
		if f.Remedy != "" {
			text += " (" + f.Remedy + ")"
		}
		errs = append(errs, errors.New(text))
	}
	return errors.Join(errs...)
}

// Summary says in a line what is copied onto what.
func (x Examination) Summary() string {
	var parts []string
	for _, one := range x {
		if one.Err == nil {
			parts = append(parts, fmt.Sprintf("%s: %s %s to %s %s, %d bytes, %d tables", one.Catalog.Name,
				one.Report.Source.Product, one.Report.Source.Version, one.Report.Target.Product, one.Report.Target.Version,
				one.Report.Bytes, one.Report.Objects["table"]))
		}
	}
	return strings.Join(parts, "; ")
}
