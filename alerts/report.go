package alerts

import "encoding/json"

// Report is the kind of the daily report.
const Report = "report.daily"

// Section is a part of a report: a heading, and what stands under it.
type Section struct {
	Title string   `json:"title"`
	Lines []string `json:"lines"`
}

// ReportEvidence is where the event of a report has its sections: a report says how it was then, however late it is sent.
const ReportEvidence = "report"

// report is what a report says, and nil for every other kind.
func (s Story) report() []Section {
	if s.Event.Kind != Report {
		return nil
	}
	body, err := json.Marshal(s.Event.Evidence[ReportEvidence])
	var list []Section
	if err != nil || json.Unmarshal(body, &list) != nil {
		return nil
	}
	for i := range list {
		list[i].Title = say(list[i].Title)
		for j := range list[i].Lines {
			list[i].Lines[j] = say(list[i].Lines[j])
		}
	}
	return list
}
