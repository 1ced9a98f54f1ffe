package api

import (
	"net/http"
	"testing"
	"time"

	"failoverd/status"
)

// An order for a state that has passed is refused, and nothing is done; in the state that was looked at it is carried out.
func TestOrdersForAnotherState(t *testing.T) {
	w := startWorld(t, Limits{})
	secret := w.token(Operator).Secret
	res, _ := w.call("GET", "/api/v1/servers/PBX", secret, "")
	seen := res.Header.Get("ETag")
	if seen == "" {
		t.Fatal("no ETag")
	}
	with := func(tag string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("If-Match", tag) }
	}
	orders := []string{"suspend", "stop", "resume", "failover", "release", "handover", "failback", "replicate-from-live", "replicate-to-live", "rollback", "drill"}
	for _, order := range orders {
		if res, answer := w.call("POST", "/api/v1/servers/PBX/"+order, secret, "", with(seen)); res.StatusCode >= 300 {
			t.Errorf("%s as it was seen: %s %s", order, res.Status, answer)
		}
	}
	trees := map[string]string{
		"files/vm/confirm-deletions": "{}", "files/vm/accept-source": "{}", "files/vm/discard-diverged": "{}",
		"files/vm/restore": `{"set":"2026-11-20","path":"a.wav"}`,
	}
	for path, body := range trees {
		if res, answer := w.call("POST", "/api/v1/servers/PBX/"+path, secret, body, with(seen)); res.StatusCode >= 300 {
			t.Errorf("%s as it was seen: %s %s", path, res.Status, answer)
		}
	}
	w.standby.set(func(f *fakeStandby) {
		f.given = nil
		f.snapshot.Servers[0].State, f.snapshot.Servers[0].Health = "Suspect", "suspect"
	})
	for _, order := range orders {
		if p := w.refused("POST", "/api/v1/servers/PBX/"+order, secret, "", with(seen)); p.Status != 412 || p.Code != StateChanged || p.Changed {
			t.Errorf("%s: %+v", order, p)
		}
	}
	for path, body := range trees {
		if p := w.refused("POST", "/api/v1/servers/PBX/"+path, secret, body, with(seen)); p.Status != 412 || p.Code != StateChanged || p.Changed {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if given := w.standby.orders(); len(given) != 0 {
		t.Errorf("orders reached the standby: %+v", given)
	}
	if res, _ := w.call("POST", "/api/v1/servers/PBX/suspend", secret, "", with(`"x", `+etag(w.standby.Snapshot().Servers[0]))); res.StatusCode != 200 {
		t.Errorf("one of several tags: %s", res.Status)
	}
	if res, _ := w.call("POST", "/api/v1/servers/PBX/failover?dry_run=true", secret, "", with(seen)); res.StatusCode != 200 {
		t.Errorf("a question may be asked in any state: %s", res.Status)
	}
	if p := w.refused("POST", "/api/v1/servers/NONE/suspend", secret, "", with(seen)); p.Status != 404 {
		t.Errorf("of nobody: %+v", p)
	}
}

// The tag changes with what somebody decides by, and not with every ping.
func TestETag(t *testing.T) {
	f := newFakeStandby()
	f.fill()
	base := f.snapshot.Servers[0]
	for name, change := range map[string]func(*status.Server){
		"role":           func(v *status.Server) { v.Role = "standing in" },
		"an operation":   func(v *status.Server) { v.Operation = "op" },
		"a replication":  func(v *status.Server) { v.Replication = "copy" },
		"epoch":          func(v *status.Server) { v.Epoch++ },
		"the suspension": func(v *status.Server) { v.Suspension = nil },
		"a copy":         func(v *status.Server) { v.Copies = append([]status.Copy{}, v.Copies...); v.Copies[0].Operation = "new" },
		"held deletions": func(v *status.Server) { v.Trees = append([]status.Tree{}, v.Trees...); v.Trees[0].Held++ },
		"diverged files": func(v *status.Server) { v.Trees = append([]status.Tree{}, v.Trees...); v.Trees[0].Diverged = true },
		"an attempt": func(v *status.Server) {
			v.Copies = append([]status.Copy{}, v.Copies...)
			v.Copies[0].Attempt = &status.Attempt{Operation: "new"}
		},
	} {
		changed := base
		if change(&changed); etag(changed) == etag(base) {
			t.Errorf("%s does not change the tag", name)
		}
	}
	same, now, rtt := base, time.Now(), 0.5
	same.RTT, same.LastAnswer, same.Beats, same.Misses = &rtt, &now, nil, 1
	same.Trees = append([]status.Tree{}, same.Trees...)
	same.Trees[0].Files, same.Trees[0].Received, same.Trees[0].Missing = 5000, 1<<40, 3
	if etag(same) != etag(base) {
		t.Error("a ping, or a file that was copied, changes the tag")
	}
}
