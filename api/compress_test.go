package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"
)

// What is read comes compressed to those who can read that, and is the same; what has an ETag, what was ordered and what is
// refused comes as it is.
func TestCompressed(t *testing.T) {
	w := startWorld(t, Limits{})
	w.standby.fill()
	secret := w.token(Admin).Secret
	as := func(encodings string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Accept-Encoding", encodings) } // set by hand, the client leaves the body as it comes
	}
	_, plain := w.call("GET", "/api/v1/tokens", secret, "", as("identity"))
	for _, test := range []struct {
		method, path, accepts string
		want                  bool
	}{
		{"GET", "/api/v1/tokens", "gzip", true},
		{"GET", "/api/v1/tokens", "br, GZIP;q=0.5", true},
		{"GET", "/api/v1/status", "gzip", true},
		{"GET", "/api/v1/tokens", "gzip;q=0", false},
		{"GET", "/api/v1/tokens", "br", false},
		{"GET", "/api/v1/servers/PBX", "gzip", false},
		{"GET", "/api/v1/servers/NONE", "gzip", false},
		{"HEAD", "/api/v1/events/stream", "gzip", false},
		{"POST", "/api/v1/servers/PBX/resume", "gzip", false},
	} {
		res, body := w.call(test.method, test.path, secret, "", as(test.accepts))
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != test.want {
			t.Errorf("%s %s for %q: compressed %t, %s", test.method, test.path, test.accepts, got, res.Status)
			continue
		}
		if !test.want || test.path != "/api/v1/tokens" {
			continue
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unpacked)
		if err != nil || string(text) != string(plain) {
			t.Errorf("unpacked, %v:\n%s\nwant\n%s", err, text, plain)
		}
		if res.Header.Get("Vary") == "" {
			t.Error("a cache would take it for everybody's")
		}
	}
}
