package api

import (
	"encoding/json"
	"slices"
	"testing"

	"failoverd/status"
)

// Incidents are listed and acknowledged by whoever may; a token that is good for one server knows of its incidents alone.
func TestIncidents(t *testing.T) {
	w := startWorld(t, Limits{})
	all, limited := w.token(Operator).Secret, w.token(Operator, "PBX").Secret
	list := func(secret, query string) []string {
		t.Helper()
		res, answer := w.call("GET", "/api/v1/incidents"+query, secret, "")
		var got IncidentList
		if err := json.Unmarshal(answer, &got); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %s: %v", res.Status, answer, err)
		}
		var ids []string
		for _, i := range got.Incidents {
			ids = append(ids, i.ID)
		}
		return ids
	}
	pbx := anIncident().ID
	if got := list(all, ""); !slices.Equal(got, []string{pbx, "CRM-1", "standby-1"}) {
		t.Errorf("all: %v", got)
	}
	if got := list(all, "?server=CRM&open=true"); !slices.Equal(got, []string{"CRM-1"}) {
		t.Errorf("of CRM: %v", got)
	}
	if got := list(limited, ""); !slices.Equal(got, []string{pbx}) {
		t.Errorf("for PBX only: %v", got)
	}
	for _, id := range []string{"CRM-1", "standby-1"} {
		for _, request := range [][2]string{{"GET", ""}, {"POST", "/acknowledge"}} {
			if p := w.refused(request[0], "/api/v1/incidents/"+id+request[1], limited, "{}"); p.Status != 403 || p.Changed {
				t.Errorf("%s %s with a token for PBX only: %+v", request[0], id, p)
			}
		}
	}
	if p := w.refused("POST", "/api/v1/incidents/nothing/acknowledge", all, "{}"); p.Status != 404 {
		t.Errorf("no such incident: %+v", p)
	}
	if p := w.refused("POST", "/api/v1/incidents/"+pbx+"/acknowledge", all, `{"reason":"a\nb"}`); p.Status != 422 {
		t.Errorf("a reason of two lines: %+v", p)
	}
	if n := len(w.standby.orders()); n != 0 {
		t.Fatalf("%d orders reached the standby", n)
	}
	res, answer := w.call("POST", "/api/v1/incidents/"+pbx+"/acknowledge", limited, `{"reason":"on my way"}`)
	var taken status.Incident
	if err := json.Unmarshal(answer, &taken); err != nil || res.StatusCode != 200 || taken.Taken == nil || taken.Taken.Reason != "on my way" || taken.Taken.By == "" {
		t.Errorf("%s: %s: %v", res.Status, answer, err)
	}
	if orders := w.standby.orders(); len(orders) != 1 || orders[0].What != "acknowledge" || orders[0].Order.By.Kind != "token" {
		t.Errorf("orders: %+v", orders)
	}
}
