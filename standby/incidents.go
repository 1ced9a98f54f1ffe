package standby

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"failoverd/alerts/incident"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/status"
)

// kindReminder is the kind of a reminder: it tells nothing new.
const kindReminder = "incident.reminder"

// evidenceTree is where an event says which tree of files it is about.
const evidenceTree = "tree"

// keyOf says what an alert is about that belongs to no outage: the copies of a server, or one of its trees. Empty for the
// rest, which is told once.
func keyOf(e journal.Event) string {
	tree, _ := e.Evidence[evidenceTree].(string)
	switch {
	case strings.HasPrefix(e.Kind, "files.") && tree != "":
		return treeKey(e.Server, tree)
	case slices.Contains([]string{"replication.failed", "replication.rolled_back", "replication.late", "replication.done"}, e.Kind):
		return copiesKey(e.Server)
	}
	return ""
}

func copiesKey(server string) string     { return "copies of " + server }
func treeKey(server, tree string) string { return "tree " + tree + " of " + server }

// nameFor names an incident that no outage names. Readiness and isolation name theirs alike.
func nameFor(e journal.Event, at time.Time) string {
	stamp := at.UTC().Format("20060102-150405")
	if tree, ok := e.Evidence[evidenceTree].(string); ok {
		return e.Server + "-f" + stamp + "-" + tree
	}
	return e.Server + "-c" + stamp
}

// tell takes an alert to its incident, or has it begin one, and gives it the incident's name.
func (t *turn) tell(e journal.Event) journal.Event {
	a := incident.Alert{
		ID: e.Incident, Server: e.Server, Kind: e.Kind, Severity: e.Severity, Message: cmp.Or(e.Message, e.Kind), At: e.Time,
	}
	if a.ID == "" {
		if a.Key = keyOf(e); a.Key == "" {
			return e
		}
		a.ID = nameFor(e, e.Time)
		for _, open := range t.s.self.incidents {
			if open.Key == a.Key {
				a.ID = open.ID
			}
		}
	}
	open, known := t.s.self.incidents[a.ID]
	switch {
	case known:
		t.put(open.Tell(a))
	case incident.Opens(a):
		t.put(incident.Open(a))
	default:
		return e
	}
	e.Incident = a.ID
	return e
}

// put has an incident written down as it is now.
func (t *turn) put(i incident.Incident) {
	next := maps.Clone(t.s.self.incidents)
	if next == nil {
		next = map[string]incident.Incident{}
	}
	if next[i.ID] = i; !i.Ended.IsZero() {
		delete(next, i.ID)
	}
	t.s.self.incidents = next
	if t.incidents == nil {
		t.incidents = map[string]incident.Incident{}
	}
	t.incidents[i.ID] = i
}

// overdue ends the incidents that are over, and says of the others what the clock asks for.
func (t *turn) overdue() {
	s := t.s
	if len(s.self.incidents) == 0 {
		return
	}
	policy := incident.Policy{RemindEvery: s.config.Alerts.RemindEvery}
	if e := s.config.Alerts.Escalation; e != nil {
		policy.EscalateAfter = e.After
	}
	for _, id := range slices.Sorted(maps.Keys(s.self.incidents)) {
		i := s.self.incidents[id]
		going, quiet := s.goesOn(i)
		if !going {
			t.put(i.End(t.now))
			continue
		}
		if quiet {
			continue
		}
		next, what := i.Due(policy, t.now)
		if next != i {
			t.put(next)
		}
		e := journal.Event{
			Severity: next.Severity, Server: i.Server, Incident: i.ID, Actor: actor(automatic("incidents")), Reason: i.Latest,
			Evidence: map[string]any{"since": i.Opened.Format(time.RFC3339Nano), "reminders": next.Reminded},
		}
		lasted := t.now.Sub(i.Opened).Round(time.Second)
		switch what {
		case incident.Nothing:
			continue
		case incident.Remind:
			e.Kind, e.Message = kindReminder, fmt.Sprintf("nobody has acknowledged it for %s: %s", lasted, i.Title)
		case incident.Escalate:
			e.Kind, e.Message = "incident.escalated", fmt.Sprintf("nobody has acknowledged it for %s, it is escalated: %s", lasted, i.Title)
		}
		t.say(e, true)
	}
}

// goesOn tells whether what an incident is about is still so, and whether nothing is to be said of it for now: of a server
// that somebody has suspended they know, and while the standby is isolated that alone is told.
func (s *Standby) goesOn(i incident.Incident) (going, quiet bool) {
	if s.self.isolated && s.self.incident == i.ID {
		return true, false
	}
	// It is asked at every turn: of hundreds of servers the one that it names comes first.
	if v, ok := s.servers[i.Server]; ok {
		if going, quiet := s.goesOnAt(v, i); going {
			return true, quiet
		}
	}
	for _, v := range s.all {
		if going, quiet := s.goesOnAt(v, i); going {
			return true, quiet
		}
	}
	return false, false
}

// goesOnAt is goesOn of one server.
func (s *Standby) goesOnAt(v *server, i incident.Incident) (going, quiet bool) {
	name := v.config.Name
	quiet = v.facts.Mode != monitor.Active || s.self.isolated
	if v.facts.Incident == i.ID || s.self.unready[name].incident == i.ID {
		return true, quiet
	}
	// Of the copies of a server that is down, or that is stood in for, there are other things to say.
	quiet = quiet || v.facts.Role != monitor.StandingBy || v.facts.Incident != ""
	switch i.Key {
	case "":
	case copiesKey(name):
		return v.facts.CopyFailed || v.facts.Late, quiet
	default:
		for _, tree := range v.trees {
			if i.Key == treeKey(name, tree.Name) {
				return v.tree(tree.Name).Told != healthy, quiet
			}
		}
	}
	return false, false
}

// keptIncident is the incident as the journal has it.
func keptIncident(i incident.Incident) (journal.Incident, error) {
	body, err := json.Marshal(i)
	return journal.Incident{ID: i.ID, Server: i.Server, Opened: i.Opened, Ended: i.Ended, Body: body}, err
}

// recallIncidents reads the incidents that are open.
func (s *Standby) recallIncidents(ctx context.Context) error {
	open, err := s.deps.Journal.Incidents(ctx, journal.IncidentQuery{Open: true})
	if err != nil {
		return err
	}
	s.self.incidents = map[string]incident.Incident{}
	for _, one := range open {
		i, err := readIncident(one)
		if err != nil {
			return err
		}
		s.self.incidents[i.ID] = i
	}
	return nil
}

func readIncident(one journal.Incident) (incident.Incident, error) {
	var i incident.Incident
	if err := json.Unmarshal(one.Body, &i); err != nil {
		return i, fmt.Errorf("incident %s: %w", one.ID, err)
	}
	return i, nil
}

// Incidents returns the incidents that q chooses, the newest first.
func (s *Standby) Incidents(ctx context.Context, q journal.IncidentQuery) ([]status.Incident, error) {
	found, err := s.deps.Journal.Incidents(ctx, q)
	if err != nil {
		return nil, err
	}
	list := make([]status.Incident, 0, len(found))
	for _, one := range found {
		i, err := readIncident(one)
		if err != nil {
			return nil, err
		}
		list = append(list, incidentView(i))
	}
	return list, nil
}

// Incident returns one incident, open or over.
func (s *Standby) Incident(ctx context.Context, id string) (status.Incident, error) {
	found, err := s.deps.Journal.Incidents(ctx, journal.IncidentQuery{ID: id, Limit: 1})
	if err != nil {
		return status.Incident{}, err
	}
	if len(found) == 0 {
		return status.Incident{}, &status.Refusal{Code: status.NotFound, Detail: fmt.Sprintf("there is no incident %q", id), Try: "failoverd incidents --all"}
	}
	i, err := readIncident(found[0])
	return incidentView(i), err
}

// Acknowledge notes who takes care of an incident. Who did first is kept; the others are told who that is.
func (s *Standby) Acknowledge(ctx context.Context, id string, o status.Order) (status.Incident, error) {
	known, err := s.Incident(ctx, id)
	if err != nil {
		return known, err
	}
	return order(ctx, s, func(t *turn) (status.Incident, error) {
		i, open := s.self.incidents[id]
		if !open {
			return status.Incident{}, &status.Refusal{Code: status.WrongState, Detail: fmt.Sprintf("incident %s is over: there is nothing to acknowledge", id), Try: "failoverd incidents"}
		}
		taken, first := i.Take(o.By.Name, o.Reason, t.now)
		if first {
			t.put(taken)
			t.say(acknowledgement(taken, o.By, o.Reason, t.now), true)
		}
		return incidentView(taken), nil
	})
}

// acknowledgement is told to whoever was told of the incident: they need not take care of it, too.
func acknowledgement(i incident.Incident, by plan.Actor, reason string, at time.Time) journal.Event {
	return journal.Event{
		Time: at, Kind: "incident.acknowledged", Severity: "info", Server: i.Server, Incident: i.ID, Actor: actor(by),
		Message: fmt.Sprintf("%s takes care of it: %s", by.Name, i.Title), Reason: reason,
		Evidence: map[string]any{"since": i.Opened.Format(time.RFC3339Nano)},
	}
}

// incidentView is an incident as people see it.
func incidentView(i incident.Incident) status.Incident {
	v := status.Incident{
		ID: i.ID, Server: i.Server, Kind: i.Kind, Severity: i.Severity, Title: i.Title, Latest: i.Latest,
		Opened: i.Opened, Told: i.Told, Reminders: i.Reminded, Ended: momentOf(i.Ended), Escalated: momentOf(i.Escalated),
	}
	if i.Taken != nil {
		v.Taken = &status.Acknowledged{By: i.Taken.By, Reason: i.Taken.Reason, At: i.Taken.At}
	}
	return v
}

// momentOf is nil for the zero time.
func momentOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// incidentViews are the open incidents, the newest first.
func incidentViews(open map[string]incident.Incident) []status.Incident {
	list := make([]status.Incident, 0, len(open))
	for _, i := range open {
		list = append(list, incidentView(i))
	}
	slices.SortFunc(list, func(a, b status.Incident) int {
		return cmp.Or(b.Opened.Compare(a.Opened), cmp.Compare(b.ID, a.ID))
	})
	return list
}
