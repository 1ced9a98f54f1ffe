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
	n, later := 0, time.Now().Add(time.Hour)
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
		id := fmt.Sprintf("tok_%02d", n)
		if err := w.journal.AddToken(t.Context(), journal.Token{ID: id, Name: id, Role: "viewer", Hash: []byte(id), Created: later.Add(time.Duration(n/2) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		n++
	}
	for range 8 {
		add()
	}
	all, limited, admin := w.token(Viewer).Secret, w.token(Viewer, "PBX").Secret, w.token(Admin).Secret
	own, err := w.journal.Tokens(t.Context(), journal.TokenQuery{})
	if err != nil || len(own) != n+3 {
		t.Fatalf("%d tokens, %v", len(own), err)
	}
	for _, tt := range []struct {
		path, secret, list, id string
		want                   []string
	}{
		{"/operations?", all, "operations", "id", []string{"op-7", "op-6", "op-5", "op-4", "op-3", "op-2", "op-1", "op-0"}},
		{"/operations?", limited, "operations", "id", []string{"op-8", "op-6", "op-4", "op-2", "op-0"}},
		{"/operations?server=CRM&", all, "operations", "id", []string{"op-9", "op-7", "op-5", "op-3", "op-1"}},
		{"/servers/PBX/replications?", all, "operations", "id", []string{"op-8", "op-4", "op-0"}},
		{"/servers/CRM/replications?", all, "operations", "id", []string{"op-11", "op-7", "op-3"}},
		{"/incidents?server=PBX&", all, "incidents", "id", []string{"inc-12", "inc-10", "inc-8", "inc-6", anIncident().ID, "inc-4", "inc-2", "inc-0"}},
		{"/mails?", limited, "mails", "incident", []string{"inc-12", "inc-10", "inc-8", "inc-6", "inc-4", "inc-2", "inc-0"}},
		{"/operations?kind=takeover&", all, "operations", "id", []string{"op-14", "op-13", "op-10", "op-9", "op-6", "op-5", "op-2", "op-1"}},
		{"/tokens?", admin, "tokens", "id", []string{"tok_15", "tok_14", "tok_13", "tok_12", "tok_11", "tok_10", "tok_09", "tok_08", "tok_07", "tok_06", "tok_05", "tok_04", "tok_03", "tok_02", "tok_01", "tok_00", own[n].ID, own[n+1].ID, own[n+2].ID}},
		{"/servers/PBX/files/vm/set-aside?", all, "files", "path", []string{"a.wav", "b.wav", "c.wav"}},
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
			if len(got) > 2*n {
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
