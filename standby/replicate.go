package standby

import (
	"context"
	"fmt"
	"slices"
	"time"

	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/status"
)

// Replicate copies the databases of a server by order of an operator, in the direction that kind says. It returns once
// the order is durable; the replication may have to wait for its turn.
func (s *Standby) Replicate(ctx context.Context, name, kind string, o status.Order) (plan.Record, error) {
	return s.copyByOrder(ctx, name, kind, o)
}

// RollBack puts the previous copies of a server's databases back into service by order of an operator.
func (s *Standby) RollBack(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	return s.copyByOrder(ctx, name, status.RollBack, o)
}

func (s *Standby) copyByOrder(ctx context.Context, name, kind string, o status.Order) (plan.Record, error) {
	if !copying(kind) {
		return plan.Record{}, refuse(status.NotFound, fmt.Sprintf("there is no replication of kind %q", kind))
	}
	may := func(v *server) error { return s.mayOrder(v, kind, o) }
	if err := s.unrefused(ctx, name, kind, o, may); err != nil {
		return plan.Record{}, err
	}
	id, err := order(ctx, s, func(t *turn) (string, error) {
		v, err := s.find(name)
		if err != nil {
			return "", err
		}
		if err := may(v); err != nil {
			return "", err
		}
		return t.admit(v, kind, cargoOf(v, kind, o.Accept), o).id, nil
	})
	if err != nil {
		return plan.Record{}, err
	}
	return s.operations.get(ctx, id)
}

// mayOrder refuses a replication that is out of place, whatever the databases say. That the standby has diverged is
// left to the checks, which an operator may accept.
func (s *Standby) mayOrder(v *server, kind string, o status.Order) error {
	if j := v.job; j != nil {
		return busy(v, j.record)
	}
	if r, ok := s.running(v); ok {
		return busy(v, r)
	}
	why := s.mayCopy(v, kind, true)
	if c := cargoOf(v, kind, o.Accept); why == "" && len(c.catalogs)+len(c.trees) == 0 {
		why = fmt.Sprintf("no database of %s is configured, and no files that come from its agent are newer here than there", v.config.Name)
	}
	if why != "" {
		return &status.Refusal{Code: status.WrongState, Detail: why, Try: "failoverd status " + v.config.Name}
	}
	return nil
}

// previewCopy shows what a replication would do now. It asks both hosts, and changes nothing.
func (s *Standby) previewCopy(ctx context.Context, name, kind string, o status.Order) (status.Preview, error) {
	out := status.Preview{
		Kind: kind, Server: name, At: time.Now(), Skips: []string{}, Checks: []status.Check{}, Steps: []plan.Shown{}, Crossings: []status.Crossing{}, Trees: []status.TreeCrossing{},
	}
	type seen struct {
		job    *job
		copies map[string]replicate.Copy
	}
	got, err := consult(ctx, s, func(*turn) (seen, error) {
		v, err := s.find(name)
		if err != nil {
			return seen{}, err
		}
		if err := s.mayOrder(v, kind, o); err != nil {
			out.Checks = append(out.Checks, outOfPlace(err)...)
		}
		if kind == status.RollBack {
			out.Checks = append(out.Checks, restorable(v)...)
		}
		return seen{s.newJob(v, kind, "preview", cargoOf(v, kind, o.Accept), o.Accept), v.copies}, nil
	})
	if err != nil {
		return out, err
	}
	out.Steps = plan.Show(ctx, got.job.plan)
	if run := got.job.run; run != nil && len(out.Checks) == 0 {
		found := run.Examine(ctx)
		moves(&out, found, got.copies, run.ExamineTrees(ctx))
	}
	out.Refused = refusing(out.Checks, o)
	return out, nil
}

// moves shows what would be moved, as both ends were found, and what refuses it.
func moves(out *status.Preview, found replicate.Examination, copies map[string]replicate.Copy, trees []replicate.ExaminedTree) {
	out.Crossings = crossings(found, copies)
	for _, x := range found {
		out.Checks = append(out.Checks, findings(x.Refused)...)
	}
	for _, x := range trees {
		out.Trees = append(out.Trees, treeCrossing(x))
		out.Checks = append(out.Checks, findings(x.Refused)...)
	}
}

// refusing reports whether a check fails that the order does not accept.
func refusing(checks []status.Check, o status.Order) bool {
	return slices.ContainsFunc(checks, func(c status.Check) bool { return c.Result == "critical" && !o.Accepts(c.Accept) })
}

// findings are the checks that a replication fails because of what was found.
func findings(list []replicate.Finding) []status.Check {
	var checks []status.Check
	for _, f := range list {
		check := status.Check{Name: f.Catalog, Result: "critical", Value: f.Text, Limit: f.Limit, Help: f.Remedy, Accept: f.Accept}
		if f.Accept != "" {
			check.Name = f.Accept + " " + f.Catalog
		}
		checks = append(checks, check)
	}
	return checks
}

// restorable says of which catalogs no previous copy is kept, and what would be lost with the one in service.
func restorable(v *server) []status.Check {
	var checks []status.Check
	for _, c := range v.catalogs {
		if v.copies[c.Name].Previous == nil {
			checks = append(checks, status.Check{
				Name: c.Name, Result: "critical", Value: "no previous copy of " + c.Standby.Catalog + " is kept", Limit: "one is kept",
				Help: "failoverd show " + v.config.Name,
			})
		}
	}
	if v.facts.Diverged {
		checks = append(checks, status.Check{
			Name: status.DiscardDiverged, Result: "critical", Value: "the standby's data is newer than the primary's (diverged)",
			Limit: "not diverged", Accept: status.DiscardDiverged, Help: "failoverd replicate to-live " + v.config.Name,
		})
	}
	return checks
}

// unfit is the check that an ordered takeover fails because of the standby's data.
func unfit(m monitor.Situation) []status.Check {
	code, reason := monitor.DataFit(m)
	if code == monitor.NoHold {
		return nil
	}
	return []status.Check{{
		Name: status.DataLoss, Result: "critical", Value: reason, Limit: "a complete copy within max_age", Accept: status.DataLoss,
		Help: "failoverd show " + m.Policy.Server,
	}}
}
