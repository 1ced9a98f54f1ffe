package standby

import (
	"context"
	"fmt"
	"net/netip"

	"failoverd/journal"
	"failoverd/monitor"
)

// strays drops every address that carries the standby's label and that the
// journal knows no reason for. Addresses that the journal has a reason for are
// left alone.
func (t *turn) strays(ctx context.Context) error {
	s := t.s
	held, err := s.deps.Holder.Held(ctx)
	if err != nil {
		return fmt.Errorf("ask the kernel which addresses it holds: %w", err)
	}
	wanted := map[netip.Addr]bool{}
	for _, v := range s.servers {
		if v.facts.Role != monitor.StandingBy {
			for _, a := range v.service() {
				wanted[a] = true
			}
		}
	}
	for _, h := range held {
		if wanted[h.Prefix.Addr()] {
			continue
		}
		err := s.deps.Holder.Drop(ctx, h.Link, h.Prefix.Addr())
		e := journal.Event{
			Kind: "address.stray", Severity: "warning", Actor: actor(automatic("recovery")),
			Message: fmt.Sprintf("%s was left on %s and is dropped", h.Prefix.Addr(), h.Link),
			Reason:  "it carries failoverd's label, and the journal knows no takeover for it",
		}
		if err != nil {
			e.Severity, e.Message = "critical", fmt.Sprintf("%s was left on %s and cannot be dropped", h.Prefix.Addr(), h.Link)
			e.Reason = err.Error()
		}
		t.note(e, err != nil)
	}
	return nil
}
