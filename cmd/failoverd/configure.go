package main

import (
	"context"
	"io"
)

// checkedChange is a change of the configuration that is checked before it is made; T is what the daemon says that it comes to.
type checkedChange[T any] struct {
	give     func(dryRun bool) (T, error)
	write    func(w io.Writer, comesTo T)
	refused  func(checked T) error // why it will not be made, nil if it can be
	question string                // empty: the name of what is changed must be typed
	done     string                // what people read when it is made
	check    bool                  // also where nobody is asked
}

// configure has a change checked, asks, and has it made.
func configure[T any](ctx context.Context, p *program, c *change, o checkedChange[T]) error {
	if !c.yes || o.check {
		checked, err := o.give(true)
		if err != nil {
			return err
		}
		if c.dryRun && p.global.json {
			if err := p.document(checked); err != nil {
				return err
			}
		} else {
			to := p.err
			if c.dryRun {
				to = p.out
			}
			o.write(to, checked)
		}
		switch refused := o.refused(checked); {
		case refused != nil && c.dryRun:
			return answer(exitFailed)
		case refused != nil:
			return refused
		case c.dryRun:
			return nil
		}
	}
	if !c.yes {
		if err := p.confirmChange(ctx, c, o.question); err != nil {
			return err
		}
	}
	done, err := o.give(false)
	if err != nil {
		return err
	}
	if p.global.json {
		return p.document(done)
	}
	o.write(p.out, done)
	line(p.out, "%s", o.done)
	return nil
}
