package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/status"
)

// filesCommand is `failoverd files`.
func (p *program) filesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "files SERVER",
		Short: "A server's copied files: how far, and what is not copied",
		Long: `Shows the standby's copies of a server's trees of files: how far behind each is,
which paths are not copied and why, and what waits for a decision. The commands
below it take that decision.

Files are copied all the time, by themselves; nothing has to be ordered for that.`,
		Example: `  failoverd files DEMOSERVER
  failoverd files confirm-deletions DEMOSERVER vm
  failoverd files DEMOSERVER --json | jq '.files[].lag_s'`,
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
	}
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		server, err := client.Server(ctx, args[0])
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(api.TreeList{Files: server.Trees})
		}
		if len(server.Trees) == 0 {
			line(p.out, "No files of %s are configured to be copied.", server.Name)
			return nil
		}
		p.writeTrees(p.out, p.colours(), server)
		for _, t := range server.Trees {
			p.writeTree(p.out, p.colours(), server.Name, t)
		}
		return nil
	})
	cmd.AddCommand(
		p.setAsideCommand(), p.restoreCommand(),
		p.decideCommand(decision{
			order: api.ConfirmDeletions, short: "Let deletions happen that are held back",
			long: `Deletes from the copy what was deleted from the source and is held back, because
it is more than the brake lets pass. What is deleted goes to the copy's trash.`,
			reason: "old recordings removed",
			wrong:  func(t status.Tree) bool { return t.Held == 0 },
			effect: func(t status.Tree) string {
				return fmt.Sprintf("%s of %d files are deleted from %s; they stay in its trash for the configured time.", count(t.Held, "path", "paths"), t.Files, t.Directory)
			},
		}),
		p.decideCommand(decision{
			order: api.AcceptSource, short: "Take a source that is another directory than it was",
			long: `Takes the source of a tree as it is now, though it is another directory than
before: a new disk, a restored one, a share that was moved. Look first whether
it is mounted: the copy becomes what the source is. The brake holds deletions
back as ever.`,
			reason: "new disk",
			wrong:  func(t status.Tree) bool { return t.Ailment != "root" },
			effect: func(t status.Tree) string {
				return fmt.Sprintf("%s becomes what %s is now.", t.Directory, t.Source)
			},
		}),
		p.decideCommand(decision{
			order: api.DiscardDiverged, short: "Give up what the stand-in wrote, and copy from live again",
			long: `Gives up what the stand-in has written in the copy during a takeover: the copy
becomes what the primary has. What is replaced or deleted goes to the copy's
trash. More deletions than the brake lets pass wait as ever, and are told: let
them happen by failoverd files confirm-deletions. If the primary needs these
files, bring them back first: failoverd replicate to-live, where the primary's
agent has the tree, else by hand.`,
			reason: "not needed", loses: true,
			wrong: func(t status.Tree) bool { return !t.Diverged },
			effect: func(t status.Tree) string {
				return fmt.Sprintf("What the stand-in wrote in %s is GIVEN UP: it becomes what %s is now. Deletions past the brake wait to be confirmed.", t.Directory, t.Source)
			},
		}))
	return cmd
}

// decision is an order about one tree.
type decision struct {
	order, short, long, reason string
	wrong                      func(status.Tree) bool // there is nothing to decide; the daemon says why
	loses                      bool                   // data is given up: a yes is not enough
	effect                     func(status.Tree) string
}

// decideCommand is `failoverd files confirm-deletions` and the like.
func (p *program) decideCommand(d decision) *cobra.Command {
	var yes bool
	var reason string
	cmd := &cobra.Command{
		Use:               d.order + " SERVER TREE",
		Short:             d.short,
		Long:              d.long,
		Example:           fmt.Sprintf("  failoverd files %s DEMOSERVER vm\n  failoverd files %s DEMOSERVER vm --yes --reason %q", d.order, d.order, d.reason),
		Args:              names("SERVER TREE", 2, 2),
		ValidArgsFunction: p.serverAndTree,
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "answer the question with yes")
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		name, tree := args[0], args[1]
		if !yes {
			if err := p.confirmTree(ctx, client, d, name, tree); err != nil {
				return err
			}
		}
		server, err := client.OrderFiles(ctx, d.order, name, tree, reason)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(server)
		}
		line(p.out, "Ordered.  To see what comes of it: failoverd files %s", server.Name)
		return nil
	})
	return cmd
}

// confirmTree says what an order about a tree would do, and asks. It returns nil for a yes, and where there is nothing
// to ask about: then the daemon refuses.
func (p *program) confirmTree(ctx context.Context, client *api.Client, d decision, name, tree string) error {
	server, err := client.Server(ctx, name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(server.Trees, func(t status.Tree) bool { return t.Name == tree })
	if i < 0 || d.wrong(server.Trees[i]) {
		return nil
	}
	if !p.canAsk() {
		return &failure{
			code: codeConfirmation, detail: fmt.Sprintf("files %s of %s needs a confirmation, and there is no terminal to ask on", d.order, name),
			try: fmt.Sprintf("failoverd files %s %s %s --yes", d.order, name, tree),
		}
	}
	question, wanted := " [y/N] ", []string{"y", "yes"}
	if d.loses {
		question, wanted = "\nType the server's name to go on: ", []string{name}
	}
	typed, err := p.ask(ctx, plain(d.effect(server.Trees[i]))+question)
	switch {
	case errors.Is(err, context.Canceled):
		return declined()
	case err != nil && !errors.Is(err, fs.ErrClosed):
		return err
	case slices.Contains(wanted, typed) || !d.loses && slices.Contains(wanted, strings.ToLower(typed)):
		return nil
	}
	return declined()
}

// treeNames completes the names of a server's trees.
func (p *program) treeNames(ctx context.Context, server string) ([]cobra.Completion, cobra.ShellCompDirective) {
	client, err := p.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	found, err := client.Server(ctx, server)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	for _, t := range found.Trees {
		list = append(list, cobra.CompletionWithDesc(plain(t.Name), plain(t.State)))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
