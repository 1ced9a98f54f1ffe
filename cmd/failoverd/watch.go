package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"failoverd/api"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// watchBeat is how often a watched screen is drawn anew when nothing happens,
// because ages and pings go on, and how often a lost daemon is tried again.
const watchBeat = 2 * time.Second

// watchStatus draws the screen whenever something happens, until ctx ends.
func (p *program) watchStatus(ctx context.Context, client *api.Client, only []string) error {
	last, err := p.snapshot(ctx, client, only)
	if err != nil {
		return err
	}
	running := replications(ctx, client, last.Servers...)
	if err := p.draw(last, running, nil); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	happened := make(chan struct{}, 1)
	refused := make(chan error, 1)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		ring := func() {
			select {
			case happened <- struct{}{}:
			default: // a redraw is due already
			}
		}
		q := api.FollowQuery{After: last.Seq, Reset: func(int64) { ring() }}
		refused <- client.Follow(ctx, q, func(journal.Event) error { ring(); return nil })
	}()
	defer func() { cancel(); <-followed }()

	beat := time.NewTicker(watchBeat)
	defer beat.Stop()
	lost := false
	for {
		event := false
		select {
		case <-ctx.Done():
			return nil
		case err := <-refused:
			return err
		case <-happened:
			event = true
		case <-beat.C:
		}
		next, err := p.snapshot(ctx, client, only)
		switch {
		case ctx.Err() != nil:
			return nil
		case lostContact(err):
			// A document a line, or text that is not overwritten, repeats nothing:
			// it says once that the contact is lost.
			if p.isTerminal(p.out) && !p.global.json || !lost {
				if err := p.draw(last, running, err); err != nil {
					return err
				}
			}
			lost = true
			continue
		case err != nil:
			return err
		}
		if event || lost || p.isTerminal(p.out) && !p.global.json {
			running = replications(ctx, client, next.Servers...)
			if err := p.draw(next, running, nil); err != nil {
				return err
			}
		}
		last, lost = next, false
	}
}

// lostContact reports whether an error means that the daemon is away for now.
func lostContact(err error) bool {
	return errors.Is(err, api.ErrNoDaemon) || errors.Is(err, api.ErrClosed) || errors.Is(err, context.DeadlineExceeded)
}

// draw shows one state of a watched screen. With a cause, the contact is lost
// and the screen says from when it is, so that nothing stale looks fresh.
func (p *program) draw(s status.Snapshot, running map[string]*plan.Record, cause error) error {
	if p.global.json {
		if cause != nil {
			p.report(cause)
			return nil
		}
		return p.document(s)
	}
	var screen bytes.Buffer
	colours := p.colours()
	if cause != nil {
		colours = false
		line(&screen, "NOT CURRENT: no daemon answers; this is from %s. Trying again every %s.", p.stamp(s.GeneratedAt), duration(watchBeat))
	}
	p.writeStatus(&screen, colours, s, running)
	if !p.isTerminal(p.out) {
		_, err := fmt.Fprintf(p.out, "%s\n", screen.String())
		return err
	}
	// Each line is cleared behind its text and the rest of the screen at the
	// end, which flickers less than clearing it all first.
	text := strings.ReplaceAll(screen.String(), "\n", "\x1b[K\r\n")
	_, err := fmt.Fprintf(p.out, "\x1b[H%s%s\x1b[K\x1b[J", text, colours.paint(grey, p.stamp(p.now())+"   Ctrl-C ends"))
	return err
}
