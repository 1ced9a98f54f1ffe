package standby

import (
	"context"
	"time"

	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/status"
)

// guided has an operation begun that moves data and role, after its preview has refused nothing.
func (s *Standby) guided(ctx context.Context, name, kind string, o status.Order, may func(*server) error) (plan.Record, error) {
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
		id := newID(kind, t.now)
		k := s.guide(v, kind, id, o)
		p, err := s.draw(kind, k)
		if err != nil {
			return "", refuse(status.NotAvailable, err.Error())
		}
		r := plan.New(p, id, o.By, o.Reason, o.Accept, t.now)
		r.OrderKey = o.Key
		t.begin(v, p, k, r)
		return id, nil
	})
	if err != nil {
		return plan.Record{}, err
	}
	return s.operations.get(ctx, id)
}

// guide is what the plan of such an operation is drawn from.
func (s *Standby) guide(v *server, kind, id string, o status.Order) sketch {
	if kind == status.Handover {
		return s.handing(v, id, cargo{v.catalogs, v.trees}, o)
	}
	k := s.sketch(v, v.plans(o, true))
	k.home = s.homeward(v, id, cargoOf(v, status.ToLive, o.Accept), o)
	return k
}

// previewGuided shows what such an operation would do now. It asks both hosts, and changes nothing.
func (s *Standby) previewGuided(ctx context.Context, name, kind string, o status.Order) (status.Preview, error) {
	out := status.Preview{
		Kind: kind, Server: name, At: time.Now(), Skips: []string{}, Checks: []status.Check{}, Steps: []plan.Shown{},
		Crossings: []status.Crossing{}, Trees: []status.TreeCrossing{},
	}
	type seen struct {
		run    *replicate.Run
		plan   plan.Plan
		copies map[string]replicate.Copy
	}
	got, err := consult(ctx, s, func(*turn) (seen, error) {
		v, err := s.find(name)
		if err != nil {
			return seen{}, err
		}
		k := s.guide(v, kind, "preview", o)
		var run *replicate.Run
		if kind == status.Failback {
			run = k.home.run
			out.Checks = append(append(out.Checks, outOfPlace(s.mayFailback(v))...), leftBehind(v)...)
		} else {
			run = k.away.run
			out.Checks = append(out.Checks, outOfPlace(s.mayHandover(v))...)
		}
		p, err := s.draw(kind, k)
		if err != nil {
			return seen{}, refuse(status.NotAvailable, err.Error())
		}
		return seen{run, p, v.copies}, nil
	})
	if err != nil {
		return out, err
	}
	out.Steps = plan.Show(ctx, got.plan)
	blocked := false
	for _, step := range out.Steps {
		if step.Blocked {
			blocked = true
			out.Checks = append(out.Checks, status.Check{
				Name: step.Name, Result: "critical", Value: step.Value, Limit: step.Limit, Accept: step.Accept, Help: "failoverd show " + name,
			})
		}
	}
	if !blocked {
		moves(&out, got.run.ExamineAtWork(ctx), got.copies, got.run.ExamineTrees(ctx))
	}
	out.Refused = refusing(out.Checks, o)
	return out, nil
}
