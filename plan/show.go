package plan

import "context"

// Shown is one step of a plan as a dry run shows it.
type Shown struct {
	Name    string `json:"name" doc:"Name of the step"`
	Title   string `json:"title" doc:"What it does"`
	Will    string `json:"will" doc:"What would happen now"`
	Blocked bool   `json:"blocked" doc:"True if the plan would stop here"`
	Value   string `json:"value" doc:"What was found"`
	Limit   string `json:"limit" doc:"What would be needed"`
	Accept  string `json:"accept" doc:"The word that overrides the check, empty if nothing does"`
}

// Show asks every step what it would do. It changes nothing. A dry run is a
// check of conditions, not a promise: the world may change before the plan
// runs, and every step asks again.
func Show(ctx context.Context, p Plan) []Shown {
	shown := make([]Shown, 0, len(p.Steps))
	for _, s := range p.Steps {
		f := Finding{Will: s.Title}
		if s.Check != nil {
			ctx, cancel := context.WithTimeout(ctx, s.timeout())
			f = s.Check(ctx)
			cancel()
		}
		if f.Will == "" {
			f.Will = s.Title
		}
		shown = append(shown, Shown{
			Name: s.Name, Title: s.Title, Will: f.Will,
			Blocked: f.Blocked, Value: f.Value, Limit: f.Limit, Accept: f.Accept,
		})
	}
	return shown
}
