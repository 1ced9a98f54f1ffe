// Package agentconfig reads the configuration of the agent on a primary: what the standby may have of this host, and
// nothing else.
//
// It is strict: everything that is wrong is reported at once, each problem with its file, line, column and key and with
// what to write instead. A Config is immutable and carries no run-time state.
package agentconfig

import (
	"net/netip"
	"time"
)

// DefaultFile is where the agent's configuration is looked for.
const DefaultFile = "/etc/failoverd/agent.yaml"

// Config is one complete, valid configuration with every default filled in.
type Config struct {
	File        string         // as it was given to Load
	Name        string         // of this host; Load fills in the host's name, Parse alone leaves "" when it is not written
	Listen      netip.AddrPort // where the standby connects
	DataDir     string         // the agent's own directory: key, pairing, hold, index of the trees
	Trees       []Tree
	Backups     []Backup
	Databases   []Database
	Application *Application // nil: the standby can neither start nor stop anything
	Discover    Discover
}

// Tree is a directory of which the standby may keep a copy.
type Tree struct {
	Name         string
	Directory    string        // absolute and clean; the standby's configuration names it the same way
	Writable     bool          // the standby may bring its files back into it
	Settle       time.Duration // how long a file must be quiet before it is read, where nothing says that its writer is done
	MaxWait      time.Duration // a file that is never quiet is read after this time all the same
	ScanInterval time.Duration // how often the whole tree is compared with the index, events or not
}

// Backup is a directory in which a database server leaves its backup files and finds them again. The standby may make,
// read and remove the files in it whose names have its mark, and sees no others.
type Backup struct {
	Name            string
	Directory       string // absolute and clean
	ServerDirectory string // how the database server names it; Directory unless written
}

// Database is a SQLite database of which the standby may have copies.
type Database struct {
	Name string
	File string // absolute and clean
}

// Application is what does the work on this host.
type Application struct {
	Units              []string // systemd units; where there are any, there are no commands
	Start, Stop, Check []string
	Timeout            time.Duration
}

// Discover bounds what the agent looks at when the standby asks what there is.
type Discover struct {
	Directories []string // searched for SQLite databases
	Ports       []uint16 // looked at besides the usual ones of database servers
}

// Tree finds a tree by its directory.
func (c *Config) Tree(directory string) (Tree, bool) {
	for _, t := range c.Trees {
		if t.Directory == directory {
			return t, true
		}
	}
	return Tree{}, false
}

// Backup finds a backup directory by its name.
func (c *Config) Backup(name string) (Backup, bool) {
	for _, b := range c.Backups {
		if b.Name == name {
			return b, true
		}
	}
	return Backup{}, false
}

// Database finds a SQLite database by its name.
func (c *Config) Database(name string) (Database, bool) {
	for _, d := range c.Databases {
		if d.Name == name {
			return d, true
		}
	}
	return Database{}, false
}
