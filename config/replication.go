package config

import (
	"net/url"
	"regexp"
	"slices"
)

// dsnPassword finds a password in the key=value forms of a data source.
var dsnPassword = regexp.MustCompile(`(?i)(^|[;?& ])(password|pwd|pass)\s*=\s*[^;& ]`)

// mysqlPassword finds one in the form USER:PASSWORD@tcp(HOST)/NAME.
var mysqlPassword = regexp.MustCompile(`^[^/@:]+:[^@/][^@]*@`)

func (v *validator) databases(raw list[rawDatabase], server string) []Database {
	var all []Database
	var names []string
	for _, item := range raw.items {
		if item.bad {
			continue
		}
		d := Database{
			Name:           v.name(item.Name),
			Engine:         v.choice(item.Engine, "", "sqlserver", "postgres", "mysql", "sqlite"),
			Primary:        v.dataSource(item.Primary, item.spot, "primary"),
			Standby:        v.dataSource(item.Standby.asPrimary(), item.spot, "standby"),
			ReplicateDaily: v.clock(item.ReplicateDaily),
			CatchUp:        v.truth(item.CatchUp, true),
			Realtime:       v.choice(item.Realtime, "none", "all", "configuration", "none"),
		}
		v.required(item.Name.spot, item.spot, "name", "write the catalog's name")
		v.required(item.Engine.spot, item.spot, "engine", "write sqlserver, postgres, mysql or sqlite")
		for _, f := range item.Fixups.items {
			d.Fixups = append(d.Fixups, v.absolute(f, ""))
		}
		if item.Name.good() && slices.Contains(names, d.Name) {
			v.r.errorf(item.Name.spot, "list each catalog once", "two databases are called %s", show(d.Name))
		}
		names = append(names, d.Name)
		if d.Realtime != "none" {
			v.r.notice(item.Realtime.spot, "not available in this version: databases in real time",
				"the catalog "+d.Name+" of "+server+" is copied as a whole, daily or by order")
		}
		if d.ReplicateDaily == "" && !item.ReplicateDaily.set() {
			v.r.notice(item.spot, "no time of day for the complete replication",
				"the catalog "+d.Name+" of "+server+" is copied by order only: write replicate_daily: \"01:00\"")
		}
		if item.Primary.Agent.good() && d.Engine != "sqlite" && item.Engine.good() {
			v.r.error(item.Primary.Agent.spot, "agent means nothing for "+d.Engine, "take it out, and write dsn: the agent copies databases of SQLite only")
		}
		v.needsBackups(d, item)
		all = append(all, d)
	}
	return all
}

// asPrimary is the standby's end in the form of the primary's, which may have more.
func (r rawDataSource) asPrimary() rawPrimary {
	return rawPrimary{spot: r.spot, DSN: r.DSN, Password: r.Password, Backups: rawFarBackups{spot: r.Backups.spot, Server: r.Backups.Server, Path: r.Backups.Path}}
}

func (v *validator) dataSource(raw rawPrimary, parent spot, key string) DataSource {
	if raw.bad || !v.required(raw.spot, parent, key, `write {dsn: "sqlserver://user@192.168.11.1/CATALOG", password: {file: PATH}}`) {
		return DataSource{}
	}
	if raw.Agent.set() {
		return v.byAgent(raw)
	}
	if v.required(raw.DSN.spot, raw.spot, "dsn", `write the data source, such as "sqlserver://user@192.168.11.1/CATALOG"`) && raw.DSN.good() && holdsPassword(raw.DSN.value) {
		v.r.error(raw.DSN.spot, "the data source holds a password", "take it out and write password: {file: PATH}")
	}
	d := DataSource{DSN: raw.DSN.value, Password: raw.Password.value}
	if raw.Backups.set() && !raw.Backups.bad {
		d.Backups = v.backups(raw.Backups, key)
	}
	return d
}

// byAgent reads the data source of a database that the agent copies.
func (v *validator) byAgent(raw rawPrimary) DataSource {
	for _, other := range []spot{raw.DSN.spot, raw.Password.spot, raw.Backups.spot} {
		if other.set() {
			v.r.error(other, "the agent of the server knows where the database is", "take this out, or take agent out")
		}
	}
	return DataSource{Agent: v.name(raw.Agent)}
}

// backups reads where the backup files of an end are.
func (v *validator) backups(raw rawFarBackups, end string) *Backups {
	v.required(raw.Server.spot, raw.spot, "server", `write the directory as the database server names it, such as server: 'D:\Backup'`)
	switch {
	case raw.Agent.set() && raw.Path.set():
		v.r.error(raw.spot, "path and agent exclude each other", "write path if the standby sees the directory, agent if the primary's agent brings the files")
	case end == "primary" && !raw.Agent.set():
		v.required(raw.Path.spot, raw.spot, "path", "write the same directory as the standby sees it, such as path: /mnt/backup, or agent: NAME if the primary's agent brings the files")
	case !raw.Agent.set():
		v.required(raw.Path.spot, raw.spot, "path", "write the same directory as the standby sees it, such as path: /var/opt/mssql/backup")
	}
	return &Backups{Server: raw.Server.value, Path: v.absolute(raw.Path, ""), Agent: v.name(raw.Agent)}
}

// needsBackups wants the backup directories of an engine that backs up into files, and of no other.
func (v *validator) needsBackups(d Database, raw rawDatabase) {
	for _, end := range []struct {
		raw  rawPrimary
		more string
		dir  *Backups
	}{{raw.Primary, ", or {server: …, agent: NAME}", d.Primary.Backups}, {raw.Standby.asPrimary(), "", d.Standby.Backups}} {
		switch {
		case end.raw.bad || !end.raw.spot.set():
		case d.Engine == "sqlserver" && end.dir == nil:
			v.r.notice(end.raw.spot, "backups is missing: a SQL Server backs up into files, which have to travel",
				"the catalog "+d.Name+" cannot be copied before you write backups: {server: DIRECTORY AS THE SERVER NAMES IT, path: THE SAME AS THE STANDBY SEES IT}"+end.more)
		case d.Engine != "sqlserver" && end.dir != nil:
			v.r.error(end.raw.Backups.spot, "backups means nothing for "+d.Engine, "take it out: this engine is copied over the network")
		}
	}
}

// holdsPassword knows the forms in which engines take a password.
func holdsPassword(dsn string) bool {
	if u, err := url.Parse(dsn); err == nil && u.Host != "" {
		if _, has := u.User.Password(); has {
			return true
		}
	}
	return dsnPassword.MatchString(dsn) || mysqlPassword.MatchString(dsn)
}
