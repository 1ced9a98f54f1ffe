package main

import (
	"github.com/spf13/cobra"

	"failoverd/api"
)

// pageFlags choose a part of a list, the newest first.
type pageFlags struct {
	before string
	limit  int
}

// add declares the flags.
func (f *pageFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.limit, "limit", 20, "at most `N`")
	cmd.Flags().StringVar(&f.before, "before", "", "only earlier ones than a list before: its `NEXT`")
}

// query turns the flags into the API's question.
func (f *pageFlags) query() (api.Page, error) {
	if f.limit < 1 || f.limit > mostEvents {
		return api.Page{}, usagef("--limit %d: want 1 to %d", f.limit, mostEvents)
	}
	return api.Page{Before: f.before, Limit: f.limit}, nil
}

// earlier says that a list has more than is shown, and how that is seen.
func (p *program) earlier(what string, next *string) {
	if next != nil {
		p.aside("There are earlier %s: --before %s shows them.", what, *next)
	}
}
