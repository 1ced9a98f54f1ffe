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

// setAsideCommand is `failoverd files set-aside`.
func (p *program) setAsideCommand() *cobra.Command {
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "set-aside SERVER TREE",
		Short: "What the primary had alone when files were brought back",
		Long: `Lists what was set aside at the primary when replicate to-live brought its files
back: what the standby never had. It is kept at the primary until somebody removes
it, and comes back one by one, by failoverd files restore. The primary's agent is
asked.`,
		Example: `  failoverd files set-aside DEMOSERVER vm
  failoverd files set-aside DEMOSERVER vm --json | jq -r '.files[].path'`,
		Args:              names("SERVER TREE", 2, 2),
		ValidArgsFunction: p.serverAndTree,
	}
	page.add(cmd)
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		q, err := page.query()
		if err != nil {
			return err
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		list, err := client.SetAside(ctx, args[0], args[1], api.AsidePage(q))
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(list)
		}
		p.writeSetAside(args[0], args[1], list)
		return nil
	})
	return cmd
}

// writeSetAside prints what was set aside, and how it comes back.
func (p *program) writeSetAside(server, tree string, list status.SetAside) {
	if len(list.Files) == 0 {
		line(p.out, "Nothing of %s is set aside at %s.", tree, server)
		return
	}
	colours := p.colours()
	set := ""
	var t table
	flush := func() {
		t.write(p.out, colours)
		t = table{indent: "  "}
	}
	for _, a := range list.Files {
		if a.Set != set {
			flush()
			set = a.Set
			line(p.out, "Set aside at %s:", set)
		}
		t.row(a.Path, size(a.Size), "of "+p.clock(a.ModTime), a.Reason)
	}
	flush()
	p.earlier("files", list.Next)
	line(p.out, "To have one back: failoverd files restore %s %s SET PATH", server, tree)
}

// restoreCommand is `failoverd files restore`.
func (p *program) restoreCommand() *cobra.Command {
	var yes bool
	var reason string
	cmd := &cobra.Command{
		Use:   "restore SERVER TREE SET PATH",
		Short: "Put something that was set aside into its place again",
		Long: `Puts one file or link that was set aside at the primary back into its place in the
tree there. What is in that place goes to the tree's trash at the primary. SET
and PATH are what failoverd files set-aside shows. The copy follows by itself.`,
		Example:           `  failoverd files restore DEMOSERVER vm 2026-11-29T08-20-11.123456789Z Extn/201/hello.wav`,
		Args:              names("SERVER TREE SET PATH", 4, 4),
		ValidArgsFunction: p.serverAndTree,
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "answer the question with yes")
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		if !yes {
			if err := p.confirmRestore(ctx, client, args); err != nil {
				return err
			}
		}
		server, err := client.RestoreAside(ctx, args[0], args[1], api.Restoring{Set: args[2], Path: args[3], Reason: reason})
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(server)
		}
		line(p.out, "%s is in its place again.", args[3])
		return nil
	})
	return cmd
}

// setAsideAs finds what was set aside in a tree of a server, of that set and path; nil if nothing was.
func setAsideAs(ctx context.Context, client *api.Client, args []string) (*status.Aside, error) {
	q := api.AsidePage{Limit: mostEvents}
	for {
		list, err := client.SetAside(ctx, args[0], args[1], q)
		if err != nil {
			return nil, err
		}
		for _, a := range list.Files {
			if a.Set == args[2] && a.Path == args[3] {
				return &a, nil
			}
		}
		if list.Next == nil {
			return nil, nil //nolint:nilnil // nothing of that name is a finding
		}
		q.Before = *list.Next
	}
}

// confirmRestore says what would be restored, and asks. It returns nil for a yes, and where nothing of that name is set
// aside: then the daemon refuses.
func (p *program) confirmRestore(ctx context.Context, client *api.Client, args []string) error {
	found, err := setAsideAs(ctx, client, args)
	if err != nil || found == nil {
		return err
	}
	if !p.canAsk() {
		return &failure{
			code: codeConfirmation, detail: "files restore of " + args[0] + " needs a confirmation, and there is no terminal to ask on",
			try: "failoverd files restore " + strings.Join(args, " ") + " --yes",
		}
	}
	what := fmt.Sprintf("%s (%s, of %s)", args[3], size(found.Size), p.clock(found.ModTime))
	question := fmt.Sprintf("Put %s into its place in %s of %s? What is there goes to the trash there. [y/N] ", what, args[1], args[0])
	typed, err := p.ask(ctx, plain(question))
	switch {
	case errors.Is(err, context.Canceled):
		return declined()
	case err != nil && !errors.Is(err, fs.ErrClosed):
		return err
	case slices.Contains([]string{"y", "yes"}, strings.ToLower(typed)):
		return nil
	}
	return declined()
}

// serverAndTree completes the name of a server, then those of its trees.
func (p *program) serverAndTree(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return p.serverNames(false)(cmd, args, word)
	case 1:
		return p.treeNames(cmd.Context(), args[0])
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
