package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/plan"
	"failoverd/status"
)

// A server's replications are listed without its other operations, the newest first, and no more than asked for.
func TestReplications(t *testing.T) {
	w := startWorld(t, Limits{})
	began := time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)
	kinds := []string{status.FromLive, Takeover, status.ToLive, Release, status.RollBack, status.FromLive}
	w.standby.set(func(f *fakeStandby) {
		for i, kind := range kinds {
			id := fmt.Sprintf("%s-%d", kind, i)
			f.records[id] = plan.Record{ID: id, Kind: kind, Server: "PBX", State: plan.Succeeded, Started: began.Add(time.Duration(i) * time.Hour)}
		}
	})
	for limit, want := range map[int][]string{
		0: {"replicate-from-live-5", "rollback-4", "replicate-to-live-2", "replicate-from-live-0"},
		2: {"replicate-from-live-5", "rollback-4"},
	} {
		list, err := w.client().Replications(t.Context(), "PBX", Page{Limit: limit})
		var got []string
		for _, r := range list.Operations {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("limit %d: %v (-want +got)\n%s", limit, err, diff)
		}
	}
	if list, err := w.client().Replications(t.Context(), "CRM", Page{}); err != nil || len(list.Operations) != 0 {
		t.Errorf("of a server that was never copied: %v, %v", list, err)
	}
}

// A second replication is refused with a link to the first.
func TestSecondReplication(t *testing.T) {
	w := startWorld(t, Limits{})
	secret := w.token(Operator).Secret
	res, answer := w.call("POST", "/api/v1/servers/PBX/replicate-from-live", secret, "")
	if res.StatusCode != http.StatusAccepted || res.Header.Get("Location") != "/api/v1/operations/copy_PBX" {
		t.Fatalf("%s, Location %q: %s", res.Status, res.Header.Get("Location"), answer)
	}
	w.standby.set(func(f *fakeStandby) {
		f.err = &status.Refusal{Code: status.OperationRunning, Detail: "one runs", Operation: "copy_PBX"}
	})
	for _, action := range []string{"replicate-from-live", "replicate-to-live", "rollback", "drill"} {
		p := w.refused("POST", "/api/v1/servers/PBX/"+action, secret, "{}")
		if p.Status != http.StatusConflict || p.Code != status.OperationRunning || p.Operation != "/api/v1/operations/copy_PBX" || p.Changed {
			t.Errorf("%s: %+v", action, p)
		}
	}
}
