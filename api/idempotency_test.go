package api

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/plan"
	"failoverd/status"
)

// keyed names an order.
func keyed(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

// A double click is one order: the second of two that come at once waits for the first, and has its answer.
func TestDoubleClick(t *testing.T) {
	w := startWorld(t, Limits{})
	secret := w.token(Operator).Secret
	block := make(chan struct{})
	w.standby.set(func(f *fakeStandby) { f.block = block })
	var clicks sync.WaitGroup
	answers := make([]string, 3)
	for i := range answers {
		clicks.Go(func() {
			res, body := w.call("POST", "/api/v1/servers/PBX/failover", secret, `{"reason":"drill"}`, keyed("click-1"))
			answers[i] = res.Status + " " + res.Header.Get("Location") + " " + string(body)
		})
	}
	eventually(t, func() bool { return len(w.standby.orders()) > 0 })
	close(block)
	clicks.Wait()
	if n := len(w.standby.orders()); n != 1 {
		t.Errorf("%d orders reached the standby, want 1", n)
	}
	if answers[0] != answers[1] || answers[1] != answers[2] || !strings.HasPrefix(answers[0], "202 Accepted /api/v1/operations/op_PBX") {
		t.Errorf("the answers differ:\n%s", strings.Join(answers, "\n"))
	}
	if strings.Contains(answers[0], "click-1") {
		t.Errorf("the answer tells the key: %s", answers[0])
	}
}

// A key stands for one order of one caller, for a day.
func TestIdempotencyKey(t *testing.T) {
	const at, body = "/api/v1/servers/PBX/failover", `{"reason":"drill","accept":["primary-alive"]}`
	w := startWorld(t, Limits{})
	alice, bob := w.token(Operator).Secret, w.token(Admin).Secret
	res, _ := w.call("GET", "/api/v1/servers/PBX", alice, "")
	seen := res.Header.Get("ETag")
	orders := func(what string, want int) {
		t.Helper()
		if n := len(w.standby.orders()); n != want {
			t.Errorf("%s: %d orders have reached the standby, want %d", what, n, want)
		}
	}
	order := func(path, secret, body string, opts ...func(*http.Request)) {
		t.Helper()
		if res, answer := w.call("POST", path, secret, body, opts...); res.StatusCode != http.StatusAccepted {
			t.Errorf("%s %s: %s %s", path, body, res.Status, answer)
		}
	}
	w.refused("POST", "/api/v1/servers/GONE/failover", alice, body, keyed("k"))
	order(at, alice, body, keyed("k"))
	orders("what was refused has begun nothing, and holds no key", 2)
	w.standby.set(func(f *fakeStandby) { f.snapshot.Servers[0].State = "Failure" })
	order(at, alice, body, keyed("k"), func(r *http.Request) { r.Header.Set("If-Match", seen) })
	orders("the same again, though the first has changed the state", 2)
	for what, other := range map[string][2]string{
		"another reason": {at, `{"reason":"real"}`}, "no acceptance": {at, `{"reason":"drill"}`},
		"another server": {"/api/v1/servers/CRM/failover", body}, "another order": {"/api/v1/servers/PBX/release", body},
	} {
		if p := w.refused("POST", other[0], alice, other[1], keyed("k")); p.Status != http.StatusUnprocessableEntity || p.Code != KeyReused || p.Changed {
			t.Errorf("%s: %+v", what, p)
		}
	}
	orders("other orders", 2)
	order(at, bob, body, keyed("k"))
	orders("somebody else's key", 3)
	w.standby.set(func(f *fakeStandby) {
		r := f.records["op_PBX"]
		r.Started = r.Started.Add(-keyAge - time.Minute)
		f.records["op_PBX"] = r
	})
	order(at, bob, body, keyed("k"))
	orders("a day later", 4)
	order(at, bob, body)
	order(at, bob, body)
	orders("without a key", 6)
	for _, key := range []string{"a b", strings.Repeat("k", 201), "ä"} {
		if p := w.refused("POST", at, alice, body, keyed(key)); p.Status != http.StatusUnprocessableEntity || p.Code != Invalid {
			t.Errorf("key %q: %+v", key, p)
		}
	}
}

// The client gives an order again whose answer was lost, as the same one; a refusal it takes for an answer.
func TestClientOrdersOnce(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var came []string
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came = append(came, r.URL.Path+" "+r.Header.Get("Idempotency-Key")+" "+string(body))
		switch {
		case strings.Contains(r.URL.Path, "CRM"):
			writeProblem(w, r, newProblem(http.StatusConflict, status.WrongState, "not now"))
		case len(came) < 3:
			panic(http.ErrAbortHandler) // The cable is pulled after the order has arrived.
		default:
			w.WriteHeader(http.StatusAccepted)
			_ = json.NewEncoder(w).Encode(plan.Record{ID: "op-1"})
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	defer func() {
		_ = server.Close()
		<-ended
	}()
	c, err := NewClient(ClientConfig{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.pause = time.Millisecond
	r, err := c.Failover(t.Context(), "PBX", "drill", nil)
	if err != nil || r.ID != "op-1" || len(came) != 3 || came[0] != came[1] || came[1] != came[2] || len(strings.Fields(came[0])[1]) < 20 {
		t.Errorf("%+v, %v; what came: %q", r, err, came)
	}
	came = came[:0]
	var p *Problem
	if _, err := c.Failover(t.Context(), "CRM", "drill", nil); !errors.As(err, &p) || len(came) != 1 {
		t.Errorf("a refusal: %v after %d tries", err, len(came))
	}
	_ = server.Close()
	if _, err := c.Failover(t.Context(), "PBX", "drill", nil); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("nobody there: %v", err)
	}
}

// A name is held by one at a time; whoever waits for it goes on when it is free, or when they are called off.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOnce()
		end, err := o.hold(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		var entered atomic.Bool
		go func() {
			if next, err := o.hold(t.Context(), "k"); err == nil {
				entered.Store(true)
				next()
			}
		}()
		synctest.Wait()
		if entered.Load() {
			t.Error("two hold one name")
		}
		end()
		synctest.Wait()
		if !entered.Load() || len(o.held) != 0 {
			t.Errorf("the second entered: %t; held: %v", entered.Load(), o.held)
		}
	})
}
