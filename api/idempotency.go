package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

const (
	keyAge  = 24 * time.Hour // for how long an Idempotency-Key is known
	keyMost = 1000           // among how many of the last operations it is looked for
)

// once lets one order at a time be carried out of those that one caller gives the same name.
type once struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the order has been answered
}

func newOnce() *once { return &once{held: map[string]chan struct{}{}} }

// hold waits until nobody holds the name, and holds it until end is called.
func (o *once) hold(ctx context.Context, name string) (end func(), err error) {
	for {
		o.mu.Lock()
		other, taken := o.held[name]
		if !taken {
			mine := make(chan struct{})
			o.held[name] = mine
			o.mu.Unlock()
			return func() {
				o.mu.Lock()
				delete(o.held, name)
				o.mu.Unlock()
				close(mine)
			}, nil
		}
		o.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fingerprint is what is kept of some words: the key itself is the caller's business.
func fingerprint(words ...any) string {
	text, err := json.Marshal(words)
	if err != nil {
		panic(fmt.Sprintf("an order has no JSON: %v", err)) // It consists of strings.
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%x", sum[:16])
}

// begun finds the operation that an order of the same caller with the same key has begun; it has no ID if there is none. The
// operation holds the key, so that both are written in one transaction, and a crash leaves both or neither. No other order with
// that key is looked at before end is called.
func (s *Server) begun(ctx context.Context, o *status.Order, kind, server string, d Decision, key string) (end func(), r plan.Record, err error) {
	if key == "" {
		return func() {}, plan.Record{}, nil
	}
	name := fingerprint(o.By.Kind, o.By.Name, key)
	o.Key = name + "-" + fingerprint(kind, server, d.Reason, orEmpty(d.Accept))
	if end, err = s.once.hold(ctx, name); err != nil {
		return nil, plan.Record{}, err
	}
	last, err := s.standby.Operations(ctx, journal.OperationQuery{Limit: keyMost, Having: name})
	if err != nil {
		end()
		return nil, plan.Record{}, err
	}
	for _, one := range last {
		switch {
		case !strings.HasPrefix(one.OrderKey, name+"-") || time.Since(one.Started) > keyAge:
		case one.OrderKey == o.Key:
			return end, one, nil
		default:
			end()
			p := newProblem(http.StatusUnprocessableEntity, KeyReused, "another order was given with this Idempotency-Key; nothing was done")
			p.Try = "failoverd operation watch " + one.ID
			return nil, plan.Record{}, p
		}
	}
	return end, plan.Record{}, nil
}
