package standby

import (
	"context"
	"fmt"
	"maps"
	"time"

	"failoverd/monitor"
	"failoverd/replicate"
	"failoverd/status"
)

// lookEvery is how often it is looked what is due; a daily run begins at most so long after its time.
const lookEvery = 5 * time.Second

// probeEvery is how often both ends of a server's databases are asked how a replication would fare.
const probeEvery = time.Hour

// probeTimeout bounds the asking.
const probeTimeout = 5 * time.Minute

// schedule begins the daily replications that are due, and says of copies that are late that they are.
func (t *turn) schedule() {
	s := t.s
	if t.now.Sub(s.scheduled) < lookEvery || s.stopping {
		return
	}
	s.scheduled = t.now
	if s.unreadable != "" {
		t.report()
		return
	}
	settled := !t.now.Before(s.self.settledAt) && t.now.Sub(s.started) >= s.config.Standby.Settle
	for _, v := range s.all {
		if len(v.trees) > 0 {
			t.watchTrees(v)
		}
		t.dueDrill(v, settled)
		if len(v.catalogs) == 0 {
			continue
		}
		if v.job == nil { // A run that is under way writes down itself what is remembered of the copies.
			t.daily(v, settled)
		}
		if why := v.late(t.now); why != "" && !v.facts.Late {
			t.step(v, monitor.Event{Kind: monitor.CopyLate, Reason: why}, automatic("schedule"))
		}
		if settled && !s.self.isolated {
			t.probe(v)
		}
	}
	t.dispatch()
	t.report()
	t.judge()
}

// daily begins the daily run of a server if it is due.
func (t *turn) daily(v *server, settled bool) {
	due, reason := t.due(v)
	if !settled || t.s.self.isolated || len(due) == 0 || t.s.mayCopy(v, status.FromLive, false) != "" {
		return
	}
	for _, one := range due {
		c := v.copies[one.catalog.Name]
		c.Day = one.day
		t.keep(v, one.catalog.Name, c)
	}
	t.admit(v, status.FromLive, cargo{catalogs: catalogsDue(due)}, ownOrder("schedule", reason))
}

// dueRun is a catalog whose daily run is due, and the local day for which it is.
type dueRun struct {
	catalog replicate.Catalog
	day     string
}

func catalogsDue(due []dueRun) []replicate.Catalog {
	var list []replicate.Catalog
	for _, d := range due {
		list = append(list, d.catalog)
	}
	return list
}

// due lists the catalogs whose daily run is due, and why. A catalog that is seen for the first time is noted,
// and its first copy offered.
func (t *turn) due(v *server) (list []dueRun, reason string) {
	var added []string
	for i, c := range v.catalogs {
		d := daily(v.config.Databases[i])
		known := v.copies[c.Name]
		if known.Since.IsZero() {
			known.Since = t.now
			if d != nil {
				known = d.Joined(known, t.now)
			}
			t.keep(v, c.Name, known)
			if known.Last == nil {
				added = append(added, c.Name)
			}
		}
		if d == nil {
			continue
		}
		if known.Day == "" {
			t.keep(v, c.Name, d.Joined(known, t.now)) // it was replicated by order only until now
			continue
		}
		if day, missed, wanted := d.Wanted(known, t.now); wanted {
			list = append(list, dueRun{c, day})
			reason = "replicate_daily: " + v.config.Databases[i].ReplicateDaily
			if missed {
				reason = fmt.Sprintf("made up for: the run of %s was missed", day)
			}
		}
	}
	if len(added) > 0 {
		t.offer(v, added)
	}
	return list, reason
}

// late says why the copies of a server are late; empty if none is, or if it is not expected to be newer.
func (s *server) late(now time.Time) string {
	if s.facts.Mode == monitor.Stopped || s.facts.Role != monitor.StandingBy || s.facts.Diverged {
		return ""
	}
	for i, c := range s.catalogs {
		if why := replicate.Late(s.copies[c.Name], daily(s.config.Databases[i]), s.policy.MaxAge, now); why != "" {
			return c.Name + ": " + why
		}
	}
	return ""
}

// probe asks both ends how a replication would fare, away from the loop, unless one runs that asks them itself.
func (t *turn) probe(v *server) {
	if v.probing || v.job != nil || v.task != nil || v.facts.Role != monitor.StandingBy {
		return
	}
	for _, c := range v.catalogs {
		if p, ok := v.probed[c.Name]; ok && t.now.Sub(p.At) < probeEvery {
			return
		}
	}
	s, catalogs := t.s, v.catalogs
	v.probing = true
	s.run(func() {
		ctx, cancel := context.WithTimeout(s.stop, probeTimeout)
		defer cancel()
		found := replicate.Probe(ctx, catalogs)
		s.box.put(func(*turn) { v.probed, v.probing = found, false })
	})
}

// probedBy is what is known of both ends after a replication has asked them.
func probedBy(before map[string]replicate.Probed, x replicate.Examination, now time.Time) map[string]replicate.Probed {
	after := maps.Clone(before)
	if after == nil {
		after = map[string]replicate.Probed{}
	}
	for _, one := range x {
		after[one.Catalog.Name] = replicate.Probed{At: now, Report: one.Report, Err: one.Err}
	}
	return after
}
