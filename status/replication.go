package status

import "time"

// The kinds of operations that replicate, named by their direction.
const (
	FromLive = "replicate-from-live" // from the primary to the standby
	ToLive   = "replicate-to-live"   // from the standby to the primary
	RollBack = "rollback"            // the standby's previous copies come back into service

	// Handover brings the data and the role of a primary that lives to the standby.
	Handover = "handover"
	// Failback brings a server its data and its role back, after a takeover.
	Failback = "failback"
)

// Names of the checks of a replication that an operator may accept.
const (
	// OverwriteNewer accepts that what the primary holds beyond the last copy is set aside as its previous database.
	OverwriteNewer = "overwrite-newer"
	// DiscardDiverged accepts that what the stand-in has written on the standby is given up.
	DiscardDiverged = "discard-diverged"
	// LeaveFiles accepts that files are not brought back: a replication to live is about databases only.
	LeaveFiles = "leave-files"
	// DataLoss accepts that a server is taken over whose data the standby has not, or has only as it was long ago.
	DataLoss = "data-loss"
)

// Copy is the standby's copy of one catalog of a server.
type Copy struct {
	Catalog   string     `json:"catalog" doc:"The catalog's name at the primary"`
	Engine    string     `json:"engine" enum:"sqlserver,postgres,mysql,sqlite"`
	Name      string     `json:"name" doc:"The copy's name at the standby"`
	Snapshot  *time.Time `json:"snapshot_at" doc:"The instant that the last complete copy shows, null if none was ever completed"`
	Age       *float64   `json:"age_s" doc:"Seconds since then, null if none was ever completed"`
	MaxAge    *float64   `json:"max_age_s" doc:"Older than this refuses a takeover, null if there is no limit"`
	Verified  *time.Time `json:"verified_at" doc:"When the last complete copy was verified"`
	Check     string     `json:"check" doc:"What the engine's own check was and said"`
	Bytes     int64      `json:"bytes" doc:"How much travelled for it"`
	Rows      int64      `json:"rows"`
	Tables    int        `json:"tables"`
	Operation string     `json:"operation" doc:"The operation that made it, empty if none was ever completed"`
	Previous  *time.Time `json:"previous_at" doc:"The instant that the copy kept before it shows, null if none is kept"`
	Source    string     `json:"source" enum:"changed,unchanged,unknown" doc:"Whether the source held something new when it was last copied, compared with the copy before"`
	Next      *time.Time `json:"next_at" doc:"When it is replicated next, null if only by order"`
	Attempt   *Attempt   `json:"attempt" doc:"The last attempt, null if there was none"`
	Late      bool       `json:"late" doc:"It is older than its schedule or max_age wants it"`
	Space     *Space     `json:"space" doc:"The space for the next run, null if both hosts have not been asked"`
}

// Space is how much of the standby's disk there is for one more copy.
type Space struct {
	At        time.Time `json:"at" doc:"When both hosts were asked"`
	Bytes     int64     `json:"bytes" doc:"What the catalog takes at the primary; a run that finds less free does not begin"`
	Need      int64     `json:"need" doc:"That, and a reserve; with less free there is a warning"`
	Free      *int64    `json:"free" doc:"Bytes free at the standby, null if that is not known"`
	Directory string    `json:"directory" doc:"Where they are free, as the standby's database server names it; empty if it does not tell"`
	Unknown   string    `json:"unknown" doc:"Why it is not known how much is free, empty if it is"`
}

// Attempt is what came of the last attempt to replicate.
type Attempt struct {
	At        time.Time `json:"at" doc:"When it ended"`
	Kind      string    `json:"kind" enum:"replicate-from-live,replicate-to-live"`
	OK        bool      `json:"ok"`
	Error     string    `json:"error" doc:"Why it failed, empty if it did not"`
	Operation string    `json:"operation"`
}

// Crossing is one catalog on its way between the two hosts, as the question before a replication shows it.
type Crossing struct {
	Catalog    string   `json:"catalog" doc:"The catalog's name at the primary"`
	Engine     string   `json:"engine" enum:"sqlserver,postgres,mysql,sqlite"`
	From       string   `json:"from" doc:"The host that is read"`
	FromName   string   `json:"from_name" doc:"The catalog that is read"`
	To         string   `json:"to" doc:"The host that is written"`
	ToName     string   `json:"to_name" doc:"The catalog that is replaced"`
	Bytes      int64    `json:"bytes" doc:"Size of what is read, -1 if that cannot be told"`
	Tables     int      `json:"tables" doc:"How many tables are read, -1 if that cannot be told"`
	Overwrites string   `json:"overwrites" doc:"What is replaced and kept as previous, empty if nothing is there"`
	Newer      []Newer  `json:"newer" doc:"What the target holds that the source does not"`
	Problems   []string `json:"problems" doc:"What would make it fail, each with its remedy"`
}

// TreeCrossing is one tree of files on its way back to the primary, as the question before it shows it.
type TreeCrossing struct {
	Tree       string `json:"tree"`
	From       string `json:"from" doc:"The host that is read"`
	FromDir    string `json:"from_directory" doc:"The copy"`
	To         string `json:"to" doc:"The host that is written"`
	ToDir      string `json:"to_directory" doc:"What becomes as the copy is"`
	Files      int64  `json:"files" doc:"In the copy, -1 if that cannot be told"`
	Bytes      int64  `json:"bytes" doc:"In the copy, -1 if that cannot be told"`
	There      int64  `json:"files_there" doc:"At the primary now, -1 if that cannot be told"`
	ThereBytes int64  `json:"bytes_there" doc:"At the primary now, -1 if that cannot be told"`
	Alone      int64  `json:"alone" doc:"Files at the primary that the copy never had and that are set aside there, -1 if that cannot be told"`
	AloneBytes int64  `json:"alone_bytes" doc:"In them, -1 if that cannot be told"`
	Problem    string `json:"problem" doc:"Why an end cannot be asked, empty if both can"`
}

// Newer is what a table of the target holds beyond the last copy.
type Newer struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows" doc:"Written, changed or deleted since; -1 if that cannot be told"`
	Detail string `json:"detail"`
}
