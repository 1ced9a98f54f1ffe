package agentconfig

import (
	_ "embed"
	"net/netip"
	"time"
)

//go:embed reference.yaml
var reference []byte

// Reference is the annotated configuration file that shows every key.
func Reference() []byte { return append([]byte(nil), reference...) }

const (
	defaultPort     = 7443
	defaultDataDir  = "/var/lib/failoverd-agent"
	defaultSettle   = 300 * time.Millisecond
	defaultMaxWait  = 30 * time.Second
	defaultInterval = 10 * time.Minute
	defaultTimeout  = 90 * time.Second
)

// Parse is Load without the file system. It never panics and reports every problem as Errors.
func Parse(name string, data []byte) (*Config, error) {
	r := &report{file: name, known: map[string]bool{}}
	return r.config(data)
}

// config reads the whole file.
func (r *report) config(data []byte) (*Config, error) {
	c := &Config{
		File:     r.file,
		Listen:   netip.AddrPortFrom(netip.IPv6Unspecified(), defaultPort),
		DataDir:  defaultDataDir,
		Discover: Discover{Directories: []string{"/srv", "/opt", "/var/lib"}},
	}
	if body := tree(r, data); body != nil {
		v := value{r: r, node: body, at: place(body, spot{line: 1, column: 1})}
		v.at.key = ""
		r.top(v, c)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// top reads the file's sections, and then compares them with each other.
func (r *report) top(v value, c *Config) {
	var claims []claim
	data := claim{what: "the agent's data_dir", directory: c.DataDir}
	v.section(
		key{"name", func(v value) { c.Name, _ = v.name() }},
		key{"listen", func(v value) { v.listen(&c.Listen) }},
		key{"data_dir", func(v value) {
			if v.directory(&c.DataDir) {
				data = claim{what: "the agent's data_dir", directory: c.DataDir, at: v}
			}
		}},
		key{"trees", func(v value) {
			v.list("a list of trees, each beginning with - name:", func(v value) {
				t, at := v.tree()
				claims = append(claims, at)
				c.Trees = append(c.Trees, t)
			})
		}},
		key{"backups", func(v value) {
			v.list("a list of directories, each beginning with - name:", func(v value) {
				b, at := v.backup()
				claims = append(claims, at)
				c.Backups = append(c.Backups, b)
			})
		}},
		key{"databases", func(v value) {
			v.list("a list of SQLite databases, each beginning with - name:", func(v value) {
				d, at := v.database()
				claims = append(claims, at)
				c.Databases = append(c.Databases, d)
			})
		}},
		key{"application", func(v value) { c.Application = v.application() }},
		key{"discover", func(v value) { v.discover(&c.Discover) }},
	)
	distinct(append([]claim{data}, claims...))
}

// tree reads one entry of trees.
func (v value) tree() (Tree, claim) {
	t := Tree{Settle: defaultSettle, MaxWait: defaultMaxWait, ScanInterval: defaultInterval}
	at := claim{what: "a tree"}
	written := v.section(
		key{"name", func(v value) { t.Name, at.named = v.name() }},
		key{"directory", func(v value) {
			if v.directory(&t.Directory) {
				at.directory, at.at = t.Directory, v
			}
		}},
		key{"writable", func(v value) { v.truth(&t.Writable) }},
		key{"settle", func(v value) { v.duration(&t.Settle, 10*time.Millisecond, 10*time.Minute) }},
		key{"max_wait", func(v value) { v.duration(&t.MaxWait, time.Second, time.Hour) }},
		key{"scan_interval", func(v value) { v.duration(&t.ScanInterval, 10*time.Second, 24*time.Hour) }},
	)
	at.name = t.Name
	v.required(written, "name", "write a name, such as vm")
	v.required(written, "directory", "write the whole path, such as /srv/ctserver/VM")
	if t.Settle > t.MaxWait {
		v.refuse("settle "+brief(t.Settle)+" is longer than max_wait "+brief(t.MaxWait), "write a shorter settle or a longer max_wait")
	}
	return t, at
}

// backup reads one entry of backups.
func (v value) backup() (Backup, claim) {
	var b Backup
	at := claim{what: "a backup directory"}
	written := v.section(
		key{"name", func(v value) { b.Name, at.named = v.name() }},
		key{"directory", func(v value) {
			if v.directory(&b.Directory) {
				at.directory, at.at = b.Directory, v
			}
		}},
		key{"server_directory", func(v value) { b.ServerDirectory, _ = v.text("the path as the database server names it") }},
	)
	at.name = b.Name
	v.required(written, "name", "write a name, such as ctserver")
	v.required(written, "directory", "write the whole path of a directory that only backup files are in")
	if b.ServerDirectory == "" {
		b.ServerDirectory = b.Directory
	}
	return b, at
}

// database reads one entry of databases.
func (v value) database() (Database, claim) {
	var d Database
	at := claim{what: "a database"}
	written := v.section(
		key{"name", func(v value) { d.Name, at.named = v.name() }},
		key{"file", func(v value) { v.file(&d.File) }},
	)
	at.name = d.Name
	v.required(written, "name", "write a name, such as calls")
	v.required(written, "file", "write the whole path of the database's file, such as /srv/ctserver/calls.db")
	return d, at
}

// application reads what does the work on this host.
func (v value) application() *Application {
	a := &Application{Timeout: defaultTimeout}
	var started map[string]bool
	only := func(into *[]string) func(value) {
		return func(v value) {
			v.required(v.section(key{"command", func(v value) { *into = v.command() }}), "command", `write {command: ["/path/of/program", "argument"]}`)
		}
	}
	written := v.section(
		key{"start", func(v value) {
			started = v.section(
				key{"units", func(v value) { a.Units = v.units() }},
				key{"command", func(v value) { a.Start = v.command() }},
			)
			if started != nil && started["units"] == started["command"] {
				v.refuse("units and command exclude each other, and one of them is needed", "write one of the two")
			}
		}},
		key{"stop", only(&a.Stop)},
		key{"check", only(&a.Check)},
		key{"timeout", func(v value) { v.duration(&a.Timeout, time.Second, time.Hour) }},
	)
	v.required(written, "start", "write start: {units: [NAME.service]} or start: {command: [PROGRAM]}")
	switch {
	case started["units"] && (written["stop"] || written["check"]):
		v.refuse("stop and check belong to a start by command", "remove them: systemd stops units and knows whether they run")
	case started["command"] && !(written["stop"] && written["check"]):
		v.refuse("there is a command to start the application, but not both to stop and to check it", "write stop and check as well: without them it cannot be kept from running")
	}
	return a
}

// discover reads what is looked at.
func (v value) discover(d *Discover) {
	v.section(
		key{"directories", func(v value) {
			d.Directories = nil
			v.list("a list of directories, or [] for none", func(v value) {
				var directory string
				if v.directory(&directory) {
					d.Directories = append(d.Directories, directory)
				}
			})
		}},
		key{"ports", func(v value) {
			v.list("a list of ports, such as [5433]", func(v value) {
				if port, ok := v.port(); ok {
					d.Ports = append(d.Ports, port)
				}
			})
		}},
	)
}
