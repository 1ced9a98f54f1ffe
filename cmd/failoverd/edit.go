package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/status"
)

// maxText is the longest configuration of one server, in bytes.
const maxText = 32 << 10

// edit is a change of one server's configuration that an operator makes.
type edit struct {
	server  string
	text    string // what is edited
	file    string // holds the text that is wanted; - is standard input, empty an editor
	asIs    bool   // the text is taken as it is
	reason  string
	dryRun  bool
	command string // that says it again
	submit  func(ctx context.Context, text string, dry bool) (status.Edited, error)
}

// flags are those of every edit.
func (e *edit) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.file, "file", "", "take the text from this `FILE` instead of an editor; - is standard input")
	f.BoolVar(&e.dryRun, "dry-run", false, "check it, say what it would mean, and change nothing")
	f.StringVar(&e.reason, "reason", "", "why, a `TEXT` for the history")
}

// editCommand is `failoverd edit`.
func (p *program) editCommand() *cobra.Command {
	e := &edit{}
	cmd := &cobra.Command{
		Use:   "edit SERVER",
		Short: "Change a server's configuration",
		Long: `Opens the file of a server's configuration (servers.d/NAME.yaml) in an editor:
VISUAL, EDITOR, or editor. What you save is checked together with the rest of the
configuration; if all is well the file is written and in force at once, and what
it means is said. With an error nothing is changed, and you can go on editing.
Comments stay. What the file held before is kept beside it as NAME.yaml.before.

If somebody else has changed it meanwhile, that is refused (exit code 6), and
your text is kept in a file that is named. A server that stands in the main
file is changed there.

With --url and a token of an administrator this works from elsewhere, except for
what failoverd runs, reads and writes on the standby, and where it sends passwords.`,
		Example: `  failoverd edit DEMOSERVER
  failoverd edit DEMOSERVER --file new.yaml --dry-run
  failoverd edit DEMOSERVER --file new.yaml --reason "second address"`,
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
	}
	e.flags(cmd)
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		e.server, e.command = args[0], "failoverd edit "+args[0]
		client, err := p.connect()
		if err != nil {
			return err
		}
		f, err := client.ServerFile(ctx, e.server)
		if err != nil {
			return err
		}
		e.text = f.Text
		e.submit = func(ctx context.Context, text string, dry bool) (status.Edited, error) {
			return client.EditServer(ctx, e.server, f.ETag, api.NewText{Text: text, Reason: e.reason}, dry)
		}
		return p.edit(ctx, e)
	})
	return cmd
}

// addCommand is `failoverd add`.
func (p *program) addCommand() *cobra.Command {
	e := &edit{}
	var address, discovered string
	cmd := &cobra.Command{
		Use:   "add SERVER",
		Short: "Add a server",
		Long: `Makes the file of a new server's configuration (servers.d/NAME.yaml) and puts it
in force. An editor is opened on a beginning: with --discover on what the agent of
the primary tells about it, with --address on that address. What you save is
checked together with the rest of the configuration; with an error nothing is
changed, and you can go on editing.

Without a terminal, or with --yes, the beginning is taken as it is.
Passwords are not written into it, but named: password: {file: PATH}.`,
		Example: `  failoverd add DEMOSERVER --discover 192.168.11.21
  failoverd add DEMOSERVER --address 192.168.11.1 --yes
  failoverd add DEMOSERVER --file demoserver.yaml --dry-run`,
		Args: names("SERVER", 1, 1),
	}
	e.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&address, "address", "", "begin with this `ADDRESS`, which is pinged and taken over")
	f.StringVar(&discovered, "discover", "", "begin with what the agent at this `ADDRESS` tells (see failoverd pair)")
	f.BoolVarP(&e.asIs, "yes", "y", false, "take the beginning as it is, without an editor")
	cmd.MarkFlagsMutuallyExclusive("file", "address", "discover")
	cmd.MarkFlagsMutuallyExclusive("file", "yes")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		e.server, e.command = args[0], "failoverd add "+args[0]
		client, err := p.connect()
		if err != nil {
			return err
		}
		if e.text, err = p.beginning(ctx, client, e.server, address, discovered); err != nil {
			return err
		}
		e.asIs = e.asIs || address+discovered != "" && !p.canAsk()
		e.submit = func(ctx context.Context, text string, dry bool) (status.Edited, error) {
			return client.AddServer(ctx, api.NewServer{Name: e.server, Text: text, Reason: e.reason}, dry)
		}
		return p.edit(ctx, e)
	})
	return cmd
}

// beginning is the text that a new server's configuration begins with.
func (p *program) beginning(ctx context.Context, client *api.Client, name, address, discovered string) (string, error) {
	if discovered != "" {
		at, err := agentAddress(discovered)
		if err != nil {
			return "", err
		}
		found, err := client.Discover(ctx, at.String())
		if err != nil {
			return "", fmt.Errorf("ask the agent at %s what there is: %w", at.Addr(), err)
		}
		found.Name = name
		return proposal(found, at.Addr()), nil
	}
	if address == "" {
		address = "# the IP address that is pinged and taken over, such as 192.168.11.1"
	} else if _, err := netip.ParseAddr(address); err != nil {
		return "", usagef("--address %q: want an IP address", address)
	}
	return fmt.Sprintf(`# The server %s. Every key is explained in the annotated reference; those that are not here have their defaults.
address: %s
# management_address: ADDRESS       stays with the primary while the standby has its own
# takeover:
#   mode: manual                    nothing is taken over without an order
#   start: {units: [NAME.service]}  the stand-in
`, name, address), nil
}

// edit has a text edited until it is taken, or given up.
func (p *program) edit(ctx context.Context, e *edit) error {
	if e.asIs || e.file != "" {
		text := e.text
		if e.file != "" {
			var err error
			if text, err = p.textOf(e.file); err != nil {
				return err
			}
		}
		return p.edited(e.submit(ctx, text, e.dryRun))
	}
	if !p.canAsk() {
		return &failure{code: codeConfirmation, detail: "there is no terminal for an editor", try: e.command + " --file FILE"}
	}
	dir, err := os.MkdirTemp("", "failoverd-edit-")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, e.server+".yaml")
	if err := os.WriteFile(file, []byte(e.text), 0o600); err != nil {
		return err
	}
	for {
		text, err := p.inEditor(ctx, file)
		if err != nil {
			return err
		}
		if text == e.text && !strings.HasPrefix(e.command, "failoverd add") {
			line(p.out, "Nothing has changed.")
			return os.RemoveAll(dir)
		}
		done, err := e.submit(ctx, text, e.dryRun)
		if err == nil {
			return errors.Join(p.edited(done, nil), os.RemoveAll(dir))
		}
		problem := problemOf(err)
		if problem.Code != status.InvalidConfig {
			line(p.err, "Your text is kept in %s.", file)
			return err
		}
		line(p.err, "%s", plainLines(problem.Detail))
		again, err := p.ask(ctx, "Nothing was changed. Go on editing? [Y/n] ")
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, fs.ErrClosed) {
			return err
		}
		if err != nil || slices.Contains([]string{"n", "no"}, strings.ToLower(again)) {
			line(p.err, "Your text is kept in %s.", file)
			return declined()
		}
	}
}

// textOf reads the text that somebody has prepared.
func (p *program) textOf(file string) (string, error) {
	in := io.Reader(p.in)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", usagef("--file: %v", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxText+1))
	if err != nil {
		return "", fmt.Errorf("read --file %s: %w", file, err)
	}
	if len(text) > maxText {
		return "", usagef("--file %s: longer than %d bytes; a server's file has a few hundred lines at most", file, maxText)
	}
	return string(text), nil
}

// inEditor has a file edited, and returns what it holds then.
func (p *program) inEditor(ctx context.Context, file string) (string, error) {
	editor := or(or(p.env("VISUAL"), p.env("EDITOR")), "editor")
	words := append(strings.Fields(editor), file)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.in, p.out, p.err
	if err := cmd.Run(); err != nil {
		return "", &failure{
			code: codeClient, cause: err, try: "EDITOR=nano failoverd …, or --file FILE",
			detail: fmt.Sprintf("the editor %s: %v; your text is kept in %s", words[0], err, file),
		}
	}
	return p.textOf(file)
}

// edited says what came of an edit.
func (p *program) edited(done status.Edited, err error) error {
	if err != nil {
		return err
	}
	if p.global.json {
		return p.document(done)
	}
	switch {
	case done.DryRun:
		line(p.out, "Checked; nothing was changed. It would be:")
	case len(done.Changed) == 0:
		line(p.out, "Written to %s; nothing that counts has changed.", done.File)
	default:
		line(p.out, "Written to %s, and in force.", done.File)
	}
	p.writeReloaded(done.Reloaded)
	if done.Means != "" {
		line(p.out, "")
		_, err = io.WriteString(p.out, plainLines(done.Means))
	}
	return err
}

// plainLines is a text of several lines without what a terminal would obey.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	return strings.Join(lines, "\n")
}

// removeCommand is `failoverd remove`.
func (p *program) removeCommand() *cobra.Command {
	var yes, dryRun bool
	var reason string
	cmd := &cobra.Command{
		Use:   "remove SERVER",
		Short: "Take a server out of the configuration",
		Long: `The server is not watched any more, nothing is copied for it, and it is not
taken over. Nothing is deleted: its copies and its history stay, and its file is
kept as servers.d/NAME.yaml.before. A server that the standby stands in for cannot
be removed: release it, or fail it back, first.

On a terminal the server's name must be typed. --yes answers that.`,
		Example: `  failoverd remove DEMOSERVER --dry-run
  failoverd remove DEMOSERVER --reason "switched off for good"`,
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
	}
	f := cmd.Flags()
	f.BoolVarP(&yes, "yes", "y", false, "answer the question")
	f.BoolVar(&dryRun, "dry-run", false, "say what it would change, and change nothing")
	f.StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		name := args[0]
		client, err := p.connect()
		if err != nil {
			return err
		}
		file, err := client.ServerFile(ctx, name)
		if err != nil {
			return err
		}
		if !yes && !dryRun {
			if err := p.confirmRemoval(ctx, name); err != nil {
				return err
			}
		}
		done, err := client.RemoveServer(ctx, name, file.ETag, reason, dryRun)
		if err != nil || p.global.json {
			return p.edited(done, err)
		}
		if dryRun {
			line(p.out, "Checked; nothing was changed. It would be:")
		} else {
			line(p.out, "%s is not watched any more. Its file is kept as %s.before.", name, done.File)
		}
		p.writeReloaded(done.Reloaded)
		return nil
	})
	return cmd
}

// confirmRemoval asks whether a server is to be removed.
func (p *program) confirmRemoval(ctx context.Context, name string) error {
	if !p.canAsk() {
		return &failure{
			code: codeConfirmation, detail: "remove of " + name + " needs a confirmation, and there is no terminal to ask on",
			try: "failoverd remove " + name + " --yes",
		}
	}
	typed, err := p.ask(ctx, "Remove "+name+"? Nobody watches it then, and nobody takes it over when it dies.\nType the server's name to go on: ")
	switch {
	case errors.Is(err, context.Canceled):
		return declined()
	case err != nil && !errors.Is(err, fs.ErrClosed):
		return err
	case typed != name:
		return declined()
	}
	return nil
}
