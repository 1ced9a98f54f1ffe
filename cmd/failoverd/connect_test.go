package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlace chooses the daemon: flags before the environment.
func TestPlace(t *testing.T) {
	for _, c := range []struct {
		flags       globalFlags
		env         []string
		socket, url string
	}{
		{globalFlags{}, nil, defaultSocket, ""},
		{globalFlags{}, []string{"FAILOVERD_SOCKET", "/s"}, "/s", ""},
		{globalFlags{}, []string{"FAILOVERD_SOCKET", "/s", "FAILOVERD_URL", "https://u"}, "", "https://u"},
		{globalFlags{socket: "/f"}, []string{"FAILOVERD_URL", "https://u"}, "/f", ""},
		{globalFlags{url: "https://f"}, []string{"FAILOVERD_SOCKET", "/s", "FAILOVERD_URL", "https://u"}, "", "https://f"},
	} {
		p, _, _ := here("")
		p.global, p.env = c.flags, environment(c.env...)
		if socket, url := p.place(); socket != c.socket || url != c.url {
			t.Errorf("%+v %q: %q %q, want %q %q", c.flags, c.env, socket, url, c.socket, c.url)
		}
	}
}

// TestRemote reaches a daemon over TLS by its authority or its fingerprint, with
// a token from a file or the environment.
func TestRemote(t *testing.T) {
	api := quietDay().handler()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer fvt_x" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"code":"unauthenticated","status":401,"detail":"no token"}`))
			return
		}
		api.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	tokenFile := filepath.Join(dir, "token")
	sum := sha256.Sum256(s.Certificate().Raw)
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tokenFile, []byte("fvt_x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		env  []string
		exit int
		says string
	}{
		{"authority and file", []string{"--ca", ca, "--token-file", tokenFile}, nil, exitDone, ""},
		{"fingerprint and environment", []string{"--fingerprint", hex.EncodeToString(sum[:])}, []string{"FAILOVERD_TOKEN", "fvt_x"}, exitDone, ""},
		{"no token", []string{"--ca", ca}, nil, exitForbidden, "no token"},
		{"file before environment", []string{"--ca", ca, "--token-file", tokenFile}, []string{"FAILOVERD_TOKEN", "wrong"}, exitDone, ""},
		{"empty file", []string{"--ca", ca, "--token-file", empty}, nil, exitFailed, "is empty"},
		{"no such file", []string{"--ca", ca, "--token-file", "/nonexistent/t"}, nil, exitFailed, "read the token"},
		{"nobody vouches", nil, []string{"FAILOVERD_TOKEN", "fvt_x"}, exitFailed, "certificate"},
		{"other fingerprint", []string{"--fingerprint", strings.Repeat("00", 32)}, []string{"FAILOVERD_TOKEN", "fvt_x"}, exitFailed, "certificate"},
		{"no fingerprint at all", []string{"--fingerprint", "xyz"}, nil, exitUsage, "fingerprint"},
		{"both", []string{"--fingerprint", "xyz", "--ca", ca}, nil, exitUsage, "fingerprint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, stderr := here("")
			p.env = environment(append(c.env, "FAILOVERD_URL", s.URL)...)
			exit := p.run(context.Background(), append([]string{"status"}, c.args...))
			if exit != c.exit || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("exit %d, want %d: %s", exit, c.exit, stderr)
			}
			if strings.Contains(stderr.String(), "fvt_x") {
				t.Errorf("the token is in the error: %s", stderr)
			}
		})
	}
}

// TestRemoteFlagsOnSocket refuses flags that would be without effect.
func TestRemoteFlagsOnSocket(t *testing.T) {
	for _, flag := range []string{"--token-file", "--ca", "--fingerprint"} {
		got := invoke(t, quietDay(), "status", flag, "x")
		if got.exit != exitUsage || !strings.Contains(got.stderr, flag+" is for a remote daemon") {
			t.Errorf("%s: exit %d, %s", flag, got.exit, got.stderr)
		}
	}
}
