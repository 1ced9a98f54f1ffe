package api

import (
	"encoding/json"
	"net/http"
	"time"

	"failoverd/status"
)

// LoopLimit is how old the last run of the decision loop may be before the
// daemon is no longer called alive.
const LoopLimit = 5 * time.Second

// Alive is the answer of /healthz and /readyz.
type Alive struct {
	OK      bool    `json:"ok"`
	LoopAge float64 `json:"loop_age_s" doc:"Seconds since the decision loop last ran"`
	Reason  string  `json:"reason" doc:"Why not, empty if ok"`
}

// Protected is the answer of /protected/{name}.
type Protected struct {
	Server    string `json:"server"`
	Protected bool   `json:"protected" doc:"A takeover would succeed now, or the standby stands in already"`
	Readiness string `json:"readiness"`
	Role      string `json:"role"`
	State     string `json:"state"`
}

// healthRoutes are for load balancers and simple monitors, outside the API.
func (s *Server) healthRoutes() {
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		alive := s.alive()
		answerJSON(w, okOr(alive.OK), alive)
	})
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready := s.alive()
		now := s.standby.Snapshot()
		switch {
		case !ready.OK:
		case !now.Standby.Journal.OK:
			ready.OK, ready.Reason = false, "the journal does not work" // Anybody may ask; the reason is in /status.
		case now.Standby.Config.LoadedAt.IsZero():
			ready.OK, ready.Reason = false, "no configuration has been loaded"
		}
		answerJSON(w, okOr(ready.OK), ready)
	})
	s.mux.HandleFunc("GET /protected/{name}", func(w http.ResponseWriter, r *http.Request) {
		if p := s.permit(r, route{role: Viewer}); p != nil {
			writeProblem(w, r, p)
			return
		}
		found, err := s.server(r.PathValue("name"))
		if err != nil {
			writeProblem(w, r, refused(err, false))
			return
		}
		p := Protected{Server: found.Name, Protected: protected(found), Readiness: found.Readiness.Verdict, Role: found.Role, State: found.State}
		answerJSON(w, okOr(p.Protected), p)
	})
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if p := s.permit(r, route{role: Viewer, wide: true}); p != nil {
			writeProblem(w, r, p)
			return
		}
		s.metrics.serve(w, r)
	})
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(s.spec)
	})
}

// alive tells whether the decision loop runs.
func (s *Server) alive() Alive {
	age := s.standby.LoopAge()
	a := Alive{OK: age <= LoopLimit, LoopAge: age.Seconds()}
	if !a.OK {
		a.Reason = "the decision loop has not run for " + age.Round(time.Second).String()
	}
	return a
}

// protected reports whether the server's users are or would be served.
func protected(s status.Server) bool {
	return ready(s) || s.Role == "standing in"
}

// ready reports whether a takeover would succeed now.
func ready(s status.Server) bool {
	return s.Readiness.Verdict == "ready" || s.Readiness.Verdict == "degraded"
}

// okOr is 200 or 503.
func okOr(ok bool) int {
	if ok {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// answerJSON answers with one document.
func answerJSON(w http.ResponseWriter, code int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(document)
}
