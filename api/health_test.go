package api

import (
	"testing"
	"time"

	"failoverd/status"
)

// Healthy as long as the loop runs; ready with a journal and a configuration;
// protected if somebody serves or would.
func TestHealth(t *testing.T) {
	w := startWorld(t, Limits{})
	viewer := w.token(Viewer).Secret
	expect := func(path string, want int) {
		t.Helper()
		if res, answer := w.call("GET", path, viewer, ""); res.StatusCode != want {
			t.Errorf("GET %s: %s %s, want %d", path, res.Status, answer, want)
		}
	}
	expect("/healthz", 200)
	expect("/readyz", 200)
	expect("/protected/PBX", 200)
	expect("/protected/CRM", 503)
	expect("/protected/NONE", 404)
	w.standby.set(func(f *fakeStandby) { f.age = 5 * time.Second })
	expect("/healthz", 200)
	w.standby.set(func(f *fakeStandby) { f.age = 5*time.Second + time.Millisecond })
	expect("/healthz", 503)
	expect("/readyz", 503)
	w.standby.set(func(f *fakeStandby) {
		f.age, f.snapshot.Standby.Journal = 0, status.Health{Error: "disk full"}
		f.snapshot.Servers[1].Role = "standing in"
		f.snapshot.Servers[0].Readiness.Verdict = "unverified"
	})
	expect("/healthz", 200)
	expect("/readyz", 503)
	expect("/protected/CRM", 200)
	expect("/protected/PBX", 503)
	w.standby.set(func(f *fakeStandby) {
		f.snapshot.Standby.Journal = status.Health{OK: true}
		f.snapshot.Servers[0].Readiness.Verdict = "degraded"
	})
	expect("/readyz", 200)
	expect("/protected/PBX", 200)
}
