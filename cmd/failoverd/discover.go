package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"github.com/spf13/cobra"

	"failoverd/replicate/agent/discovery"
)

// discoverCommand is `failoverd discover`.
func (p *program) discoverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "discover ADDRESS",
		Short: "What there is on a primary, and a configuration for it",
		Long: `Asks the agent on a primary what there is: addresses, gateways, database
servers and their versions, SQLite files, the directories that it serves; and
what it could not learn, and why. Nothing is changed and no password is used.
What is printed last is a file for servers.d, which you read and complete.

ADDRESS is the agent's IP address, with a port if it is not 7443. The standby
must be paired with it: failoverd pair ADDRESS.`,
		Example: `  failoverd discover 192.168.11.21
  failoverd discover 192.168.11.21 --json | jq -r .proposal`,
		Args: names("ADDRESS", 1, 1),
		RunE: p.runner(func(ctx context.Context, args []string) error {
			at, err := agentAddress(args[0])
			if err != nil {
				return err
			}
			client, err := p.connect()
			if err != nil {
				return err
			}
			return p.discover(ctx, at.Addr(), func(ctx context.Context) (discovery.Found, error) {
				return client.Discover(ctx, at.String())
			})
		}),
	}
}

// discover shows what there is on a primary, and the file by which the standby would watch it. look asks the primary.
func (p *program) discover(ctx context.Context, address netip.Addr, look func(context.Context) (discovery.Found, error)) error {
	found, err := look(ctx)
	if err != nil {
		return fmt.Errorf("ask the agent at %s what there is: %w", address, err)
	}
	text := proposal(found, address)
	if p.global.json {
		return p.document(struct {
			discovery.Found
			Proposal string `json:"proposal"`
		}{found, text})
	}
	writeFound(p.out, p.colours(), found)
	line(p.out, "")
	line(p.out, "As servers.d/%s.yaml, to be read and completed:", serverName(found))
	line(p.out, "")
	_, err = io.WriteString(p.out, text)
	return err
}

// writeFound prints what there is on a primary.
func writeFound(w io.Writer, colours palette, f discovery.Found) {
	line(w, "%s: %s, %s", or(f.Name, f.Hostname), or(f.OS, "system unknown"), or(f.Kernel, "kernel unknown"))
	var t table
	for _, a := range f.Addresses {
		t.row("Address", a.Address.String(), "on "+a.Interface)
	}
	for _, g := range f.Gateways {
		t.row("Gateway", g.Address.String(), "on "+or(g.Interface, "an interface without a name"))
	}
	for _, d := range f.Databases {
		t.row("Database server", d.Listens, databaseServer(d))
	}
	for _, s := range f.SQLite {
		what := fmt.Sprintf("%s, user version %d", size(s.Bytes), s.UserVersion)
		if s.Grant != "" {
			what += ", can be copied as " + s.Grant
		}
		t.row("SQLite", s.Path, what)
	}
	for _, tree := range f.Trees {
		t.row("Tree "+tree.Name, tree.Directory, treeSize(tree))
	}
	for _, b := range f.Backups {
		t.row("Backups "+b.Name, b.Directory, size(b.Free)+" free")
	}
	t.write(w, colours)
	if len(f.Gaps) == 0 {
		return
	}
	line(w, "Not learnt:")
	gaps := table{indent: "  "}
	for _, g := range f.Gaps {
		gaps.add(cell{text: g.What}, cell{text: g.Why, paint: yellow})
	}
	gaps.write(w, colours)
}

// databaseServer is a database server in one field.
func databaseServer(d discovery.Database) string {
	text := d.Product + " " + or(d.Version, "(version not told without a password)")
	if !d.Reachable {
		text += ", for this host only"
	}
	return text
}

// treeSize is how much there is in a tree: "1,204 files, 3.1 GiB".
func treeSize(t discovery.Tree) string {
	text := fmt.Sprintf("%s, %s", count(int(t.Files), "file", "files"), size(t.Bytes))
	if !t.Complete {
		text = "at least " + text
	}
	if !t.Writable {
		text += ", cannot be brought back"
	}
	return text
}
