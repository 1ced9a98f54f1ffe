package discovery

import (
	"net/netip"
)

// Found is what there is on a host. Lists are sorted, and never longer than the bounds in exchange.go.
type Found struct {
	Name      string     `json:"name"` // as the agent is configured
	Hostname  string     `json:"hostname"`
	OS        string     `json:"os"`     // Debian GNU/Linux 12 (bookworm)
	Kernel    string     `json:"kernel"` // Linux 6.1.0-18-amd64
	Addresses []Address  `json:"addresses"`
	Gateways  []Gateway  `json:"gateways"` // of the default routes, the preferred one of each family first
	Databases []Database `json:"databases"`
	SQLite    []SQLite   `json:"sqlite"`
	Trees     []Tree     `json:"trees"`
	Backups   []Backup   `json:"backups"`
	Gaps      []Gap      `json:"gaps"`
}

// Address is an address that others can reach the host at, with the length of its network's prefix.
type Address struct {
	Interface string       `json:"interface"`
	Address   netip.Prefix `json:"address"`
}

// Gateway is where packets go that are for no network of the host.
type Gateway struct {
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
}

// Database is a database server that listens on the host.
type Database struct {
	Engine    string `json:"engine"`    // the word of the configuration: postgres, mysql, sqlserver
	Product   string `json:"product"`   // PostgreSQL, MySQL, MariaDB, SQL Server
	Version   string `json:"version"`   // "" where the server tells it to nobody without a password
	Listens   string `json:"listens"`   // ADDRESS:PORT, or the path of a socket
	Reachable bool   `json:"reachable"` // from other hosts, as far as the place where it listens says
	TLS       bool   `json:"tls"`       // it offers encryption; false where that was not asked
}

// SQLite is a file that holds a SQLite database.
type SQLite struct {
	Path        string `json:"path"`
	Bytes       int64  `json:"size_bytes"`
	UserVersion int32  `json:"user_version"` // the application's number of its schema
	WAL         bool   `json:"wal"`          // written by way of a log beside it
	Grant       string `json:"grant"`        // the name under which the standby may have copies of it; "" if it may not
}

// Tree is a directory of which the standby may keep a copy.
type Tree struct {
	Name      string `json:"name"`
	Directory string `json:"directory"`
	Writable  bool   `json:"writable"`
	Files     int64  `json:"files"`
	Bytes     int64  `json:"size_bytes"`
	Complete  bool   `json:"complete"` // everything was counted; else there is more than that
}

// Backup is a directory in which a database server leaves its backup files.
type Backup struct {
	Name            string `json:"name"`
	Directory       string `json:"directory"`
	ServerDirectory string `json:"server_directory"`
	Free            int64  `json:"free_bytes"`
}

// Gap is something that was not learnt.
type Gap struct {
	What string `json:"what"`
	Why  string `json:"why"`
}
