package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/alerts"
	"failoverd/config"
	"failoverd/status"
)

// usable says what of a configuration this program cannot do as it is written: engines that it has not, and templates that
// do not give a mail.
func usable(c *config.Config) error {
	if err := replicable(c); err != nil {
		return err
	}
	return speakable(c)
}

// speakable says what is wrong with the templates of a configuration.
func speakable(c *config.Config) error {
	return c.CheckTemplates(func(t config.Template) []config.TemplateFault {
		var faults []config.TemplateFault
		for _, wrong := range alerts.CheckTemplate(alerts.Template{Kind: t.Kind, Subject: t.Subject, Body: t.Body}) {
			expect := "write what docs/alerts.md has under Your own words"
			if wrong.Part == "kind" {
				expect = "write one of the table in docs/alerts.md, or * for all others"
			}
			faults = append(faults, config.TemplateFault{Part: wrong.Part, Line: wrong.Line, Problem: wrong.Err.Error(), Expect: expect})
		}
		return faults
	})
}

// templates are the templates of a configuration in which nothing is wrong with them.
func templates(c *config.Config) *alerts.Templates {
	var list []alerts.Template
	for _, t := range c.Alerts.Templates {
		list = append(list, alerts.Template{Kind: t.Kind, Subject: t.Subject, Body: t.Body})
	}
	all, err := alerts.ParseTemplates(list)
	if err != nil {
		return nil // speakable has refused such a configuration.
	}
	return all
}

// preview is a mail as `config preview --json` prints it.
type preview struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// configPreviewCommand is `failoverd config preview`.
func (p *program) configPreviewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "preview KIND [FILE]",
		Short: "Show the mail of one kind of alert, with your own words",
		Long: `Composes a mail of that kind about an example, with the templates of a
configuration file (` + defaultConfig + ` unless one is named), and
prints its subject and its text. No daemon is needed, and nothing is sent: that
does failoverd test-alert.`,
		Example: `  failoverd config preview takeover.done
  failoverd config preview takeover.done ./failoverd.yaml`,
		Args: names("KIND", 1, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return alertKinds(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = p.runner(func(_ context.Context, args []string) error {
		file := defaultConfig
		if len(args) > 1 {
			file = args[1]
		}
		if !slices.Contains(alertKinds(), args[0]) {
			return &failure{code: status.NotFound, detail: fmt.Sprintf("there is no kind of alert %q", args[0]), try: "one of: " + strings.Join(alertKinds(), ", ")}
		}
		c, err := config.Load(file)
		if err == nil {
			err = speakable(c)
		}
		if err != nil {
			return err
		}
		story := alerts.Sample(args[0])
		story.Standby, story.Console, story.Runbooks = c.Standby.Name, publicURL(c), runbooks(c)
		m, err := alerts.Composer{Templates: templates(c)}.Mail(story)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(preview{Kind: args[0], Subject: m.Subject, Text: m.Text})
		}
		line(p.out, "Subject: %s", m.Subject)
		line(p.out, "")
		_, err = fmt.Fprint(p.out, m.Text)
		return err
	})
	return cmd
}

// alertKinds are the names of all kinds of alerts.
func alertKinds() []string {
	var all []string
	for _, k := range alerts.Kinds() {
		all = append(all, k.Name)
	}
	return all
}
