package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/status"
)

// change is a change of a server's configuration, as the commands about it share it.
type change struct {
	server, file, reason string
	dryRun, yes          bool
}

// flags adds what the commands have in common.
func (c *change) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.dryRun, "dry-run", false, "check it, ask once what it names, and change nothing; exit code 1 if it is refused")
	f.BoolVarP(&c.yes, "yes", "y", false, "answer the question with yes")
	f.StringVar(&c.reason, "reason", "", "why, a `TEXT` for the history")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
}

// kept is what every command of them says about files.
const keptAsWritten = `The text is kept as it is written, with its comments, in servers.d/SERVER.yaml
on the standby. It is checked whole with all other files before anything is
written, and it is in force when the command returns; after an error nothing has
changed.`

// addServerCommand is `failoverd add`.
func (p *program) addServerCommand() *cobra.Command {
	c := &change{}
	cmd := &cobra.Command{
		Use:   "add SERVER FILE",
		Short: "Add a server",
		Long: `Adds a server whose keys are in FILE (- for standard input), as failoverd discover
proposes them and failoverd config reference explains them.

` + keptAsWritten + `

What the configuration names is asked once before the question: its addresses, its
probes, both ends of its databases. --dry-run does that and no more.`,
		Example: `  failoverd discover 192.168.11.21 --json | jq -r .proposal > pbx.yaml
  failoverd add pbx pbx.yaml --dry-run
  failoverd add pbx pbx.yaml --reason "new PBX"`,
		Args: names("SERVER FILE", 2, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: p.runner(func(ctx context.Context, args []string) error {
			c.server, c.file = args[0], args[1]
			text, err := p.serverText(c.file)
			if err != nil {
				return err
			}
			client, err := p.connect()
			if err != nil {
				return err
			}
			give := func(dryRun bool) (status.Configured, error) {
				return client.AddServer(ctx, api.NewServer{Name: c.server, Text: text, Reason: c.reason}, dryRun)
			}
			return configure(ctx, p, c, p.aboutServer(c, fmt.Sprintf("Add %s? It is watched from then on.", c.server), give))
		}),
	}
	c.flags(cmd)
	return cmd
}

// editServerCommand is `failoverd edit`.
func (p *program) editServerCommand() *cobra.Command {
	c, show := &change{}, false
	cmd := &cobra.Command{
		Use:   "edit SERVER [FILE]",
		Short: "Change how a server is watched",
		Long: `Replaces the configuration of a server by what is in FILE (- for standard input).
Without FILE the text is opened in $VISUAL or $EDITOR. --show prints it and
changes nothing.

` + keptAsWritten + `
If somebody else has changed it since it was read, nothing is done.

A server that stands in failoverd.yaml, or whose file holds a password in clear
text, is changed on the standby itself, with an editor and failoverd reload.`,
		Example: `  failoverd edit pbx
  failoverd edit pbx --show > pbx.yaml
  failoverd edit pbx pbx.yaml --yes --reason "a second database"`,
		Args: names("SERVER [FILE]", 1, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return p.serverNames(false)(cmd, args, start)
		},
		RunE: p.runner(func(ctx context.Context, args []string) error {
			c.server = args[0]
			client, err := p.connect()
			if err != nil {
				return err
			}
			now, err := client.ServerConfiguration(ctx, c.server)
			if err != nil {
				return err
			}
			switch {
			case show && p.global.json:
				return p.document(now)
			case !now.Editable:
				return notFromHere(now)
			case show:
				_, err := io.WriteString(p.out, now.Text)
				return err
			}
			var text string
			if len(args) > 1 {
				text, err = p.serverText(args[1])
			} else {
				text, err = p.editor(ctx, c.server, now)
			}
			if err != nil {
				return err
			}
			if text == now.Text && !p.global.json {
				line(p.out, "Nothing was changed.")
				return nil
			}
			give := func(dryRun bool) (status.Configured, error) {
				return client.ChangeServer(ctx, c.server, now.Revision, api.ServerText{Text: text, Reason: c.reason}, dryRun)
			}
			err = configure(ctx, p, c, p.aboutServer(c, fmt.Sprintf("Change %s?", c.server), give))
			if err != nil && len(args) == 1 {
				return errors.Join(err, p.keepText(c.server, text))
			}
			return err
		}),
	}
	c.flags(cmd)
	cmd.Flags().BoolVar(&show, "show", false, "print the text and change nothing")
	cmd.MarkFlagsMutuallyExclusive("show", "dry-run")
	cmd.MarkFlagsMutuallyExclusive("show", "yes")
	return cmd
}

// removeServerCommand is `failoverd remove`.
func (p *program) removeServerCommand() *cobra.Command {
	c := &change{}
	cmd := &cobra.Command{
		Use:   "remove SERVER",
		Short: "Remove a server: it is not watched any more",
		Long: `Takes the file of a server in servers.d away. It is not watched, not replicated
and not taken over any more. The primary is not touched; the standby's copies,
and what the history says of it, stay. A server that the standby stands in for
is not removed.

On a terminal the server's name must be typed. Without a terminal, --yes is needed.`,
		Example: `  failoverd remove pbx --dry-run
  failoverd remove pbx --reason "replaced by pbx2"`,
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
		RunE: p.runner(func(ctx context.Context, args []string) error {
			c.server = args[0]
			client, err := p.connect()
			if err != nil {
				return err
			}
			now, err := client.ServerConfiguration(ctx, c.server)
			if err != nil {
				return err
			}
			if !now.Editable {
				return notFromHere(now)
			}
			give := func(dryRun bool) (status.Configured, error) {
				return client.RemoveServer(ctx, c.server, now.Revision, c.reason, dryRun)
			}
			return configure(ctx, p, c, p.aboutServer(c, "", give))
		}),
	}
	c.flags(cmd)
	return cmd
}

// aboutServer is the change of one server's configuration. Without a question the server's name must be typed.
func (p *program) aboutServer(c *change, question string, give func(dryRun bool) (status.Configured, error)) checkedChange[status.Configured] {
	return checkedChange[status.Configured]{
		give: give, write: p.writeConfigured, question: question, done: "Done; it is in force.  To see it: failoverd status",
		refused: func(checked status.Configured) error {
			if checked.Valid {
				return nil
			}
			return &failure{code: status.InvalidConfig, detail: fmt.Sprintf("the configuration of %s is refused: %s", c.server, count(len(checked.Problems), "problem", "problems"))}
		},
	}
}

// writeConfigured says what a change comes to.
func (p *program) writeConfigured(w io.Writer, c status.Configured) {
	for _, v := range c.Problems {
		where := fmt.Sprintf("line %d", v.Line)
		if v.Key != "" {
			where += ", " + v.Key
		}
		text := where + ": " + v.Problem
		if v.Expect != "" {
			text += "; " + v.Expect
		}
		line(w, "%s", text)
	}
	changes := "Changes"
	if c.Saved {
		changes = "Changed"
	}
	for _, key := range c.Changed {
		line(w, "%s: %s", changes, key)
	}
	for _, n := range c.Notices {
		line(w, "Notice: %s", n)
	}
	writeTrials(w, palette(false), c.Trials)
}

// writeTrials prints what was asked once, and what came of it.
func writeTrials(w io.Writer, colours palette, list []status.Trial) {
	t := table{}
	for _, v := range list {
		result := cell{"ok", green}
		if !v.OK {
			result = cell{"FAILED", yellow}
		}
		t.add(cell{text: v.Name}, result, cell{text: v.Detail})
	}
	t.write(w, colours)
}

// confirmChange asks. It returns nil only for a yes.
func (p *program) confirmChange(ctx context.Context, c *change, question string) error {
	wanted := "y"
	switch {
	case !p.canAsk():
		return &failure{code: codeConfirmation, detail: fmt.Sprintf("the change of %s needs a confirmation, and there is no terminal to ask on", c.server), try: "add --yes"}
	case question == "":
		question, wanted = fmt.Sprintf("\nRemove %s? It is not watched and not taken over any more.\nType the server's name to go on: ", c.server), c.server
	default:
		question = "\n" + question + " [y/N] "
	}
	typed, err := p.ask(ctx, question)
	switch {
	case errors.Is(err, context.Canceled):
		return declined()
	case err != nil && !errors.Is(err, fs.ErrClosed):
		return err
	case typed == wanted, wanted == "y" && (strings.EqualFold(typed, "y") || strings.EqualFold(typed, "yes")):
		return nil
	}
	return declined()
}

// serverText reads a file, or standard input for -.
func (p *program) serverText(file string) (string, error) {
	from := p.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", &failure{code: codeClient, detail: err.Error(), cause: err}
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, longestServerFile+1))
	switch {
	case err != nil:
		return "", &failure{code: codeClient, detail: fmt.Sprintf("read %s: %v", file, err), cause: err}
	case len(text) > longestServerFile:
		return "", usagef("%s is larger than 1 MiB", file)
	case strings.TrimSpace(string(text)) == "":
		return "", usagef("%s is empty", file)
	}
	return string(text), nil
}

// notFromHere is the error of a configuration that is changed on the standby only.
func notFromHere(c status.ServerConfiguration) error {
	return &failure{code: codeClient, detail: fmt.Sprintf("the configuration of %s cannot be changed from here: %s", c.Server, c.WhyNot)}
}

// keepText keeps what somebody wrote in an editor and what was not taken.
func (p *program) keepText(server, text string) error {
	f, err := os.CreateTemp("", "failoverd-"+server+"-*.yaml")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		return errors.Join(err, f.Close())
	}
	line(p.err, "What you wrote is in %s.", f.Name())
	return f.Close()
}

// editor has a person change a text in the editor of their choice.
func (p *program) editor(ctx context.Context, server string, now status.ServerConfiguration) (string, error) {
	program := strings.Fields(or(p.env("VISUAL"), p.env("EDITOR")))
	if len(program) == 0 || !p.canAsk() {
		return "", usagef("there is no editor: set EDITOR, or give a FILE")
	}
	dir, err := os.MkdirTemp("", "failoverd-edit-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, server+".yaml")
	if err := os.WriteFile(file, []byte(now.Text), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program[0], append(program[1:], file)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.in, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", &failure{code: codeClient, detail: fmt.Sprintf("%s: %v; nothing was changed", program[0], err), cause: err}
	}
	return p.serverText(file)
}
