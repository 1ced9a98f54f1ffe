package standby

import (
	"context"
	"fmt"
	"strings"

	"failoverd/journal"
	"failoverd/status"
)

// forgetful says that the journal cannot be read, and which addresses the kernel holds that it may have a reason for. They are left
// as they are: somebody may be served there.
func (t *turn) forgetful(ctx context.Context) {
	s := t.s
	kept := "no address of a server is held"
	held, err := s.deps.Holder.Held(ctx)
	switch {
	case err != nil:
		kept = "which addresses are held is not known: " + err.Error()
	case len(held) > 0:
		var list []string
		for _, h := range held {
			list = append(list, fmt.Sprintf("%s on %s", h.Prefix.Addr(), h.Link))
		}
		kept = "left as it is: " + strings.Join(list, ", ")
	}
	t.note(journal.Event{
		Kind: "journal.unreadable", Severity: "critical", Actor: actor(automatic("recovery")),
		Message: "the journal cannot be read: servers are watched, and nothing else is done; " + kept,
		Reason:  s.unreadable, Evidence: map[string]any{"held": kept},
	}, true)
}

// unknowing refuses every order while the journal cannot be read; nil if it can.
func (s *Standby) unknowing() error {
	if s.unreadable == "" {
		return nil
	}
	return &status.Refusal{
		Code:   status.JournalUnreadable,
		Detail: "the journal cannot be read, and on a state that is not known nothing is done: " + s.unreadable,
		Try:    "journalctl -u failoverd",
	}
}

// cannotBeRead begins what is said of a journal that cannot be read.
const cannotBeRead = "cannot be read"

// journalHelp is the command that helps where the journal in a directory does not work.
func journalHelp(journal status.Health, dir string) string {
	if strings.HasPrefix(journal.Error, cannotBeRead) {
		return "journalctl -u failoverd"
	}
	return strings.TrimSpace("df -h " + dir)
}

// remembers says whether the journal works, and else that it cannot be read or written and why.
func (s *Standby) remembers() status.Health {
	switch {
	case s.unreadable != "":
		return status.Health{Error: cannotBeRead + ", and nothing is done: " + s.unreadable}
	case s.self.unwritable != "":
		return status.Health{Error: "cannot be written: " + s.self.unwritable}
	}
	return status.Health{OK: true}
}
