package api

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"failoverd/plan"
)

// The socket can be opened by its owner and its group from its first moment,
// and its name is gone afterwards.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	if _, err := ListenSocket(path, ""); !errors.Is(err, ErrSocketInUse) {
		t.Errorf("a second daemon: %v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second daemon took the socket away: %v", err)
	}
	l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
}

// A socket that was left behind is replaced; anything else is not touched.
func TestStaleSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l, err := ListenSocket(path, "")
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	// A daemon that ends late must not take its successor's socket away.
	os.Remove(path)
	successor, err := ListenSocket(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer successor.Close()
	l.Close()
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the successor's socket: %v", err)
	} else {
		c.Close()
	}

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenSocket(file, ""); err == nil {
		t.Error("a file was taken for a socket")
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("the file has become %q", text)
	}
	if _, err := ListenSocket(filepath.Join(dir, "none", "s"), ""); err == nil {
		t.Error("no directory, no error")
	}
	if _, err := ListenSocket(filepath.Join(dir, "t"), "no-such-group"); err == nil {
		t.Error("no such group, no error")
	}
	if _, err := ListenSocket(filepath.Join(dir, strings.Repeat("x", 120)), ""); err == nil {
		t.Error("a path too long for a socket, no error")
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenSocket(filepath.Join(open, "s"), ""); err == nil || !strings.Contains(err.Error(), "everybody may write") {
		t.Errorf("in a directory open to all: %v", err)
	}
}

// Who is on the socket comes from the kernel: another user is an operator, by
// name.
func TestPeers(t *testing.T) {
	for _, tt := range []struct {
		p    peer
		role Role
		by   plan.Actor
	}{
		{peer{uid: 0, pid: 7, name: "root"}, Admin, plan.Actor{Kind: "user", Name: "root", Via: "socket", From: "process 7"}},
		{peer{uid: 0, pid: 7, name: "root", login: "alice"}, Admin, plan.Actor{Kind: "user", Name: "root", Via: "socket", From: "process 7, logged in as alice"}},
		{peer{uid: uint32(os.Geteuid()), pid: 7, name: "me"}, Admin, plan.Actor{Kind: "user", Name: "me", Via: "socket", From: "process 7"}},
		{peer{uid: 54321, pid: 8, name: "bob"}, Operator, plan.Actor{Kind: "user", Name: "bob", Via: "socket", From: "process 8"}},
	} {
		if c := tt.p.caller(); c.role != tt.role || c.actor != tt.by {
			t.Errorf("%+v: %s %+v, want %s %+v", tt.p, c.role, c.actor, tt.role, tt.by)
		}
	}
	if got := userName(0); got != "root" {
		t.Errorf("user 0 is %q", got)
	}
	if got := userName(4294967290); got != "uid 4294967290" {
		t.Errorf("an unknown user is %q", got)
	}
}

// A process of another user is recognised as that user, an operator.
func TestOtherUserOnTheSocket(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if os.Geteuid() != 0 || err != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: root and curl are needed: %v", err)
		}
		t.Skip("root and curl are needed")
	}
	w := startWorld(t, Limits{})
	for dir := filepath.Dir(w.socket); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(args ...string) string {
		c := exec.CommandContext(t.Context(), curl, append([]string{"-s", "-S", "--unix-socket", w.socket}, args...)...)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1, Gid: 1}} // daemon
		out, _ := c.CombinedOutput()
		return string(out)
	}
	if out := ask("http://x/api/v1/status"); strings.Contains(out, "verdict") {
		t.Errorf("a user outside the group was let in: %s", out)
	}
	if err := os.Chown(w.socket, -1, 1); err != nil {
		t.Fatal(err)
	}
	if out := ask("http://x/api/v1/status"); !strings.Contains(out, `"verdict":"uncovered"`) {
		t.Errorf("a user of the group: %s", out)
	}
	if out := ask("-X", "POST", "-H", "Content-Type: application/json", "-d", `{"reason":"x"}`, "http://x/api/v1/servers/PBX/suspend"); !strings.Contains(out, `"mode":"suspended"`) {
		t.Errorf("suspend as an operator: %s", out)
	}
	if o := w.standby.orders(); len(o) != 1 || o[0].Order.By.Name != userName(1) || o[0].Order.By.Kind != "user" {
		t.Errorf("the order came as %+v", o)
	}
	if out := ask("http://x/api/v1/tokens"); !strings.Contains(out, `"code":"forbidden"`) {
		t.Errorf("tokens as an operator: %s", out)
	}
}

// The own certificate is made once, its key is private, and clients that know
// its fingerprint or the certificate trust it; others do not.
func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	first, err := OwnCertificate(dir, []string{"127.0.0.1", "standby-1", ""})
	if err != nil {
		t.Fatal(err)
	}
	again, err := OwnCertificate(dir, nil)
	if err != nil || Fingerprint(again) != Fingerprint(first) {
		t.Errorf("the second start: %s, %v; want %s", Fingerprint(again), err, Fingerprint(first))
	}
	for name, want := range map[string]os.FileMode{"tls": os.ModeDir | 0o700, "tls/api.key": 0o600, "tls/api.crt": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	parsed, err := x509.ParseCertificate(first.Certificate[0])
	if err != nil || parsed.VerifyHostname("standby-1") != nil || parsed.VerifyHostname("127.0.0.1") != nil {
		t.Errorf("the certificate is for %v %v, %v", parsed.DNSNames, parsed.IPAddresses, err)
	}
	if openssl, err := exec.LookPath("openssl"); err == nil {
		out, err := exec.CommandContext(t.Context(), openssl, "x509", "-noout", "-fingerprint", "-sha256", "-in", filepath.Join(dir, "tls/api.crt")).Output()
		if err != nil || !strings.Contains(string(out), Fingerprint(first)) {
			t.Errorf("openssl says %s, %v; want %s", out, err, Fingerprint(first))
		}
	}
	// A crash between key and certificate: both are made again.
	if err := os.Remove(filepath.Join(dir, "tls/api.crt")); err != nil {
		t.Fatal(err)
	}
	third, err := OwnCertificate(dir, nil)
	if err != nil || Fingerprint(third) == Fingerprint(first) {
		t.Errorf("after a crash: %s, %v", Fingerprint(third), err)
	}
	// A torn file is an error and is not replaced: a new certificate would lock
	// out everybody who has pinned the old one.
	if err := os.WriteFile(filepath.Join(dir, "tls/api.key"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OwnCertificate(dir, nil); err == nil {
		t.Error("a torn key, no error")
	}
}

// A client talks only to the server that it was told of.
func TestClientTrust(t *testing.T) {
	w := startWorld(t, Limits{})
	secret := w.token(Viewer).Secret
	ca := filepath.Join(t.TempDir(), "ca.pem")
	state := func() tls.ConnectionState {
		c := w.raw().(*tls.Conn)
		return c.ConnectionState()
	}()
	if state.Version < tls.VersionTLS12 {
		t.Errorf("TLS version %x", state.Version)
	}
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: state.PeerCertificates[0].Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := OwnCertificate(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	plainPin := strings.ToLower(strings.ReplaceAll(w.pin, ":", ""))
	for _, tt := range []struct {
		name string
		c    ClientConfig
		ok   bool
	}{
		{"fingerprint", ClientConfig{Pin: w.pin}, true},
		{"fingerprint without colons", ClientConfig{Pin: "sha256:" + plainPin}, true},
		{"certificate", ClientConfig{CAFile: ca}, true},
		{"both", ClientConfig{CAFile: ca, Pin: w.pin}, true},
		{"another fingerprint", ClientConfig{Pin: Fingerprint(other)}, false},
		{"certificate, another fingerprint", ClientConfig{CAFile: ca, Pin: Fingerprint(other)}, false},
		{"nothing", ClientConfig{}, false},
	} {
		tt.c.URL, tt.c.Token = w.url, secret
		c, err := NewClient(tt.c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Status(t.Context()); (err == nil) != tt.ok || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", tt.name, err)
		}
		c.Close()
	}
	for _, bad := range []ClientConfig{
		{},
		{URL: "ftp://x"},
		{URL: "https://"},
		{URL: w.url, Pin: "abc"},
		{URL: w.url, CAFile: "/none"},
		{URL: "http://192.0.2.1:8443", Token: secret},
	} {
		if _, err := NewClient(bad); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if _, err := tlsDial(strings.TrimPrefix(w.url, "https://"), old); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
}

// A client says whether nobody is there, or somebody went away.
func TestNoDaemon(t *testing.T) {
	c, err := NewClient(ClientConfig{Socket: filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("no socket: %v", err)
	}
	if c, err = NewClient(ClientConfig{URL: "https://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("nobody at the port: %v", err)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 10))
			c.Close()
		}
	}()
	if c, err = NewClient(ClientConfig{Socket: path}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reload(t.Context(), ""); !errors.Is(err, ErrClosed) || errors.Is(err, ErrNoDaemon) {
		t.Errorf("it went away: %v", err)
	}
	l.Close()
	<-gone
}

// A token given to a port that is not the daemon's is not sent in clear text.
func TestListenTLSRefusesClearText(t *testing.T) {
	own, err := OwnCertificate(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ListenTLS(netip.MustParseAddrPort("127.0.0.1:0"), own, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := ListenTLS(netip.MustParseAddrPort(l.Addr().String()), own, 1); err == nil {
		t.Error("the port was taken twice")
	}
}
