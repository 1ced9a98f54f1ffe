package alerts

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rsyslogd runs Debian's rsyslogd with an input, and returns how to reach it and the file that it writes.
func rsyslogd(t *testing.T, transport string) (SyslogConfig, string) {
	t.Helper()
	program, dir, port := peer(t, "rsyslogd", "rsyslog, rsyslog-gnutls"), t.TempDir(), freePort(t)
	c := SyslogConfig{Address: fmt.Sprintf("127.0.0.1:%d", port), Transport: transport, Facility: 19, Timeout: 5 * time.Second}
	file, global, input := filepath.Join(dir, "messages"), "", ""
	switch transport {
	case "udp":
		input = fmt.Sprintf("module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"%d\")\n", port)
	case "tcp":
		input = fmt.Sprintf("module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"%d\")\n", port)
	case "tls":
		certificate, ca := newCertificate(t)
		key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		c.CAFile = ca
		crt := write(t, dir, "crt.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})))
		keyFile := write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
		global = fmt.Sprintf("global(defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=%q defaultNetstreamDriverCertFile=%q defaultNetstreamDriverKeyFile=%q)\n", ca, crt, keyFile)
		input = fmt.Sprintf("module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"%d\")\n", port)
	}
	conf := write(t, dir, "rsyslog.conf", fmt.Sprintf("global(workDirectory=%q)\n", dir)+global+input+
		`template(name="parts" type="string" string="%syslogfacility%|%syslogseverity%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\n")`+"\n"+
		fmt.Sprintf("action(type=\"omfile\" file=%q template=\"parts\")\n", file))
	daemon(t, nil, program, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	list := "tcp"
	if transport == "udp" {
		list = "udp"
	}
	eventually(t, "rsyslogd listens", func() bool { return listens(t, list, port) })
	return c, file
}

// A receiver that nobody here wrote understands every part of a message, by every transport.
func TestSyslogReceiverUnderstands(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			c, file := rsyslogd(t, transport)
			m := told("takeover.done", "critical", "pbx1-1")
			lines, err := NewSyslog(c).Dialogue(t.Context(), m)
			if err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(lines, "\n"))
			}
			if last := lines[len(lines)-1]; transport != "udp" && !strings.Contains(last, "has read it") {
				t.Errorf("it ends with %q", last)
			}
			var text []byte
			eventually(t, "the message is in the file", func() bool {
				text, err = os.ReadFile(file)
				return err == nil && strings.Contains(string(text), "failoverd|takeover.done")
			})
			var line string
			for l := range strings.Lines(string(text)) {
				if strings.Contains(l, "failoverd|takeover.done") {
					line = strings.TrimSuffix(l, "\n")
				}
			}
			got := strings.SplitN(line, "|", 8)
			n := m.Notification
			want := []string{"19", "2", n.Time.Format("2006-01-02T15:04:05.000Z07:00"), n.Standby, "failoverd", "takeover.done"}
			if diff := cmp.Diff(want, got[:6]); diff != "" {
				t.Errorf("header (-want +got)\n%s\n%s", diff, line)
			}
			for _, part := range []string{`[failoverd@32473 id="` + n.ID + `"`, `severity="critical"`, `state="TAKEN OVER"`, `server="pbx1"`, `alarm="pbx1-1"`, `clears="false"`, `reason="a \"reason\" [of\] it"`} {
				if !strings.Contains(got[6], part) {
					t.Errorf("%s is not in the structured data %s", part, got[6])
				}
			}
			if want := n.Title + ": " + n.Summary; strings.TrimSpace(got[7]) != want {
				t.Errorf("text %q, want %q", got[7], want)
			}
		})
	}
}

// A receiver that is not there, whose certificate is not trusted, or that dies before it has read, has got nothing.
func TestSyslogNotDelivered(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	t.Cleanup(func() { dead.Close(); accepting.Wait() })
	accepting.Go(func() {
		for {
			conn, err := dead.Accept()
			if err != nil {
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0) // Its end is a reset, as when a program dies with something unread.
			conn.Close()
		}
	})
	trusted, _ := rsyslogd(t, "tls")
	for name, c := range map[string]SyslogConfig{
		"nobody listens, udp": {Address: fmt.Sprintf("127.0.0.1:%d", freePort(t)), Transport: "udp"},
		"nobody listens, tcp": {Address: fmt.Sprintf("127.0.0.1:%d", freePort(t)), Transport: "tcp"},
		"it resets":           {Address: dead.Addr().String(), Transport: "tcp"},
		"not trusted":         {Address: trusted.Address, Transport: "tls"},
		"another name":        {Address: trusted.Address, Transport: "tls", CAFile: trusted.CAFile, ServerName: "other.example.com"},
	} {
		c.Timeout = 5 * time.Second
		answer, retry, err := NewSyslog(c).Send(t.Context(), told("takeover.done", "critical", "x"))
		if err == nil || !retry {
			t.Errorf("%s: %q, retry %t, %v", name, answer, retry, err)
		}
		lines, _ := NewSyslog(c).Dialogue(t.Context(), told("takeover.done", "critical", "x"))
		if all := strings.Join(lines, "\n"); name != "it resets" && !strings.Contains(all, "likely cause: ") {
			t.Errorf("%s: no likely cause:\n%s", name, all)
		}
	}
}

// Whatever is in a notification, a message is one line of a bounded length, with a header that others can read.
func TestSyslogMessageBounds(t *testing.T) {
	n := told("takeover.done", "critical", "x").Notification
	n.Standby, n.Kind = "a standby\nwith ümläute", strings.Repeat("k", 50)
	n.Reason, n.Summary = strings.Repeat("ä\n", 1000), strings.Repeat("é", 1000)
	text := syslogMessage(3, n)
	fields := strings.SplitN(text, " ", 7)
	if len(text) > 2048 || strings.ContainsAny(text, "\n\r") || fields[0] != "<26>1" || !ascii(fields[2]) || len(fields[5]) != 32 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
