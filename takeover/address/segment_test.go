package address

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"failoverd/internal/lab"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	probing "github.com/prometheus-community/pro-bing"
	"github.com/vishvananda/netlink"
)

// lan is a small network: a standby, a gateway and a client.
type lan struct {
	*lab.World
	standby, gateway, client *lab.Host
}

func newLAN(t *testing.T) lan {
	w := lab.New(t)
	return lan{
		World:   w,
		gateway: w.Host("gateway", "10.99.0.1/24", lab.IPv6("fd00:99::1/64")),
		standby: w.Host("standby", "10.99.0.20/24", lab.IPv6("fd00:99::20/64")),
		client:  w.Host("client", "10.99.0.70/24", lab.IPv6("fd00:99::70/64")),
	}
}

// pingFrom pings once by pro-bing, from an address of the host.
func pingFrom(h *lab.Host) Ping {
	return func(ctx context.Context, from, to netip.Addr, timeout time.Duration) (bool, string, error) {
		p := probing.New(to.String())
		p.SetPrivileged(true)
		p.Source, p.Count, p.Timeout, p.Interval = from.String(), 1, timeout, timeout
		p.RecordRtts, p.RecordTTLs = false, false
		err := h.Do(func() error { return p.RunWithContext(ctx) })
		return p.Statistics().PacketsRecv > 0, "ping", err
	}
}

// learn makes a host learn an address by pinging it.
func learn(t *testing.T, h *lab.Host, from, to string) {
	t.Helper()
	for ctx := waiting(t); ; {
		answered, _, err := pingFrom(h)(ctx, ip(from), ip(to), time.Second)
		if answered {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s never answered: %v", to, err)
		}
	}
}

func TestAnnouncementsAndQuestionsOnTheWire(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	seg, heard := segmentOn(t, w.standby)
	wire := w.client.Capture()
	// The others' own traffic is not looked at.
	ours := func(f lab.Frame) bool {
		return f.Src.String() == seg.MAC().String() && (f.ARP != nil || f.ND != nil)
	}
	mac, zero := w.standby.MAC(), noMAC
	service, service6 := ip("10.99.0.50"), ip("fd00:99::32")

	on(t, w.standby, func() error {
		return errors.Join(
			seg.Ask(service), seg.Announce(service), seg.Introduce(service, ip("10.99.0.70")),
			seg.Ask(service6), seg.Announce(service6), seg.Introduce(service6, ip("fd00:99::70")),
		)
	})
	frames, err := wire.WaitForN(waiting(t), 7, ours)
	if err != nil {
		t.Fatal(err)
	}
	var arps []lab.ARP
	var nds []lab.ND
	for _, f := range frames {
		if f.ARP != nil {
			arps = append(arps, *f.ARP)
			if len(f.Bytes) != 60 || f.Dst.String() != "ff:ff:ff:ff:ff:ff" {
				t.Errorf("%d bytes to %s: %v", len(f.Bytes), f.Dst, f)
			}
		} else {
			nds = append(nds, *f.ND)
		}
	}
	addrs := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff([]lab.ARP{
		{Op: 1, SenderMAC: mac, SenderIP: ip("10.99.0.20"), TargetMAC: zero, TargetIP: service},
		{Op: 1, SenderMAC: mac, SenderIP: service, TargetMAC: zero, TargetIP: service},
		{Op: 2, SenderMAC: mac, SenderIP: service, TargetMAC: mac, TargetIP: service},
		{Op: 1, SenderMAC: mac, SenderIP: service, TargetMAC: zero, TargetIP: ip("10.99.0.70")},
	}, arps, addrs); diff != "" {
		t.Errorf("ARP (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]lab.ND{
		{Src: ip("fe80::fa:ff:fe00:2"), DstIP: ip("ff02::1:ff00:32"), Target: service6, LinkAddr: mac},
		{Src: service6, DstIP: ip("ff02::1"), Target: service6, LinkAddr: mac, Advertisement: true, Overrides: true},
		{Src: service6, DstIP: ip("ff02::1:ff00:70"), Target: ip("fd00:99::70"), LinkAddr: mac},
	}, nds, addrs); diff != "" {
		t.Errorf("neighbour discovery (-want +got):\n%s", diff)
	}
	// What we say ourselves is no claim: the client's answer to the introduction
	// is, and the service address is never among them.
	heard.waitFor(t, "10.99.0.70", false)
	all, _ := heard.snapshot()
	for _, c := range all {
		if c.MAC.String() == mac.String() || c.IP == service || c.IP == service6 {
			t.Errorf("our own frame is heard as %v", c)
		}
	}
}

// TestQuestionsAreNoProbes: who probes for its own address while the standby asks for it must not take that for a conflict.
// Where the standby has no address of the network but one that it has assumed, there is no other way than a probe: in the
// name of that one nothing is asked.
func TestQuestionsAreNoProbes(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	seg, _ := segmentOn(t, w.standby)
	on(t, w.standby, func() error {
		return NewHolder(discard()).Assume(t.Context(), "eth0", netip.MustParsePrefix("10.98.0.9/24"))
	})
	wire := w.client.Capture()
	for asked, from := range map[string]string{
		"10.99.0.50": "10.99.0.20",
		"10.99.0.20": "0.0.0.0", // our own: only as somebody else's it is worth a question
		"10.98.0.50": "0.0.0.0",
	} {
		on(t, w.standby, func() error { return seg.Ask(ip(asked)) })
		frames, err := wire.WaitForN(waiting(t), 1, func(f lab.Frame) bool {
			return f.ARP != nil && f.ARP.Op == 1 && f.Src.String() == seg.MAC().String() && f.ARP.TargetIP == ip(asked)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := frames[0].ARP.SenderIP; got != ip(from) {
			t.Errorf("%s is asked for from %s, want %s", asked, got, from)
		}
	}
	// The host gets another address: a moment later nothing is asked from the old one.
	for _, change := range [][]string{{"add", "10.99.0.21/24"}, {"del", "10.99.0.20/24"}} {
		if out, err := w.standby.Run(t.Context(), "ip", "addr", change[0], change[1], "dev", "eth0"); err != nil {
			t.Fatalf("ip addr %q: %v: %s", change, err, out)
		}
	}
	<-time.After(recent)
	on(t, w.standby, func() error { return seg.Ask(ip("10.99.0.51")) })
	frames, err := wire.WaitForN(waiting(t), 1, func(f lab.Frame) bool {
		return f.ARP != nil && f.ARP.Op == 1 && f.ARP.TargetIP == ip("10.99.0.51")
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := frames[0].ARP.SenderIP; got == ip("10.99.0.20") {
		t.Errorf("it is asked from %s, which the host has no more", got)
	}
}

// Many questions at a time cost one look at the interface, those that are further apart one each.
func TestQuestionsThatComeTogetherShareALook(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	var seg *Segment
	on(t, w.standby, func() (err error) { seg, err = Listen(w.standby.Link(), func(Claim) {}, discard()); return err })
	t.Cleanup(func() { seg.opened.close(); _ = seg.mouth.close() })
	seen := func() time.Time {
		seg.mu.Lock()
		defer seg.mu.Unlock()
		return seg.seen
	}
	on(t, w.standby, func() error { return seg.Ask(ip("10.99.0.50")) })
	first, asked := seen(), 0
	for time.Since(first) < recent/2 {
		on(t, w.standby, func() error { return seg.Ask(ip("10.99.0.50")) })
		asked++
	}
	if now := seen(); time.Since(first) < recent && !now.Equal(first) {
		t.Errorf("it has looked again after %s", now.Sub(first))
	}
	<-time.After(recent)
	on(t, w.standby, func() error { return seg.Ask(ip("10.99.0.50")) })
	if now := seen(); !now.After(first) || asked == 0 {
		t.Errorf("after %s and %d questions it goes by the first look", time.Since(first), asked)
	}
}

func TestClaimsOfAForeignHost(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	primary := w.Host("primary1", "10.99.0.50/24", lab.IPv6("fd00:99::32/64"))
	// A firewall against pings does not hide a host.
	primary.DropICMP(true)
	seg, heard := segmentOn(t, w.standby)

	on(t, w.standby, func() error { return errors.Join(seg.Ask(ip("10.99.0.50")), seg.Ask(ip("fd00:99::32"))) })
	for _, addr := range []string{"10.99.0.50", "fd00:99::32"} {
		if c := heard.waitFor(t, addr, false); c.MAC.String() != primary.MAC().String() || time.Since(c.At) > patience {
			t.Errorf("%s is claimed as %v at %v", addr, c, c.At)
		}
	}
	// A question turns nobody's cache to us.
	if got := w.client.Neighbours()[ip("10.99.0.50")]; got.String() == w.standby.MAC().String() {
		t.Errorf("the client has learned %v for the address that was asked for", got)
	}

	// Somebody else that wants an address is heard as a probe.
	on(t, w.client, func() error {
		return send("eth0", 0x0806, raw(t, "ffffffffffff 02fa00000003 0806 | 0001 0800 06 04 0001 02fa00000003 00000000 000000000000 0a630063"))
	})
	if c := heard.waitFor(t, "10.99.0.99", true); c.MAC.String() != w.client.MAC().String() {
		t.Errorf("probe heard as %v", c)
	}
	on(t, w.client, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		addr, err := netlink.ParseAddr("fd00:99::99/64")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(link, addr) // Duplicate address detection by the kernel.
	})
	if c := heard.waitFor(t, "fd00:99::99", true); c.MAC.String() != w.client.MAC().String() {
		t.Errorf("duplicate address detection heard as %v", c)
	}
	// A frame of our own that the network reflects is no claim.
	on(t, w.client, func() error {
		return send("eth0", 0x0806,
			raw(t, "ffffffffffff 02fa00000002 0806 | 0001 0800 06 04 0001 02fa00000002 0a630063 000000000000 0a630063"),
			raw(t, "ffffffffffff 02fa000000ee 0806 | 0001 0800 06 04 0001 02fa000000ee 0a6300ee 000000000000 0a6300ee"))
	})
	heard.waitFor(t, "10.99.0.238", false)
	all, _ := heard.snapshot()
	for _, c := range all {
		if c.IP == ip("10.99.0.99") && !c.Probe {
			t.Errorf("our own frame is heard as %v", c)
		}
	}
	// An ordinary packet of a host that came back claims its address too.
	returned := w.Host("returned", "10.99.0.60/24")
	learn(t, returned, "10.99.0.60", "10.99.0.1")
	if c := heard.waitFor(t, "10.99.0.60", false); c.MAC.String() != returned.MAC().String() {
		t.Errorf("ordinary request heard as %v", c)
	}
}

func TestAnnouncementsMoveANeighboursCache(t *testing.T) {
	t.Parallel()
	for _, family := range []struct{ name, primary, service, client, gateway string }{
		{"IPv4", "10.99.0.50/24", "10.99.0.50", "10.99.0.70", "10.99.0.1"},
		{"IPv6", "fd00:99::32/64", "fd00:99::32", "fd00:99::70", "fd00:99::1"},
	} {
		t.Run(family.name, func(t *testing.T) {
			t.Parallel()
			w := newLAN(t)
			service := ip(family.service)
			primary := w.Host("primary1", family.primary)
			learn(t, w.client, family.client, family.service)
			if err := w.client.WaitNeighbour(waiting(t), service, primary.MAC()); err != nil {
				t.Fatal(err)
			}
			primary.Kill()

			seg, _ := segmentOn(t, w.standby)
			holder := NewHolder(discard())
			on(t, w.standby, func() error {
				return errors.Join(
					holder.Assume(t.Context(), "eth0", netip.PrefixFrom(service, service.BitLen())),
					seg.Announce(service))
			})
			if err := w.client.WaitNeighbour(waiting(t), service, w.standby.MAC()); err != nil {
				t.Fatal(err)
			}
			learn(t, w.client, family.client, family.service)
			on(t, w.standby, func() error {
				if got := seg.Known(ip(family.client)); got.String() != w.client.MAC().String() {
					t.Errorf("the client is known as %v", got)
				}
				if got := seg.Known(service); got != nil {
					t.Errorf("our own address is known as a neighbour's, %v", got)
				}
				// Kernels before 5.0 are asked otherwise.
				if got, err := listedNeighbour(seg.ifi.Index, ip(family.client)); err != nil || got.String() != w.client.MAC().String() {
					t.Errorf("the client is listed as %v, %v", got, err)
				}
				return nil
			})
		})
	}
}

// A neighbour that does not heed gratuitous ARP is asked something in the address's name, and learns it by that.
func TestANeighbourThatIgnoresGratuitousARPIsIntroduced(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	service := ip("10.99.0.50")
	primary := w.Host("primary1", "10.99.0.50/24")
	for _, link := range []string{"all", "eth0"} {
		w.client.Sysctl("net/ipv4/conf/"+link+"/drop_gratuitous_arp", "1")
	}
	learn(t, w.client, "10.99.0.70", "10.99.0.50")
	primary.Kill()

	seg, _ := segmentOn(t, w.standby)
	holder := NewHolder(discard())
	wire := w.client.Capture()
	on(t, w.standby, func() error {
		return errors.Join(
			holder.Assume(t.Context(), "eth0", netip.MustParsePrefix("10.99.0.50/24")),
			seg.Announce(service))
	})
	// It has seen both forms, and believes neither.
	gratuitous := func(f lab.Frame) bool { return f.ARP != nil && f.ARP.Gratuitous() }
	if _, err := wire.WaitForN(waiting(t), 2, gratuitous); err != nil {
		t.Fatal(err)
	}
	if got := w.client.Neighbours()[service]; got.String() != primary.MAC().String() {
		t.Fatalf("the client goes to %v: it does not ignore gratuitous ARP, and this test proves nothing", got)
	}
	on(t, w.standby, func() error { return seg.Introduce(service, ip("10.99.0.70")) })
	if err := w.client.WaitNeighbour(waiting(t), service, w.standby.MAC()); err != nil {
		t.Fatal(err)
	}
}

// TestTheHolderIsAnnouncedForIt: neighbours that go to the standby for an address go to who has it again when the standby says
// so; no switch learns from it that the other's hardware address is here, and the standby takes none of it for a claim.
func TestTheHolderIsAnnouncedForIt(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	service, service6 := ip("10.99.0.50"), ip("fd00:99::32")
	seg, heard := segmentOn(t, w.standby)
	holder := NewHolder(discard())
	on(t, w.standby, func() error {
		return holder.Assume(t.Context(), "eth0", netip.MustParsePrefix("10.99.0.50/24"))
	})
	learn(t, w.client, "10.99.0.70", "10.99.0.50")
	if got := w.client.Neighbours()[service]; got.String() != w.standby.MAC().String() {
		t.Fatalf("the client goes to %v: this test proves nothing", got)
	}
	on(t, w.standby, func() error { return holder.Drop(t.Context(), "eth0", service) })

	primary := w.Host("primary1", "10.99.0.11/24")
	wire := w.client.Capture()
	on(t, w.standby, func() error {
		return errors.Join(seg.AnnounceFor(service, primary.MAC()), seg.AnnounceFor(service6, primary.MAC()))
	})
	if err := w.client.WaitNeighbour(waiting(t), service, primary.MAC()); err != nil {
		t.Fatal(err)
	}
	frames, err := wire.WaitForN(waiting(t), 3, func(f lab.Frame) bool {
		return f.ARP != nil && f.ARP.SenderIP == service || f.ND != nil && f.ND.Advertisement && f.ND.Target == service6
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if f.Src.String() != w.standby.MAC().String() {
			t.Errorf("sent by %s: %v", f.Src, f)
		}
		if f.ARP != nil && f.ARP.SenderMAC.String() != primary.MAC().String() || f.ND != nil && f.ND.LinkAddr.String() != primary.MAC().String() {
			t.Errorf("not for the primary: %v", f)
		}
	}
	// What a switch sends back to us is not the primary's word. The last frame is a claim, so that it is known when all are heard.
	last, err := arpFrame(arp.OperationRequest, w.client.MAC(), ip("10.99.0.77"), noMAC, ip("10.99.0.77"))
	on(t, w.client, func() error {
		for _, f := range frames {
			if err := errors.Join(err, send(w.client.Link(), int(f.Type), f.Bytes)); err != nil {
				return err
			}
		}
		return errors.Join(err, send(w.client.Link(), int(ethernet.EtherTypeARP), last))
	})
	heard.waitFor(t, "10.99.0.77", false)
	all, _ := heard.snapshot()
	for _, c := range all {
		if c.MAC.String() == primary.MAC().String() && c.IP != ip("10.99.0.11") {
			t.Errorf("taken for a claim: %v", c)
		}
	}
}

func TestVerifyOnTheWire(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	service := ip("10.99.0.50")
	seg, _ := segmentOn(t, w.standby)
	holder := NewHolder(discard())
	on(t, w.standby, func() error {
		return holder.Assume(t.Context(), "eth0", netip.MustParsePrefix("10.99.0.50/24"))
	})
	verify := func(neighbours ...netip.Addr) (v Verification) {
		on(t, w.standby, func() error {
			v = Verify(t.Context(), inside{w.standby, seg}, pingFrom(w.standby), service, neighbours)
			return nil
		})
		return v
	}
	wire := w.gateway.Capture()
	if v := verify(ip("10.99.0.1")); v.Result != Verified || v.Answers[0].MAC.String() != w.gateway.MAC().String() {
		t.Errorf("gateway: %+v", v)
	}
	fromService := func(f lab.Frame) bool { return f.ICMP != nil && f.ICMP.Echo() && f.ICMP.Src == service }
	// A frame is in the capture a moment after it was on the wire.
	waiting, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := wire.WaitFor(waiting, fromService); err != nil || len(wire.Matching(fromService)) != 1 {
		t.Errorf("not one ping came from the service address: %v", wire.Frames())
	}

	// A silent one is introduced, and one that answers is enough.
	w.gateway.DropICMP(true)
	introduced := func(f lab.Frame) bool {
		return f.ARP != nil && f.ARP.SenderIP == service && f.ARP.TargetIP == ip("10.99.0.1") && f.Dst.String() == "ff:ff:ff:ff:ff:ff"
	}
	wire.Clear()
	if v := verify(ip("10.99.0.1"), ip("10.99.0.70")); v.Result != Verified || v.Answers[0].Answered || !v.Answers[0].Introduced || !v.Answers[1].Answered {
		t.Errorf("silent gateway and client: %+v", v)
	}
	if _, err := wire.WaitFor(waiting, introduced); err != nil {
		t.Error("the silent gateway was not introduced to the service address")
	}

	w.standby.WrongVLAN()
	if v := verify(ip("10.99.0.1"), ip("10.99.0.70")); v.Result != Failed {
		t.Errorf("in the wrong VLAN: %+v", v)
	}
}

// inside is a segment as goroutines outside its host use it.
type inside struct {
	host *lab.Host
	*Segment
}

func (i inside) Introduce(service, neighbour netip.Addr) error {
	return i.host.Do(func() error { return i.Segment.Introduce(service, neighbour) })
}

func (i inside) Known(a netip.Addr) (mac net.HardwareAddr) {
	_ = i.host.Do(func() error { mac = i.Segment.Known(a); return nil })
	return mac
}
