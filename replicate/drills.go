package replicate

import (
	"fmt"
	"strings"
	"time"

	"failoverd/plan"
)

// Drills is what is remembered of the drills of a server: the rehearsals of its takeover. It is a value: what becomes of
// it is a new one.
type Drills struct {
	Last   *Drilled  `json:"last"`   // the last one that came to its end, nil if none did
	Proved time.Time `json:"proved"` // when the last one ended in which nothing failed

	// Day is the last local day for which the scheduled one was begun, or on which a schedule was first seen.
	Day string `json:"day"`
	// Incident is that of the mail which says that the last one failed.
	Incident string `json:"incident"`
}

// Drilled is what came of a drill.
type Drilled struct {
	At        time.Time     `json:"at"`
	Took      time.Duration `json:"took"`
	OK        bool          `json:"ok"`
	Error     string        `json:"error"` // what would have failed
	Left      []string      `json:"left"`  // what was not rehearsed, and why
	Operation string        `json:"operation"`
}

// Rehearsed is a drill's record once it has ended: one in which something failed has failed, however much was done after,
// and says everything that would have failed.
func Rehearsed(r plan.Record) plan.Record {
	var failed []string
	for _, d := range r.Steps {
		if d.Error != "" {
			failed = append(failed, d.Name+": "+d.Error)
		}
	}
	switch {
	case r.State == plan.Partial:
		r.State, r.Error = plan.Failed, strings.Join(failed, "; ")
	case r.State != plan.Succeeded && r.Error == "":
		r.Error = strings.Join(failed, "; ")
	}
	return r
}

// Ended notes what came of a drill that came to its end. One that was cancelled, or gave way, proves nothing and is no
// failure either.
func (d Drills) Ended(r plan.Record, left []string) Drills {
	if r.Ended == nil {
		return d
	}
	last := Drilled{
		At: *r.Ended, Took: r.Ended.Sub(r.Started), OK: r.State == plan.Succeeded, Error: r.Error, Left: left, Operation: r.ID,
	}
	if last.OK {
		d.Proved, last.Error = last.At, ""
	}
	d.Last = &last
	return d
}

// drillWindow is how long after it was due a scheduled drill may still begin.
const drillWindow = 6 * time.Hour

// Wanted reports whether a scheduled drill is due now, and for which local day. A schedule that is seen for the first
// time begins with its next day: joined is then what is to be remembered.
func (d Drills) Wanted(c Calendar, now time.Time) (day string, joined, wanted bool) {
	at, day := c.Due(now)
	switch {
	case d.Day == "" && day == "":
		return now.Format(time.DateOnly), true, false
	case d.Day == "":
		return day, true, false
	case day == "" || day <= d.Day:
		return "", false, false
	case now.Sub(at) > drillWindow:
		return "", false, false // a load that was meant for the night is not for the day
	case d.Last != nil && d.Last.OK && !d.Last.At.Before(at):
		return "", false, false // by order, since it was due
	}
	return day, false, true
}

// Age is how long ago a drill has last proved that a takeover would work, and whether one ever has.
func (d Drills) Age(now time.Time) (age time.Duration, proved bool) {
	if d.Proved.IsZero() {
		return 0, false
	}
	return max(now.Sub(d.Proved), 0), true
}

// Doubt says what stands against the last drill as a proof: empty if nothing does. There may be no limit.
func (d Drills) Doubt(limit time.Duration, now time.Time) string {
	age, proved := d.Age(now)
	switch {
	case d.Last == nil:
		return "never rehearsed"
	case !d.Last.OK:
		return fmt.Sprintf("the last drill failed at %s: %s", d.Last.At.Local().Format("2006-01-02 15:04"), d.Last.Error)
	case proved && limit > 0 && age > limit:
		return fmt.Sprintf("the last drill was %s ago", days(age))
	}
	return ""
}

// days is an age for people.
func days(age time.Duration) string {
	if n := int(age / (24 * time.Hour)); n > 1 {
		return fmt.Sprintf("%d days", n)
	}
	return age.Round(time.Minute).String()
}
