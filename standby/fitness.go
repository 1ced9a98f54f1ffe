package standby

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"failoverd/monitor"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/status"
)

// stale is how long ago both ends may have been asked last.
const stale = 3 * probeEvery

// fitness asks of a server's databases: could the stand-in work on the copies, and will the next replication succeed?
func (v *sight) fitness(now time.Time) []status.Check {
	if len(v.catalogs) == 0 {
		return []status.Check{{Name: "data", Result: "ok", Value: "no database is replicated for this server", Limit: "replicated, or nothing to replicate"}}
	}
	var checks []status.Check
	for i, c := range v.catalogs {
		var when *replicate.Daily
		if i < len(v.config.Databases) {
			when = daily(v.config.Databases[i])
		}
		checks = append(checks, v.copyCheck(c, when, now))
		if last := v.copies[c.Name].Last; last != nil {
			checks = append(checks, v.sourceCheck(c, now))
		}
		checks = append(checks, v.endsCheck(c, now)...)
	}
	return checks
}

// copyCheck looks at the copy in service: complete, verified, not older than wanted.
func (v *sight) copyCheck(c replicate.Catalog, when *replicate.Daily, now time.Time) status.Check {
	name, known := v.config.Name, v.copies[c.Name]
	check := status.Check{Name: "data " + c.Name, Result: "ok", Limit: "complete, verified, in time", Help: "failoverd replicate from-live " + name}
	last := known.Last
	switch {
	case known.Half() && v.replication == "":
		check.Result = "critical"
		check.Value = "the exchange of " + known.Staged.Operation + " was neither finished nor taken back; the next replication begins with that"
		return check
	case last == nil:
		check.Result, check.Value = "critical", "no copy was ever completed"
		return check
	}
	age := now.Sub(last.Snapshot.At).Round(time.Minute)
	check.Value = fmt.Sprintf("as of %s, %s old, verified: %s", last.Snapshot.At.Format("2006-01-02 15:04"), age, last.Check)
	if v.policy.MaxAge > 0 {
		check.Limit = "complete, verified, at most " + v.policy.MaxAge.String() + " old"
	}
	switch why := replicate.Late(known, when, v.policy.MaxAge, now); {
	case v.facts.Diverged:
		check.Value = "the standby's data is newer than the primary's (diverged)"
		check.Result, check.Help = "warning", "failoverd replicate to-live "+name
	case v.policy.MaxAge > 0 && now.Sub(last.Snapshot.At) > v.policy.MaxAge:
		check.Result, check.Value = "critical", why
	case why != "":
		check.Result, check.Value = "warning", why
	case known.Attempt != nil && !known.Attempt.OK:
		check.Result, check.Value = "warning", check.Value+"; the last attempt failed: "+firstLine(known.Attempt.Error)
		check.Help = "failoverd operations " + name
	}
	return check
}

// sourceCheck tells a source that holds nothing new from one of which nothing arrives.
func (v *sight) sourceCheck(c replicate.Catalog, now time.Time) status.Check {
	known := v.copies[c.Name]
	check := status.Check{Name: "source " + c.Name, Result: "ok", Limit: "something new arrives", Help: "failoverd show " + v.config.Name}
	p, asked := v.probed[c.Name]
	switch {
	case asked && p.Err != nil:
		check.Result, check.Value = "warning", "nothing arrives: "+firstLine(p.Err.Error())
	case known.Source == replicate.Unchanged:
		check.Value = "unchanged: the primary held nothing new at the last replication"
	case known.Source == replicate.Changed:
		check.Value = "changed between the last two copies"
	default:
		check.Value = "not told: there is one copy, or the engine cannot tell"
	}
	return check
}

// endsCheck is what both ends said when they were last asked: what would make the next replication fail, and the space
// that there is for it.
func (v *sight) endsCheck(c replicate.Catalog, now time.Time) []status.Check {
	p, asked := v.lastAsked(c, now)
	check := status.Check{Name: "next run " + c.Name, Result: "ok", Limit: "nothing would make it fail", Help: "failoverd replicate from-live " + v.config.Name + " --dry-run"}
	if !asked {
		check.Result, check.Value = "unknown", "both ends have not been asked yet"
		return []status.Check{check}
	}
	if p.Err != nil {
		check.Result, check.Value = "warning", firstLine(p.Err.Error())
		return []status.Check{check}
	}
	var checks []status.Check
	for _, problem := range p.Report.Blocking() {
		if problem.Code != noSpace {
			checks = append(checks, status.Check{Name: "next run " + c.Name, Result: "warning", Value: problem.Text, Limit: problem.Needed(), Help: problem.Remedy})
		}
	}
	if len(p.Report.Blocking()) == 0 {
		check.Value = fmt.Sprintf("asked at %s: %s to copy", p.At.Format("15:04"), humanize.IBytes(uint64(p.Report.Bytes)))
		checks = append(checks, check)
	}
	return append(checks, spaceCheck(c.Name, p.Report, check.Help)...)
}

// lastAsked is what was found at both ends, unless that was too long ago.
func (v *sight) lastAsked(c replicate.Catalog, now time.Time) (replicate.Probed, bool) {
	p, asked := v.probed[c.Name]
	return p, asked && !(now.Sub(p.At) > stale && v.facts.Role == monitor.StandingBy && v.replication == "")
}

// noSpace is the code of what an engine says about too little of it.
const noSpace = "no-space"

// spaceCheck is the space for the next run: one more copy, beside the one in service and the one before.
func spaceCheck(catalog string, r database.Report, help string) []status.Check {
	check := status.Check{
		Name: "space " + catalog, Result: "ok", Limit: humanize.IBytes(uint64(database.Need(r.Bytes))) + " free for one more copy", Help: help,
	}
	var short []status.Check
	for _, problem := range r.Problems {
		if problem.Code == noSpace {
			check.Result, check.Value, check.Help = "warning", problem.Text, problem.Remedy
			short = append(short, check)
		}
	}
	switch {
	case len(short) > 0:
		return short
	case r.Target.Free < 0 && r.Target.Unknown == "":
		return nil // It was not come to: something else is wrong.
	case r.Target.Free < 0:
		check.Result, check.Value = "unknown", "not known: "+r.Target.Unknown
	default:
		check.Value = humanize.IBytes(uint64(r.Target.Free)) + " free"
		if r.Target.Data != "" {
			check.Value += " in " + r.Target.Data
		}
	}
	return []status.Check{check}
}

// space is what is known of the space for the next run, nil if both ends have not been asked.
func (v *sight) space(c replicate.Catalog, now time.Time) *status.Space {
	p, asked := v.lastAsked(c, now)
	if !asked || p.Err != nil || p.Report.Bytes == 0 {
		return nil
	}
	out := status.Space{
		At: p.At, Bytes: p.Report.Bytes, Need: database.Need(p.Report.Bytes), Directory: p.Report.Target.Data, Unknown: p.Report.Target.Unknown,
	}
	if free := p.Report.Target.Free; free >= 0 {
		out.Free = &free
	}
	return &out
}
