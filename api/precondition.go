package api

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"failoverd/status"
)

// serverDocument is one server with its ETag.
type serverDocument struct {
	ETag string `header:"ETag" doc:"Of what an order depends on; give it as If-Match"`
	Body status.Server
}

// documented is a server with its ETag.
func documented(v status.Server) *serverDocument { return &serverDocument{ETag: etag(v), Body: v} }

// etag names the state that somebody decides in: who serves, who may, what runs, what was done to the data. What changes
// with every ping, or with every file, is not in it.
func etag(v status.Server) string {
	type copied struct {
		Operation, Attempt string
		Previous           *time.Time
	}
	copies := make([]copied, 0, len(v.Copies))
	for _, c := range v.Copies {
		copies = append(copies, copied{c.Operation, orZero(c.Attempt).Operation, c.Previous})
	}
	type tree struct {
		Name, Ailment string
		Held          int
		Diverged      bool
	}
	trees := make([]tree, 0, len(v.Trees))
	for _, t := range v.Trees {
		trees = append(trees, tree{t.Name, t.Ailment, t.Held, t.Diverged})
	}
	text, err := json.Marshal([]any{
		v.Name, v.State, v.Mode, v.Health, v.Activity, v.Role, v.RoleSince, v.Operation, v.Replication, v.Epoch,
		v.Diverged, v.OutOfDate, v.Suspension, orZero(v.Hold).Code, v.ServiceAddresses, copies, trees,
	})
	if err != nil {
		panic(fmt.Sprintf("a server has no JSON: %v", err)) // It consists of strings, numbers and times.
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf(`"%x"`, sum[:12])
}

// unchanged refuses an order for a server that is in another state than the order was given for. An empty ifMatch is
// an order in any state. The order itself is checked in the standby's loop; this only catches what somebody has not seen.
func (s *Server) unchanged(name, ifMatch string) error {
	if ifMatch == "" {
		return nil
	}
	v, err := s.server(name)
	if err != nil {
		return err
	}
	tags := strings.Split(ifMatch, ",")
	if slices.ContainsFunc(tags, func(t string) bool { t = strings.TrimSpace(t); return t == "*" || t == etag(v) }) {
		return nil
	}
	p := newProblem(http.StatusPreconditionFailed, StateChanged, fmt.Sprintf("%s has changed since you looked: it is %s, %s; nothing was done", name, v.State, v.Role))
	p.Try = "failoverd status " + name
	return p
}
