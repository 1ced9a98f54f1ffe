package agent

import "fmt"

// epochs are the takeovers under which the standby has read a tree and written it, as far as somebody may: whoever comes
// with older data than the tree has seen is refused, also after a restart of the agent.
type epochs struct {
	// Read is the last one under which the tree was copied to the standby: since then it is the newer one.
	Read uint64 `json:"read"`
	// Written is the last one under which files were brought back.
	Written uint64 `json:"written"`
}

// last is the one under which the tree speaks.
func (e epochs) last() uint64 { return max(e.Read, e.Written) }

// read and written are what is to be remembered before the tree is read or written under an epoch.
func (e epochs) read(epoch uint64) epochs {
	e.Read = max(e.Read, epoch)
	return e
}

func (e epochs) written(epoch uint64) epochs {
	e.Written = max(e.Written, epoch)
	return e
}

// refuses says why files of an epoch are not brought back; nil if they may be. A takeover is what makes the standby's
// copy the newer one, and each raises the epoch.
func (e epochs) refuses(epoch uint64) error {
	switch {
	case epoch < e.last():
		return &Problem{OlderEpoch, fmt.Sprintf("the standby's copy is of takeover epoch %d, the tree of %d: the tree is newer", epoch, e.last())}
	case epoch == e.Read:
		return &Problem{OlderEpoch, fmt.Sprintf("the tree was copied to the standby in takeover epoch %d, and no takeover has been since: the tree is the newer one", epoch)}
	}
	return nil
}

// note remembers epochs, on the disk first. The lock is held.
func (t *tree) note(e epochs) error {
	if e == t.epochs {
		return nil
	}
	if err := keepJSON(t.dir, epochFile, e); err != nil {
		return fmt.Errorf("remember the takeover epoch: %w", err)
	}
	t.epochs = e
	return nil
}
