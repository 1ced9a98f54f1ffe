package alerts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"failoverd/journal"
)

// Composer is what mails need beside the journal.
type Composer struct {
	Standby     string
	Version     string
	From        string // the sender's address
	Console     string // where a browser reaches the console; empty where it cannot
	Runbooks    string
	Templates   *Templates                 // the operators' own words; nil for none
	Zone        *time.Location             // nil: UTC
	Unprotected func() []Unprotected       // of the present snapshot; nil when that is not known
	Copies      func(server string) []Copy // of the present snapshot; nil when that is not known
	WayBack     func(server string) string // of the present snapshot; nil when that is not known
}

// incidentEvents is how many events of an incident are read for a mail: the first ones and the last ones.
const incidentEvents = 60

// compose reads the story of a row of the outbox and makes the mail.
func (c Composer) compose(ctx context.Context, j *journal.Journal, m journal.Mail, now time.Time) (Message, error) {
	event, err := j.Event(ctx, m.Event)
	if errors.Is(err, journal.ErrNotFound) {
		// A mail without its story is better than none.
		event = journal.Event{
			Seq: m.Event, Time: m.Created, Kind: m.Kind, Server: m.Server, Incident: m.Incident,
			Message: "the event is not in the history any more",
		}
	} else if err != nil {
		return Message{}, fmt.Errorf("compose mail %d: %w", m.ID, err)
	}
	s := c.Story(event)
	s.Mail, s.Now = m, now
	if event.Incident != "" {
		if s.Incident, err = incident(ctx, j, event); err != nil {
			return Message{}, fmt.Errorf("compose mail %d: %w", m.ID, err)
		}
		if s.Root, err = j.FirstMail(ctx, event.Incident); err != nil {
			return Message{}, fmt.Errorf("compose mail %d: %w", m.ID, err)
		}
	}
	if s.Dropped, err = j.DroppedMails(ctx, m.Server, m.Recipient); err != nil {
		return Message{}, fmt.Errorf("compose mail %d: %w", m.ID, err)
	}
	out, err := c.Mail(s)
	out.fallback = err
	return out, nil
}

// Mail makes the mail that tells a story. The error says why it has not the words of its template, but failoverd's own.
func (c Composer) Mail(s Story) (Message, error) { return c.Templates.apply(s, Compose(s)) }

// Story begins a story with what the composer knows; test-alert fills in the rest by itself.
func (c Composer) Story(event journal.Event) Story {
	s := Story{Standby: c.Standby, Version: c.Version, From: c.From, Console: c.Console, Runbooks: c.Runbooks, Zone: c.Zone, Event: event}
	if c.Unprotected != nil {
		s.Unprotected = append([]Unprotected{}, c.Unprotected()...)
	}
	if c.Copies != nil && event.Server != "" {
		s.Copies = c.Copies(event.Server)
	}
	if c.WayBack != nil && event.Server != "" {
		s.WayBack = c.WayBack(event.Server)
	}
	return s
}

// incident reads the incident's events up to this one, without the middle of a very long one.
func incident(ctx context.Context, j *journal.Journal, event journal.Event) ([]journal.Event, error) {
	q := journal.EventQuery{Incident: event.Incident, Before: event.Seq + 1, Limit: incidentEvents}
	first, err := j.Events(ctx, q)
	if err != nil || len(first) < incidentEvents {
		return first, err
	}
	q.After, q.Newest = first[len(first)-1].Seq, true
	last, err := j.Events(ctx, q)
	for i := range last {
		first = append(first, last[len(last)-1-i])
	}
	return first, err
}
