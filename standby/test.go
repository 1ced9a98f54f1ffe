package standby

import (
	"context"
	"fmt"
	"strings"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/status"
)

// Test asks once whatever a server's configuration names: its addresses, probes, agent, both ends of its databases, and the
// directories of its files. Nothing is changed anywhere.
func (s *Standby) Test(ctx context.Context, name string, o status.Order) ([]status.Trial, error) {
	c, err := consult(ctx, s, func(*turn) (config.Server, error) {
		v, err := s.find(name)
		if err != nil {
			return config.Server{}, err
		}
		return *v.config, nil
	})
	if err != nil {
		return nil, err
	}
	trials := s.deps.Try(ctx, c)
	var failed []string
	for _, t := range trials {
		if !t.OK {
			failed = append(failed, t.Name)
		}
	}
	e := journal.Event{
		Kind: "server.tested", Severity: "info", Server: name, Actor: actor(o.By),
		Message: fmt.Sprintf("the connections to %s were tested: all %d work", name, len(trials)), Reason: o.Reason,
	}
	if len(failed) > 0 {
		e.Severity = "warning"
		e.Message = fmt.Sprintf("the connections to %s were tested: %d of %d do not work: %s", name, len(failed), len(trials), strings.Join(failed, ", "))
	}
	s.box.put(func(t *turn) { t.note(e, false) })
	return trials, nil
}
