package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// Whoever reads a list page by page gets every record once, whatever is added meanwhile, and only those that they may see.
func TestPagesOfLists(t *testing.T) {
	w := startWorld(t, Limits{})
	began := time.Date(2026, 11, 20, 1, 0, 0, 5, time.UTC)
	n := 0
	add := func() { // one more of everything, about PBX and CRM in turns, two in the same instant
		server, at := []string{"PBX", "CRM"}[n%2], began.Add(time.Duration(n/2)*time.Hour)
		kind := []string{status.FromLive, Takeover, Takeover, status.ToLive}[n%4]
		w.standby.set(func(f *fakeStandby) {
			id := fmt.Sprint("op-", n)
			f.records[id] = plan.Record{ID: id, Kind: kind, Server: server, State: plan.Succeeded, Started: at}
			f.incidents = append(f.incidents, status.Incident{ID: fmt.Sprint("inc-", n), Server: server, Opened: at})
		})
		_, err := w.journal.Commit(t.Context(), journal.Batch{
			Events: []journal.Event{{Kind: "server.failure", Severity: "critical", Server: server}},
			Alerts: []journal.Alert{{Kind: "server.failure", Server: server, Incident: fmt.Sprint("inc-", n)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	for range 8 {
		add()
	}
	all, limited := w.token(Viewer).Secret, w.token(Viewer, "PBX").Secret
	for _, tt := range []struct {
		path, secret, list, id string
		want                   []string
	}{
		{"/operations?", all, "operations", "id", []string{"op-7", "op-6", "op-5", "op-4", "op-3", "op-2", "op-1", "op-0"}},
		{"/operations?", limited, "operations", "id", []string{"op-8", "op-6", "op-4", "op-2", "op-0"}},
		{"/operations?server=CRM&", all, "operations", "id", []string{"op-9", "op-7", "op-5", "op-3", "op-1"}},
		{"/operations?kind=takeover&", all, "operations", "id", []string{"op-10", "op-9", "op-6", "op-5", "op-2", "op-1"}},
		{"/servers/PBX/replications?", all, "operations", "id", []string{"op-8", "op-4", "op-0"}},
		{"/servers/CRM/replications?", all, "operations", "id", []string{"op-11", "op-7", "op-3"}},
		{"/incidents?server=PBX&", all, "incidents", "id", []string{"inc-12", "inc-10", "inc-8", "inc-6", anIncident().ID, "inc-4", "inc-2", "inc-0"}},
		{"/mails?", limited, "mails", "incident", []string{"inc-12", "inc-10", "inc-8", "inc-6", "inc-4", "inc-2", "inc-0"}},
	} {
		var got []string
		for next := ""; ; {
			res, answer := w.call("GET", Base+tt.path+"limit=2"+next, tt.secret, "")
			var page map[string]json.RawMessage
			var records []map[string]any
			var place any
			if err := json.Unmarshal(answer, &page); err != nil || res.StatusCode != http.StatusOK || len(page) != 2 {
				t.Fatalf("%s: %s %s: %v", tt.path, res.Status, answer, err)
			}
			if err := json.Unmarshal(page[tt.list], &records); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(page["next"], &place); err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				got = append(got, r[tt.id].(string))
			}
			if place == nil {
				break
			}
			if len(got) > n {
				t.Fatalf("%s has no end: %v", tt.path, got)
			}
			if len(records) != 2 {
				t.Fatalf("%s: %d records on a page that is not the last", tt.path, len(records))
			}
			if next == "" {
				add() // once for each reader
			}
			next = "&before=" + url.QueryEscape(fmt.Sprint(place))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.path, diff)
		}
	}
}

// A place in a list is told and read alike.
func TestCursor(t *testing.T) {
	for _, p := range []journal.Position{
		{At: time.Date(2026, 11, 20, 1, 0, 0, 123456789, time.UTC), ID: "takeover-20261120T010000-abc_def"},
		{At: time.Date(2255, 1, 1, 0, 0, 0, 0, time.UTC), ID: "PBX-f20260812-021131-vm.1"},
	} {
		if got := (Page{Before: cursor(p.At, p.ID)}).position(); !got.At.Equal(p.At) || got.ID != p.ID {
			t.Errorf("%+v became %+v", p, got)
		}
	}
	if got := (Page{}).position(); got != (journal.Position{}) {
		t.Errorf("no place became %+v", got)
	}
}
