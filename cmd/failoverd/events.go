package main

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/journal"
)

// How many events are shown if nobody says, and how many the API gives at once.
const (
	fewEvents  = 50
	mostEvents = 1000
)

// eventFlags choose events.
type eventFlags struct {
	since  string
	server string
	kind   string
	before int64
	limit  int
}

// add declares the flags.
func (f *eventFlags) add(cmd *cobra.Command, p *program) {
	cmd.Flags().StringVar(&f.since, "since", "", "not older than this `TIME`: 24h, 7d, or \"2026-09-22 12:04\"")
	cmd.Flags().StringVar(&f.server, "server", "", "only of this `SERVER`")
	cmd.Flags().StringVar(&f.kind, "kind", "", "only of this `KIND`; takeover.* is every kind that begins so")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "at most `N`, the newest (default 50; with --since 1000)")
	cmd.Flags().Int64Var(&f.before, "before", 0, "only earlier ones than the event of this `NUMBER`")
	cmd.RegisterFlagCompletionFunc("server", p.serverNames(false))
}

// query turns the flags into the API's question. The newest are asked for.
func (f *eventFlags) query(p *program) (api.EventQuery, error) {
	q := api.EventQuery{Server: f.server, Kind: f.kind, Before: f.before, Limit: f.limit, Newest: true}
	if f.limit < 0 || f.limit > mostEvents {
		return q, usagef("--limit %d: want 1 to %d", f.limit, mostEvents)
	}
	if f.before < 0 {
		return q, usagef("--before %d: want the number of an event", f.before)
	}
	if q.Limit == 0 {
		q.Limit = fewEvents
	}
	if f.since != "" {
		if f.limit == 0 {
			q.Limit = mostEvents // who names a time wants all of it
		}
		since, err := p.parseSince(f.since)
		if err != nil {
			return q, usagef("--since: %v", err)
		}
		q.Since = since
	}
	return q, nil
}

// eventsCommand is `failoverd events`.
func (p *program) eventsCommand() *cobra.Command {
	var flags eventFlags
	var follow bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "The history with its reasons, oldest first",
		Long: `Shows what happened and why: state changes, decisions, takeovers, releases,
alerts, orders with the name of whoever gave them. The newest come last.

-f goes on with what happens from now, over a restart of the daemon too, until
Ctrl-C. With --json it prints one event a line.`,
		Example: `  failoverd events --since 24h
  failoverd events --server DEMOSERVER --kind 'takeover.*'
  failoverd events -f --json | jq -c '{time, kind, message}'`,
		Args: names("", 0, 0),
	}
	flags.add(cmd, p)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens from now")
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		q, err := flags.query(p)
		if err != nil {
			return err
		}
		if follow && q.Before > 0 {
			return usagef("-f goes on with what happens from now, and --before ends with what has been: give one of them")
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		return p.events(ctx, client, q, follow)
	})
	return cmd
}

// events prints the history and, with follow, what comes after it.
func (p *program) events(ctx context.Context, client *api.Client, q api.EventQuery, follow bool) error {
	// The position comes before the history, so that an event between the two
	// is shown once and not never.
	var after int64
	if follow {
		snapshot, err := client.Status(ctx)
		if err != nil {
			return err
		}
		after = snapshot.Seq
	}
	found, err := client.Events(ctx, q)
	if err != nil {
		return err
	}
	if found.Next != nil {
		p.aside("There are earlier events: --before %d shows them.", *found.Next)
	}
	for _, e := range oldestFirst(found.Events) {
		if err := p.event(p.out, e); err != nil {
			return err
		}
		after = max(after, e.Seq)
	}
	if !follow {
		if len(found.Events) == 0 && !p.global.json {
			line(p.err, "No events.")
		}
		return nil
	}
	if after == 0 {
		after = -1 // nothing has ever happened: the first event is to be shown
	}
	return client.Follow(ctx, api.FollowQuery{
		After: after, Server: q.Server, Kind: q.Kind,
		Reset: func(oldest int64) {
			p.aside("Events are missing here: those before number %d are no longer kept.", oldest)
		},
		Lost: func(err error) { p.aside("The connection to the daemon was lost (%v); trying again.", rootCause(err)) },
	}, func(e journal.Event) error { return p.event(p.out, e) })
}

// oldestFirst is the order of a log, whatever order the events came in.
func oldestFirst(events []journal.Event) []journal.Event {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b journal.Event) int { return int(a.Seq - b.Seq) })
	return events
}

// aside tells people something that is no part of the answer.
func (p *program) aside(format string, args ...any) {
	if !p.global.json {
		line(p.err, format, args...)
	}
}

// event prints one event.
func (p *program) event(w io.Writer, e journal.Event) error {
	if p.global.json {
		return p.document(e)
	}
	colours := p.colours()
	paint := noColour
	switch e.Severity {
	case journal.Warning:
		paint = yellow
	case journal.Critical:
		paint = red
	}
	text := plain(e.Message)
	if e.Reason != "" {
		text += " (" + plain(e.Reason) + ")"
	}
	if by := actor(e.Actor.Kind, e.Actor.Name); by != "" {
		text += "  by " + plain(by)
	}
	t := table{}
	t.rows = append(t.rows, []cell{
		{text: p.stamp(e.Time)},
		{pad(e.Severity, 8), paint},
		{text: pad(plain(or(e.Server, "standby")), 12)},
		{text: pad(plain(e.Kind), 20)},
		{text: text},
	})
	t.write(w, colours)
	return nil
}

// actor is the name of whoever gave an order, empty for what failoverd did by
// itself.
func actor(kind, name string) string {
	switch kind {
	case "user":
		return name
	case "token":
		return "token " + name
	}
	return ""
}
