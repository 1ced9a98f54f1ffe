package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"failoverd/alerts"
	"failoverd/journal"
)

// cry sends an alert past the journal, where alerts wait that cannot be written, to everybody who gets alerts as severe. It returns
// why nobody has got it.
func (w *world) cry(ctx context.Context, e journal.Event) error {
	c := w.current.Load()
	composer, out := w.composer(c), ways(c, w.started)
	var to []string
	for _, r := range w.recipients(e.Kind) {
		if r.Wants(e.Severity) {
			to = append(to, r.To)
		}
	}
	if len(to) == 0 {
		return nil // and nobody wants to be
	}
	failed := make([]error, len(to))
	var sends sync.WaitGroup
	for i, one := range to {
		sends.Go(func() { failed[i] = w.cryTo(ctx, composer, out, e, one) })
	}
	sends.Wait()
	var errs []error
	for i, err := range failed {
		if err != nil {
			w.log.Warn("not told that the journal cannot be written", "recipient", to[i], "err", err)
			errs = append(errs, fmt.Errorf("%s: %w", to[i], err))
		}
	}
	if len(errs) < len(to) {
		return nil
	}
	return errors.Join(errs...)
}

// cryTo sends it to one recipient.
func (w *world) cryTo(ctx context.Context, composer alerts.Composer, out alerts.Ways, e journal.Event, to string) error {
	story := composer.Story(e)
	story.Mail.Recipient, story.Now = to, time.Now()
	message, err := composer.Mail(story)
	if err != nil {
		w.log.Warn("the mail has failoverd's own words: its template failed", "err", err)
	}
	_, _, err = out.Send(ctx, message)
	return err
}
