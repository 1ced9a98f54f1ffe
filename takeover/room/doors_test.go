package room

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
)

// answering is a server that sends back what it is told, in capital letters, to the end.
func answering(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				told, _ := io.ReadAll(conn)
				_, _ = io.WriteString(conn, strings.ToUpper(string(told)))
			})
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// visit says what is answered at each address.
func visit() {
	for _, at := range os.Args[1:] {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			fmt.Println("nobody")
			continue
		}
		_, _ = io.WriteString(conn, "hello "+strings.Repeat("x", 100000))
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		fmt.Printf("%.6s, %d bytes, %v\n", answer, len(answer), err)
		_ = conn.Close()
	}
	if _, err := os.Stat("/proc/self/fd/3"); err == nil {
		if name, _ := os.Readlink("/proc/self/fd/3"); strings.HasPrefix(name, "socket:") {
			fmt.Println("the keeper's socket is open")
		}
	}
}

// A door leads to one server of the host, as often as somebody comes, and to no other.
func TestDoors(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	one, two, other := answering(t), answering(t), answering(t)
	out, err := run(t, waiting(t), Command{
		Doors: []netip.AddrPort{one, two},
		Args:  []string{exe, one.String(), two.String(), other.String(), one.String()}, Env: []string{part + "=visit"},
	})
	if err != nil {
		t.Fatal(err)
	}
	const answered = "HELLO , 100006 bytes, <nil>"
	if want := strings.Join([]string{answered, answered, "nobody", answered}, "\n"); out != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

// A door to an address that is not loopback's makes the address the room's, and a door to nobody is one that shuts.
func TestADoorToNobody(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	gone := answering(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, waiting(t), Command{
		Doors: []netip.AddrPort{nobody, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), gone.Port())},
		Args:  []string{exe, nobody.String(), "192.0.2.9:" + fmt.Sprint(gone.Port())}, Env: []string{part + "=visit"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "HELLO") {
			t.Errorf("somebody has answered: %s", out)
		}
	}
	if _, err := Run(t.Context(), Command{Doors: make([]netip.AddrPort, mostDoors+1)}); err == nil {
		t.Error("more doors than there can be")
	}
}

// A user namespace gives the same room to whoever is not root.
func TestARoomInAUserNamespace(t *testing.T) {
	if _, err := run(t, waiting(t), Command{Args: []string{"/bin/true"}}); err != nil {
		t.Fatal(err)
	}
	door := answering(t)
	request := fmt.Sprintf(`{"Addresses":["192.0.2.7"],"Doors":[%q],"Args":["/bin/sh","-c","id -u; grep -c 192.0.2.7 /proc/net/fib_trie"]}`+"\n", door)
	got, err := keep(waiting(t), []byte(request), []netip.AddrPort{door}, true)
	if err != nil || !got.Made || got.Error != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if id, found, _ := strings.Cut(got.Output, "\n"); id != fmt.Sprint(os.Geteuid()) || found == "0" {
		t.Errorf("in the room: %q", got.Output)
	}
}
