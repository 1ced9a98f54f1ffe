package main

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"failoverd/status"
)

// testAlertResult is what `test-alert --json` prints.
type testAlertResult struct {
	OK    bool              `json:"ok"`
	Mails []status.TestMail `json:"mails"`
}

// testAlertCommand is `failoverd test-alert`.
func (p *program) testAlertCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "test-alert",
		Short: "Send a real alert to every recipient and show the dialogues",
		Long: `Has the daemon send a test alert to every configured recipient, the way that it
sends alerts: by mail, to webhooks and commands, by SNMP and syslog. Shows what
both sides said. Secrets are masked. Exit code 1 if an alert was not accepted,
with the likely cause in words.`,
		Example: `  failoverd test-alert`,
		Args:    names("", 0, 0),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		mails, err := client.TestAlert(ctx, reason)
		if err != nil {
			return err
		}
		failed := slices.ContainsFunc(mails, func(m status.TestMail) bool { return !m.OK })
		if p.global.json {
			if err := p.document(testAlertResult{OK: !failed && len(mails) > 0, Mails: mails}); err != nil {
				return err
			}
		} else {
			for _, m := range mails {
				p.writeTestMail(p.out, m)
			}
		}
		switch {
		case len(mails) == 0:
			return &failure{code: codeFailed, detail: "there is nobody to tell", try: "set alerts in the configuration, then failoverd reload"}
		case failed:
			return &failure{code: codeFailed, detail: "not every alert was accepted"}
		}
		return nil
	})
	return cmd
}

// writeTestMail prints what came of one mail.
func (p *program) writeTestMail(w io.Writer, m status.TestMail) {
	for _, l := range m.Transcript {
		line(w, "  %s", l)
	}
	if m.OK {
		line(w, "%s: accepted. Look whether it arrives.", m.Recipient)
		return
	}
	line(w, "%s: FAILED: %s", m.Recipient, m.Error)
	if m.Likely != "" {
		line(w, "  Likely cause: %s", m.Likely)
	}
}
