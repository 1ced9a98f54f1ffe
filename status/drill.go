package status

import "time"

// Drill is the kind of the operation that rehearses a takeover.
const Drill = "drill"

// Drills is what is known of the rehearsals of a server's takeover.
type Drills struct {
	Operation string     `json:"operation" doc:"Identifier of the drill that runs, empty if none"`
	Last      *Drilled   `json:"last" doc:"The last one that came to its end, null if none did"`
	Proved    *time.Time `json:"proved_at" doc:"When the last one ended in which nothing failed, null if there was none"`
	Age       *float64   `json:"age_s" doc:"Seconds since then, null if there was none"`
	MaxAge    *float64   `json:"max_age_s" doc:"Older than this is overdue, null if there is no limit"`
	Next      *time.Time `json:"next_at" doc:"When the next one is due, null if they are made by order only"`
}

// Drilled is what came of a drill.
type Drilled struct {
	At        time.Time `json:"at" doc:"When it ended"`
	Took      float64   `json:"took_s"`
	OK        bool      `json:"ok"`
	Error     string    `json:"error" doc:"What would have failed, empty if nothing"`
	Left      []string  `json:"not_rehearsed" nullable:"false" doc:"What it did not rehearse, and why"`
	Operation string    `json:"operation" doc:"The operation, with the time of each step"`
}
