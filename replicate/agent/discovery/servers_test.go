package discovery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"failoverd/internal/dbserver"
	"failoverd/internal/tdstest"
	"failoverd/replicate/agent/agentconfig"
)

// patient are limits for servers that answer, on a machine that may be busy.
func patient() limits {
	l := usual()
	l.question, l.greeting = 3*time.Minute, time.Minute
	return l
}

// on is a configuration in which nothing but some ports is looked at.
func on(t *testing.T, addresses ...string) *agentconfig.Config {
	t.Helper()
	c := &agentconfig.Config{Name: "pbx"}
	for _, a := range addresses {
		c.Discover.Ports = append(c.Discover.Ports, netip.MustParseAddrPort(a).Port())
	}
	return c
}

// listensOn finds what was found at an address. Other servers of this machine may be among what is found.
func listensOn(f Found, address string) (Database, bool) {
	for _, d := range f.Databases {
		if d.Listens == address {
			return d, true
		}
	}
	return Database{}, false
}

// known looks whether a server is recognised at its port, which is none of the usual ones.
func known(t *testing.T, address string, want Database) Database {
	t.Helper()
	l := patient()
	// As what it is not it is asked in vain, and that takes its time.
	l.greeting = 3 * time.Second
	for {
		f, err := find(t.Context(), on(t, address), l)
		if err != nil {
			t.Fatal(err)
		}
		got, is := listensOn(f, address)
		if !is && l.greeting < time.Minute { // the machine is slow, and that is not what is tried here
			l.greeting *= 5
			continue
		}
		want.Listens = address
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Database{}, "Version")); diff != "" {
			t.Errorf("found (-want +got):\n%s\nin %+v", diff, f)
		}
		return got
	}
}

func TestPostgresIsKnown(t *testing.T) {
	if testing.Short() {
		t.Skip("starts database servers")
	}
	for name, password := range map[string]string{"everybody is let in": "", "a password is wanted": "secret"} {
		t.Run(name, func(t *testing.T) {
			server, err := dbserver.StartPostgres(t.Context(), dbserver.Dir(t), dbserver.PostgresOptions{Password: password})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Kill() })
			got := known(t, server.Address(), Database{Engine: "postgres", Product: "PostgreSQL"})
			if told := strings.HasPrefix(got.Version, "1"); told != (password == "") {
				t.Errorf("version %q", got.Version)
			}
			if log := server.Log(); strings.Contains(log, "FATAL") {
				t.Errorf("the server took offence:\n%s", log)
			}
		})
	}
}

func TestMariaDBIsKnown(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a database server")
	}
	server, err := dbserver.StartMariaDB(t.Context(), dbserver.Dir(t), dbserver.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Kill() })
	got := known(t, server.Address(), Database{Engine: "mysql", Product: "MariaDB"})
	if !strings.HasPrefix(got.Version, "1") || !strings.Contains(got.Version, "MariaDB") {
		t.Errorf("version %q", got.Version)
	}
}

func TestSQLServerIsKnown(t *testing.T) {
	server := tdstest.Start(t, tdstest.Options{Version: "15.0.4415.2"})
	p := place{network: "tcp", address: server.Addr, shown: "here", first: sqlServer}
	var f Found
	f.identify(t.Context(), p, time.Minute)
	want := Found{Databases: []Database{{Engine: "sqlserver", Product: "SQL Server", Version: "15.0.4415", Listens: "here", TLS: true}}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// says listens and has a conversation with whoever connects.
func says(t *testing.T, conversation func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conversation(conn)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// hold keeps a connection until the other side ends it.
func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// endless writes for as long as somebody reads.
func endless(b []byte) func(net.Conn) {
	return func(c net.Conn) {
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}
}

// reply answers the first question and then holds the connection.
func reply(b []byte) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := c.Read(make([]byte, 512)); err == nil {
			_, _ = c.Write(b)
			hold(c)
		}
	}
}

// greet speaks first and then holds the connection.
func greet(b []byte) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Write(b)
		hold(c)
	}
}

func TestStrangersAreNotTakenForServers(t *testing.T) {
	mysqlHead := func(n int, rest string) []byte {
		return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), 0}, rest...)
	}
	tests := map[string]func(net.Conn){
		"silence":                            hold,
		"an end at once":                     func(net.Conn) {},
		"endless zeros":                      endless(make([]byte, 4096)),
		"endless words":                      endless(bytes.Repeat([]byte("SSH-2.0-OpenSSH_9.2\r\n"), 200)),
		"a web server":                       reply([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")),
		"a mail server":                      greet([]byte("220 mail.example.com ESMTP Postfix\r\n")),
		"a large MySQL packet":               greet(mysqlHead(0xffffff, "\n10")),
		"MySQL without a version":            greet(mysqlHead(40, "\n"+strings.Repeat("x", 39))),
		"MySQL with a version of rubbish":    greet(mysqlHead(40, "\n\x1b[2J\x00"+strings.Repeat("x", 34))),
		"MySQL with a word for a version":    greet(mysqlHead(40, "\nx10.1\x00"+strings.Repeat("x", 33))),
		"MySQL that talks for long":          greet(mysqlHead(5000, "\n10.1\x00"+strings.Repeat("x", 4994))),
		"MySQL that is cut off":              func(c net.Conn) { _, _ = c.Write(mysqlHead(40, "\n10.1")) },
		"an empty MySQL packet":              greet(mysqlHead(0, "")),
		"an error of MySQL without a word":   greet(mysqlHead(2, "\xff\x01")),
		"a yes to encryption, for ever":      endless([]byte("S")),
		"PostgreSQL with a long message":     reply([]byte("NR\x7f\xff\xff\xff")),
		"PostgreSQL with a short message":    reply([]byte("NR\x00\x00\x00\x03")),
		"PostgreSQL with an empty request":   reply([]byte("NR\x00\x00\x00\x04")),
		"PostgreSQL that only notices":       reply([]byte("N" + strings.Repeat("N\x00\x00\x00\x04", 10_000))),
		"PostgreSQL with an error of nobody": reply([]byte("NE\x00\x00\x00\x08oops")),
		"TDS that is cut off":                reply([]byte{4, 1, 0, 40, 0, 0, 0, 0, 0, 0}),
		"TDS that is longer than itself":     reply([]byte{4, 1, 0, 14, 0, 0, 0, 0, 0, 0, 200, 0, 6, 255}),
		"TDS without a version":              reply([]byte{4, 1, 0, 9, 0, 0, 0, 0, 255}),
		"TDS without an end":                 reply([]byte{4, 1, 0, 10, 0, 0, 0, 0, 0, 0}),
	}
	for name, conversation := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := says(t, conversation)
			for first := range askers() {
				var f Found
				f.identify(t.Context(), place{network: "tcp", address: address, shown: address, first: first}, 100*time.Millisecond)
				if len(f.Databases) > 0 || len(f.Gaps) != 1 || f.Gaps[0].What != "what listens on "+address {
					t.Errorf("as %s: %+v", first, f)
				}
			}
		})
	}
}

func TestAServerThatIsSilentIsToldWithTheReason(t *testing.T) {
	address := says(t, hold)
	l := usual()
	l.greeting = 50 * time.Millisecond
	f, err := find(t.Context(), on(t, address), l)
	if err != nil {
		t.Fatal(err)
	}
	want := Gap{What: "what listens on " + address, Why: "it did not answer within 50ms"}
	if !contains(f.Gaps, want) {
		t.Errorf("gaps %+v, want %+v among them", f.Gaps, want)
	}
	if f.Hostname == "" || f.Kernel == "" {
		t.Errorf("one silent server hides the rest: %+v", f)
	}
}

func contains(list []Gap, want Gap) bool {
	for _, g := range list {
		if g == want {
			return true
		}
	}
	return false
}

func TestAHostThatMySQLDoesNotWantIsToldTheProduct(t *testing.T) {
	text := "\xff\x6a\x04Host '10.0.0.2' is not allowed to connect to this MariaDB server"
	address := says(t, greet(append([]byte{byte(len(text)), 0, 0, 0}, text...)))
	var f Found
	f.identify(t.Context(), place{network: "tcp", address: address, first: mysql, reachable: true}, time.Minute)
	want := Found{Databases: []Database{{Engine: "mysql", Product: "MariaDB", Reachable: true}}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// A server at its usual port is asked as what it is, and as nothing else before.
func TestTheUsualQuestionComesFirst(t *testing.T) {
	heard := make(chan []byte, 10)
	address := says(t, func(c net.Conn) {
		b := make([]byte, 512)
		n, _ := c.Read(b)
		heard <- b[:n]
	})
	var f Found
	f.identify(t.Context(), place{network: "tcp", address: address, first: sqlServer}, time.Second)
	if got := <-heard; !bytes.Equal(got, preloginQuestion()) {
		t.Errorf("the first question was %q", got)
	}
}

func TestServersOnSockets(t *testing.T) {
	dir := t.TempDir()
	greeting := "\n10.11.6-MariaDB\x00" + strings.Repeat("\x00", 13) + "\x00\x08" + strings.Repeat("\x00", 20)
	path := filepath.Join(dir, "mysqld.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skipf("the test's directory has too long a name for a socket: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(append([]byte{byte(len(greeting)), 0, 0, 0}, greeting...))
			_ = c.Close()
		}
	}()
	defer func() {
		_ = l.Close()
		<-done
	}()
	f, err := find(t.Context(), on(t), patient())
	if err != nil {
		t.Fatal(err)
	}
	got, _ := listensOn(f, path)
	want := Database{Engine: "mysql", Product: "MariaDB", Version: "10.11.6-MariaDB", Listens: path, TLS: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func TestPlaces(t *testing.T) {
	tcp := []byte(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   103        0 20153 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   103        0 20154 1 0000000000000000 100 0 0 10 0
   2: rubbish
   3: 00000000:0CEA 00000000:0000 0A
   4: 01:0CEA 00000000:0000 0A
`)
	tcp6 := []byte(`   0: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 0000000000000000FFFF00000100007F:0599 00000000000000000000000000000000:0000 0A
`)
	got := append(listeners(tcp), listeners(tcp6)...)
	var texts []string
	for _, a := range got {
		texts = append(texts, a.String())
	}
	want := []string{"127.0.0.1:5432", "0.0.0.0:3306", "[::1]:5432", "127.0.0.1:1433"}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
	if p := placeOf(got[1], mysql); p != (place{network: "tcp", address: "127.0.0.1:3306", shown: "*:3306", reachable: true, first: mysql}) {
		t.Errorf("%+v", p)
	}
	unix := []byte(`Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 21 /run/postgresql/.s.PGSQL.5432
0000000000000000: 00000003 00000000 00000000 0001 03 22 /run/postgresql/.s.PGSQL.5433
0000000000000000: 00000002 00000000 00010000 0001 01 23 @mysqld.sock
0000000000000000: 00000002 00000000 00010000 0001 01 24 /srv/my data/mysql.sock
0000000000000000: 00000002 00000000 00010000 0001 01 25
`)
	texts = nil
	for _, p := range sockets(unix) {
		texts = append(texts, p.first+" "+p.address)
	}
	if diff := cmp.Diff([]string{"postgres /run/postgresql/.s.PGSQL.5432", "mysql /srv/my data/mysql.sock"}, texts); diff != "" {
		t.Errorf("sockets (-want +got):\n%s", diff)
	}
}

// A message that says it is shorter than its own head, or longer than anything that is said, is not made room for.
func TestLengthsAreLookedAtBeforeTheyAreBelieved(t *testing.T) {
	further := errors.New("there was a further read")
	for _, head := range []string{"R\x00\x00\x00\x03", "R\x00\x00\x40\x01", "R\xff\xff\xff\xff"} {
		r := io.MultiReader(strings.NewReader(head), iotest.ErrReader(further))
		if _, _, err := postgresMessage(r); !errors.Is(err, errOther) {
			t.Errorf("%q: %v", head, err)
		}
	}
}

func TestAQuestionEndsWithItsContext(t *testing.T) {
	address := says(t, hold)
	gone := errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := find(ctx, on(t, address), usual()); !errors.Is(err, gone) {
		t.Errorf("find: %v", err)
	}
}
