package config

import (
	"net/url"
	"path"
	"path/filepath"
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
			Standby:        v.dataSource(item.Standby, item.spot, "standby"),
			ReplicateDaily: v.clock(item.ReplicateDaily),
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
		v.r.notice(item.spot, "not available in this version: replication of databases",
			"the catalog "+d.Name+" of "+server+" is not copied; a takeover uses what the standby's database holds by other means")
		all = append(all, d)
	}
	return all
}

func (v *validator) dataSource(raw rawDataSource, parent spot, key string) DataSource {
	if raw.bad || !v.required(raw.spot, parent, key, `write {dsn: "sqlserver://user@192.168.11.1/CATALOG", password: {file: PATH}}`) {
		return DataSource{}
	}
	if v.required(raw.DSN.spot, raw.spot, "dsn", `write the data source, such as "sqlserver://user@192.168.11.1/CATALOG"`) && raw.DSN.good() && holdsPassword(raw.DSN.value) {
		v.r.error(raw.DSN.spot, "the data source holds a password", "take it out and write password: {file: PATH}")
	}
	return DataSource{DSN: raw.DSN.value, Password: raw.Password.value}
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

func (v *validator) files(raw list[rawFileTree], server string) []FileTree {
	var all []FileTree
	var names []string
	for _, item := range raw.items {
		if item.bad {
			continue
		}
		f := FileTree{Name: v.name(item.Name), Source: v.fileSource(item)}
		v.required(item.Name.spot, item.spot, "name", "write a name for the tree, such as name: vm")
		f.Directory = v.absolute(item.Directory, filepath.Join(v.dataDir, "files", server, f.Name))
		for _, i := range item.Include.items {
			if !i.bad {
				f.Include = append(f.Include, v.inclusion(i))
			}
		}
		if item.Name.good() && slices.Contains(names, f.Name) {
			v.r.errorf(item.Name.spot, "give each tree of a server a name of its own", "two trees are called %s", show(f.Name))
		}
		names = append(names, f.Name)
		v.r.notice(item.spot, "not available in this version: replication of files",
			"the tree "+f.Name+" of "+server+" is not copied; a takeover uses what the standby's directory holds by other means")
		all = append(all, f)
	}
	return all
}

func (v *validator) fileSource(item rawFileTree) FileSource {
	raw := item.Source
	if raw.bad || !v.required(raw.spot, item.spot, "source", "write {agent: DIRECTORY} or {path: /DIRECTORY}") {
		return FileSource{}
	}
	switch {
	case raw.Agent.set() && raw.Path.set():
		v.r.error(raw.spot, "agent and path exclude each other", "write one of the two")
	case !raw.Agent.set() && !raw.Path.set():
		v.r.error(raw.spot, "the source is empty", "write {agent: DIRECTORY} or {path: /DIRECTORY}")
	}
	if a := raw.Agent; a.good() && !filepath.IsAbs(a.value) && !windowsPath.MatchString(a.value) {
		v.r.error(a.spot, show(a.value)+" is not an absolute path", `write the whole path on the primary, such as /srv/vm or D:\VM`)
	}
	return FileSource{Agent: raw.Agent.value, Path: v.absolute(raw.Path, "")}
}

// windowsPath matches an absolute path of a primary that runs Windows.
var windowsPath = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

func (v *validator) inclusion(raw rawInclusion) Inclusion {
	i := Inclusion{Dir: v.relative(raw.Dir), Recursive: v.truth(raw.Recursive, false)}
	for _, p := range raw.Patterns.items {
		if _, err := path.Match(p.value, ""); p.good() && err != nil {
			v.r.error(p.spot, show(p.value)+" is no pattern", "write one such as *.wav, with each [ closed")
		}
		i.Patterns = append(i.Patterns, p.value)
	}
	return i
}
