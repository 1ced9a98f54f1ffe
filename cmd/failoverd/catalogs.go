package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"failoverd/config"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/replicate/database/mysql"
	"failoverd/replicate/database/postgres"
	"failoverd/replicate/database/sqlite"
	"failoverd/replicate/database/sqlserver"
	"failoverd/takeover/standin"
)

// engines are the kinds of databases that this binary can copy, by the word of the configuration.
func engines() map[string]database.Engine {
	return map[string]database.Engine{
		"sqlserver": sqlserver.New(),
		"postgres":  postgres.Engine{},
		"mysql":     mysql.Engine{},
		"sqlite":    sqlite.New(),
	}
}

// replicable refuses databases whose engine this binary lacks: at the check of the configuration, and not at night.
func replicable(c *config.Config) error {
	have := engines()
	var wrong config.Errors
	for _, s := range c.Servers {
		file, at, _ := strings.Cut(s.Where, ":")
		line, _ := strconv.Atoi(at)
		for _, d := range s.Databases {
			if have[d.Engine] == nil {
				wrong = append(wrong, config.Problem{
					File: file, Line: line, Column: 1, Key: fmt.Sprintf("servers[%s].databases[%s].engine", s.Name, d.Name),
					Problem: fmt.Sprintf("this failoverd has no engine %q", d.Engine),
					Expect:  "it has: " + strings.Join(slices.Sorted(maps.Keys(have)), ", "),
				})
			}
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// catalogs are a server's databases as both hosts have them.
func (w *world) catalogs(c config.Server) []replicate.Catalog {
	have := engines()
	var list []replicate.Catalog
	for _, d := range c.Databases {
		list = append(list, replicate.Catalog{
			Name: d.Name, Kind: d.Engine, Engine: have[d.Engine], Scripts: d.Fixups,
			Primary: end(fmt.Sprintf("%s (%s)", c.Name, c.Address), d.Primary, d.Name),
			Standby: end(w.config.Standby.Name, d.Standby, database.CopyOf(c.Name, d.Name)),
		})
		list[len(list)-1].Drill = beside(d.Engine, list[len(list)-1].Standby)
		primary := &list[len(list)-1].Primary
		switch b, cache := d.Primary.Backups, kept(w.config.Standby.DataDir, c); {
		case d.Primary.Agent != "":
			primary.Shelf = w.link.base(c.Agent.Address, d.Primary.Agent, cache)
		case b != nil && b.Agent != "":
			primary.Shelf = w.link.shelf(c.Agent.Address, b.Agent, b.Server, cache)
		}
	}
	return list
}

// beside is where a drill makes its copy.
func beside(engine string, e database.End) database.End {
	if engine == "sqlite" {
		return sqlite.Beside(e)
	}
	return database.Beside(e)
}

// drillCopies is what an application is told about the copies that it is asked about in a drill.
func (w *world) drillCopies(c config.Server) []standin.Catalog {
	var list []standin.Catalog
	for _, one := range w.catalogs(c) {
		list = append(list, standin.Catalog{Name: one.Name, Copy: one.Drill.Catalog, DSN: one.Drill.DSN})
	}
	return list
}

// end is one end of a database as its engine reaches it.
func end(host string, d config.DataSource, catalog string) database.End {
	e := database.End{Host: host, DSN: d.DSN, Catalog: catalog}
	if !d.Password.IsZero() {
		e.Password = d.Password.Reveal
	}
	if d.Backups != nil && d.Backups.Path != "" {
		e.Shelf = database.Directory{Server: d.Backups.Server, Path: d.Backups.Path}
	}
	return e
}

// copiesFor is what a stand-in is told about the copies that it works on.
func copiesFor(c config.Server) []standin.Catalog {
	var list []standin.Catalog
	for _, d := range c.Databases {
		list = append(list, standin.Catalog{Name: d.Name, Copy: database.CopyOf(c.Name, d.Name), DSN: d.Standby.DSN})
	}
	return list
}
