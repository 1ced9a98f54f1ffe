package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"failoverd/config"
)

// manualCommand writes the manual pages. It is there for whoever makes a package.
func (p *program) manualCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "manual DIRECTORY",
		Hidden: true,
		Short:  "Write the manual pages",
		Long: `Writes a manual page for every command, and failoverd.yaml(5), into a directory
that exists.`,
		Args: names("a directory", 1, 1),
		RunE: p.runner(func(_ context.Context, args []string) error { return p.writeManual(args[0]) }),
	}
}

// writeManual writes all pages into a directory.
func (p *program) writeManual(directory string) error {
	dir, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer dir.Close()
	root := p.root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	source := "failoverd " + versionOf().Version
	var write func(cmd *cobra.Command) error
	write = func(cmd *cobra.Command) error {
		if cmd.Hidden || cmd.Name() == "help" {
			return nil
		}
		if err := dir.WriteFile(pageName(cmd)+".1", []byte(manualPage(cmd, source)), 0o644); err != nil {
			return err
		}
		for _, c := range cmd.Commands() {
			if err := write(c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := write(root); err != nil {
		return fmt.Errorf("write the manual pages into %s: %w", directory, err)
	}
	file, err := dir.Create("failoverd.yaml.5")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(directory, "failoverd.yaml.5"), err)
	}
	err = config.WriteManual(file, source)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// pageName is the name of a command's page: failoverd-token-create.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manualPage is a command's page in the language of man(7).
func manualPage(cmd *cobra.Command, source string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" %q failoverd\n.SH NAME\n%s \\- %s\n", strings.ToUpper(pageName(cmd)), source, roff(pageName(cmd)), roff(strings.TrimSuffix(cmd.Short, ".")))
	if cmd.Runnable() {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", roff(cmd.UseLine()))
	}
	b.WriteString(".SH DESCRIPTION\n")
	preformatted(&b, cmd.Long)
	manualCommands(&b, cmd)
	manualOptions(&b, "OPTIONS", cmd.LocalFlags())
	manualOptions(&b, "OPTIONS OF EVERY COMMAND", cmd.InheritedFlags())
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		preformatted(&b, cmd.Example)
	}
	if !cmd.HasParent() {
		b.WriteString(".SH FILES\n" +
			".TP\n.I /etc/failoverd/failoverd.yaml\nThe configuration: failoverd.yaml(5).\n" +
			".TP\n.I /var/lib/failoverd\nThe history, the keys, and what is remembered of the copies.\n" +
			".TP\n.I /run/failoverd/failoverd.sock\nThe socket; members of the group failoverd may use it.\n" +
			".TP\n.I /usr/share/doc/failoverd\nThe documents.\n")
	}
	b.WriteString(".SH SEE ALSO\n")
	var others []string
	if cmd.HasParent() {
		others = append(others, pageName(cmd.Parent())+"(1)")
	}
	if cmd.Name() != "exit-codes" {
		others = append(others, "failoverd-exit-codes(1)")
	}
	b.WriteString(roff(strings.Join(append(others, "failoverd.yaml(5)"), ", ")) + "\n")
	return b.String()
}

// manualCommands lists the commands below one, in their groups.
func manualCommands(b *strings.Builder, cmd *cobra.Command) {
	head := ".SH COMMANDS\n"
	list := func(group string) {
		for _, c := range cmd.Commands() {
			if c.GroupID == group && !c.Hidden && c.Name() != "help" {
				b.WriteString(head)
				head = ""
				fmt.Fprintf(b, ".TP\n.BR %s (1)\n%s.\n", roff(pageName(c)), roff(strings.TrimSuffix(c.Short, ".")))
			}
		}
	}
	for _, g := range cmd.Groups() {
		if head == "" {
			b.WriteString(".SS " + roff(strings.TrimSuffix(g.Title, ":")) + "\n")
		} else {
			head += ".SS " + roff(strings.TrimSuffix(g.Title, ":")) + "\n"
		}
		list(g.ID)
	}
	if cmd.HasParent() || head != "" {
		list("")
	} else {
		b.WriteString(".SS More\n")
		list("")
	}
}

// manualOptions lists flags.
func manualOptions(b *strings.Builder, title string, flags *pflag.FlagSet) {
	head := ".SH " + title + "\n"
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		b.WriteString(head)
		head = ""
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		b.WriteString(".TP\n" + roff(strings.TrimSpace(name+" "+kind)) + "\n" + roff(usage) + "\n")
	})
}

// preformatted writes a text whose lines are to stay as they are.
func preformatted(b *strings.Builder, text string) {
	b.WriteString(".nf\n")
	for line := range strings.Lines(text) {
		b.WriteString(roff(strings.TrimRight(line, "\n")) + "\n")
	}
	b.WriteString(".fi\n")
}

// roff makes a text that stands for itself: man(7) would take a backslash for an escape, a hyphen for one at which words
// are broken, and a line that begins with a dot or an apostrophe for an order.
func roff(text string) string { return config.Roff(text) }
