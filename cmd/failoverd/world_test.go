package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"failoverd/api"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/replicate/agent/discovery"
	"failoverd/status"
)

// brisbane is the zone of the tests: not UTC, and without summer time.
var brisbane = time.FixedZone("AEST", 10*60*60)

// at is a moment of the day on which the tests take place.
func at(hour, minute, second int) time.Time {
	return time.Date(2026, 9, 22, hour, minute, second, 0, brisbane)
}

// noon is when commands are run.
var noon = at(12, 4, 31)

// fakeDaemon is a daemon that knows nothing but what a test tells it. It speaks the
// API's JSON by the API's own types.
type fakeDaemon struct {
	mu          sync.Mutex
	snapshot    status.Snapshot
	preview     status.Preview
	explanation status.Explanation
	events      []journal.Event
	stream      chan journal.Event // what happens while somebody follows
	records     []plan.Record      // what an operation is, one question after the other; the last one stays
	asked       int                // questions about the operation so far
	mails       []status.TestMail
	trials      []status.Trial
	incidents   []status.Incident
	reloaded    status.Reloaded
	file        status.ServerConfiguration
	configured  status.Configured
	options     status.Options
	setting     status.OptionsConfigured // what comes of a change of options
	tokens      []api.Token
	agents      []status.Agent
	found       discovery.Found
	aside       status.SetAside
	problem     *api.Problem // refuses orders with it
	refuseAll   bool         // and questions too
	requests    []string     // METHOD PATH BODY
	deaf        bool         // orders are taken and never answered
	away        bool         // every connection is broken off
}

// serve listens on a socket of its own and returns its path.
func (d *fakeDaemon) serve(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(d.handler())
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return socket
}

// pageOf is the page of a list that a request asks for; a place in it is a record's identifier.
func pageOf[T any](r *http.Request, all []T, id func(T) string) ([]T, *string) {
	if before := r.URL.Query().Get("before"); before != "" {
		all = all[slices.IndexFunc(all, func(one T) bool { return id(one) == before })+1:]
	}
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || len(all) <= limit {
		return append([]T{}, all...), nil
	}
	next := id(all[limit-1])
	return all[:limit], &next
}

// handler is the API.
func (d *fakeDaemon) handler() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, f func(r *http.Request) any) {
		mux.HandleFunc("GET "+api.Base+path, func(w http.ResponseWriter, r *http.Request) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.away {
				panic(http.ErrAbortHandler)
			}
			if d.refuseAll {
				refuse(w, d.problem)
				return
			}
			reply(w, http.StatusOK, f(r))
		})
	}
	post := func(path string, f func(r *http.Request) (int, any)) {
		mux.HandleFunc("POST "+api.Base+path, func(w http.ResponseWriter, r *http.Request) {
			var body json.RawMessage
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.requests = append(d.requests, fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body))
			if d.deaf && r.URL.Query().Get("dry_run") == "" {
				panic(http.ErrAbortHandler)
			}
			if d.problem != nil && (d.refuseAll || r.URL.Query().Get("dry_run") == "") {
				refuse(w, d.problem)
				return
			}
			code, answer := f(r)
			reply(w, code, answer)
		})
	}
	get("/status", func(*http.Request) any { return d.snapshot })
	mux.HandleFunc("GET "+api.Base+"/servers/{name}", func(w http.ResponseWriter, r *http.Request) {
		for _, s := range d.snapshot.Servers {
			if s.Name == r.PathValue("name") {
				reply(w, http.StatusOK, s)
				return
			}
		}
		refuse(w, &api.Problem{Status: 404, Code: status.NotFound, Title: "Not Found", Detail: "there is no server " + r.PathValue("name")})
	})
	get("/servers/{name}/explain", func(*http.Request) any { return d.explanation })
	get("/operations", func(r *http.Request) any {
		chosen := slices.DeleteFunc(slices.Clone(d.records), func(o plan.Record) bool {
			kind := r.URL.Query().Get("kind")
			return kind != "" && o.Kind != kind
		})
		list := api.OperationList{Operations: []plan.Record{}}
		list.Operations, list.Next = pageOf(r, chosen, func(o plan.Record) string { return o.ID })
		return list
	})
	get("/operations/{id}", func(*http.Request) any { return d.record() })
	post("/operations/{id}/cancel", func(*http.Request) (int, any) { return 202, d.record() })
	get("/events", func(*http.Request) any { return api.EventList{Events: d.events} })
	get("/audit", func(*http.Request) any { return api.EventList{Events: d.events} })
	mux.HandleFunc("GET "+api.Base+"/events/stream", d.follow)
	for _, wish := range []string{"suspend", "stop", "resume"} {
		post("/servers/{name}/"+wish, func(*http.Request) (int, any) { return 200, d.snapshot.Servers[0] })
	}
	for _, order := range []string{"failover", "release", status.FromLive, status.ToLive, status.RollBack} {
		post("/servers/{name}/"+order, func(r *http.Request) (int, any) {
			if r.URL.Query().Get("dry_run") == "true" {
				return 200, d.preview
			}
			return 202, d.records[0]
		})
	}
	for _, order := range []string{api.ConfirmDeletions, api.AcceptSource, api.DiscardDiverged} {
		post("/servers/{name}/files/{tree}/"+order, func(*http.Request) (int, any) { return 200, d.snapshot.Servers[0] })
	}
	get("/servers/{name}/files/{tree}/set-aside", func(r *http.Request) any {
		var list status.SetAside
		list.Files, list.Next = pageOf(r, d.aside.Files, func(a status.Aside) string { return status.AsidePlace{Set: a.Set, Path: a.Path}.String() })
		return list
	})
	post("/servers/{name}/files/{tree}/restore", func(*http.Request) (int, any) { return 200, d.snapshot.Servers[0] })
	get("/servers/{name}/configuration", func(*http.Request) any { return d.file })
	change := func(pattern string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.requests = append(d.requests, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("If-Match"), body))
			dry := r.URL.Query().Get("dry_run") == "true"
			if d.problem != nil && !dry {
				refuse(w, d.problem)
				return
			}
			if !d.configured.Valid && !dry {
				refuse(w, &api.Problem{Status: 422, Code: status.InvalidConfig, Title: "The configuration is not valid", Detail: "servers.d/FAX.yaml:2: unknown key"})
				return
			}
			answer := d.configured
			answer.Server, answer.Saved = or(r.PathValue("name"), "FAX"), !dry
			reply(w, http.StatusOK, answer)
		})
	}
	change("POST " + api.Base + "/servers")
	change("PUT " + api.Base + "/servers/{name}/configuration")
	change("DELETE " + api.Base + "/servers/{name}")
	get("/config/options", func(*http.Request) any { return d.options })
	mux.HandleFunc("PATCH "+api.Base+"/config/options", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.requests = append(d.requests, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("If-Match"), body))
		answer := d.setting
		if answer.Saved = r.URL.Query().Get("dry_run") != "true"; answer.Saved && !answer.Valid {
			refuse(w, &api.Problem{Status: 422, Code: status.InvalidConfig, Title: "The configuration is not valid", Detail: "options.yaml:2: no"})
			return
		}
		if r.URL.Query().Get("test_mail") != "true" {
			answer.Mails = []status.TestMail{}
		}
		reply(w, http.StatusOK, answer)
	})
	post("/reload", func(*http.Request) (int, any) { return 200, d.reloaded })
	get("/incidents", func(r *http.Request) any {
		chosen := slices.DeleteFunc(slices.Clone(d.incidents), func(i status.Incident) bool {
			return r.URL.Query().Get("open") == "true" && i.Ended != nil
		})
		var list api.IncidentList
		list.Incidents, list.Next = pageOf(r, chosen, func(i status.Incident) string { return i.ID })
		return list
	})
	mux.HandleFunc("POST "+api.Base+"/incidents/{id}/acknowledge", func(w http.ResponseWriter, r *http.Request) {
		for _, i := range d.incidents {
			if i.ID == r.PathValue("id") {
				i.Taken = &status.Acknowledged{By: "alice", Reason: "on my way", At: at(3, 20, 0)}
				reply(w, http.StatusOK, i)
				return
			}
		}
		refuse(w, &api.Problem{Status: 404, Code: status.NotFound, Title: "Not Found", Detail: "there is no incident " + r.PathValue("id")})
	})
	post("/servers/{name}/test", func(*http.Request) (int, any) { return 200, api.TestResult{Trials: d.trials} })
	post("/test-alert", func(*http.Request) (int, any) { return 200, api.TestAlertResult{Mails: d.mails} })
	get("/tokens", func(r *http.Request) any {
		var list api.TokenList
		list.Tokens, list.Next = pageOf(r, d.tokens, func(t api.Token) string { return t.ID })
		return list
	})
	post("/tokens", func(*http.Request) (int, any) {
		return 201, api.CreatedToken{Token: d.tokens[0], Secret: "fvt_secret"}
	})
	get("/agents", func(*http.Request) any { return api.AgentList{Fingerprint: "01:02:03", Agents: d.agents} })
	post("/agents/discover", func(*http.Request) (int, any) { return 200, d.found })
	post("/agents/pair", func(*http.Request) (int, any) { return 200, d.agents[0] })
	post("/tokens/{id}/revoke", func(*http.Request) (int, any) { return 200, d.tokens[0] })
	return mux
}

// record is the next state of the operation.
func (d *fakeDaemon) record() plan.Record {
	r := d.records[min(d.asked, len(d.records)-1)]
	d.asked++
	return r
}

// follow sends what happens as server-sent events until the client leaves.
func (d *fakeDaemon) follow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e, ok := <-d.stream:
			if !ok {
				return
			}
			data, _ := json.Marshal(e)
			fmt.Fprintf(w, "id: %s\nevent: event\ndata: %s\n\n", strconv.FormatInt(e.Seq, 10), data)
			w.(http.Flusher).Flush()
		}
	}
}

// sent are the orders that came in.
func (d *fakeDaemon) sent() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.requests...)
}

// change changes what the daemon knows while it serves.
func (d *fakeDaemon) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// reply answers with a document.
func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

// refuse answers with a problem.
func refuse(w http.ResponseWriter, p *api.Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}
