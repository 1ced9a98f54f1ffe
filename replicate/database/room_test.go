package database

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRoom(t *testing.T) {
	const gib, mib = int64(1 << 30), int64(1 << 20)
	p := Pair{Target: End{Host: "standby"}, Source: End{Catalog: "calls"}}
	for _, tt := range []struct {
		name               string
		bytes, free, freed int64
		data               string
		code, text, remedy string // none if empty
		blocks             bool
	}{
		{name: "plenty", bytes: gib, free: 2 * gib},
		{name: "as much as is wanted", bytes: 10 * gib, free: 11 * gib},
		{name: "not known", bytes: gib, free: -1},
		{
			name: "not with the reserve", bytes: 10 * gib, free: 11*gib - 100*mib, data: "/var/lib/pg",
			code: "no-space", text: "standby has 11 GiB free in /var/lib/pg, and one more copy of calls takes 10 GiB", remedy: "make room for 100 MiB more at standby: df -h '/var/lib/pg'",
		},
		{
			name: "a small one has a reserve too", bytes: mib, free: 2 * mib,
			code: "no-space", text: "standby has 2.0 MiB free for its data", remedy: "make room for 63 MiB more at standby",
		},
		{
			name: "certainly not enough", bytes: gib, free: gib - 1, data: `D:\Data`, blocks: true,
			code: "no-space", text: `free in D:\Data`, remedy: "more at standby",
		},
		{name: "what an earlier run has left goes first", bytes: gib, free: gib / 2, freed: gib},
		{
			name: "but it is not enough either", bytes: gib, free: gib / 4, freed: gib / 2, blocks: true,
			code: "no-space", text: "standby has 768 MiB free", remedy: "make room for 358 MiB more",
		},
		{name: "a full disk", bytes: 1, free: 0, blocks: true, code: "no-space", text: "standby has 0 B free", remedy: "make room for 64 MiB more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Report{Bytes: tt.bytes, Target: Server{Free: tt.free, Data: tt.data}}.Room(p, tt.freed)
			if tt.code == "" {
				if len(got) > 0 {
					t.Errorf("problems: %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Code != tt.code || got[0].Blocks != tt.blocks || !strings.Contains(got[0].Text, tt.text) || !strings.Contains(got[0].Remedy, tt.remedy) {
				t.Errorf("problems: %+v", got)
			}
		})
	}
}

// connected is a connection to a server within this process, which listens as it is told.
func connected(t *testing.T, network, address string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func TestLocalRoom(t *testing.T) {
	dir := t.TempDir()
	four, _ := connected(t, "tcp", "127.0.0.1:0")
	everywhere, _ := connected(t, "tcp", ":0")
	socket, _ := connected(t, "unix", filepath.Join(dir, "s"))
	for name, conn := range map[string]net.Conn{"loopback": four, "all addresses": everywhere, "socket": socket, "secured": tls.Client(four, &tls.Config{ServerName: "x"})} {
		t.Run(name, func(t *testing.T) {
			if free, err := LocalRoom(conn, dir); err != nil || free <= 0 {
				t.Errorf("%d bytes free, %v", free, err)
			}
			missing := filepath.Join(dir, "none")
			if free, err := LocalRoom(conn, missing); err == nil || free != -1 || !strings.Contains(err.Error(), missing+", which failoverd does not see") {
				t.Errorf("where there is nothing: %d bytes free, %v", free, err)
			}
		})
	}
}

// TestLocalRoomOfOthers: where it is not certain that the directory is the server's, it is not looked at.
func TestLocalRoomOfOthers(t *testing.T) {
	conn, _ := connected(t, "tcp", "127.0.0.1:0")
	other := "/" // of root, if we are not
	if os.Geteuid() == 0 {
		other = t.TempDir()
		if err := os.Chown(other, 4711, -1); err != nil {
			t.Fatal(err)
		}
	}
	if free, err := LocalRoom(conn, other); err == nil || free != -1 || !strings.Contains(err.Error(), "belongs to another account") {
		t.Errorf("a directory of another account: %d bytes free, %v", free, err)
	}
	elsewhere := remote{Conn: conn, to: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5432}}
	if free, err := LocalRoom(elsewhere, t.TempDir()); err == nil || free != -1 || !strings.Contains(err.Error(), "no process of this host answers at 192.0.2.7:5432") {
		t.Errorf("another host: %d bytes free, %v", free, err)
	}
	pipe, end := net.Pipe()
	defer func() { _, _ = pipe.Close(), end.Close() }()
	if free, err := LocalRoom(pipe, t.TempDir()); err == nil || free != -1 {
		t.Errorf("neither TCP nor a socket: %d bytes free, %v", free, err)
	}
}

// remote is a connection whose other end is said to be elsewhere.
type remote struct {
	net.Conn
	to net.Addr
}

func (r remote) RemoteAddr() net.Addr { return r.to }

// TestLocalRoomLooksFurther: who may not look into a directory looks at the one above it.
func TestLocalRoomLooksFurther(t *testing.T) {
	conn, _ := connected(t, "tcp", "127.0.0.1:0")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.Chmod(data, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(data, 0o700) })
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // it is the test's own
		t.Fatal(err)
	}
	var free int64
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if os.Geteuid() == 0 {
			if err = unix.Setfsuid(65534); err != nil { // root may look everywhere; this thread may not
				return
			}
		}
		free, err = LocalRoom(conn, filepath.Join(data, "base"), data)
	}()
	<-done
	if err != nil || free <= 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
}

func TestReadSockets(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 1 1 0 100 0 0 10 0
   1: 0100007F:C3A2 0100007F:1538 01 00000000:00000000 00:00000000 00000000   990        0 2 1 0 20 4 30 10 -1
   2: 0100007F:1538 0100007F:C3A2 01 00000000:00000000 00:00000000 00000000   105        0 3 1 0 20 4 30 10 -1
   3: nonsense
   4: 0000000000000000FFFF00000100007F:1539 0000000000000000FFFF00000100007F:C3A2 01 0:0 0:0 0   106        0 4 1 0
   5: 00000000000000000000000001000000:1538 00000000000000000000000001000000:C3A2 01 0:0 0:0 0   107        0 4 1 0
`
	for _, tt := range []struct {
		local, remote string
		account       uint32
		found         bool
	}{
		{"127.0.0.1:5432", "127.0.0.1:50082", 105, true},
		{"127.0.0.1:50082", "127.0.0.1:5432", 990, true},
		{"127.0.0.1:5433", "127.0.0.1:50082", 106, true}, // by IPv4 at a socket of IPv6
		{"[::1]:5432", "[::1]:50082", 107, true},
		{"127.0.0.1:5432", "127.0.0.1:50083", 0, false},
		{"127.0.0.2:5432", "127.0.0.1:50082", 0, false},
	} {
		account, found, err := readSockets(strings.NewReader(table), netip.MustParseAddrPort(tt.local), netip.MustParseAddrPort(tt.remote))
		if err != nil || found != tt.found || account != tt.account {
			t.Errorf("%s to %s: account %d, found %t, %v", tt.local, tt.remote, account, found, err)
		}
	}
}
