package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"failoverd/replicate/database"
)

// Probe looks at both ends.
func (e Engine) Probe(ctx context.Context, p database.Pair) (database.Report, error) {
	r, err := e.probe(ctx, p)
	return r, cause(ctx, err)
}

func (e Engine) probe(ctx context.Context, p database.Pair) (database.Report, error) {
	r := database.Report{NoKey: []string{}}
	target, err := dial(ctx, p.Target, "")
	if err != nil {
		return r, err
	}
	defer target.hangUp()
	source, err := dial(ctx, p.Source, "")
	if err != nil {
		return r, err
	}
	defer source.hangUp()
	r.Source = database.Server{Product: source.server.product(), Version: source.server.version, Free: -1}
	r.Target = database.Server{Product: target.server.product(), Version: target.server.version, Free: -1}
	found, err := exists(ctx, target, p.Names.Live, p.Names.Staging, p.Names.Previous)
	if err != nil {
		return r, err
	}
	live := found[p.Names.Live]
	r.Standing = database.Standing{
		Live: live, Staging: found[p.Names.Staging], Previous: found[p.Names.Previous], Writable: live,
	}
	r.Problems = append(longNames(p), versions(p, source.server, target.server)...)
	switch there, err := exists(ctx, source, p.Source.Catalog); {
	case err != nil:
		return r, err
	case !there[p.Source.Catalog]:
		we, err := readAccount(ctx, source)
		if err != nil {
			return r, at(p.Source, "read our rights", err)
		}
		r.Problems = append(r.Problems, database.Problem{
			Code: "no-catalog", Blocks: true,
			Text: fmt.Sprintf("%s has no catalog %s, or shows it to nobody who has no rights on it", p.Source.Host, p.Source.Catalog),
			Remedy: "correct the catalog's name, or: GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON " +
				need{"", p.Source.Catalog, "*"}.on() + " TO " + we.name + ";",
		})
		return r, nil
	}
	code, err := e.probeSource(ctx, p, source, &r)
	if err != nil {
		return r, err
	}
	if err := e.probeTarget(ctx, p, target, code, &r); err != nil {
		return r, err
	}
	return r, measure(ctx, p, target, &r)
}

// measure tells how much room the target has, if it runs on this host: a server itself knows by its plugin DISKS alone,
// which hardly any has. What a staging of an earlier run takes is freed before the next one is made.
func measure(ctx context.Context, p database.Pair, s *session, r *database.Report) error {
	rows, err := s.rows(ctx, `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('datadir', 'innodb_file_per_table')`)
	if err != nil {
		return at(p.Target, "ask where the data is kept", err)
	}
	settings := map[string]string{}
	for _, row := range rows {
		settings[row[0]] = row[1]
	}
	r.Target.Data = settings["datadir"]
	if settings["innodb_file_per_table"] == "OFF" {
		r.Target.Unknown = "the server keeps all its tables in one file, in which there may be room (innodb_file_per_table)"
	} else if r.Target.Free, err = database.LocalRoom(s.raw, r.Target.Data); err != nil {
		r.Target.Unknown = err.Error()
	}
	freed, err := size(ctx, s, p.Names.Staging)
	if err != nil {
		return at(p.Target, "read the size of "+p.Names.Staging, err)
	}
	r.Problems = append(r.Problems, r.Room(p, freed)...)
	return nil
}

// size is how many bytes a catalog takes, 0 if there is none.
func size(ctx context.Context, s *session, catalog string) (bytes int64, err error) {
	err = s.conn.QueryRowContext(ctx, `SELECT CAST(COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS SIGNED)
		FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?`, catalog).Scan(&bytes)
	return bytes, err
}

// probeSource reads what the source's catalog holds.
func (e Engine) probeSource(ctx context.Context, p database.Pair, s *session, r *database.Report) ([]definition, error) {
	we, err := readAccount(ctx, s)
	if err != nil {
		return nil, at(p.Source, "read our rights", err)
	}
	lacks := we.lacks(p.Source, readNeeds(s.server, p.Source.Catalog))
	r.Problems = append(r.Problems, lacks...)
	if e.streams() > 1 && !we.may("RELOAD", "*", "*") {
		r.Problems = append(r.Problems, database.Problem{
			Code: "one-reader",
			Text: fmt.Sprintf("%s: %s may not stop all writers for the moment in which several sessions begin to read; one reads all",
				p.Source.Host, we.name),
			Remedy: "GRANT RELOAD ON *.* TO " + we.name + ";",
		})
	}
	if r.Objects, err = objects(ctx, s, p.Source.Catalog); err != nil {
		return nil, err
	}
	list, err := tables(ctx, s, p.Source.Catalog)
	if err != nil {
		return nil, err
	}
	if r.Bytes, err = size(ctx, s, p.Source.Catalog); err != nil {
		return nil, at(p.Source, "read the size of "+p.Source.Catalog, err)
	}
	var loose, kept []string
	for _, t := range list {
		if !t.keyed {
			r.NoKey = append(r.NoKey, t.name)
		}
		if t.engine != "InnoDB" {
			loose = append(loose, t.name)
		}
		if t.versions {
			kept = append(kept, t.name)
		}
	}
	r.Problems = append(r.Problems, named("no-key", false, r.NoKey,
		"tables without a primary key are read by one session each, in no order",
		"give them a primary key")...)
	r.Problems = append(r.Problems, named("not-transactional", false, loose,
		"tables that know no transactions show what they hold when they are read, not the copy's instant",
		"ALTER TABLE ... ENGINE=InnoDB")...)
	r.Problems = append(r.Problems, named("history", true, kept,
		"system-versioned tables would lose their history", "ALTER TABLE ... DROP SYSTEM VERSIONING")...)
	bound, err := s.column(ctx, boundQuery, p.Source.Catalog, "%"+strings.ReplaceAll(ident(p.Source.Catalog), `\`, `\\`)+".%")
	if err != nil {
		return nil, at(p.Source, "list the defaults of "+p.Source.Catalog, err)
	}
	r.Problems = append(r.Problems, named("bound-default", true, bound,
		"defaults that are taken from a sequence name the catalog, and would still name it in the copy",
		"fill these columns by a trigger instead: SET NEW.column = NEXTVAL(sequence)")...)
	books, err := libraries(ctx, s, p.Source.Catalog)
	if err != nil {
		return nil, err
	}
	r.Problems = append(r.Problems, named("libraries", true, books,
		"libraries are not copied", "DROP LIBRARY ..., and make them in the copy by a script")...)
	if len(lacks) > 0 {
		return nil, nil // What we may not see is not looked at.
	}
	return definitions(ctx, s, p.Source.Catalog)
}

// boundQuery lists the columns whose default names their own schema, as those do that are taken from a sequence.
const boundQuery = `SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = ? AND COLUMN_DEFAULT LIKE ? ORDER BY TABLE_NAME, ORDINAL_POSITION`

// libraries lists those of MySQL's JavaScript.
func libraries(ctx context.Context, s *session, schema string) ([]string, error) {
	if s.server.mariadb || s.server.before(9, 2) {
		return nil, nil
	}
	list, err := s.column(ctx, `SELECT LIBRARY_NAME FROM information_schema.LIBRARIES WHERE LIBRARY_SCHEMA = ? ORDER BY 1`, schema)
	if err != nil {
		return nil, at(s.end, "list the libraries of "+schema, err)
	}
	return list, nil
}

// demands are what MySQL demands of tables that have no primary key: that there are none, or another column.
func demands(ctx context.Context, p database.Pair, s *session, keyless []string) ([]database.Problem, error) {
	if s.server.mariadb || len(keyless) == 0 {
		return nil, nil
	}
	on, err := s.column(ctx, `SHOW GLOBAL VARIABLES WHERE Value = 'ON'
		AND Variable_name IN ('sql_require_primary_key', 'sql_generate_invisible_primary_key')`)
	if err != nil {
		return nil, at(p.Target, "read the server's settings", err)
	}
	var list []database.Problem
	for _, setting := range on {
		list = append(list, named("no-key-refused", true, keyless,
			p.Target.Host+" has "+setting+", and would not keep tables without a primary key as they are",
			"give them a primary key, or: SET GLOBAL "+setting+" = OFF; and the same in the server's configuration")...)
	}
	return list, nil
}

// named is a problem of some tables, or none if there are none.
func named(code string, blocks bool, tables []string, text, remedy string) []database.Problem {
	if len(tables) == 0 {
		return nil
	}
	return []database.Problem{{Code: code, Blocks: blocks, Text: text + ": " + strings.Join(tables, ", "), Remedy: remedy}}
}

// longNames are names that the servers do not take.
func longNames(p database.Pair) []database.Problem {
	const most = 64
	if utf8.RuneCountInString(p.Names.Previous) <= most {
		return nil
	}
	return []database.Problem{{
		Code: "long-name", Blocks: true,
		Text:   fmt.Sprintf("the name %s is longer than the %d letters that %s takes", p.Names.Previous, most, p.Target.Host),
		Remedy: "give the server a shorter name in failoverd's configuration",
	}}
}

// versions says which servers do not go together.
func versions(p database.Pair, source, target server) []database.Problem {
	var list []database.Problem
	if source.mariadb != target.mariadb {
		list = append(list, database.Problem{
			Code: "other-product", Blocks: true,
			Text:   fmt.Sprintf("%s has %s, and %s %s", p.Source.Host, source.product(), p.Target.Host, target.product()),
			Remedy: fmt.Sprintf("install %s %d.%d or later on %s", source.product(), source.major, source.minor, p.Target.Host),
		})
	} else if target.before(source.major, source.minor) {
		list = append(list, database.Problem{
			Code: "older-target", Blocks: true,
			Text: fmt.Sprintf("%s has %s %s, older than the %s of %s, and cannot take all that its catalogs may hold",
				p.Target.Host, target.product(), target.version, source.version, p.Source.Host),
			Remedy: fmt.Sprintf("install %s %d.%d or later on %s", source.product(), source.major, source.minor, p.Target.Host),
		})
	}
	if !target.swaps() {
		list = append(list, database.Problem{
			Code: "old-target", Blocks: true,
			Text: fmt.Sprintf("%s has %s %s, which may leave a rename of many tables half done if it dies",
				p.Target.Host, target.product(), target.version),
			Remedy: "install MariaDB 10.6 or MySQL 8.0 or later on " + p.Target.Host,
		})
	}
	return list
}

// probeTarget says what the target would refuse.
func (e Engine) probeTarget(ctx context.Context, p database.Pair, s *session, code []definition, r *database.Report) error {
	we, err := readAccount(ctx, s)
	if err != nil {
		return at(p.Target, "read our rights", err)
	}
	r.Problems = append(r.Problems, we.lacks(p.Target, writeNeeds(p.Names.Live, p.Names.Staging, p.Names.Previous, ledger))...)
	var local, logged, trusted bool
	err = s.conn.QueryRowContext(ctx, `SELECT @@local_infile, @@log_bin, @@log_bin_trust_function_creators`).Scan(&local, &logged, &trusted)
	if err != nil {
		return at(p.Target, "read the server's settings", err)
	}
	demanded, err := demands(ctx, p, s, r.NoKey)
	if err != nil {
		return err
	}
	r.Problems = append(r.Problems, demanded...)
	if !local {
		r.Problems = append(r.Problems, database.Problem{
			Code: "no-local-infile", Blocks: true,
			Text:   p.Target.Host + " does not let its clients load data",
			Remedy: "SET GLOBAL local_infile = 1; and local_infile=1 in the server's configuration",
		})
	}
	if logged && !trusted && slices.ContainsFunc(code, func(d definition) bool { return d.Kind == function || d.Kind == trigger }) &&
		!we.may("SUPER", "*", "*") {
		r.Problems = append(r.Problems, database.Problem{
			Code: "distrusted-functions", Blocks: true,
			Text:   p.Target.Host + " has a binary log, and lets only accounts with all rights make functions and triggers",
			Remedy: "SET GLOBAL log_bin_trust_function_creators = 1; and the same in the server's configuration",
		})
	}
	known, err := readAccounts(ctx, s)
	if err != nil {
		return err
	}
	if unknown := strangers(code, known); len(unknown) > 0 {
		right := s.server.definerRight()
		if s.server.mariadb {
			right = "SUPER, " + right
		}
		remedy := fmt.Sprintf("GRANT %s ON *.* TO %s; GRANT SELECT ON `mysql`.`user` TO %[2]s;", right, we.name)
		for _, name := range unknown {
			remedy += " CREATE USER IF NOT EXISTS " + name + " ACCOUNT LOCK;"
		}
		r.Problems = append(r.Problems, database.Problem{
			Code: "missing-account",
			Text: fmt.Sprintf("views, routines, triggers and events of %s that are defined by %s will be defined by %s at %s, also when they come back",
				p.Source.Catalog, strings.Join(unknown, ", "), we.name, p.Target.Host),
			Remedy: remedy,
		})
	}
	return nil
}
