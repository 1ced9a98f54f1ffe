package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"failoverd/api"
)

// root is the tree of commands. A new command gets a file of its own and a
// line here.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "failoverd",
		Short: "Keeps a service going when its server dies",
		Long: `failoverd runs on a standby. It watches one or more primaries by ping and, when
one dies, takes over its service address, starts its stand-in and tells the
operators by e-mail. When the primary is back, the role is given back.

A server is down right now?  failoverd status`,
		Example: `  failoverd status                    what is going on, and what to do
  failoverd explain DEMOSERVER        why the last decision was taken
  failoverd failover DEMOSERVER       take over now
  failoverd release DEMOSERVER        stop standing in
  failoverd replicate from-live DEMOSERVER   copy its databases now
  failoverd drill DEMOSERVER          rehearse a takeover
  failoverd help exit-codes           what scripts can rely on`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			case p.global.json:
				return usagef("a command is needed")
			}
			return cmd.Help()
		},
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		SilenceUsage:               true,
	}
	p.global.add(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return asUsage(cmd, err) })
	root.AddGroup(
		&cobra.Group{ID: "look", Title: "See what is going on:"},
		&cobra.Group{ID: "order", Title: "Order something:"},
		&cobra.Group{ID: "set", Title: "Set up:"},
		&cobra.Group{ID: "daemon", Title: "The daemon:"},
	)
	add := func(groupID string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = groupID
			root.AddCommand(cmd)
		}
	}
	add("look",
		p.statusCommand(), p.checkCommand(), p.showCommand(), p.eventsCommand(), p.explainCommand(), p.incidentsCommand(),
		p.filesCommand(), p.operationsCommand(), p.operationCommand(), p.agentsCommand(), p.auditCommand())
	add("order",
		p.failoverCommand(), p.handoverCommand(), p.releaseCommand(), p.failbackCommand(), p.replicateCommand(), p.drillCommand(),
		p.suspendCommand(), p.resumeCommand(), p.stopCommand(), p.ackCommand())
	add("set",
		p.addServerCommand(), p.editServerCommand(), p.removeServerCommand(), p.configCommand(), p.reloadCommand(), p.testCommand(), p.testAlertCommand(), p.selftestCommand(), p.discoverCommand(), p.pairCommand(), p.tokenCommand())

	add("daemon", p.serveCommand(), p.agentCommand(), p.labCommand(), p.versionCommand())
	root.AddCommand(p.labServiceCommand())
	root.AddCommand(p.manualCommand())
	root.AddCommand(exitCodesTopic())
	root.SetHelpCommandGroupID("daemon")
	root.SetCompletionCommandGroupID("daemon")
	return root
}

// runner makes a cobra RunE of a command's own code. Errors before it are
// errors of the command line; errors in it are what they say.
func (p *program) runner(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		p.started = true
		return f(cmd.Context(), args)
	}
}

// completionPatience is how long pressing Tab may wait for the daemon.
const completionPatience = time.Second

// serverNames completes the names of servers. A daemon that does not answer
// completes nothing.
func (p *program) serverNames(many bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if !many && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		client, err := p.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		snapshot, err := client.Status(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var found []cobra.Completion
		for _, s := range snapshot.Servers {
			found = append(found, cobra.CompletionWithDesc(plain(s.Name), plain(s.State+", "+s.Role)))
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// operationIDs completes the identifiers of operations, the newest first.
func (p *program) operationIDs(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	client, err := p.connect()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	list, err := client.Operations(ctx, "", "", api.Page{Limit: 20})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, r := range list.Operations {
		found = append(found, cobra.CompletionWithDesc(plain(r.ID), plain(r.Kind+" of "+r.Server+", "+string(r.State))))
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// exitCodesTopic is a page of help without a command.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "The exit codes, which never change",
		Long: `The exit codes are the same for every command and never change; only
failoverd check --nagios has those of a plugin. Take a code that is not in
this list for a failure.

   0  done; of status and check: all ready
   1  failed
   2  usage, or a confirmation is needed and nobody can be asked
   3  attention: somebody should look; of an operation: a step that is not
      essential failed
   4  a server is down and nobody serves it
   5  refused by a check, nothing was changed
   6  conflict: another operation runs, or the state does not allow it
   7  not found
   8  not allowed
   9  no daemon answers
  10  the client gave up waiting and the operation still runs
  11  declined at the question, or the operation was cancelled

With --json an error is one document on standard error with the keys type,
title, status, code, detail, changed, checks, operation, try, request_id and
exit_code; standard output has nothing but the answer.`,
	}
}
