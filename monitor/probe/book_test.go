package probe

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// Whatever is done to the book, its heap gives the entry that is due first, and
// an answer is taken once.
func TestBookInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b book
		now := moment(0)
		type ping struct {
			e *entry
			w window
		}
		var out []ping
		actions := map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				n := rapid.IntRange(0, 12).Draw(t, "targets")
				var targets []Target
				for i := range n {
					targets = append(targets, Target{
						Server: "s", Path: i, Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}),
						Interval: time.Duration(rapid.IntRange(1, 40).Draw(t, "interval")) * 50 * time.Millisecond, Timeout: time.Second,
					})
				}
				b.set(targets, now)
				if len(b.entries) != n || len(b.heap) != n {
					t.Fatalf("%d entries, %d in the heap, want %d", len(b.entries), len(b.heap), n)
				}
			},
			"pass": func(t *rapid.T) {
				now += time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond
				for e := b.due(now); e != nil; e = b.due(now) {
					for i := range e.windows {
						if e.windows[i].deadline <= now {
							e.windows[i].missed = true
						}
					}
					if e.beat <= now {
						e.beat = nextBeat(phase(e.Target, b.crowded), e.Interval, now)
						out = append(out, ping{e, b.open(e, e.id, now)})
					}
					b.schedule(e)
				}
			},
			"answer": func(t *rapid.T) {
				if len(out) == 0 {
					t.Skip()
				}
				p := out[rapid.IntRange(0, len(out)-1).Draw(t, "which")]
				r := reply{id: p.w.id, seq: p.w.seq, slot: p.e.slot, token: p.w.token}
				e, w, ok := b.answer(p.e.wire, r)
				if ok && (e != p.e || w.token != p.w.token) {
					t.Fatal("the answer was given to another")
				}
				if _, _, again := b.answer(p.e.wire, r); again {
					t.Fatal("an answer was taken twice")
				}
			},
			"": func(t *rapid.T) {
				for i, e := range b.heap {
					if e.heap != i || b.slots[e.slot] != e || i > 0 && b.heap[(i-1)/2].wake > e.wake {
						t.Fatalf("entry %d of the heap is out of order", i)
					}
					if len(e.windows) > lateMemory+41 { // A second of time-out at 50 ms, and some.
						t.Fatalf("%d windows are kept", len(e.windows))
					}
					for _, w := range e.windows {
						if !w.missed && e.wake > w.deadline {
							t.Fatal("a time-out would be slept through")
						}
					}
					if e.wake > e.beat {
						t.Fatal("a beat would be slept through")
					}
				}
			},
		}
		t.Repeat(actions)
	})
}

// A phase is the same every time, spread over the interval, and on a grid of at
// most a hundredth of the interval in a crowd.
func TestPhase(t *testing.T) {
	const n = 5000
	var buckets [20]int
	for i := range n {
		target := Target{Server: "s", Path: 0, Addr: netip.AddrFrom4([4]byte{10, 64, byte(i / 250), byte(i % 250)}), Interval: time.Second}
		alone, crowded := phase(target, false), phase(target, true)
		if again := phase(target, false); again != alone {
			t.Fatalf("phase %v, then %v", alone, again)
		}
		if d := alone - crowded; d < 0 || d >= 10*time.Millisecond || crowded%(10*time.Millisecond) != 0 {
			t.Fatalf("phase %v alone, %v in a crowd", alone, crowded)
		}
		buckets[alone*20/time.Second]++
	}
	for i, got := range buckets {
		if got < n/20/2 || got > n/20*2 {
			t.Errorf("%d of %d in twentieth %d", got, n, i)
		}
	}
	quick := Target{Server: "s", Addr: netip.MustParseAddr("10.0.0.1"), Interval: 50 * time.Millisecond}
	if phase(quick, true) != phase(quick, false) {
		t.Error("a beat of 50 ms was put on a grid")
	}
}

// A stamp of the kernel counts, also when the clock was set around it.
func TestReceived(t *testing.T) {
	const second = int64(time.Second)
	r := reading{now: 20 * time.Second, offset: 1000 * second}
	for name, tt := range map[string]struct {
		stamp, before int64
		want          moment
	}{
		"as it should be":             {1015 * second, 1000 * second, 15 * time.Second},
		"clock set forward after it":  {515 * second, 500 * second, 15 * time.Second},
		"clock set back after it":     {4615 * second, 4600 * second, 15 * time.Second},
		"clock set forward before it": {1015 * second, 500 * second, 15 * time.Second},
		"no stamp":                    {0, 1000 * second, 20 * time.Second},
		"nothing fits":                {77 * second, 1000 * second, 20 * time.Second},
	} {
		if got := r.received(tt.stamp, tt.before, 10*time.Second); got != tt.want {
			t.Errorf("%s: came at %v, want %v", name, got, tt.want)
		}
	}
}

// The filter passes our own echo replies and nothing else.
func TestFilter(t *testing.T) {
	const magic = 0xdeadbeef
	for _, v6 := range []bool{false, true} {
		var request [echoSize]byte
		putEcho(&request, v6, reply{id: 1, seq: 2, magic: magic, slot: 3, token: 4})
		if !v6 && checksum(request[:]) != 0 {
			t.Errorf("the checksum is %#x", checksum(request[:]))
		}
		answer := request
		answer[0] = echoReply4
		if v6 {
			answer[0] = echoReply6
		}
		foreign := answer
		foreign[8] ^= 1
		for _, header := range []bool{false, true} {
			if v6 && header {
				continue
			}
			packet := func(b [echoSize]byte) []byte {
				if header {
					return append(append([]byte{0x46}, make([]byte, 23)...), b[:]...) // with an option
				}
				return b[:]
			}
			program, err := filter(v6, header, magic, 1)
			try(t, err)
			raw := make([]bpf.RawInstruction, len(program))
			for i, f := range program {
				raw[i] = bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}
			}
			instructions, _ := bpf.Disassemble(raw)
			// The VM has no interface index; without that test the rest is run.
			for i, in := range instructions {
				if _, ok := in.(bpf.LoadExtension); ok {
					instructions[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: 2}
				}
			}
			vm, err := bpf.NewVM(instructions)
			try(t, err)
			for name, tt := range map[string]struct {
				b    [echoSize]byte
				pass bool
			}{"answer": {answer, true}, "request": {request, false}, "foreign": {foreign, false}} {
				n, err := vm.Run(packet(tt.b))
				if err != nil || (n > 0) != tt.pass {
					t.Errorf("IPv6 %v, header %v: %s: %d bytes pass, %v", v6, header, name, n, err)
				}
			}
			got, ok := readEcho(packet(answer), v6, header)
			if want := (reply{id: 1, seq: 2, magic: magic, slot: 3, token: 4}); !ok || got != want {
				t.Errorf("read %+v, want %+v", got, want)
			}
		}
	}
}

func FuzzReadEcho(f *testing.F) {
	var request [echoSize]byte
	putEcho(&request, false, reply{id: 1, seq: 2, magic: 3, slot: 4, token: 5})
	f.Add(request[:], false, false)
	f.Add(append(make([]byte, 20), request[:]...), false, true)
	f.Fuzz(func(_ *testing.T, b []byte, v6, header bool) {
		r, ok := readEcho(b, v6, header)
		if ok {
			var book book
			book.set([]Target{{Server: "a", Addr: netip.MustParseAddr("10.0.0.1"), Interval: time.Second, Timeout: time.Second}}, 0)
			book.answer(netip.MustParseAddr("10.0.0.1"), r)
		}
	})
}

// What the kernel may say when it refuses has words, and is never a miss.
func TestSendFaultHasWords(t *testing.T) {
	for _, errno := range []unix.Errno{
		unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EPERM, unix.EACCES, unix.ENOBUFS, unix.ENETDOWN, unix.EADDRNOTAVAIL,
		unix.EAGAIN, unix.EINVAL, unix.ENODEV, unix.EMFILE, unix.EBADF,
	} {
		words := sendFault(errno)
		if before, _, _ := strings.Cut(words, ": "); before == "the standby could not send" || !strings.Contains(words, errno.Error()) {
			t.Errorf("%v: %q", errno, words)
		}
	}
	if words := sendFault(errors.New("boom")); words != "the standby could not send: boom" {
		t.Errorf("%q", words)
	}
}
