package alerts

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// eximConfig is a mail server that takes mail over STARTTLS from whoever has logged in, and delivers it into files.
// It has all that it writes in one directory, and needs no rights.
const eximConfig = `
primary_hostname = mail.example.com
spool_directory = DIR/spool
log_file_path = DIR/log.%%s
exim_user = UID
exim_group = GID
keep_environment =
tls_advertise_hosts = *
tls_certificate = DIR/cert.pem
tls_privatekey = DIR/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = recipient
host_lookup =
rfc1413_query_timeout = 0s
queue_only = false
deliver_drop_privilege = true
never_users =
local_from_check = false

begin acl
recipient:
  deny !authenticated = *
       message = authentication required
  deny !local_parts = ops
       message = no such user here
  accept

begin routers
everybody:
  driver = accept
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  file = DIR/mailbox/ops
  mode_fail_narrower = false
  user = UID
  group = GID

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{USER}}{eq{$auth3}{SECRET}}}}
  server_set_id = $auth2
`

// nobody is the account that the server runs under when the test runs as root, since exim does not deliver as root.
const nobody = 65534

// eximServer serves Debian's exim4 (package exim4-daemon-light) on a free port and returns how to reach it and where it
// delivers. Where there is none, the test is skipped, or fails when FAILOVERD_LAB is "require".
func eximServer(t *testing.T) (SMTPConfig, string) {
	t.Helper()
	binary, err := exec.LookPath("exim4")
	if err != nil {
		if binary = "/usr/sbin/exim4"; !isFile(binary) {
			if os.Getenv("FAILOVERD_LAB") == "require" {
				t.Fatal("exim4 is not installed (Debian package exim4-daemon-light)")
			}
			t.Skip("exim4 is not installed (Debian package exim4-daemon-light)")
		}
	}
	// Not t.TempDir: its parents are closed to the other account.
	dir, err := os.MkdirTemp("", "failoverd-exim-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	certificate, caFile := newCertificate(t)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = nobody, nobody
	}
	config := strings.NewReplacer("DIR", dir, "UID", fmt.Sprint(uid), "GID", fmt.Sprint(gid),
		"USER", testUser, "SECRET", testSecret, "%%", "%").Replace(eximConfig)
	for name, content := range map[string][]byte{
		"exim.conf": []byte(config),
		"cert.pem":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		"key.pem":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"spool", "mailbox"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, uid, gid)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var output bytes.Buffer
	t.Cleanup(func() { // Runs after the server has ended.
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(dir, "log.*"))
			for _, name := range logs {
				text, _ := os.ReadFile(name)
				t.Logf("%s:\n%s", filepath.Base(name), text)
			}
			t.Logf("exim4 says: %s", output.String())
		}
	})
	port := serve(t, uid, &output, binary, "-C", filepath.Join(dir, "exim.conf"), "-bs", "-odf")
	return SMTPConfig{Host: "127.0.0.1", Port: port, TLS: "starttls", CAFile: caFile, Timeout: 30 * time.Second}, filepath.Join(dir, "mailbox")
}

// serve listens on a free port and runs the program for each connection. What is said goes through a pair of sockets,
// since exim serves a TCP connection for root alone, but whoever calls it otherwise. What the program complains about
// goes to output. It returns the port.
func serve(t *testing.T, uid int, output *bytes.Buffer, program ...string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var server sync.WaitGroup
	server.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			run := exec.Command(program[0], program[1:]...)
			run.Stderr = output
			if os.Getuid() == 0 {
				run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
			}
			if err := runOn(run, conn); err != nil {
				fmt.Fprintln(output, err)
			}
		}
	})
	t.Cleanup(func() { l.Close(); server.Wait() })
	return l.Addr().(*net.TCPAddr).Port
}

// runOn runs a program with conn as its standard input and output, by way of a pair of sockets.
func runOn(run *exec.Cmd, conn net.Conn) error {
	defer conn.Close()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs, ours := os.NewFile(uintptr(fds[0]), "theirs"), os.NewFile(uintptr(fds[1]), "ours")
	defer theirs.Close()
	defer ours.Close()
	bridge, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	defer bridge.Close()
	run.Stdin, run.Stdout = theirs, theirs
	if err := run.Start(); err != nil {
		return err
	}
	theirs.Close()
	var copies sync.WaitGroup
	copies.Go(func() { io.Copy(bridge, conn); bridge.(*net.UnixConn).CloseWrite() })
	copies.Go(func() { io.Copy(conn, bridge); conn.Close() })
	copies.Wait()
	return run.Wait()
}

// isFile tells whether there is a file.
func isFile(path string) bool { _, err := os.Stat(path); return err == nil }

// eventually asks until the answer is yes; for programs that tell nobody when they are ready.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// A mail server that nobody here wrote takes the mail by STARTTLS and login, and delivers what was composed.
func TestRealServer(t *testing.T) {
	c, mailbox := eximServer(t)
	m := sample()

	lines, err := NewSMTP(c.as(testUser, testSecret)).Dialogue(t.Context(), m)
	all := strings.Join(lines, "\n")
	if err != nil {
		t.Fatalf("%v\n%s", err, all)
	}
	checkNoSecret(t, all)
	t.Log("\n" + all)

	var delivered []byte
	eventually(t, "the mail is in the mailbox", func() bool {
		delivered, err = os.ReadFile(filepath.Join(mailbox, "ops"))
		return err == nil && bytes.Contains(delivered, []byte("--\n\n"))
	})
	_, delivered, _ = bytes.Cut(delivered, []byte("\n")) // The envelope's line "From …".
	got, err := mail.ReadMessage(bytes.NewReader(delivered))
	if err != nil {
		t.Fatal(err)
	}
	var eml bytes.Buffer
	if _, err := m.WriteTo(&eml); err != nil {
		t.Fatal(err)
	}
	want, err := mail.ReadMessage(&eml)
	if err != nil {
		t.Fatal(err)
	}
	for name := range want.Header {
		if diff := cmp.Diff(want.Header[name], got.Header[name]); diff != "" {
			t.Errorf("header %s (-want +got)\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(body(t, want), body(t, got)); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}

	m.To = "nobody@example.com"
	if _, retry, err := NewSMTP(c.as(testUser, testSecret)).Send(t.Context(), m); err == nil || retry || !strings.Contains(err.Error(), "no such user here") {
		t.Errorf("unknown recipient: retry %t, %v; want a refusal for good", retry, err)
	}
	if _, retry, err := NewSMTP(c.as(testUser, "wrong")).Send(t.Context(), sample()); err == nil || !retry || !strings.Contains(err.Error(), "535") {
		t.Errorf("wrong password: retry %t, %v; want 535 and another try", retry, err)
	}
}

// body reads a message's body with the line ends of a mailbox.
func body(t *testing.T, m *mail.Message) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(m.Body); err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\n")
}
