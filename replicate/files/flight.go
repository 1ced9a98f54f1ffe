package files

import "fmt"

// flight is a group whose content is on its way to the disk while the next one is being collected. There is one only
// during a listing, when nothing is acknowledged anyway.
type flight struct {
	changes []change
	done    chan error
}

// collected is called when the group is large enough.
func (r *receiver) collected() error {
	if len(r.changes) < groupChanges && r.bytes < groupBytes {
		return nil
	}
	if !r.listing {
		return r.commit()
	}
	if err := r.land(); err != nil {
		return err
	}
	f := &flight{changes: r.changes, done: make(chan error, 1)}
	list := r.staged
	r.changes, r.staged, r.bytes, r.due = nil, nil, 0, nil
	r.flight = f
	go func() { f.done <- r.target.syncStage(list) }()
	return nil
}

// landing is where the end of the flight is heard; nil if there is none.
func (r *receiver) landing() <-chan error {
	if r.flight == nil {
		return nil
	}
	return r.flight.done
}

// land waits for the flight, and carries its group out.
func (r *receiver) land() error {
	if r.flight == nil {
		return nil
	}
	return r.landed(<-r.flight.done)
}

// landed carries out the group of the flight, whose content has come to the disk.
func (r *receiver) landed(err error) error {
	changes := r.flight.changes
	r.flight = nil
	if err != nil {
		r.throwAway(changes)
		return fmt.Errorf("make the stage durable: %w", err)
	}
	if err := r.carry(changes); err != nil {
		return err
	}
	r.tell()
	return nil
}

// throwAway gives up what a group has on the stage; names that stay are swept up by the next conversation.
func (r *receiver) throwAway(changes []change) {
	for i := range changes {
		if changes[i].does == doPut {
			_ = r.target.unstage(changes[i].staged)
		}
	}
}
