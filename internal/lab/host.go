package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// hostLink is the name of every host's interface.
const hostLink = "eth0"

// Host is a machine on the switch: a network namespace with one interface, eth0.
type Host struct {
	Name string
	Dir  string // a directory for this host's files

	world  *World
	ns     *namespace
	port   string // its port at the switch
	mac    net.HardwareAddr
	faults faults
}

// Option is a property of a host that not every host has.
type Option func(*hostOptions)

type hostOptions struct {
	mac       net.HardwareAddr
	addresses []string
	gateways  []netip.Addr
}

// IPv6 gives the host an IPv6 address, as a prefix.
func IPv6(address string) Option { return Address(address) }

// Address gives the host one more address, as a prefix.
func Address(address string) Option {
	return func(o *hostOptions) { o.addresses = append(o.addresses, address) }
}

// Gateway gives the host a default route.
func Gateway(ip string) Option {
	return func(o *hostOptions) { o.gateways = append(o.gateways, netip.MustParseAddr(ip)) }
}

// MAC gives the host a chosen hardware address; otherwise the hosts of a world
// have 02:fa:00:00:00:01 and so on, in the order in which they are plugged in.
func MAC(mac string) Option {
	return func(o *hostOptions) {
		hw, err := net.ParseMAC(mac)
		if err != nil {
			panic(fmt.Sprintf("lab: %v", err))
		}
		o.mac = hw
	}
}

// addHost makes the namespace, the cable and the addresses of a host.
func (w *World) addHost(name, address string, options []Option) (*Host, error) {
	var o hostOptions
	if address != "" {
		o.addresses = append(o.addresses, address)
	}
	for _, option := range options {
		option(&o)
	}
	number := len(w.Hosts()) + 1
	if o.mac == nil {
		o.mac = net.HardwareAddr{0x02, 0xfa, 0, 0, byte(number >> 8), byte(number)}
	}
	dir, err := w.hostDir(name)
	if err != nil {
		return nil, err
	}
	ns, err := newNamespace(w.id + "-" + name)
	if err != nil {
		return nil, err
	}
	w.later(ns.close)
	h := &Host{Name: name, Dir: dir, world: w, ns: ns, port: "port" + strconv.Itoa(number), mac: o.mac}
	if err := h.cable(); err != nil {
		return nil, fmt.Errorf("cable: %w", err)
	}
	if err := h.ns.do(func() error { return o.apply() }); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.hosts = append(w.hosts, h)
	w.mu.Unlock()
	return h, nil
}

// cable joins the host's eth0 and its port at the switch, and waits until
// frames pass.
func (h *Host) cable() error {
	sw := h.world.Switch
	err := h.ns.do(func() error {
		if err := noAutomaticIPv6("default"); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(lo); err != nil {
			return err
		}
		veth := &netlink.Veth{
			LinkAttrs: netlink.NewLinkAttrs(), PeerName: h.port, PeerNamespace: netlink.NsFd(sw.ns.handle),
		}
		veth.Name, veth.HardwareAddr = hostLink, h.mac
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		return netlink.LinkSetUp(veth)
	})
	if err != nil {
		return err
	}
	if err := sw.plug(h.port, lan); err != nil {
		return err
	}
	if err := sw.power(h.port, true); err != nil {
		return err
	}
	return h.awaitCarrier(true)
}

// apply sets addresses and routes; the calling thread is in the host.
func (o hostOptions) apply() error {
	link, err := netlink.LinkByName(hostLink)
	if err != nil {
		return err
	}
	o.addresses = append([]string{linkLocal(link.Attrs().HardwareAddr) + "/64"}, o.addresses...)
	if err := o.addAddresses(); err != nil {
		return err
	}
	for _, gw := range o.gateways {
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: gw.AsSlice()}
		if err := netlink.RouteAdd(route); err != nil {
			return fmt.Errorf("route by %s: %w", gw, err)
		}
	}
	return nil
}

// addAddresses adds the addresses; the calling thread is in the host.
func (o hostOptions) addAddresses() error {
	link, err := netlink.LinkByName(hostLink)
	if err != nil {
		return err
	}
	for _, address := range o.addresses {
		addr, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if addr.IP.To4() == nil {
			// Duplicate detection would make every world wait for a second.
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %s: %w", address, err)
		}
	}
	return nil
}

// noAutomaticIPv6 lets links come up without an address of the kernel's choice:
// it would be tentative for a second. Hosts get their link-local address from
// the lab. The calling thread is in the namespace.
func noAutomaticIPv6(link string) error {
	err := Sysctl("net/ipv6/conf/"+link+"/addr_gen_mode", "1")
	if errors.Is(err, os.ErrNotExist) {
		return nil // A kernel without IPv6.
	}
	return err
}

// linkLocal is the address that the kernel would form from a MAC (RFC 4291,
// appendix A).
func linkLocal(mac net.HardwareAddr) string {
	ip := [16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 0x02, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]}
	return netip.AddrFrom16(ip).String()
}

// Sysctl writes a kernel parameter of the namespace that the calling thread is
// in, so it belongs inside Host.Do; the name has slashes, "net/ipv4/ip_forward".
func Sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/"+name, []byte(value), 0)
}

// Sysctl writes a kernel parameter of the host, "net/ipv4/ip_forward".
func (h *Host) Sysctl(name, value string) error {
	h.world.in.Helper()
	return h.check(h.ns.do(func() error { return Sysctl(name, value) }))
}

// Link is the name of the host's interface.
func (h *Host) Link() string { return hostLink }

// MAC is the hardware address of the host's interface.
func (h *Host) MAC() net.HardwareAddr { return h.mac }

// NamespacePath is the file that the host's network namespace is bound to.
func (h *Host) NamespacePath() string { return h.ns.path() }

// Do runs f inside the host on a thread of its own, and returns what f returns.
// Only what f does itself is inside: a goroutine that f starts is not. Sockets
// opened inside stay inside, wherever they are used.
func (h *Host) Do(f func() error) error { return h.ns.do(f) }

// check names the host in an error, and ends the test if there is one.
func (h *Host) check(err error) error {
	if err == nil {
		return nil
	}
	h.world.in.Helper()
	return h.world.check(fmt.Errorf("host %s: %w", h.Name, err))
}
