// Package config reads failoverd's configuration: what may be written in the
// files (raw.go), what it means (this file), and what is wrong with it, all of
// it at once, each problem with its file, line, key and what to write instead.
//
// A Config is immutable once Load or Parse has returned it and carries no
// run-time state. The package reads no clock, opens no socket and starts
// nothing; only Load and Secret.Reveal touch the file system.
package config

import (
	"net/netip"
	"time"
)

// Config is one complete, valid configuration with every default filled in.
type Config struct {
	File    string   // path of the main file, as it was given to Load
	Standby Standby  `key:"standby"`
	Alerts  Alerts   `key:"alerts"`
	API     API      `key:"api"`
	Servers []Server `key:"servers"` // main file first, then servers.d by file name

	// Notices are no errors: what is not available in this version and what
	// happens instead, and settings whose consequence should be known.
	Notices []Problem

	// spots remembers where a value was written, for checks that need more
	// than the files, such as CheckNetworks. Keys are those of serviceKey.
	spots map[string]spot
}

// Standby describes the host that failoverd runs on.
type Standby struct {
	Name           string        `key:"name"`     // Load fills in the host's name; Parse alone leaves "" when it is not written
	DataDir        string        `key:"data_dir"` // absolute
	Interface      string        `key:"interface"`
	Capacity       int           `key:"capacity"` // primaries it can stand in for at a time, at least 1
	AtOnce         int           `key:"replications_at_once"`
	Witnesses      []netip.Addr  `key:"witnesses"`
	DefaultWitness bool          `key:"witnesses"` // the key is absent: the default gateway is the witness
	Settle         time.Duration `key:"settle"`    // nothing is decided for this long after boot or link-up; may be 0
}

// Alerts says who is told, and how.
type Alerts struct {
	Email           *Email         `key:"email"` // nil: nobody is mailed
	Webhooks        []Webhook      `key:"webhooks"`
	Commands        []AlertCommand `key:"commands"`
	SNMP            []SNMP         `key:"snmp"`
	Syslog          []Syslog       `key:"syslog"`
	DailyReport     string         `key:"daily_report"`     // "HH:MM" local time, or ""
	RemindEvery     time.Duration  `key:"remind_every"`     // of an incident that nobody has acknowledged; 0: never
	RemindSuspended time.Duration  `key:"remind_suspended"` // of a server that is suspended; 0: never
	Escalation      *Escalation    `key:"escalation"`       // nil: nothing is escalated
	Heartbeat       *Heartbeat     `key:"heartbeat"`        // nil: nobody hears that failoverd lives
	Templates       []Template     `key:"templates"`
}

// Template is what mails of one kind say instead of failoverd's own words, as templates of Go's text/template. What they may
// hold, this package does not know: see CheckTemplates.
type Template struct {
	Kind    string `key:"kind"`    // or AnyKind
	Subject string `key:"subject"` // "" for failoverd's own
	File    string `key:"body"`    // absolute, "" for failoverd's own body
	Body    string // what stood in the file when Load read it
}

// AnyKind is the kind of a template for every kind that has none of its own.
const AnyKind = "*"

// Heartbeat is what is asked again and again while failoverd is well.
type Heartbeat struct {
	URL     string        `key:"url"` // to be shown to nobody
	Method  string        `key:"method"`
	CAFile  string        `key:"ca_file"` // absolute, or "" for the system's authorities
	Every   time.Duration `key:"every"`
	Timeout time.Duration `key:"timeout"`
}

// Escalation is who is told of a critical incident that nobody has acknowledged for a while.
type Escalation struct {
	After time.Duration `key:"after"`
	To    []string      `key:"to"` // mail addresses, and names of the other ways out
}

// Anybody tells whether anybody is told at all.
func (a Alerts) Anybody() bool {
	return a.Email != nil || len(a.Webhooks)+len(a.Commands)+len(a.SNMP)+len(a.Syslog) > 0
}

// Webhook is a receiver that alerts are posted to.
type Webhook struct {
	Name     string        `key:"name"` // unique among all ways out but mail
	URL      string        `key:"url"`  // to be shown to nobody: many receivers know their senders by it
	Secret   Secret        `key:"secret"`
	CAFile   string        `key:"ca_file"`  // absolute, or "" for the system's authorities
	Severity string        `key:"severity"` // the least that begins to go there: info, warning, critical or none
	Timeout  time.Duration `key:"timeout"`
}

// AlertCommand is a program that alerts are given to.
type AlertCommand struct {
	Name     string        `key:"name"`
	Command  []string      `key:"command"`
	Severity string        `key:"severity"`
	Timeout  time.Duration `key:"timeout"`
}

// SNMP is a management station that is told of alerts.
type SNMP struct {
	Name            string         `key:"name"`
	Address         netip.AddrPort `key:"address"`
	Version         string         `key:"version"` // v2c or v3
	Community       Secret         `key:"community"`
	Username        string         `key:"username"` // of v3, as the rest down to the privacy password
	Auth            string         `key:"auth"`     // sha, sha256 or sha512
	AuthPassword    Secret         `key:"auth_password"`
	Privacy         string         `key:"privacy"` // aes, aes256 or none
	PrivacyPassword Secret         `key:"privacy_password"`
	Confirmed       bool           `key:"confirmed"` // informs and not traps
	Severity        string         `key:"severity"`
	Timeout         time.Duration  `key:"timeout"`
}

// Syslog is a receiver of alerts as messages of RFC 5424.
type Syslog struct {
	Name       string         `key:"name"`
	Address    netip.AddrPort `key:"address"`
	Transport  string         `key:"transport"`   // udp, tcp or tls
	ServerName string         `key:"server_name"` // in its certificate; "": the address
	CAFile     string         `key:"ca_file"`     // absolute, or "" for the system's authorities
	Facility   string         `key:"facility"`
	Severity   string         `key:"severity"`
	Timeout    time.Duration  `key:"timeout"`
}

// Email is the mail server and the people behind it.
type Email struct {
	Host       string   `key:"host"` // IP literal, or a name (which gives a notice: DNS may be part of the outage)
	Port       int      `key:"port"`
	ServerName string   `key:"server_name"` // the name in the server's certificate; Host unless written
	TLS        string   `key:"tls"`         // none, starttls, opportunistic or implicit
	CAFile     string   `key:"ca_file"`     // absolute, or "" for the system's authorities
	Username   string   `key:"username"`    // "" for no authentication
	Password   Secret   `key:"password"`
	From       string   `key:"from"`
	To         []string `key:"to"`
	Severity   string   `key:"severity"` // the least that begins to go there: info, warning, critical or none
}

// API is where the API listens.
type API struct {
	Socket      string         `key:"socket"`       // absolute path, at most 107 bytes
	SocketGroup string         `key:"socket_group"` // group that may connect, or ""
	Listen      netip.AddrPort `key:"listen"`       // zero: no TCP
	CertFile    string         `key:"cert_file"`    // both empty: a key of its own is made at the first start
	KeyFile     string         `key:"key_file"`
	PublicURL   string         `key:"public_url"` // where a browser reaches the console, without a slash at its end; "": at Listen
}

// Server is one primary.
type Server struct {
	Name              string       `key:"name"`
	Address           netip.Addr   `key:"address"`
	Addresses         []netip.Addr `key:"addresses"` // every path that is pinged, Address first
	ManagementAddress netip.Addr   `key:"management_address"`
	Agent             Agent        `key:"agent"`
	Priority          int          `key:"priority"` // the highest is taken first
	Ping              Ping         `key:"ping"`
	Probes            []Probe      `key:"probes"`
	Takeover          Takeover     `key:"takeover"`
	Databases         []Database   `key:"databases"`
	Files             []FileTree   `key:"files"`
	Drill             Drill        `key:"drill"`
	Where             string       // file:line of the server's first key
}

// Agent is where the agent on a primary listens, if there is one.
type Agent struct {
	Address netip.AddrPort `key:"address"` // the management address, else Address, with AgentPort unless written
}

// AgentPort is where an agent listens unless its configuration says something else.
const AgentPort = 7443

// Ping is the beat of the pings and the counts of consecutive misses that mean
// something.
type Ping struct {
	Interval        time.Duration `key:"interval"`
	Timeout         time.Duration `key:"timeout"` // shorter than Interval
	WarnAfter       int           `key:"warn_after"`
	FailAfter       int           `key:"fail_after"`
	FailAfterReboot int           `key:"fail_after_reboot"` // in place of FailAfter after the standby host rebooted
}

// Probe is a further question that is put to a primary beside the ping.
type Probe struct {
	Name      string         `key:"name"`
	Kind      string         `key:"kind"`    // tcp, http, command or agent; sql is not available in this version and is never in Server.Probes
	Failure   string         `key:"failure"` // info, degraded or failure
	Interval  time.Duration  `key:"interval"`
	Timeout   time.Duration  `key:"timeout"`
	FailAfter int            `key:"fail_after"`
	TCP       netip.AddrPort `key:"tcp"`
	HTTP      *HTTPCheck     `key:"http"`
	Command   []string       `key:"command"`
}

// HTTPCheck is a request and the answer that counts as good.
type HTTPCheck struct {
	URL    string `key:"url"` // the host is an IP literal
	Status int    `key:"status"`
	Body   string `key:"body"` // text that the answer must contain, or ""
}

// Takeover says how the standby assumes the role of this primary.
type Takeover struct {
	Mode             string         `key:"mode"` // automatic or manual
	AssumeAddress    bool           `key:"assume_address"`
	ServiceAddresses []netip.Prefix `key:"service_addresses"` // not masked; Address as /32 or /128 unless written; nil without AssumeAddress
	Interface        string         `key:"interface"`         // "" = Standby.Interface
	OnConflict       string         `key:"on_conflict"`       // refuse or seize: another host answers for the address before the takeover
	OnClaim          string         `key:"on_claim"`          // defend, yield or alert: another host claims it while standing in
	OnFailure        string         `key:"on_failure"`        // undo or keep
	AddressOrder     string         `key:"address"`           // last or first: the address after or before the data
	Fence            *Fence         `key:"fence"`
	Start            StandIn        `key:"start"`
	Ready            *Ready         `key:"ready"`
	MaxAge           time.Duration  `key:"max_age"` // 0: no limit
	AutoRelease      bool           `key:"auto_release"`
	ReleaseAfter     time.Duration  `key:"release_after"`
	Verify           []netip.Addr   `key:"verify"` // neighbours asked besides the gateway
}

// Fence is the command that makes sure that the primary is off.
type Fence struct {
	Command   []string      `key:"command"`
	Timeout   time.Duration `key:"timeout"`
	OnFailure string        `key:"on_failure"` // stop or continue
}

// StandIn is the application that does the primary's work. With neither Units
// nor Command only the address moves.
type StandIn struct {
	Units   []string      `key:"units"`
	Command []string      `key:"command"`
	Stop    []string      `key:"stop"`
	Check   []string      `key:"check"` // exit status 0: it is running
	Timeout time.Duration `key:"timeout"`
}

// Ready is the question that tells that the stand-in serves. Exactly one of
// TCP, HTTP and Command is given.
type Ready struct {
	TCP     netip.AddrPort `key:"tcp"`
	HTTP    *HTTPCheck     `key:"http"`
	Command []string       `key:"command"`
	Timeout time.Duration  `key:"timeout"`
}

// Drill says how a takeover of this primary is rehearsed. At most one of Weekly and Monthly is given.
type Drill struct {
	Weekly  string        `key:"weekly"`  // "sunday 03:00" local time, or ""
	Monthly string        `key:"monthly"` // "1 03:00" local time, or ""
	Check   []string      `key:"check"`   // exit status 0: it works on the copies; Takeover.Ready's command unless written
	Timeout time.Duration `key:"timeout"` // of Check
	MaxAge  time.Duration `key:"max_age"` // of the last good drill; 0: no limit
}

// Database is one catalog that is replicated.
type Database struct {
	Name           string     `key:"name"`
	Engine         string     `key:"engine"` // sqlserver, postgres, mysql or sqlite
	Primary        DataSource `key:"primary"`
	Standby        DataSource `key:"standby"`
	ReplicateDaily string     `key:"replicate_daily"` // "HH:MM" local time, or ""
	CatchUp        bool       `key:"catch_up"`        // a run that was missed is made up for
	Realtime       string     `key:"realtime"`        // all, configuration or none
	Fixups         []string   `key:"fixups"`          // absolute paths of SQL scripts
}

// DataSource is how one end of a database is reached. Exactly one of DSN and Agent is given.
type DataSource struct {
	DSN      string   `key:"dsn"`   // holds no password
	Agent    string   `key:"agent"` // what the agent's configuration calls the database
	Password Secret   `key:"password"`
	Backups  *Backups `key:"backups"` // nil unless written
}

// Backups is the directory in which a database server leaves its backup files, as it names it itself, and how the
// standby gets at it. Exactly one of Path and Agent is given.
type Backups struct {
	Server string `key:"server"`
	Path   string `key:"path"`  // absolute
	Agent  string `key:"agent"` // what the agent's configuration calls the directory
}

// FileTree is one tree of files that is kept copied.
type FileTree struct {
	Name         string        `key:"name"`
	Source       FileSource    `key:"source"`
	Directory    string        `key:"directory"`     // on the standby, absolute
	Include      []Inclusion   `key:"include"`       // empty: everything
	Exclude      []Inclusion   `key:"exclude"`       // of what is included
	IgnoreCase   bool          `key:"ignore_case"`   // names are compared as Windows does
	ScanInterval time.Duration `key:"scan_interval"` // of a Path; 0 for an Agent, whose own configuration says it
	MaxLag       time.Duration `key:"max_lag"`       // a copy that is further behind is out of date
	Retention    time.Duration `key:"retention"`     // of the trash; 0: there is none
	Reserve      int64         `key:"reserve"`       // bytes of the disk that are left free
	Brake        Brake         `key:"brake"`
	Bandwidth    []Window      `key:"bandwidth"` // the first one that a time of day lies in counts
}

// Brake says how much may be deleted without asking.
type Brake struct {
	Share float64 `key:"share"` // of the copy's files, 0 to 1
	Least int     `key:"least"` // so many may always be deleted
}

// Window limits the bandwidth from one local time of day to another, past midnight if To is before From.
type Window struct {
	From  string `key:"from"`  // "HH:MM"
	To    string `key:"to"`    // "HH:MM", not From
	Limit int64  `key:"limit"` // bytes a second
}

// FileSource is a directory on the primary (Agent) or one that is mounted on
// the standby (Path). Exactly one is given.
type FileSource struct {
	Agent string `key:"agent"`
	Path  string `key:"path"`
}

// Inclusion chooses files of a tree, to be copied or to be left out.
type Inclusion struct {
	Dir       string   `key:"dir"`      // relative to the source, "" = the source itself
	Patterns  []string `key:"patterns"` // empty: every name
	Recursive bool     `key:"recursive"`
}
