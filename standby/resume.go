package standby

import (
	"fmt"
	"slices"
	"strings"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// takeUp examines a job that was open when failoverd ended: one whose swap had begun is finished, everything else is
// taken back. It says which.
func (t *turn) takeUp(v *server, r plan.Record) {
	if r.State == plan.Queued {
		t.giveDayBack(v, r)
		t.giveUp(v, r, "failoverd ended while it waited for its turn")
		return
	}
	j := t.s.newJob(v, r.Kind, r.ID, cargo{catalogsOf(v.catalogs, r), treesIn(v.trees, r)}, r.Accept)
	forward := j.restore != nil
	if j.restore != nil {
		j.restore.Resumed = true
	} else {
		forward = sameSteps(j.plan, r) && v.facts.Role == monitor.StandingBy && j.run.Resumable(r)
	}
	if j.run != nil {
		j.run.Resumed = forward
	}
	if !sameSteps(j.plan, r) {
		// The configuration has changed since. What is still configured may have been begun, and is taken back.
		fresh := plan.New(j.plan, r.ID, r.By, r.Reason, r.Accept, r.Started)
		fresh.Resumed, fresh.State, fresh.Error, fresh.OrderKey = r.Resumed, r.State, r.Error, r.OrderKey
		for i := range fresh.Steps {
			fresh.Steps[i].State = plan.Unknown
		}
		r = fresh
	}
	r.Steps = slices.Clone(r.Steps)
	r.Resumed++
	for i := range r.Steps {
		if r.Steps[i].State == plan.Running {
			r.Steps[i].State = plan.Unknown
		}
	}
	what := "is finished"
	if !forward {
		what = "is taken back"
		r.State = plan.Cancelling
		if r.Error == "" {
			r.Error = "interrupted: failoverd ended in the middle"
		}
	}
	t.note(journal.Event{
		Kind: r.Kind + ".examined", Severity: "warning", Server: v.config.Name, Operation: r.ID, Actor: actor(automatic("recovery")),
		Message: fmt.Sprintf("%s of %s was interrupted and %s", r.Kind, v.config.Name, what), Reason: r.Error,
	}, false)
	j.record = r
	t.remember(v)
	v.job, v.replication = j, r.ID
	t.proceed(v, j)
}

// idle ends a replication that the facts of a server tell of and that nobody carries out: its operation was closed while
// the server was not configured.
func (t *turn) idle(v *server) {
	if v.job == nil && v.facts.Activity != monitor.Idle {
		t.step(v, monitor.Event{Kind: monitor.CopyEnded, Reason: "its operation is not open any more"}, automatic("recovery"))
	}
}

// catalogsOf are the catalogs that an operation on record is about, as they are configured now.
func catalogsOf(all []replicate.Catalog, r plan.Record) []replicate.Catalog {
	return slices.DeleteFunc(slices.Clone(all), func(c replicate.Catalog) bool {
		return !slices.ContainsFunc(r.Steps, func(d plan.Done) bool {
			return d.Name == replicate.StepSwap(c.Name) || d.Name == replicate.StepRestore(c.Name)
		})
	})
}

// treesIn are the trees that an operation on record is about, as they are configured now.
func treesIn(all []trees.Tree, r plan.Record) []trees.Tree {
	return slices.DeleteFunc(slices.Clone(all), func(t trees.Tree) bool { return r.Step(replicate.StepBring(t.Name)) == nil })
}

// giveDayBack lets a daily run that failoverd's end has interrupted be begun once more that day.
func (t *turn) giveDayBack(v *server, r plan.Record) {
	if r.By.Kind != "automatic" || r.Kind != status.FromLive {
		return
	}
	for _, c := range catalogsOf(v.catalogs, r) {
		t.keep(v, c.Name, v.copies[c.Name].GiveBack())
	}
}

// closeJob ends a job of a server that is not configured any more: nobody knows where its copies are.
func (t *turn) closeJob(r plan.Record) {
	r.State, r.Error, r.Ended = plan.Failed, "interrupted, and the server is not configured any more: what was staged is left behind", &t.now
	t.record(r)
	var left []string
	for _, d := range r.Steps {
		if strings.HasPrefix(d.Name, "copy ") {
			left = append(left, d.Title)
		}
	}
	t.note(journal.Event{
		Kind: "replication.failed", Severity: "warning", Server: r.Server, Operation: r.ID, Actor: actor(automatic("recovery")),
		Message: fmt.Sprintf("%s: %s was interrupted and cannot be examined", r.Server, r.Kind), Reason: r.Error + " (" + strings.Join(left, "; ") + ")",
	}, true)
}
