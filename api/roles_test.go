package api

import (
	"net/http"
	"strings"
	"testing"

	"failoverd/journal"
)

// allRoutes is every route with what is needed to use it. A token good for some
// servers only must not use what is wide.
var allRoutes = []struct {
	method, pattern string
	role            Role // empty: anybody
	wide            bool
	body            string
	ok              int
}{
	{"GET", "/api/v1/status", Viewer, false, "", 200},
	{"GET", "/api/v1/servers", Viewer, false, "", 200},
	{"GET", "/api/v1/servers/{name}", Viewer, false, "", 200},
	{"GET", "/api/v1/servers/{name}/readiness", Viewer, false, "", 200},
	{"GET", "/api/v1/servers/{name}/explain", Viewer, false, "", 200},
	{"GET", "/api/v1/servers/{name}/probes", Viewer, false, "", 200},
	{"POST", "/api/v1/servers/{name}/suspend", Operator, false, `{"reason":"x"}`, 200},
	{"POST", "/api/v1/servers/{name}/stop", Operator, false, `{}`, 200},
	{"POST", "/api/v1/servers/{name}/resume", Operator, false, ``, 200},
	{"POST", "/api/v1/servers/{name}/failover", Operator, false, `{"accept":["primary-alive"]}`, 202},
	{"POST", "/api/v1/servers/{name}/handover", Operator, false, `{"accept":["stop-by-hand"]}`, 202},
	{"POST", "/api/v1/servers/{name}/failback", Operator, false, `{}`, 202},
	{"POST", "/api/v1/servers/{name}/release", Operator, false, `{}`, 202},
	{"POST", "/api/v1/servers/{name}/replicate-from-live", Operator, false, `{"reason":"x"}`, 202},
	{"POST", "/api/v1/servers/{name}/replicate-to-live", Operator, false, `{"accept":["overwrite-newer"]}`, 202},
	{"POST", "/api/v1/servers/{name}/rollback", Operator, false, ``, 202},
	{"POST", "/api/v1/servers/{name}/drill", Operator, false, ``, 202},
	{"GET", "/api/v1/servers/{name}/replications", Viewer, false, "", 200},
	{"GET", "/api/v1/servers/{name}/files", Viewer, false, "", 200},
	{"POST", "/api/v1/servers/{name}/files/{tree}/confirm-deletions", Operator, false, `{"reason":"x"}`, 200},
	{"POST", "/api/v1/servers/{name}/files/{tree}/accept-source", Operator, false, ``, 200},
	{"POST", "/api/v1/servers/{name}/files/{tree}/discard-diverged", Operator, false, `{}`, 200},
	{"GET", "/api/v1/servers/{name}/files/{tree}/set-aside", Viewer, false, "", 200},
	{"POST", "/api/v1/servers/{name}/files/{tree}/restore", Operator, false, `{"set":"then","path":"a.wav"}`, 200},
	{"GET", "/api/v1/operations", Viewer, false, "", 200},
	{"GET", "/api/v1/operations/{id}", Viewer, false, "", 200},
	{"POST", "/api/v1/operations/{id}/cancel", Operator, false, "", 202},
	{"GET", "/api/v1/events", Viewer, false, "", 200},
	{"GET", "/api/v1/events/stream", Viewer, false, "", 200},
	{"GET", "/api/v1/audit", Admin, true, "", 200},
	{"GET", "/api/v1/mails", Viewer, false, "", 200},
	{"GET", "/api/v1/incidents", Viewer, false, "", 200},
	{"GET", "/api/v1/incidents/{id}", Viewer, false, "", 200},
	{"POST", "/api/v1/incidents/{id}/acknowledge", Operator, false, `{"reason":"x"}`, 200},
	{"POST", "/api/v1/servers/{name}/test", Operator, false, `{"reason":"x"}`, 200},
	{"POST", "/api/v1/test-alert", Operator, true, "", 200},
	{"GET", "/api/v1/config/notices", Viewer, true, "", 200},
	{"POST", "/api/v1/reload", Admin, true, "", 200},
	{"GET", "/api/v1/config/options", Admin, true, "", 200},
	{"PATCH", "/api/v1/config/options", Admin, true, `{"changes":[{"key":"standby.capacity","values":["2"]}]}`, 200},
	{"GET", "/api/v1/servers/{name}/configuration", Admin, false, "", 200},
	{"PUT", "/api/v1/servers/{name}/configuration", Admin, false, `{"text":"address: 10.0.0.1"}`, 200},
	{"POST", "/api/v1/servers", Admin, true, `{"name":"FAX","text":"address: 10.0.0.9"}`, 201},
	{"DELETE", "/api/v1/servers/{name}", Admin, true, "", 200},
	{"GET", "/api/v1/agents", Viewer, true, "", 200},
	{"POST", "/api/v1/agents/pair", Admin, true, `{"address":"10.0.0.1:7443","code":"7K3M-Q2XV-0T9R-HB4C"}`, 200},
	{"POST", "/api/v1/agents/discover", Admin, true, `{"address":"10.0.0.1:7443"}`, 200},
	{"GET", "/api/v1/tokens", Admin, true, "", 200},
	{"POST", "/api/v1/tokens", Admin, true, `{"name":"n","role":"viewer"}`, 201},
	{"POST", "/api/v1/tokens/{id}/revoke", Admin, true, "", 200},
	{"POST", "/api/v1/session", "", false, `{"token":"fvt_known"}`, 201},
	{"GET", "/api/v1/session", "", false, "", 200},
	{"DELETE", "/api/v1/session", Viewer, false, "", 204},
	{"GET", "/healthz", "", false, "", 200},
	{"GET", "/readyz", "", false, "", 200},
	{"GET", "/openapi.json", "", false, "", 200},
	{"GET", "/protected/{name}", Viewer, false, "", 200},
	{"GET", "/metrics", Viewer, true, "", 200},
}

// Every route asks for its role: with none of the lesser ones it is refused and
// nothing is done, with it and the greater ones it is answered.
func TestRoles(t *testing.T) {
	w := startWorld(t, Limits{Rate: 10000, Burst: 10000, Failures: 10000})
	secrets := map[Role]string{"": ""}
	for _, r := range []Role{Viewer, Operator, Admin} {
		secrets[r] = w.token(r).Secret
	}
	limited := w.token(Operator, "PBX").Secret
	w.storeToken("fvt_known", func(*journal.Token) {})
	w.call("POST", "/api/v1/servers/PBX/failover", secrets[Operator], "{}")
	victim := w.token(Viewer, "CRM").ID
	seen := func(r *http.Request) {
		if r.Method == http.MethodPut || r.Method == http.MethodPatch || r.Method == http.MethodDelete {
			r.Header.Set("If-Match", `"`+aRevision+`"`)
		}
	}
	for _, r := range allRoutes {
		path := strings.NewReplacer("{name}", "PBX", "/operations/{id}", "/operations/op_PBX", "/incidents/{id}", "/incidents/"+anIncident().ID, "/tokens/{id}", "/tokens/"+victim).Replace(r.pattern)
		method := r.method
		if strings.HasSuffix(path, "/stream") {
			method = http.MethodHead // GET would go on and on.
		}
		for _, as := range []Role{"", Viewer, Operator, Admin} {
			before := len(w.standby.orders())
			res, answer := w.call(method, path, secrets[as], r.body, seen)
			switch {
			case r.role == "" || as.includes(r.role):
				if res.StatusCode != r.ok && !(res.StatusCode == 409 && strings.HasSuffix(path, "/tokens")) {
					t.Errorf("%s %s as %q: %s: %s; want %d", method, path, as, res.Status, answer, r.ok)
				}
				continue
			case as == "":
				if method == http.MethodHead {
					wantStatus(t, res, 401)
				} else if p := w.problem(res, answer); p.Status != 401 || p.Code != Unauthenticated || p.Changed || res.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s without a token: %+v", method, path, p)
				}
			default:
				if p := w.problem(res, answer); p.Status != 403 || p.Code != Forbidden || p.Changed || !strings.Contains(p.Detail, "needs the role "+string(r.role)) {
					t.Errorf("%s %s as %s: %+v", method, path, as, p)
				}
			}
			if n := len(w.standby.orders()); n != before {
				t.Errorf("%s %s as %q reached the standby: %+v", method, path, as, w.standby.orders()[before:])
			}
		}
		res, answer := w.call(method, path, limited, r.body, seen)
		if allowed := !r.wide && Operator.includes(r.role) || r.role == ""; allowed != (res.StatusCode == r.ok) {
			t.Errorf("%s %s with a token for PBX only: %s: %s", method, path, res.Status, answer)
		}
		if strings.Contains(path, "PBX") && !strings.Contains(path, "operations") && !strings.Contains(path, "incidents") && r.role != "" {
			before := len(w.standby.orders())
			path = strings.ReplaceAll(path, "PBX", "CRM")
			if p := w.refused(method, path, limited, r.body, seen); p.Status != 403 || Operator.includes(r.role) && !strings.Contains(p.Detail, "good for PBX only") {
				t.Errorf("%s %s with a token for PBX only: %+v", method, path, p)
			}
			if len(w.standby.orders()) != before {
				t.Errorf("%s %s with a token for PBX only reached the standby", method, path)
			}
		}
	}
}

// wantStatus checks the status of an answer without a body.
func wantStatus(t *testing.T, res *http.Response, want int) {
	t.Helper()
	if res.StatusCode != want {
		t.Errorf("%s %s: %s, want %d", res.Request.Method, res.Request.URL.Path, res.Status, want)
	}
}
