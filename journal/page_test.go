package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The pages of a list have every record once, also of those that began in the same instant, and whatever is added or ends
// between two pages.
func TestPages(t *testing.T) {
	var j *Journal
	began := func(i int) time.Time { return at.Add(time.Duration(i/2) * time.Minute).UTC() } // two at a time
	put := func(i int, ended time.Time) {
		server, kind := []string{"pbx", "crm"}[i%2], []string{"takeover", "drill", "release"}[i%3]
		id := fmt.Sprintf("%02d", i)
		commit(t, j, Batch{
			Events:     []Event{{Kind: "server.failure", Severity: Critical, Server: server, Message: id}},
			Alerts:     []Alert{{Kind: "server.failure", Server: server}},
			Operations: []Operation{{ID: id, Kind: kind, Server: server, Open: ended.IsZero(), Started: began(i), Ended: ended}},
			Incidents:  []Incident{{ID: id, Server: server, Opened: began(i), Ended: ended, Body: []byte(`{}`)}},
		})
	}
	for name, list := range map[string]func(before any) (ids []string, next any, err error){
		"operations": func(before any) (ids []string, next any, err error) {
			p, _ := before.(Position)
			found, err := j.Operations(t.Context(), OperationQuery{Before: p, Limit: 3})
			for _, o := range found {
				ids, next = append(ids, o.ID), Position{o.Started, o.ID}
			}
			return ids, next, err
		},
		"of some": func(before any) (ids []string, next any, err error) {
			p, _ := before.(Position)
			found, err := j.Operations(t.Context(), OperationQuery{Before: p, Limit: 3, Servers: []string{"pbx", "shop"}, Kinds: []string{"takeover", "drill"}})
			for _, o := range found {
				ids, next = append(ids, o.ID), Position{o.Started, o.ID}
			}
			return ids, next, err
		},
		"incidents": func(before any) (ids []string, next any, err error) {
			p, _ := before.(Position)
			found, err := j.Incidents(t.Context(), IncidentQuery{Before: p, Limit: 3, Servers: []string{"crm"}})
			for _, i := range found {
				ids, next = append(ids, i.ID), Position{i.Opened, i.ID}
			}
			return ids, next, err
		},
		"mails": func(before any) (ids []string, next any, err error) {
			p, _ := before.(int64)
			found, err := j.Mails(t.Context(), MailQuery{Before: p, Limit: 3, Servers: []string{"crm", "pbx"}})
			for _, m := range found {
				e, err := j.Event(t.Context(), m.Event)
				if err != nil {
					return nil, nil, err
				}
				ids, next = append(ids, e.Message), m.ID
			}
			return ids, next, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			j = open(t, t.TempDir(), Options{Recipients: func(string) []Recipient { return []Recipient{{To: "ops@example.com"}} }})
			for i := range 10 {
				put(i, time.Time{})
			}
			var got []string
			var next any
			for round := 0; ; round++ {
				ids, place, err := list(next)
				if err != nil {
					t.Fatal(err)
				}
				if len(ids) == 0 {
					break
				}
				if got, next = append(got, ids...), place; len(got) > 20 {
					t.Fatalf("no end: %v", got)
				}
				put(10+round, time.Time{})      // a new one
				put(9-round, at.Add(time.Hour)) // and one that ends
			}
			want := map[string][]string{
				"operations": {"09", "08", "07", "06", "05", "04", "03", "02", "01", "00"},
				"of some":    {"06", "04", "00"},
				"incidents":  {"09", "07", "05", "03", "01"},
				"mails":      {"09", "08", "07", "06", "05", "04", "03", "02", "01", "00"},
			}[name]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if found, err := j.Operations(t.Context(), OperationQuery{Servers: []string{}}); err != nil || len(found) != 0 {
				t.Errorf("of no server: %v, %v", found, err)
			}
		})
	}
}
