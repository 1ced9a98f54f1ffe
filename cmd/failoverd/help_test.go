package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// tree is the tree of commands with what cobra adds.
func tree() *cobra.Command {
	p, _, _ := here("")
	root := p.root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// walk visits every command that people see.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			walk(c, visit)
		}
	}
}

// ours reports whether a command was written here and not by cobra.
func ours(cmd *cobra.Command) bool {
	return !regexp.MustCompile(`^failoverd (completion|help|exit-codes)`).MatchString(cmd.CommandPath())
}

// TestHelp wants help and an example from every command, and examples that the
// program takes.
func TestHelp(t *testing.T) {
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
	walk(tree(), func(cmd *cobra.Command) {
		if !ours(cmd) {
			return
		}
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s: short %q, long %q, example %q: all are needed", cmd.CommandPath(), cmd.Short, cmd.Long, cmd.Example)
		}
		if len(cmd.Short) > 70 {
			t.Errorf("%s: the short text has %d letters", cmd.CommandPath(), len(cmd.Short))
		}
		for l := range strings.Lines(cmd.Long) {
			if len(l) > 83 {
				t.Errorf("%s: a line of the help is too long: %s", cmd.CommandPath(), l)
			}
		}
		for example := range strings.Lines(cmd.Example) {
			example, _, _ = strings.Cut(example, "   ") // a comment stands behind three spaces, once the indent is off
			for _, part := range regexp.MustCompile(`\||&&|;`).Split(strings.TrimSpace(example), -1) {
				args := words.FindAllString(strings.TrimSpace(part), -1)
				if len(args) == 0 || args[0] != "failoverd" {
					continue
				}
				if i := indexOf(args, ">"); i >= 0 {
					args = args[:i]
				}
				found, rest, err := tree().Find(args[1:])
				if err == nil {
					err = found.ParseFlags(rest)
				}
				if err == nil {
					err = found.ValidateArgs(found.Flags().Args())
				}
				if err == nil && found.HasParent() == false {
					err = fmt.Errorf("no command")
				}
				if err != nil {
					t.Errorf("%s: the example %q: %v", cmd.CommandPath(), part, err)
				}
			}
		}
	})
}

// indexOf is the index of a word, -1 if it is not there.
func indexOf(words []string, word string) int {
	for i, w := range words {
		if w == word {
			return i
		}
	}
	return -1
}

// TestReference compares docs/cli.md with the commands.
func TestReference(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Command line\n\nWritten from the program by `go test ./cmd/failoverd -run TestReference -update`; do not edit.\n\n" +
		"Exit codes and the form of errors are in [exit-codes](#failoverd-exit-codes). Flags that every command has are with [failoverd](#failoverd).\n")
	walk(tree(), func(cmd *cobra.Command) {
		if !ours(cmd) && cmd.Name() != "exit-codes" && cmd.CommandPath() != "failoverd completion" {
			return
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n", cmd.CommandPath(), strings.TrimSuffix(cmd.Short, "."))
		if cmd.Runnable() {
			fmt.Fprintf(&b, "\n```\n%s\n```\n", cmd.UseLine())
		}
		if ours(cmd) || cmd.Name() == "exit-codes" {
			fmt.Fprintf(&b, "\n```text\n%s\n```\n", cmd.Long)
		} else {
			b.WriteString("\nPrints a script for bash, zsh, fish or powershell, which completes commands, flags and the names of servers: `failoverd completion bash > /etc/bash_completion.d/failoverd`.\n")
		}
		writeFlags(&b, cmd.LocalFlags())
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\nExamples:\n\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
		}
	})
	golden(t, "../../docs/cli.md", b.String())
}

// writeFlags writes the table of a command's own flags.
func writeFlags(b *bytes.Buffer, flags *pflag.FlagSet) {
	head := "\n| flag | meaning |\n| --- | --- |\n"
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		b.WriteString(head)
		head = ""
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
}

// TestCompletion completes the names of servers by asking the daemon, and
// nothing when there is none.
func TestCompletion(t *testing.T) {
	got := invoke(t, badNight(), "__complete", "show", "")
	for _, want := range []string{"PBX\tFailure, standing in\n", "VM2\tSuspended, standing by\n", ":4\n"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is missing:\n%s", want, got.stdout)
		}
	}
	got = invoke(t, badNight(), "__complete", "operation", "watch", "")
	if !strings.Contains(got.stdout, "op-1\ttakeover of DEMOSERVER, running") {
		t.Errorf("operations:\n%s", got.stdout)
	}
	got = invoke(t, quietDay(), "__complete", "replicate", "to-live", "DEMOSERVER", "--accept", "")
	if got.stdout != "overwrite-newer\nleave-files\n:4\n" {
		t.Errorf("words of --accept:\n%s", got.stdout)
	}
	got = invoke(t, quietDay(), "__complete", "replicate", "from-live", "")
	if !strings.Contains(got.stdout, "DEMOSERVER\tOK, standing by\n") {
		t.Errorf("servers to replicate:\n%s", got.stdout)
	}
	got = invokeAt(t, "/nonexistent/s", "__complete", "show", "")
	if got.stdout != ":4\n" {
		t.Errorf("without a daemon: %q", got.stdout)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := invoke(t, quietDay(), "completion", shell); got.exit != 0 || !strings.Contains(got.stdout, "failoverd") {
			t.Errorf("completion %s: exit %d", shell, got.exit)
		}
	}
}
