package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/status"
)

// optionsAsWritten is what the commands that change options say about the file.
const optionsAsWritten = `The options are kept in options.d/options.yaml beside failoverd.yaml, and hold
instead of what is written there; comments stay. All of them are checked with all
other files before anything is written, and are in force when the command returns,
but for those that need a restart, which are named. After an error nothing has
changed.

Every other key is changed in failoverd.yaml: what failoverd runs, who may use it,
and where it listens is never written over the API.`

// configOptionsCommand is `failoverd config options`.
func (p *program) configOptionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "options [KEY…]",
		Short: "Show the options, and where each is written",
		Long: `Shows the options: the keys of the configuration that may be set by command, over
the API and in the console. Each with its value and the file and line where that
is written; a default is in brackets. With KEY, also what it means. Of a secret it
shows where that is, never the secret.`,
		Example: `  failoverd config options
  failoverd config options alerts.email.tls`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: p.optionKeys("", false),
		RunE: p.runner(func(ctx context.Context, args []string) error {
			_, now, err := p.options(ctx)
			if err != nil {
				return err
			}
			for _, key := range args {
				if _, err := optionNamed(now, key); err != nil {
					return err
				}
			}
			if len(args) > 0 {
				now.Options = slices.DeleteFunc(now.Options, func(o status.Option) bool { return !slices.Contains(args, o.Key) })
			}
			if p.global.json {
				return p.document(now)
			}
			p.writeOptions(now, len(args) > 0)
			return nil
		}),
	}
}

// options are the options as they are now, and whom to ask for a change.
func (p *program) options(ctx context.Context) (*api.Client, status.Options, error) {
	client, err := p.connect()
	if err != nil {
		return nil, status.Options{}, err
	}
	now, err := client.Options(ctx)
	return client, now, err
}

// writeOptions prints options as a table, or each with what it means.
func (p *program) writeOptions(now status.Options, explained bool) {
	t := table{}
	for _, o := range now.Options {
		value, where := optionValue(o), or(o.Where, "default")
		if !explained {
			t.row(o.Key, value, where)
			continue
		}
		line(p.out, "%s: %s", o.Key, value)
		line(p.out, "  %s", o.Meaning)
		line(p.out, "  Written: %s", where)
		if o.Beneath != "" {
			line(p.out, "  Without that: %s", o.Beneath)
		}
		line(p.out, "  Default: %s", o.Default)
		if len(o.Choices) > 0 {
			line(p.out, "  One of: %s", joined(o.Choices))
		}
		if o.Restart {
			line(p.out, "  A change takes effect after: systemctl restart failoverd")
		}
		if o.HostOnly {
			line(p.out, "  It is changed on the standby only.")
		}
	}
	t.write(p.out, palette(false))
	if !now.Editable {
		line(p.out, "\nThey cannot be changed from here: %s", now.WhyNot)
		if now.Try != "" {
			line(p.out, "  %s", now.Try)
		}
	}
}

// optionValue is what holds, as people read it.
func optionValue(o status.Option) string {
	switch {
	case o.Where == "":
		return "(" + strings.TrimSuffix(strings.TrimPrefix(o.Default, "("), ")") + ")"
	case o.Kind == "list" && len(o.Values) == 0:
		return "[]"
	}
	return strings.Join(o.Values, ",")
}

// optionNamed finds an option.
func optionNamed(now status.Options, key string) (status.Option, error) {
	i := slices.IndexFunc(now.Options, func(o status.Option) bool { return o.Key == key })
	if i < 0 {
		return status.Option{}, &failure{code: codeUsage, detail: fmt.Sprintf("%s is no option: other keys are changed in failoverd.yaml", plain(key)), try: "failoverd config options"}
	}
	return now.Options[i], nil
}

// optionKeys completes keys of options, each with something behind it; of those that the file of options has, if own.
func (p *program) optionKeys(behind string, own bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		_, now, err := p.options(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var list []cobra.Completion
		for _, o := range now.Options {
			if !own || o.Own {
				list = append(list, o.Key+behind)
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// configSetCommand is `failoverd config set`.
func (p *program) configSetCommand() *cobra.Command {
	c, testMail := &change{server: "the options"}, false
	cmd := &cobra.Command{
		Use:   "set KEY=VALUE…",
		Short: "Set options, such as the mail server",
		Long: `Sets options: keys of the configuration such as alerts.email.host. The values of
a list stand between commas; nothing behind the = is an empty list. A secret is
given as file:PATH, env:VARIABLE or credential:NAME, never itself.

` + optionsAsWritten + `

Where a password is sent, and which file is read for a certificate's authorities,
is only set on the standby itself, by root.`,
		Example: `  failoverd config set alerts.email.host=192.168.11.5 alerts.email.from=failover@example.com alerts.email.to=a@example.com,b@example.com --test-mail
  failoverd config set standby.capacity=2 --reason "a second interface"
  failoverd config set alerts.email.username=failover alerts.email.password=file:/etc/failoverd/smtp.password --yes`,
		Args:              names("KEY=VALUE…", 1, 60),
		ValidArgsFunction: p.optionKeys("=", false),
		RunE: p.runner(func(ctx context.Context, args []string) error {
			return p.changeOptions(ctx, c, testMail, func(now status.Options) ([]status.OptionChange, error) {
				var list []status.OptionChange
				for _, arg := range args {
					key, value, ok := strings.Cut(arg, "=")
					if !ok {
						return nil, usagef("%s has no =: write KEY=VALUE", arg)
					}
					o, err := optionNamed(now, key)
					if err != nil {
						return nil, err
					}
					list = append(list, status.OptionChange{Key: key, Values: optionValues(o, value)})
				}
				return list, nil
			})
		}),
	}
	c.flags(cmd)
	cmd.Flags().BoolVar(&testMail, "test-mail", false, "send each recipient a test mail before anything is saved; one that is not accepted stops it")
	return cmd
}

// optionValues are the values of an option as somebody types them.
func optionValues(o status.Option, value string) []string {
	switch {
	case o.Kind != "list":
		return []string{value}
	case strings.TrimSpace(value) == "":
		return []string{}
	}
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// configResetCommand is `failoverd config reset`.
func (p *program) configResetCommand() *cobra.Command {
	c := &change{server: "the options"}
	cmd := &cobra.Command{
		Use:   "reset KEY…",
		Short: "Reset options to failoverd.yaml or their defaults",
		Long: `Takes options out of their file again: what is written in failoverd.yaml holds, or
else the default.

` + optionsAsWritten,
		Example:           `  failoverd config reset alerts.email.host alerts.email.port`,
		Args:              names("KEY…", 1, 60),
		ValidArgsFunction: p.optionKeys("", true),
		RunE: p.runner(func(ctx context.Context, args []string) error {
			return p.changeOptions(ctx, c, false, func(now status.Options) ([]status.OptionChange, error) {
				var list []status.OptionChange
				for _, key := range args {
					o, err := optionNamed(now, key)
					if err != nil {
						return nil, err
					}
					if !o.Own {
						return nil, &failure{code: codeUsage, detail: fmt.Sprintf("%s is not set in %s: it is written in %s", key, now.File, or(o.Where, "no file"))}
					}
					list = append(list, status.OptionChange{Key: key, Reset: true})
				}
				return list, nil
			})
		}),
	}
	c.flags(cmd)
	return cmd
}

// changeOptions checks a change of options, asks, and has it made.
func (p *program) changeOptions(ctx context.Context, c *change, testMail bool, changes func(status.Options) ([]status.OptionChange, error)) error {
	client, now, err := p.options(ctx)
	if err != nil {
		return err
	}
	list, err := changes(now)
	if err != nil {
		return err
	}
	return configure(ctx, p, c, checkedChange[status.OptionsConfigured]{
		give: func(dryRun bool) (status.OptionsConfigured, error) {
			return client.ChangeOptions(ctx, now.Revision, api.OptionChanges{Changes: list, Reason: c.reason}, dryRun, dryRun && testMail)
		},
		write: p.writeOptionsConfigured, refused: refusedOptions, question: "Change the options?", done: "Done.",
		check: testMail, // which is sent by what is checked, before it is in force
	})
}

// refusedOptions says why a change of options is not made.
func refusedOptions(checked status.OptionsConfigured) error {
	switch {
	case !checked.Valid:
		return &failure{code: status.InvalidConfig, detail: "the options are refused: " + count(len(checked.Problems), "problem", "problems")}
	case slices.ContainsFunc(checked.Mails, func(m status.TestMail) bool { return !m.OK }):
		return &failure{code: codeFailed, detail: "not every test mail was accepted; nothing was changed"}
	}
	return nil
}

// writeOptionsConfigured says what a change of options comes to.
func (p *program) writeOptionsConfigured(w io.Writer, c status.OptionsConfigured) {
	for _, v := range c.Problems {
		text := or(v.Key, v.File) + ": " + v.Problem
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
		if slices.Contains(c.NeedsRestart, key) {
			line(w, "%s, but only after systemctl restart failoverd: %s", changes, key)
			continue
		}
		line(w, "%s: %s", changes, key)
	}
	for _, n := range c.Notices {
		line(w, "Notice: %s", n)
	}
	for _, m := range c.Mails {
		p.writeTestMail(w, m)
	}
}
