package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"failoverd/status"
)

// explainCommand is `failoverd explain`.
func (p *program) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain SERVER",
		Short: "Why the last decision was taken",
		Long: `Shows the last decision about a server: the four questions in their order with
the answers (is it us? is there room? may we? is the data fit?), the evidence,
the timing, and the steps of the operation that followed.`,
		Example:           `  failoverd explain DEMOSERVER`,
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
		RunE: p.runner(func(ctx context.Context, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			e, err := client.Explain(ctx, args[0])
			if err != nil {
				return err
			}
			if p.global.json {
				return p.document(e)
			}
			p.writeExplanation(p.out, p.colours(), e)
			return nil
		}),
	}
}

// writeExplanation prints why a decision was taken.
func (p *program) writeExplanation(w io.Writer, colours palette, e status.Explanation) {
	if e.At == nil {
		line(w, "Nothing has been decided about %s yet.", e.Server)
	} else {
		line(w, "%s: %s, decided %s", e.Server, e.Verdict, p.stamp(*e.At))
	}
	if e.Hold != nil {
		fmt.Fprintln(w, colours.paint(yellow, plain(fmt.Sprintf("Held: %s (%s)", e.Hold.Reason, e.Hold.Code))))
	}
	if len(e.Steps) > 0 {
		t := table{indent: "  "}
		for i, s := range e.Steps {
			verdict := cell{"not asked", grey}
			if s.Passed != nil && *s.Passed {
				verdict = cell{"yes", green}
			} else if s.Passed != nil {
				verdict = cell{"NO", red}
			}
			t.add(cell{text: fmt.Sprint(i + 1)}, cell{text: s.Question}, verdict, cell{text: s.Answer})
		}
		t.write(w, colours)
	}
	writeNamed(w, "Evidence:", e.Evidence)
	writeNamed(w, "Timing:", e.Timing)
	writeNamed(w, "What was done:", e.Plan)
}

// writeNamed prints named values under a heading, nothing if there are none.
func writeNamed(w io.Writer, heading string, facts []status.Fact) {
	if len(facts) == 0 {
		return
	}
	line(w, "%s", heading)
	t := table{indent: "  "}
	for _, f := range facts {
		t.row(f.Name, f.Value)
	}
	t.write(w, false)
}
