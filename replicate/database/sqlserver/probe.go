package sqlserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"failoverd/replicate/database"
)

// Probe looks at both ends.
func (e *Engine) Probe(ctx context.Context, p database.Pair) (database.Report, error) {
	var report database.Report
	source, err := e.probeSource(ctx, p, &report)
	if err != nil {
		return database.Report{}, err
	}
	target, err := e.probeTarget(ctx, p, &report)
	if err != nil {
		return database.Report{}, err
	}
	report.Problems = append(report.Problems, misfits(p, source, target, report.Bytes)...)
	return report, e.probeShelves(ctx, p, &report)
}

func (e *Engine) probeSource(ctx context.Context, p database.Pair, report *database.Report) (server, error) {
	s, err := open(ctx, p.Source, master, program)
	if err != nil {
		return server{}, err
	}
	defer s.close()
	found, err := s.look(ctx)
	if err != nil {
		return server{}, err
	}
	report.Source = found.product()
	states, err := s.states(ctx, p.Source.Catalog)
	if err != nil {
		return server{}, err
	}
	if now := states[p.Source.Catalog]; !now.there || !now.online {
		word := "is not there, or hidden from the account " + found.login
		if now.there {
			word = "is " + now.word + " and not online"
		}
		report.Problems = append(report.Problems, database.Problem{
			Code: "no-catalog", Blocks: true, Text: fmt.Sprintf("%s at %s %s", p.Source.Catalog, p.Source.Host, word),
			Remedy: "write the catalog's name as the server has it, or bring the database online",
		})
		return found, nil
	}
	return found, e.probeCatalog(ctx, p.Source, found, report)
}

// probeCatalog looks into the source's catalog.
func (e *Engine) probeCatalog(ctx context.Context, end database.End, found server, report *database.Report) error {
	s, err := open(ctx, end, end.Catalog, program)
	if says(err, 4060, 916) {
		report.Problems = append(report.Problems, database.Problem{
			Code: "missing-right", Blocks: true,
			Text:   fmt.Sprintf("the account %s at %s has no user in %s", found.login, end.Host, end.Catalog),
			Remedy: "USE " + ident(end.Catalog) + "; CREATE USER " + ident(found.login) + " FOR LOGIN " + ident(found.login),
		})
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	lacks, err := s.lacking(ctx, end, found.login, needs(true, end.Catalog))
	if err != nil {
		return err
	}
	report.Problems = append(report.Problems, lacks...)
	if report.Bytes, err = s.size(ctx); err != nil {
		return err
	}
	if report.Objects, err = s.objects(ctx); err != nil {
		return err
	}
	report.NoKey, err = s.withoutKey(ctx)
	return err
}

func (e *Engine) probeTarget(ctx context.Context, p database.Pair, report *database.Report) (server, error) {
	s, err := open(ctx, p.Target, master, program)
	if err != nil {
		return server{}, err
	}
	defer s.close()
	found, err := s.look(ctx)
	if err != nil {
		return server{}, err
	}
	report.Target = found.product()
	stands, err := s.standing(ctx, p.Names)
	if err != nil {
		return server{}, err
	}
	report.Standing = database.Standing{
		Live: stands.live.there, Staging: stands.staging.there, Previous: stands.previous.there,
		Writable: stands.live.online && !stands.live.readOnly,
	}
	lacks, err := s.lacking(ctx, p.Target, found.login, needs(false, ""))
	if err != nil {
		return server{}, err
	}
	report.Problems = append(report.Problems, lacks...)
	if !stands.live.online {
		return found, nil
	}
	return found, e.probeUsers(ctx, p, report)
}

// probeUsers names the users of the live copy whom nobody can log in as.
func (e *Engine) probeUsers(ctx context.Context, p database.Pair, report *database.Report) error {
	s, err := open(ctx, p.Target, p.Names.Live, program)
	if err != nil {
		if answered(err) {
			return nil // not ours to look into
		}
		return err
	}
	defer s.close()
	orphans, err := s.orphans(ctx)
	if err != nil {
		return err
	}
	for _, user := range orphans {
		report.Problems = append(report.Problems, database.Problem{
			Code: "orphaned-user",
			Text: fmt.Sprintf("the user %s of %s has no login at %s: who uses it will not be let in after a takeover", user, p.Names.Live, p.Target.Host),
			Remedy: "CREATE LOGIN " + ident(user) + " WITH PASSWORD = N'...'; the next copy joins them, or now: USE " +
				ident(p.Names.Live) + "; ALTER USER " + ident(user) + " WITH LOGIN = " + ident(user),
		})
	}
	return nil
}

// probeShelves looks whether failoverd gets at the backup files, and whether there is room for them.
func (e *Engine) probeShelves(ctx context.Context, p database.Pair, report *database.Report) error {
	for _, end := range []database.End{p.Source, p.Target} {
		if end.Shelf == nil {
			report.Problems = append(report.Problems, database.Problem{
				Code: "no-backups", Blocks: true, Text: missingShelf(end).Error(),
				Remedy: "name a directory into which the server writes, and the path by which failoverd sees it",
			})
			continue
		}
		free, err := end.Shelf.Free(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			remedy := "mount the directory, or correct its path"
			if _, travels := end.Shelf.(database.Courier); travels {
				remedy = "see failoverd agents, and backups in the agent's configuration"
			}
			report.Problems = append(report.Problems, database.Problem{
				Code: "no-backups", Blocks: true, Text: fmt.Sprintf("failoverd does not get at the backups of %s: %v", end.Host, err), Remedy: remedy,
			})
		case free < report.Bytes:
			report.Problems = append(report.Problems, noRoomForBackups(end.Host, "its backups", free, report.Bytes))
		}
	}
	if courier, travels := p.Source.Shelf.(database.Courier); travels {
		report.Problems = append(report.Problems, keeping(courier, p, report.Bytes)...)
	}
	return nil
}

// keeping looks whether there is room for the file that a courier brings, beside the one that it brought before.
func keeping(c database.Courier, p database.Pair, bytes int64) []database.Problem {
	directory, free, err := c.Kept()
	switch {
	case err != nil:
		return []database.Problem{{
			Code: "no-backups", Blocks: true, Text: fmt.Sprintf("what comes of the backups of %s cannot be kept: %v", p.Source.Host, err),
			Remedy: "see that failoverd may write to " + directory,
		}}
	case free < bytes:
		return []database.Problem{noRoomForBackups(p.Target.Host, "what comes of the backups of "+p.Source.Host+", in "+directory, free, bytes)}
	}
	return nil
}

// noRoomForBackups does not block: a backup that is compressed takes less than its database.
func noRoomForBackups(host, what string, free, need int64) database.Problem {
	const mib = 1 << 20
	return database.Problem{
		Code:   "no-space",
		Text:   fmt.Sprintf("%s has %d MiB free for %s, and the catalog takes %d MiB", host, free/mib, what, need/mib),
		Remedy: fmt.Sprintf("make room for %d MiB more", (need-free+mib-1)/mib),
	}
}

// Sizes of a database that Express does not go beyond: 10 GB until SQL Server 2022, 50 GB from 2025 (version 17).
const (
	smallExpress = 10 << 30
	largeExpress = 50 << 30
)

// misfits are what of the source does not fit the target.
func misfits(p database.Pair, source, target server, bytes int64) []database.Problem {
	var problems []database.Problem
	if target.major < source.major {
		problems = append(problems, database.Problem{
			Code: "older-target", Blocks: true,
			Text: fmt.Sprintf("%s runs version %s, which is older than %s of %s: it cannot restore its backups",
				p.Target.Host, target.version, source.version, p.Source.Host),
			Remedy: "bring the target's SQL Server to the source's version or a newer one",
		})
	}
	limit := int64(smallExpress)
	if target.major >= 17 {
		limit = largeExpress
	}
	if target.engineEdition == expressEdition && bytes > limit {
		problems = append(problems, database.Problem{
			Code: "too-large", Blocks: true,
			Text: fmt.Sprintf("%s is an Express Edition, which holds databases of up to %d GB, and %s takes %d GB",
				p.Target.Host, limit>>30, p.Source.Catalog, bytes>>30),
			Remedy: "install an edition without the limit, or a newer Express",
		})
	}
	r := database.Report{Target: target.product(), Bytes: bytes}
	return append(problems, r.Room(p, 0)...)
}

// withoutKey lists the tables of the session's catalog that have no primary key.
func (s *session) withoutKey(ctx context.Context) ([]string, error) {
	list, err := s.query(ctx, "look for tables without a key", `SELECT s.name AS [schema], t.name AS [table] FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_ms_shipped = 0 AND NOT EXISTS (SELECT 1 FROM sys.key_constraints AS k WHERE k.parent_object_id = t.object_id AND k.type = 'PK')`)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range list {
		names = append(names, table{schema: r.text("schema"), name: r.text("table")}.String())
	}
	slices.SortFunc(names, strings.Compare)
	return names, nil
}
