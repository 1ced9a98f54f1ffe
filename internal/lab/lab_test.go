package lab_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"failoverd/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// patience bounds every wait; it is no expectation of how fast anything is.
const patience = 20 * time.Second

func waiting(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// reaches says whether an echo request is answered, by a raw socket of its own.
func reaches(t *testing.T, from, to *lab.Host, target string, tries int) int {
	t.Helper()
	answered := 0
	conn, err := from.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for seq := range tries {
		request := []byte{8, 0, 0, 0, 0x12, 0x34, byte(seq >> 8), byte(seq)}
		sum := ^(uint16(8)<<8 + 0x1234 + uint16(seq))
		request[2], request[3] = byte(sum>>8), byte(sum)
		if _, err := conn.WriteTo(request, &net.IPAddr{IP: net.ParseIP(target)}); err != nil {
			continue // No carrier, or no neighbour.
		}
		if err := conn.SetReadDeadline(time.Now().Add(150 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		for b := make([]byte, 1500); ; {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				break
			}
			if n >= 8 && b[0] == 0 && bytes.Equal(b[4:8], request[4:8]) {
				answered++
				break
			}
		}
	}
	return answered
}

func TestHostsReachEachOtherAndTheCaptureSeesIt(t *testing.T) {
	t.Parallel()
	w := lab.New(t)
	a := w.Host("a", "10.99.0.1/24", lab.IPv6("fd00:99::1/64"))
	b := w.Host("b", "10.99.0.2/24", lab.IPv6("fd00:99::2/64"), lab.MAC("02:00:00:00:00:42"))
	wire, atB := w.Switch.Capture(), b.Capture()

	if got := reaches(t, a, b, "10.99.0.2", 1); got != 1 {
		t.Fatalf("answered %d of 1", got)
	}
	asks := func(f lab.Frame) bool { return f.ARP != nil && f.ARP.Op == 1 && f.ARP.SenderIP.String() == "10.99.0.1" }
	frame, err := wire.WaitFor(waiting(t), asks)
	if err != nil {
		t.Fatal(err)
	}
	if frame.ARP.SenderMAC.String() != "02:fa:00:00:00:01" || frame.ARP.TargetIP.String() != "10.99.0.2" || frame.Outgoing {
		t.Errorf("unexpected %v", frame)
	}
	echoes := func(f lab.Frame) bool { return f.ICMP != nil && f.ICMP.ID == 0x1234 }
	frames, err := atB.WaitForN(waiting(t), 2, echoes)
	if err != nil {
		t.Fatal(err)
	}
	if !frames[0].ICMP.Echo() || frames[0].Outgoing || !frames[1].ICMP.Reply() || !frames[1].Outgoing {
		t.Errorf("unexpected %v, %v", frames[0], frames[1])
	}
	if gap := frames[1].At.Sub(frames[0].At); gap < 0 || gap > patience {
		t.Errorf("the reply is %v after the request", gap)
	}
	if err := a.WaitNeighbour(waiting(t), netip.MustParseAddr("10.99.0.2"), b.MAC()); err != nil {
		t.Error(err)
	}
	if got := a.Addresses(); len(got) != 3 {
		t.Errorf("addresses of a: %v", got)
	}

	// IPv6 works at once, from the address as from the link-local one.
	listener, err := b.Listen("tcp", "[fd00:99::2]:80")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := a.Dial(waiting(t), "tcp", "[fd00:99::2]:80")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	advertised := func(f lab.Frame) bool {
		return f.ND != nil && f.ND.Advertisement && f.ND.Target.String() == "fd00:99::2"
	}
	if frame, err = wire.WaitFor(waiting(t), advertised); err != nil {
		t.Fatal(err)
	}
	if frame.ND.LinkAddr.String() != "02:00:00:00:00:42" || !frame.ND.Solicited {
		t.Errorf("unexpected %v", frame)
	}
}

func TestFaultsCutOnlyWhatTheySay(t *testing.T) {
	t.Parallel()
	w := lab.New(t)
	a := w.Host("a", "10.99.0.1/24")
	b := w.Host("b", "10.99.0.2/24")
	listener, err := b.Listen("tcp", "10.99.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	connects := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		conn, err := a.Dial(ctx, "tcp", "10.99.0.2:80")
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	expect := func(what string, ping, connect bool) {
		t.Helper()
		if got := reaches(t, a, b, "10.99.0.2", 1) == 1; got != ping {
			t.Errorf("%s: ping answered is %v", what, got)
		}
		if got := connects(); got != connect {
			t.Errorf("%s: TCP connected is %v", what, got)
		}
	}
	expect("at first", true, true)
	for _, fault := range []struct {
		name          string
		set, unset    func()
		ping, connect bool
	}{
		{"ICMP dropped", func() { b.DropICMP(true) }, func() { b.DropICMP(false) }, false, true},
		{"down", func() { b.Down() }, func() { b.Up() }, false, false},
		{"unplugged", func() { b.Unplug() }, func() { b.Plug() }, false, false},
		{"wrong VLAN", func() { b.WrongVLAN() }, func() { b.Plug() }, false, false},
		{"all lost", func() { b.RandomLoss(100) }, func() { b.RandomLoss(0) }, false, false},
		{"deaf", func() { b.Deafen(true) }, func() { b.Deafen(false) }, false, false},
		{"mute", func() { b.Mute(true) }, func() { b.Mute(false) }, false, false},
		{"killed", func() { b.Kill() }, func() { b.Up() }, false, false},
	} {
		fault.set()
		expect(fault.name, fault.ping, fault.connect)
		fault.unset()
		// The neighbour entry may have failed meanwhile, and then takes a second.
		for deadline := time.Now().Add(patience); reaches(t, a, b, "10.99.0.2", 1) == 0; {
			if time.Now().After(deadline) {
				t.Fatalf("not back after %s", fault.name)
			}
		}
		expect("after "+fault.name, true, true)
	}

	b.RandomLoss(50)
	if got := reaches(t, a, b, "10.99.0.2", 30); got < 1 || got > 22 {
		t.Errorf("with half of the frames lost each way %d of 30 were answered, about 7 expected", got)
	}
}

// One way only: who is deaf is heard, and who is mute hears.
func TestOneWay(t *testing.T) {
	t.Parallel()
	w := lab.New(t)
	a := w.Host("a", "10.99.0.1/24")
	b := w.Host("b", "10.99.0.2/24")
	if reaches(t, a, b, "10.99.0.2", 1) != 1 {
		t.Fatal("not reached before anything is lost")
	}
	asked := func(f lab.Frame) bool { return f.ICMP != nil && f.ICMP.Echo() }
	for name, one := range map[string]struct {
		set   func(on bool) error
		hears bool
	}{"deaf": {b.Deafen, false}, "mute": {b.Mute, true}} {
		one.set(true)
		wire := b.Capture()
		reaches(t, a, b, "10.99.0.2", 2)
		if heard := len(wire.Matching(asked)) > 0; heard != one.hears {
			t.Errorf("%s: it hears: %t, want %t", name, heard, one.hears)
		}
		wire = a.Capture()
		reaches(t, b, a, "10.99.0.1", 2)
		if heard := len(wire.Matching(asked)) > 0; heard == one.hears {
			t.Errorf("%s: it is heard: %t, want %t", name, heard, !one.hears)
		}
		one.set(false)
	}
}

func TestDropARPMakesAHostUnknown(t *testing.T) {
	t.Parallel()
	w := lab.New(t)
	a := w.Host("a", "10.99.0.1/24")
	b := w.Host("b", "10.99.0.2/24")
	b.DropARP(true)
	if reaches(t, a, b, "10.99.0.2", 1) != 0 || len(a.Neighbours()) != 0 {
		t.Errorf("reached although ARP is dropped; neighbours %v", a.Neighbours())
	}
	b.DropARP(false)
	if reaches(t, a, b, "10.99.0.2", 20) == 0 {
		t.Error("not reached although ARP works again")
	}
}

func TestCommandsRunInTheHostAndDieWithIt(t *testing.T) {
	t.Parallel()
	w := lab.New(t)
	a := w.Host("a", "10.99.0.1/24")
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	out, err := a.Run(waiting(t), "readlink", "/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	direct := exec.Command("readlink", "/proc/self/ns/net")
	var printed bytes.Buffer
	direct.Stdout = &printed
	if err := errors.Join(a.Start(direct), direct.Wait()); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(out); got == here || got != strings.TrimSpace(printed.String()) || !strings.HasPrefix(got, "net:[") {
		t.Errorf("test in %s, Command in %s, Start in %s", here, got, printed.String())
	}

	cmd := a.Command(t.Context(), "sh", "-c", "echo $FRUIT; trap '' TERM; sleep 600 & wait; sleep 600")
	cmd.Env = []string{"FRUIT=plum", "PATH=" + os.Getenv("PATH")}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 5)
	if _, err := io.ReadFull(stdout, line); err != nil || string(line) != "plum\n" {
		t.Fatalf("the command printed %q, %v", line, err)
	}
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); err == nil || !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("the command ended with %v", err)
	}
	if pids, err := a.Processes(); err != nil || len(pids) != 0 {
		t.Errorf("processes %v, %v are left", pids, err)
	}
}

func TestCaptureTellsWhenAWaitIsInVain(t *testing.T) {
	t.Parallel()
	w := lab.New(t)
	a := w.Host("a", "10.99.0.1/24")
	c := a.Capture()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(lab.Frame) bool { return false }
	if _, err := c.WaitFor(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitFor(t.Context(), never); !errors.Is(err, net.ErrClosed) {
		t.Errorf("wait on a closed capture: %v", err)
	}
}

func TestTheWorldLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w, err := lab.Open(t.TempDir())
	if err != nil {
		t.Skip("covered by New: ", err)
	}
	a, err := w.AddHost("a", "10.99.0.1/24")
	if err != nil {
		t.Fatal(err)
	}
	cmd := a.Command(t.Context(), "sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	capture := w.Switch.Capture()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process ended with %v", err)
	}
	world, _, _ := strings.Cut(a.NamespacePath(), "-")
	if left, err := filepath.Glob(world + "-*"); err != nil || len(left) != 0 {
		t.Errorf("names of namespaces are left: %v, %v", left, err)
	}
	if _, err := capture.WaitFor(t.Context(), func(lab.Frame) bool { return false }); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the capture goes on: %v", err)
	}
	if _, err := w.AddHost("b", "not an address"); err == nil {
		t.Error("a wrong address is accepted")
	}
}

func TestDoLeavesTheProcessWhereItWas(t *testing.T) {
	t.Parallel()
	w := lab.New(t)
	a := w.Host("a", "10.99.0.1/24")
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	// All are inside at the same time, so that every thread there is has its turn.
	const many = 100
	var group, all sync.WaitGroup
	all.Add(many)
	for range many {
		group.Go(func() {
			err := a.Do(func() error {
				all.Done()
				all.Wait()
				inside, err := os.Readlink("/proc/thread-self/ns/net")
				if inside == before {
					t.Error("Do runs outside the host")
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	// This is the namespace of the process's first thread.
	if after, err := os.Readlink("/proc/self/ns/net"); err != nil || after != before {
		t.Errorf("the process was in %s and is in %s, %v", before, after, err)
	}
	failed := errors.New("as it should")
	if err := a.Do(func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("the error of the function is lost: %v", err)
	}
}
