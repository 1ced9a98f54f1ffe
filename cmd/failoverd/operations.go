package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// operationsCommand is `failoverd operations`.
func (p *program) operationsCommand() *cobra.Command {
	var server, kind string
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "operations",
		Short: "Takeovers, releases and replications, the newest first",
		Long: `Lists takeovers, releases and replications: what runs now and what came of the
earlier ones, who asked for each and why.`,
		Example: `  failoverd operations
  failoverd operations --server DEMOSERVER --json | jq '.operations[0]'
  failoverd operations --kind drill
  failoverd operations --limit 100 --before 1795136400000000000_drill-20261120T010000-k3x9qa`,
		Args: names("", 0, 0),
	}
	cmd.Flags().StringVar(&server, "server", "", "only of this `SERVER`")
	cmd.Flags().StringVar(&kind, "kind", "", "only of this `KIND`: "+strings.Join(operationKinds(), ", "))
	page.add(cmd)
	cmd.RegisterFlagCompletionFunc("server", p.serverNames(false))
	cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(operationKinds(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		q, err := page.query()
		if err != nil {
			return err
		}
		if kind != "" && !slices.Contains(operationKinds(), kind) {
			return usagef("--kind %q: want one of %s", kind, strings.Join(operationKinds(), ", "))
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		list, err := client.Operations(ctx, server, kind, q)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(list)
		}
		p.writeOperations(p.out, p.colours(), list.Operations)
		p.earlier("operations", list.Next)
		return nil
	})
	return cmd
}

// operationKinds are the kinds of operations, as they are called in the API.
func operationKinds() []string {
	return []string{api.Takeover, api.Release, status.Handover, status.Failback, status.Drill, status.FromLive, status.ToLive, status.RollBack}
}

// writeOperations prints a list of operations.
func (p *program) writeOperations(w io.Writer, colours palette, records []plan.Record) {
	if len(records) == 0 {
		line(w, "No operations yet.")
		return
	}
	t := table{}
	t.row("ID", "KIND", "SERVER", "STATE", "STARTED", "TOOK", "BY", "REASON")
	for _, r := range records {
		took := "runs"
		switch {
		case r.Ended != nil:
			took = duration(r.Ended.Sub(r.Started))
		case r.State == plan.Queued:
			took = "waits"
		case r.Progress != nil && r.Progress.Percent != nil:
			took = fmt.Sprintf("runs, %s at %.0f %%", r.Progress.Step, *r.Progress.Percent)
		}
		why := r.Reason
		if r.Error != "" {
			why += " (" + r.Error + ")"
		}
		t.add(cell{r.ID, bold}, cell{text: r.Kind}, cell{text: r.Server}, cell{string(r.State), paintState(r.State)},
			cell{text: p.stamp(r.Started)}, cell{text: took}, cell{text: or(actor(r.By.Kind, r.By.Name), r.By.Kind)}, cell{text: why})
	}
	t.write(w, colours)
}

// operationCommand is `failoverd operation`.
func (p *program) operationCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "operation",
		Short:   "Watch or cancel one operation",
		Long:    `Watches or cancels an operation. Its identifier is in failoverd operations.`,
		Example: "  failoverd operation watch 01JD3Z\n  failoverd operation cancel 01JD3Z --reason \"wrong server\"",
	}
	return group(cmd, p.watchOperationCommand(), p.cancelOperationCommand())
}

// watchOperationCommand is `failoverd operation watch`.
func (p *program) watchOperationCommand() *cobra.Command {
	var timeout string
	cmd := &cobra.Command{
		Use:   "watch ID",
		Short: "Show the steps of an operation as they end",
		Long: `Shows the steps of an operation with their times, those that have ended and those
to come, until it has ended. The exit code is the operation's: 0 done, 1 failed,
3 a step that is not essential failed, 11 cancelled. Ctrl-C leaves the client,
not the operation.

With --json it prints the operation anew, one document a line, whenever
something about it has changed.`,
		Example:           `  failoverd operation watch 01JD3Z --timeout 10m`,
		Args:              names("ID", 1, 1),
		ValidArgsFunction: p.operationIDs,
	}
	cmd.Flags().StringVar(&timeout, "timeout", "", "stop waiting after this `TIME` (30s, 10m) with exit code 10; the operation goes on")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		var patience time.Duration
		if timeout != "" {
			d, err := parseDuration(timeout)
			if err != nil || d == 0 {
				return usagef("--timeout: %q is no duration: write 30s or 10m", timeout)
			}
			patience = d
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		record, err := client.Operation(ctx, args[0])
		if err != nil {
			return err
		}
		return p.wait(ctx, client, record, patience, true)
	})
	return cmd
}

// cancelOperationCommand is `failoverd operation cancel`.
func (p *program) cancelOperationCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "Stop an operation and take back what it did",
		Long: `Asks an operation to stop. The steps that it has done are taken back, the last
one first; operation watch shows it.`,
		Example:           `  failoverd operation cancel 01JD3Z --reason "wrong server"`,
		Args:              names("ID", 1, 1),
		ValidArgsFunction: p.operationIDs,
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		record, err := client.Cancel(ctx, args[0], reason)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(record)
		}
		line(p.out, "The %s of %s is asked to stop; it is %s.  To see what is taken back: failoverd operation watch %s", record.Kind, record.Server, record.State, record.ID)
		return nil
	})
	return cmd
}
