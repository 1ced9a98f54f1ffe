package standin

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unusedPort returns an address on the loopback interface where nobody listens.
func unusedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func TestReadyTCP(t *testing.T) {
	at := unusedPort(t)
	_, err := Ready{TCP: at, Timeout: 300 * time.Millisecond}.Wait(t.Context())
	assertError(t, err, "not ready within 300ms", "connection refused")

	// It opens its port while we wait.
	var l net.Listener
	opened := make(chan error, 1)
	timer := time.AfterFunc(250*time.Millisecond, func() {
		var err error
		l, err = net.Listen("tcp", at.String())
		opened <- err
	})
	defer timer.Stop()
	evidence, err := Ready{TCP: at, Timeout: 10 * time.Second}.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := at.String() + " accepts connections"; evidence != want {
		t.Errorf("got %q, want %q", evidence, want)
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadyHTTP(t *testing.T) {
	handler := http.NewServeMux()
	handler.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("state: serving")) })
	handler.HandleFunc("/starting", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	handler.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	plain := httptest.NewServer(handler)
	defer plain.Close()
	secure := httptest.NewTLSServer(handler)
	defer secure.Close()
	tests := map[string]struct {
		check HTTPCheck
		fails string // "" for ready
	}{
		"200":            {HTTPCheck{URL: plain.URL + "/ok"}, ""},
		"own key":        {HTTPCheck{URL: secure.URL + "/ok"}, ""},
		"text found":     {HTTPCheck{URL: plain.URL + "/ok", Body: "serving"}, ""},
		"text not found": {HTTPCheck{URL: plain.URL + "/ok", Body: "ready"}, `without "ready"`},
		"503":            {HTTPCheck{URL: plain.URL + "/starting"}, "503 Service Unavailable, expected 200"},
		"503 expected":   {HTTPCheck{URL: plain.URL + "/starting", Status: 503}, ""},
		"redirect":       {HTTPCheck{URL: plain.URL + "/moved"}, "302 Found, expected 200"},
		"nobody there":   {HTTPCheck{URL: "http://" + unusedPort(t).String()}, "connection refused"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			evidence, err := Ready{HTTP: &tt.check, Timeout: 400 * time.Millisecond}.Wait(t.Context())
			if tt.fails != "" {
				assertError(t, err, tt.fails, "not ready within")
			} else if err != nil || evidence == "" {
				t.Errorf("got %q, %v", evidence, err)
			}
		})
	}
}

func TestReadyCommand(t *testing.T) {
	dir := t.TempDir()
	ready := Ready{
		Command: script(`test "$FAILOVERD_SERVER" = pbx && test -e "$1/up" && echo up || { echo not yet; exit 1; }`, dir),
		Env:     Spec{Environment: Environment{Server: "pbx"}}.Environ(), Timeout: 400 * time.Millisecond,
	}
	_, err := ready.Wait(t.Context())
	assertError(t, err, "not ready within 400ms", "not yet")
	if err := os.WriteFile(filepath.Join(dir, "up"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if evidence, err := ready.Wait(t.Context()); err != nil || evidence != "ready command: exit status 0: up" {
		t.Errorf("got %q, %v", evidence, err)
	}
}

func TestReadyWithoutACheck(t *testing.T) {
	if evidence, err := (Ready{}).Wait(t.Context()); err != nil || evidence == "" {
		t.Errorf("got %q, %v", evidence, err)
	}
}

// TestReadyPace looks at the times of the checks, in a bubble where a pause takes no time.
func TestReadyPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var got []time.Duration
		_, err := waitUntil(t.Context(), 4*time.Second, func(context.Context) (string, error) {
			got = append(got, time.Since(begun))
			return "", errors.New("starting up")
		})
		assertError(t, err, "not ready within 4s", "starting up")
		ms := time.Millisecond
		want := []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 2500 * ms, 3500 * ms}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("times of the checks (-want +got):\n%s", diff)
		}
	})
}

// TestReadyCheckThatHangs is cut short, and the next one has its chance.
func TestReadyCheckThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		evidence, err := waitUntil(t.Context(), time.Minute, func(ctx context.Context) (string, error) {
			if tries++; tries == 1 {
				<-ctx.Done()
				return "", ctx.Err()
			}
			return "up", nil
		})
		if err != nil || evidence != "up" || tries != 2 {
			t.Errorf("got %q, %v after %d tries", evidence, err, tries)
		}
	})
}

func TestReadyObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(time.Second, cancel)
		defer timer.Stop()
		begun := time.Now()
		_, err := waitUntil(ctx, time.Hour, func(context.Context) (string, error) { return "", errors.New("starting up") })
		if !errors.Is(err, context.Canceled) || time.Since(begun) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
		assertError(t, err, "starting up")
	})
}
