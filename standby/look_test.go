package standby

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// of is a server as people see it.
func (w *world) of(name string) status.Server {
	w.t.Helper()
	for _, v := range w.s.Snapshot().Servers {
		if v.Name == name {
			return v
		}
	}
	w.t.Fatalf("no server %q in the snapshot", name)
	panic("unreachable")
}

// is checks who serves.
func (w *world) is(name, state, role string) {
	w.t.Helper()
	if v := w.of(name); v.State != state || v.Role != role {
		w.t.Fatalf("%s is %s, %s (%s); want %s, %s", name, v.State, v.Role, v.Summary, state, role)
	}
}

// events lists the kinds of events of a server, oldest first, "" for all.
func (w *world) events(name string) []string {
	w.t.Helper()
	events, err := w.memory.Events(context.Background(), journal.EventQuery{Server: name, Limit: 10000})
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// happened counts the events of a kind.
func (w *world) happened(kind string) int {
	w.t.Helper()
	return count(w.events(""), kind)
}

// mails lists the kinds of alerts in the outbox, oldest first.
func (w *world) mails() []string {
	w.t.Helper()
	mails, err := w.memory.Mails(context.Background(), journal.MailQuery{Limit: 10000})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(mails, func(a, b journal.Mail) int { return int(a.ID - b.ID) })
	var kinds []string
	for _, m := range mails {
		kinds = append(kinds, m.Kind)
	}
	return kinds
}

// openOperations counts the operations that are open in the journal.
func (w *world) openOperations() int {
	w.t.Helper()
	open := true
	ops, err := w.memory.Operations(context.Background(), journal.OperationQuery{Open: &open})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(ops)
}

// holds reports whether the standby holds an address.
func (w *world) holds(a netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.held[a]
	return ok
}

// runs reports whether a stand-in runs.
func (w *world) runs(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[name]
}

// standsIn brings the standby to where it stands in.
func (w *world) standsIn(name string, a netip.Addr) {
	w.t.Helper()
	w.pass(5 * time.Second)
	w.dies(a)
	w.pass(40 * time.Second)
	w.is(name, "Failure", "standing in")
	if !w.holds(a) || !w.runs(name) {
		w.t.Fatalf("the standby stands in for %s, and holds its address: %t, runs: %t", name, w.holds(a), w.runs(name))
	}
	w.done()
}

// facts are the facts of a server in the journal.
func (w *world) facts(name string) kept {
	w.t.Helper()
	all, err := w.memory.Facts(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	var k kept
	if all[name] == nil {
		return k // nothing has happened to it
	}
	if err := json.Unmarshal(all[name], &k); err != nil {
		w.t.Fatalf("facts of %s: %v", name, err)
	}
	return k
}

// by is an operator's order.
func by(reason string, accept ...string) status.Order {
	return status.Order{By: plan.Actor{Kind: "user", Name: "ann", Via: "socket"}, Reason: reason, Accept: accept}
}

// code is the code of a refusal, "" for none.
func code(err error) string {
	var r *status.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return ""
}

func count(list []string, what string) int {
	n := 0
	for _, one := range list {
		if one == what {
			n++
		}
	}
	return n
}
