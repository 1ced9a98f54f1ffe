package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// primaryAlive is the check that fails while the primary answers pings.
const primaryAlive = "primary-alive"

// addressInUse is the check that fails while another host has the address.
const addressInUse = "address-in-use"

// order is an operation that an operator asks for.
type order struct {
	verb    string // the command
	kind    string // the operation
	lines   bool   // --json prints every change, not only the end
	server  string
	accept  []string
	reason  string
	yes     bool
	words   []string // what --accept may be, for its completion
	dryRun  bool
	noWait  bool
	timeout string
	submit  func(ctx context.Context, client *api.Client, o *order) (plan.Record, error)

	effect   func(s status.Server, standby string, v status.Preview) string // what the question says
	harmless bool                                                           // there is no question, and no check that could be accepted
}

// failoverCommand is `failoverd failover`.
func (p *program) failoverCommand() *cobra.Command {
	o := &order{
		verb: "failover", kind: api.Takeover, words: []string{primaryAlive, addressInUse, status.DataLoss},
		submit: func(ctx context.Context, c *api.Client, o *order) (plan.Record, error) {
			return c.Failover(ctx, o.server, o.reason, o.accept)
		},
		effect: func(s status.Server, standby string, _ status.Preview) string {
			if !s.AssumeAddress {
				return fmt.Sprintf("Take over %s? %s then does its work under its own address.", s.Name, standby)
			}
			return fmt.Sprintf("Take over %s? %s then answers for %s and does its work.", s.Name, standby, strings.Join(s.ServiceAddresses, ", "))
		},
	}
	cmd := p.orderCommand(o)
	cmd.Use = "failover SERVER"
	cmd.Short = "Take over a server now"
	cmd.Long = `The standby takes over the role of a server at once, without waiting for misses:
the operator's order skips the four questions of the automatic decision and
shows what it skips. The checks of the steps themselves remain: each that fails
must be accepted by its name.

On a terminal the plan is shown first, then a question is asked; if the primary
answers pings, the server's name must be typed. --yes answers the question and
nothing else: a failed check still needs its --accept. Without a terminal, --yes
is needed.

The steps are shown as they end. Ctrl-C leaves the client, not the operation.`
	cmd.Example = `  failoverd failover DEMOSERVER --dry-run
  failoverd failover DEMOSERVER --reason "power supply is smoking"
  failoverd failover DEMOSERVER --yes --accept address-in-use`
	return cmd
}

// releaseCommand is `failoverd release`.
func (p *program) releaseCommand() *cobra.Command {
	o := &order{
		verb: "release", kind: api.Release,
		submit: func(ctx context.Context, c *api.Client, o *order) (plan.Record, error) {
			return c.Release(ctx, o.server, o.reason, o.accept)
		},
		effect: func(s status.Server, standby string, _ status.Preview) string {
			if !s.AssumeAddress {
				return fmt.Sprintf("Release %s? %s stops its stand-in; nobody serves its users until the primary does.", s.Name, standby)
			}
			return fmt.Sprintf("Release %s? %s stops its stand-in and drops %s; nobody serves its users until the primary does.",
				s.Name, standby, strings.Join(s.ServiceAddresses, ", "))
		},
	}
	cmd := p.orderCommand(o)
	cmd.Use = "release SERVER"
	cmd.Short = "Stop standing in for a server"
	cmd.Long = `The standby stops the stand-in and drops the service address. The primary should
come up now: until it does, nobody serves its users.

On a terminal the plan is shown first, then a question is asked. --yes answers
the question and nothing else. Without a terminal, --yes is needed.

The steps are shown as they end. Ctrl-C leaves the client, not the operation.`
	cmd.Example = `  failoverd release DEMOSERVER --dry-run
  failoverd release DEMOSERVER --reason "primary repaired"`
	return cmd
}

// orderCommand is what all orders share.
func (p *program) orderCommand(o *order) *cobra.Command {
	cmd := &cobra.Command{
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "show the plan and the checks, and change nothing; exit code 5 if it would be refused")
	if !o.harmless {
		f.StringSliceVar(&o.accept, "accept", nil, "go on although the check of this `NAME` fails; the refusal names it (may be repeated)")
		_ = cmd.RegisterFlagCompletionFunc("accept", cobra.FixedCompletions(o.words, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
		f.BoolVarP(&o.yes, "yes", "y", false, "answer the question with yes, and nothing else")
		cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	}
	f.StringVar(&o.reason, "reason", "", "why, a `TEXT` for the history and the alert")
	f.BoolVar(&o.noWait, "no-wait", false, "return when the operation has been admitted")
	f.StringVar(&o.timeout, "timeout", "", "stop waiting after this `TIME` (30s, 10m) with exit code 10; the operation goes on")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "no-wait")
	cmd.MarkFlagsMutuallyExclusive("no-wait", "timeout")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		o.server = args[0]
		var patience time.Duration
		if o.timeout != "" {
			d, err := parseDuration(o.timeout)
			if err != nil || d == 0 {
				return usagef("--timeout: %q is no duration: write 30s or 10m", o.timeout)
			}
			patience = d
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		return p.carryOut(ctx, client, o, patience)
	})
	return cmd
}

// carryOut shows the plan, asks, gives the order and waits, as far as the
// flags want each.
func (p *program) carryOut(ctx context.Context, client *api.Client, o *order, patience time.Duration) error {
	if o.dryRun {
		return p.dryRun(ctx, client, o)
	}
	if !o.yes && !o.harmless {
		if err := p.confirm(ctx, client, o); err != nil {
			return err
		}
	}
	record, err := o.submit(ctx, client, o)
	if err != nil {
		return p.notAdmitted(err, o)
	}
	if o.noWait {
		if p.global.json {
			return p.document(record)
		}
		line(p.out, "The %s of %s has begun.  To watch it: failoverd operation watch %s", record.Kind, record.Server, record.ID)
		return nil
	}
	return p.wait(ctx, client, record, patience, o.lines)
}

// dryRun shows the plan as it would run now.
func (p *program) dryRun(ctx context.Context, client *api.Client, o *order) error {
	preview, err := client.Preview(ctx, o.server, o.kind, o.accept)
	if err != nil {
		return err
	}
	if p.global.json {
		err = p.document(preview)
	} else {
		p.writePreview(p.out, p.colours(), preview)
		writeResult(p.out, p.colours(), preview)
	}
	if err == nil && preview.Refused {
		return answer(exitRefused)
	}
	return err
}

// confirm shows the plan and asks. It returns nil only for a yes.
func (p *program) confirm(ctx context.Context, client *api.Client, o *order) error {
	preview, err := client.Preview(ctx, o.server, o.kind, o.accept)
	if err != nil {
		return err
	}
	if !p.canAsk() {
		return &failure{
			code:   codeConfirmation,
			detail: fmt.Sprintf("%s of %s needs a confirmation, and there is no terminal to ask on", o.verb, o.server),
			try:    o.commandLine(preview),
		}
	}
	p.writePreview(p.err, palette(false), preview)
	if preview.Refused {
		return &api.Problem{
			Code: status.ChecksFailed, Title: "Refused by safety checks", Checks: preview.Checks,
			Detail: fmt.Sprintf("%s of %s is refused as it stands", o.verb, o.server), Try: o.commandLine(preview),
		}
	}
	snapshot, err := client.Status(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(snapshot.Servers, func(s status.Server) bool { return s.Name == o.server })
	if i < 0 {
		return p.noServer(o.server, snapshot.Servers)
	}
	question := "\n" + plain(o.effect(snapshot.Servers[i], snapshot.Standby.Name, preview))
	wanted := []string{"y", "yes"}
	danger := o.lossOf(preview, snapshot.Servers[i], snapshot.Standby.Name)
	if o.kind == api.Takeover && answersPings(preview, o.accept) {
		danger = "The primary ANSWERS PINGS: afterwards two hosts may have one address"
	}
	if danger == "" && o.kind == api.Takeover && slices.Contains(o.accept, status.DataLoss) {
		danger = "The standby's data is MISSING OR TOO OLD, and the users work on that"
	}
	if danger != "" {
		question += "\n" + plain(danger) + ".\nType the server's name to go on: "
		wanted = []string{o.server}
	} else {
		question += " [y/N] "
	}
	typed, err := p.ask(ctx, question)
	switch {
	case errors.Is(err, context.Canceled):
		return declined()
	case err != nil && !errors.Is(err, fs.ErrClosed):
		return err
	case slices.Contains(wanted, typed) || len(wanted) == 2 && slices.Contains(wanted, strings.ToLower(typed)):
		return nil
	}
	return declined()
}

// declined is the end of a command whose question was not answered with yes.
func declined() error {
	return &failure{code: codeDeclined, detail: "declined; nothing was ordered and nothing was changed"}
}

// answersPings reports whether the primary is alive, accepted or not.
func answersPings(preview status.Preview, accepted []string) bool {
	return slices.Contains(accepted, primaryAlive) ||
		slices.ContainsFunc(preview.Checks, func(c status.Check) bool { return c.Name == primaryAlive || c.Accept == primaryAlive }) ||
		slices.ContainsFunc(preview.Steps, func(s plan.Shown) bool { return s.Accept == primaryAlive })
}

// commandLine is the command that would pass: with --yes, and with a word for
// every check that refuses and can be accepted.
func (o *order) commandLine(preview status.Preview) string {
	words := []string{"failoverd", o.verb, o.server, "--yes"}
	accept := slices.Clone(o.accept)
	for _, c := range preview.Checks {
		if c.Accept != "" && !slices.Contains(accept, c.Accept) {
			accept = append(accept, c.Accept)
		}
	}
	for _, a := range accept {
		words = append(words, "--accept", a)
	}
	if o.reason != "" {
		words = append(words, "--reason", fmt.Sprintf("%q", o.reason))
	}
	return strings.Join(words, " ")
}

// notAdmitted is the error of an order that was not admitted, or of which that
// is not known.
func (p *program) notAdmitted(err error, o *order) error {
	var problem *api.Problem
	if errors.As(err, &problem) {
		if problem.Code == status.ChecksFailed && problem.Try == "" {
			told := *problem
			told.Try = o.commandLine(status.Preview{Checks: problem.Checks})
			return &told
		}
		return err
	}
	if errors.Is(err, api.ErrNoDaemon) {
		return err
	}
	return &failure{
		code:   codeStillRunning,
		detail: fmt.Sprintf("the order was sent, but no answer came (%v): the %s of %s may be running", rootCause(err), o.kind, o.server),
		try:    "failoverd operations --server " + o.server,
	}
}
