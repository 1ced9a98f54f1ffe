package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/status"
)

// OptionChanges is what options are to become.
type OptionChanges struct {
	Changes []status.OptionChange `json:"changes" minItems:"1" maxItems:"60" doc:"Each option once; the others stay as they are"`
	Reason  string                `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// optionsDocument are the options with their ETag.
type optionsDocument struct {
	ETag string `header:"ETag" doc:"Of the file of options; give it as If-Match"`
	Body status.Options
}

// optionsConfigured is the answer to a change.
type optionsConfigured struct {
	ETag string `header:"ETag" doc:"Of the file of options, once it is saved"`
	Body status.OptionsConfigured
}

// configurationRoutes are what is in force and having it read again.
func (s *Server) configurationRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodGet, path: "/config/notices", id: "get-config-notices", tag: "configuration", role: Viewer, wide: true,
		summary: "The configuration in force, and what is to be said about it",
	},
		func(context.Context, *struct{}) (*document[status.Config], error) {
			return &document[status.Config]{s.standby.Snapshot().Standby.Config}, nil
		})
	add(s, h, route{
		method: http.MethodPost, path: "/reload", id: "reload", tag: "configuration", role: Admin, wide: true, changes: true,
		errors: []int{409, 503}, summary: "Read the configuration again",
		detail: "All or nothing: after an error the old one stays in force.",
	},
		func(ctx context.Context, in *struct{ Body *Remark }) (*document[status.Reloaded], error) {
			o, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			r, err := s.standby.Reload(ctx, o)
			return &document[status.Reloaded]{r}, err
		})
	add(s, h, route{
		method: http.MethodGet, path: "/config/options", id: "get-options", tag: "configuration", role: Admin, wide: true, errors: []int{503},
		summary: "The options: what may be set over the API, and what is written",
		detail:  "Secrets are shown as where they are, never themselves.",
	},
		func(ctx context.Context, _ *struct{}) (*optionsDocument, error) {
			o, err := s.standby.Options(ctx)
			return &optionsDocument{ETag: `"` + o.Revision + `"`, Body: o}, err
		})
	add(s, h, route{
		method: http.MethodPatch, path: "/config/options", id: "change-options", tag: "configuration", role: Admin, wide: true, changes: true, slow: true,
		errors: []int{409, 412, 503}, summary: "Set and reset options",
		detail: "Writes options.d/options.yaml, which stands over failoverd.yaml; comments in it stay. All changes are made, or none: they are checked whole, with all other files, before anything is written, and are in force when the answer comes, but for those that need a restart. " +
			"With `dry_run=true` they are checked and nothing is changed; with `test_mail=true` the same, and each recipient is sent a test mail in the way that they would make. " +
			"Other keys than the options are not written over the API. Where a password is sent, and which file is read for a certificate's authorities, is only said by root on the standby (403 host-only).",
	},
		func(ctx context.Context, in *struct {
			DryRun   bool   `query:"dry_run" doc:"Check, and change nothing"`
			TestMail bool   `query:"test_mail" doc:"Check, change nothing, and send a test mail to each recipient as the changes would have it"`
			IfMatch  string `header:"If-Match" required:"true" maxLength:"400" doc:"ETag of the options as they were looked at; others are refused with 412"`
			Body     OptionChanges
		},
		) (*optionsConfigured, error) {
			seen, err := lookedAt(in.IfMatch)
			if err != nil {
				return nil, err
			}
			for i, c := range in.Body.Changes {
				if err := bounded(c, fmt.Sprintf("body.changes[%d]", i)); err != nil {
					return nil, err
				}
			}
			o, err := order(ctx, in.Body.Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			c, err := s.standby.ConfigureOptions(ctx, status.OptionsChange{Changes: in.Body.Changes, Revision: seen, DryRun: in.DryRun || in.TestMail, TestMail: in.TestMail}, o)
			out := &optionsConfigured{Body: c}
			if c.Saved {
				out.ETag = `"` + c.Revision + `"`
			}
			return out, err
		})
}

// longestValue bounds one value of an option, in bytes.
const longestValue = 4096

// bounded refuses values that no option has.
func bounded(c status.OptionChange, at string) error {
	for i, v := range c.Values {
		if len(v) > longestValue || !plain(v) {
			return invalid(fmt.Sprintf("%s.values[%d]", at, i), "a text of at most 4096 bytes without control characters, on one line")
		}
	}
	return nil
}
