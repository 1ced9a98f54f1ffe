package status

import "time"

// Verdict is the answer of the whole standby, and the exit code of
// `failoverd status`.
type Verdict string

const (
	AllReady  Verdict = "ready"     // exit 0
	Attention Verdict = "attention" // exit 3: somebody should look
	Uncovered Verdict = "uncovered" // exit 4: a server is down and nobody serves it
)

// Snapshot is everything at one instant.
type Snapshot struct {
	GeneratedAt time.Time `json:"generated_at" doc:"When this was computed"`
	Seq         int64     `json:"seq" doc:"Journal position that it is true for; continue the event stream from here"`
	Verdict     Verdict   `json:"verdict" enum:"ready,attention,uncovered" doc:"The one word for it all"`
	Standby     Standby   `json:"standby"`
	Servers     []Server  `json:"servers"`
	Attention   []Notice  `json:"attention" doc:"What needs a person, most urgent first, with the command that helps"`

	Incidents []Incident `json:"incidents" doc:"What people were told of and is not over, the newest first"`
}

// Standby is the host that failoverd runs on.
type Standby struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	StartedAt  time.Time `json:"started_at"`
	Capacity   int       `json:"capacity" doc:"How many primaries it can stand in for at a time"`
	StandingIn []string  `json:"standing_in" doc:"Names of the servers that it stands in for now"`
	Waiting    []string  `json:"waiting" doc:"Failed servers that wait for capacity, next first"`
	Interface  Interface `json:"interface"`
	Isolated   *Isolated `json:"isolated" doc:"Null while the standby is connected"`
	Witnesses  []Witness `json:"witnesses"`
	Inhibited  *Inhibit  `json:"inhibited" doc:"Null unless nothing is decided for a while"`
	Journal    Health    `json:"journal"`
	API        Health    `json:"api" doc:"Whether other hosts reach the API, where api.listen says so"`
	Mail       Mail      `json:"mail"`
	Config     Config    `json:"config"`
	LoopAge    float64   `json:"loop_age_s" doc:"Seconds since the decision loop last ran"`
}

// Interface is the interface of aliases and announcements.
type Interface struct {
	Name    string `json:"name"`
	Up      bool   `json:"up"`
	MAC     string `json:"mac"`
	Gateway string `json:"gateway" doc:"The default gateway, empty if there is none"`
}

// Isolated says why the standby does not trust what it sees.
type Isolated struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// Inhibit is a time in which nothing is decided.
type Inhibit struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// Witness is an address whose answer proves that the standby is connected.
type Witness struct {
	Address    string     `json:"address"`
	Kind       string     `json:"kind" enum:"gateway,configured,primary"`
	Answering  bool       `json:"answering"`
	LastAnswer *time.Time `json:"last_answer_at"`
}

// Health is whether something works, and if not why.
type Health struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

// Mail is the state of the alerts' way out.
type Mail struct {
	Configured bool       `json:"configured"`
	OK         bool       `json:"ok"`
	Pending    int        `json:"pending"`
	Oldest     *time.Time `json:"oldest_pending_at"`
	LastSent   *time.Time `json:"last_sent_at"`
	Error      string     `json:"error"`
}

// Config is the configuration that is in force.
type Config struct {
	File         string    `json:"file"`
	LoadedAt     time.Time `json:"loaded_at"`
	Error        string    `json:"error" doc:"Why the newest file was not taken, empty if it was"`
	NeedsRestart []string  `json:"needs_restart" doc:"Keys whose new value waits for a restart"`
	Notices      []string  `json:"notices"`
}

// Server is a monitored primary.
type Server struct {
	Name              string      `json:"name"`
	Address           string      `json:"address"`
	ManagementAddress string      `json:"management_address"`
	ServiceAddresses  []string    `json:"service_addresses"`
	AssumeAddress     bool        `json:"assume_address"`
	Priority          int         `json:"priority"`
	Takeover          string      `json:"takeover" enum:"automatic,manual"`
	State             string      `json:"state" enum:"OK,Suspect,Failure,Suspended,Stopped,Replicating"`
	StateSince        time.Time   `json:"state_since"`
	Mode              string      `json:"mode" enum:"active,suspended,stopped"`
	Health            string      `json:"health" enum:"ok,suspect,failure"`
	Activity          string      `json:"activity" enum:"idle,replicating from live,replicating to live"`
	Role              string      `json:"role" enum:"standing by,taking over,standing in,releasing"`
	RoleSince         *time.Time  `json:"role_since"`
	Summary           string      `json:"summary" doc:"One sentence: who serves, and why"`
	Next              string      `json:"next" doc:"The command that helps, empty if nothing is to be done"`
	WayBack           string      `json:"way_back" doc:"The command that gives its role back once it is repaired: a failback where there is data to go with it, a release where there is none; empty while the standby stands by"`
	Hold              *Hold       `json:"hold" doc:"Why a failed server is not taken over, null if nothing holds it"`
	Readiness         Readiness   `json:"readiness"`
	Misses            int         `json:"misses" doc:"Consecutive pings without an answer on every path"`
	FailAfter         int         `json:"fail_after" doc:"The limit in force"`
	LastAnswer        *time.Time  `json:"last_answer_at"`
	RTT               *float64    `json:"rtt_s" doc:"Round-trip time of the last answer"`
	Paths             []Path      `json:"paths"`
	Probes            []Probe     `json:"probes"`
	Beats             []Beat      `json:"beats" doc:"The last pings, oldest first"`
	Suspension        *Suspension `json:"suspension"`
	Epoch             uint64      `json:"epoch" doc:"Raised by every takeover"`
	Diverged          bool        `json:"diverged" doc:"The standby's data is newer than the primary's"`
	OutOfDate         bool        `json:"out_of_date" doc:"Was stopped; no complete replication since"`
	Operation         string      `json:"operation" doc:"Identifier of the operation that runs, empty if none"`
	Copies            []Copy      `json:"copies" doc:"The standby's copies of its databases, in the order of the configuration"`
	Trees             []Tree      `json:"files" doc:"The standby's copies of its files, in the order of the configuration"`
	Drills            *Drills     `json:"drill" doc:"Its drills, null where there is nothing to rehearse"`
	Replication       string      `json:"replication" doc:"Identifier of the replication that runs or waits for its turn, empty if none"`
	Incident          string      `json:"incident" doc:"Identifier of the open incident, empty if none"`
	Actions           []Action    `json:"actions" doc:"What can be ordered now, and why not the rest"`
}

// Hold is a reason not to take over.
type Hold struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// Path is one way to a primary.
type Path struct {
	Address string   `json:"address"`
	Outcome string   `json:"outcome" enum:"answered,missed,unknown,none"`
	Misses  int      `json:"misses"`
	RTT     *float64 `json:"rtt_s"`
	Detail  string   `json:"detail"`
}

// Probe is one further question that is put to a primary.
type Probe struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Outcome string `json:"outcome" enum:"answered,missed,unknown,none"`
	Failed  bool   `json:"failed"`
	Counts  string `json:"counts" enum:"info,degraded,failure" doc:"What its failure means"`
	Detail  string `json:"detail"`
}

// Beat is the result of one ping.
type Beat struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome" enum:"answered,missed,unknown"`
	RTT     *float64  `json:"rtt_s"`
}

// Suspension is who suspended or stopped a server, and until when.
type Suspension struct {
	By     string     `json:"by"`
	Reason string     `json:"reason"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until"`
}

// Action is something that can be ordered of a server.
type Action struct {
	Name    string `json:"name" enum:"suspend,resume,stop,failover,release,replicate-from-live,replicate-to-live,rollback,failback,drill"`
	Allowed bool   `json:"allowed"`
	WhyNot  string `json:"why_not"`
}

// Readiness says whether a takeover would succeed now.
type Readiness struct {
	Verdict string  `json:"verdict" enum:"ready,degraded,not ready,unverified"`
	Checks  []Check `json:"checks"`
}

// Check is one named condition.
type Check struct {
	Name   string `json:"name"`
	Result string `json:"result" enum:"ok,warning,critical,unknown"`
	Value  string `json:"value" doc:"What was found"`
	Limit  string `json:"limit" doc:"What is needed"`
	Help   string `json:"help" doc:"The command that helps"`
	Accept string `json:"accept" doc:"The word for --accept that overrides it, empty if nothing does"`
}

// Notice is something that needs a person.
type Notice struct {
	Severity string `json:"severity" enum:"critical,warning"`
	Server   string `json:"server" doc:"Empty if it concerns the standby itself"`
	Text     string `json:"text"`
	Help     string `json:"help" doc:"The command that helps"`
}
