package room

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/internal/lab"
)

// part is what the test binary plays when it is not the test: "look" is a command in a room, "daemon" is a program that
// makes one and is killed.
const part = "ROOM_TEST_PART"

func TestMain(m *testing.M) {
	Trampoline()
	switch os.Getenv(part) {
	case "look":
		look()
		os.Exit(0)
	case "visit":
		visit()
		os.Exit(0)
	case "daemon":
		_, err := Run(context.Background(), Command{Args: sleeper(os.Args[1], os.Args[2])})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(lab.Main(m))
}

// patience bounds every wait; it is no expectation of how fast anything is.
const patience = 40 * time.Second

func waiting(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// run runs a command in a room, where there can be one.
func run(t *testing.T, ctx context.Context, c Command) (string, error) {
	t.Helper()
	out, err := Run(ctx, c)
	if none, is := errors.AsType[*ImpossibleError](err); is {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatal(none)
		}
		t.Skip(none)
	}
	return out, err
}

// look says what there is in a room.
func look() {
	links, err := net.Interfaces()
	if err != nil {
		fmt.Println("interfaces:", err)
	}
	for _, l := range links {
		if l.Flags&net.FlagUp == 0 {
			continue // some kernels put interfaces into every namespace, which lead nowhere
		}
		list, err := l.Addrs()
		var addresses []string
		for _, a := range list {
			addresses = append(addresses, a.String())
		}
		slices.Sort(addresses)
		fmt.Println(l.Name, addresses, err)
	}
	for _, at := range os.Args[1:] {
		network := "tcp"
		if strings.HasPrefix(at, "/") {
			network = "unix"
		}
		conn, err := net.DialTimeout(network, at, time.Second)
		fmt.Println("to", network, err == nil)
		if err == nil {
			_ = conn.Close()
		}
	}
	l, err := net.Listen("tcp", "192.0.2.7:0")
	if err == nil {
		conn, err := net.Dial("tcp", l.Addr().String())
		fmt.Println("served at the service address", err == nil)
		if err == nil {
			_ = conn.Close()
		}
		_ = l.Close()
	}
	fmt.Println("pid", os.Getppid(), "environment", os.Getenv("FAILOVERD_ROLE"), os.Getenv("SECRET"))
}

func TestWhatThereIsInARoom(t *testing.T) {
	t.Setenv("SECRET", "of the daemon")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "s")
	var at []string
	for network, where := range map[string]string{"tcp": "127.0.0.1:0", "unix": file} {
		l, err := net.Listen(network, where)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		at = append(at, l.Addr().String())
	}
	slices.Sort(at) // the socket first
	out, err := run(t, waiting(t), Command{
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("127.0.0.1")},
		Args:      append([]string{exe}, at...), Env: []string{part + "=look", "FAILOVERD_ROLE=drill"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"lo [127.0.0.1/8 192.0.2.7/32 2001:db8::7/128 ::1/128] <nil>",
		"to unix true", "to tcp false", "served at the service address true", "pid 1 environment drill",
	}
	if got := strings.Split(out, "\n"); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", out, strings.Join(want, "\n"))
	}
	here, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range here {
		if strings.HasPrefix(a.String(), "192.0.2.7/") {
			t.Error("the service address is on the host")
		}
	}
}

func TestACommandThatFails(t *testing.T) {
	out, err := run(t, waiting(t), Command{Args: []string{"/bin/sh", "-c", "echo the reason; exit 7"}})
	if err == nil || out != "the reason" || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("got %q, %v", out, err)
	}
	_, err = run(t, waiting(t), Command{Args: []string{"/nowhere"}})
	if err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("a program that is not there: %v", err)
	}
	_, err = run(t, waiting(t), Command{Args: []string{"/bin/sleep", "600"}, Timeout: 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "not finished in time") {
		t.Errorf("a command that hangs: %v", err)
	}
}

// sleeper is a command that leaves a process running, says when it does, and goes on itself. The process is known by how
// long it wants to sleep.
func sleeper(began, seconds string) []string {
	return []string{"/bin/sh", "-c", `setsid sleep "$2" & echo >"$1"; sleep "$2"`, "sh", began, seconds}
}

// asleep counts the processes that sleep for so long.
func asleep(t *testing.T, seconds string) int {
	t.Helper()
	lists, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range lists {
		b, err := os.ReadFile(file)
		if err == nil && strings.HasPrefix(string(b), "sleep\x00"+seconds+"\x00") {
			n++
		}
	}
	return n
}

// until polls what only the outside of a process shows.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx := waiting(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func there(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func TestCancelled(t *testing.T) {
	const seconds = "7201.17"
	if _, err := run(t, waiting(t), Command{Args: []string{"/bin/true"}}); err != nil {
		t.Fatal(err)
	}
	began := filepath.Join(t.TempDir(), "began")
	ctx, cancel := context.WithCancelCause(waiting(t))
	why := errors.New("a takeover")
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Command{Args: sleeper(began, seconds)})
		ended <- err
	}()
	until(t, "the command to begin", func() bool { return there(began) && asleep(t, seconds) == 2 })
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("it ended with %v", err)
	}
	until(t, "everything in the room to end", func() bool { return asleep(t, seconds) == 0 })
}

func TestTheDaemonIsKilled(t *testing.T) {
	const seconds = "7201.19"
	if _, err := run(t, waiting(t), Command{Args: []string{"/bin/true"}}); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	began := filepath.Join(t.TempDir(), "began")
	daemon := exec.CommandContext(waiting(t), exe, began, seconds)
	daemon.Env = append(os.Environ(), part+"=daemon")
	daemon.Stderr = t.Output()
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the command to begin", func() bool { return there(began) && asleep(t, seconds) == 2 })
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait()
	until(t, "everything in the room to end", func() bool { return asleep(t, seconds) == 0 })
}

// TestNoNewNamespace has the keeper started by somebody else, where it must not touch anything.
func TestNoNewNamespace(t *testing.T) {
	if err := furnish(Command{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.8")}}); err == nil {
		t.Error("the keeper has worked where it must not")
	}
	here, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range here {
		if strings.HasPrefix(a.String(), "192.0.2.8/") {
			t.Error("the loopback interface of the host has got the address")
		}
	}
}
