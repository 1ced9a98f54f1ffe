package console_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"failoverd/journal"
	"failoverd/status"
)

// opensIncident has people told that crm does not answer.
func (s *standby) opensIncident() {
	s.mu.Lock()
	s.now.Incidents = []status.Incident{{
		ID: "crm-20260812-021132", Server: "crm", Kind: "server.warning", Severity: "critical", Title: "crm does not answer",
		Opened: time.Now().Add(-time.Hour), Told: time.Now(), Reminders: 1,
	}}
	s.mu.Unlock()
	s.tell(journal.Event{Kind: "server.warning", Severity: "warning", Server: "crm", Message: "crm does not answer"})
}

func (s *standby) Incident(_ context.Context, id string) (status.Incident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.now.Incidents {
		if i.ID == id {
			return i, nil
		}
	}
	return status.Incident{}, &status.Refusal{Code: status.NotFound, Detail: "there is no such incident"}
}

func (s *standby) Incidents(_ context.Context, q journal.IncidentQuery) ([]status.Incident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []status.Incident
	for _, i := range slices.Backward(append(slices.Clone(s.over), s.now.Incidents...)) {
		if (q.Server == "" || i.Server == q.Server) && !(q.Open && i.Ended != nil) && earlier(i.Opened, i.ID, q.Before) && len(list) < q.Limit {
			list = append(list, i)
		}
	}
	return list, nil
}

func (s *standby) Acknowledge(ctx context.Context, id string, o status.Order) (status.Incident, error) {
	i, err := s.Incident(ctx, id)
	if err != nil {
		return i, err
	}
	if err := s.carried(ctx, "acknowledge", id); err != nil {
		return i, err
	}
	i.Taken = &status.Acknowledged{By: o.By.Name, Reason: o.Reason, At: time.Now()}
	s.mu.Lock()
	s.now.Incidents = []status.Incident{i}
	s.mu.Unlock()
	return i, nil
}

// An incident that nobody has taken stands on the first page, and whoever takes it is shown to everybody.
func TestIncidents(t *testing.T) {
	c := open(t, midnight, "operator")
	c.see("Yes, all 3.")
	c.standby.opensIncident()
	c.see("crm does not answer")
	c.see("Nobody takes care")
	c.examine(opposites, "an open incident", "")
	for open := false; !open; open = ask[bool](c, `Boolean(document.querySelector("dialog"))`) {
		c.until(`document.querySelector(".incidents button:not([aria-disabled=true])")`)
		c.click(`.incidents button`)
	}
	c.asked()
	c.see(`Take care of "crm does not answer"?`)
	c.do(chromedp.SendKeys(`dialog input[type=text]`, "on my way"))
	c.orders()
	c.closed()
	c.see("takes care: on my way.")
	c.until(`!document.querySelector(".incidents button")`)
	c.examine(opposites, "an incident that was taken", "")
	c.carriedOut("acknowledge crm-20260812-021132")
}

// Whoever may only look sees it, and why they cannot take it.
func TestIncidentsOfAViewer(t *testing.T) {
	c := open(t, desktop, "viewer")
	c.standby.opensIncident()
	c.see("Nobody takes care")
	c.see("may only look (viewer)")
	c.click(`.incidents button`)
	c.until(`!document.querySelector("dialog")`)
	c.carriedOut()
}
