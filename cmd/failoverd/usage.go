package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// usagef is an error in the command line.
func usagef(format string, args ...any) *failure {
	return &failure{code: codeUsage, detail: fmt.Sprintf(format, args...)}
}

// asUsage turns an error of cobra's parser into a usage error that names the
// command's help.
func asUsage(cmd *cobra.Command, err error) error {
	var own *failure
	if !errors.As(err, &own) {
		own = usagef("%s", strings.TrimSpace(err.Error()))
	}
	if own.try == "" {
		own.try = cmd.CommandPath() + " --help"
	}
	return own
}

// wantsJSON reports whether --json is among the arguments.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// names is an argument rule: at least low and at most high words (high < 0:
// any number) that are called what.
func names(what string, low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return usagef("%s needs %s", cmd.CommandPath(), what)
		case high == 0 && len(args) > 0:
			return usagef("%s takes no arguments, but there is %q", cmd.CommandPath(), args[0])
		case high > 0 && len(args) > high:
			return usagef("%s takes one %s, but there is also %q", cmd.CommandPath(), what, args[high])
		}
		return nil
	}
}

// group makes a command that only holds others: by itself it says which.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(children...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var known []string
		for _, c := range children {
			known = append(known, c.Name())
		}
		if len(args) == 0 {
			return usagef("%s needs one of: %s", cmd.CommandPath(), strings.Join(known, ", "))
		}
		f := unknownCommand(cmd, args[0])
		f.detail += "; there are: " + strings.Join(known, ", ")
		return f
	}
	return cmd
}

// unknownCommand is the error for a word that is no command. What was probably
// meant is what to try.
func unknownCommand(cmd *cobra.Command, word string) *failure {
	f := usagef("unknown command %q for %q", word, cmd.CommandPath())
	var near []string
	for _, name := range cmd.SuggestionsFor(word) {
		near = append(near, cmd.CommandPath()+" "+name)
	}
	f.try = strings.Join(near, ", or ")
	return f
}
