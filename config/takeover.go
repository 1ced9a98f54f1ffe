package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds the time-outs of commands and of the stand-in.
const maxWait = 24 * time.Hour

func (v *validator) takeover(server rawServer, s Server) Takeover {
	raw := server.Takeover
	t := Takeover{
		Mode:          v.choice(raw.Mode, "automatic", "automatic", "manual"),
		AssumeAddress: v.truth(raw.AssumeAddress, true),
		Interface:     v.link(raw.Interface),
		OnConflict:    v.choice(raw.OnConflict, "refuse", "refuse", "seize"),
		OnClaim:       v.choice(raw.OnClaim, "defend", "defend", "yield", "alert"),
		OnFailure:     v.choice(raw.OnFailure, "undo", "undo", "keep"),
		AddressOrder:  v.choice(raw.Address, "last", "last", "first"),
		Fence:         v.fence(raw.Fence),
		Start:         v.start(raw.Start),
		Ready:         v.ready(raw.Ready),
		MaxAge:        v.lasting(raw.MaxAge, 0, time.Minute, 10*365*24*time.Hour),
		AutoRelease:   v.truth(raw.AutoRelease, false),
		ReleaseAfter:  v.lasting(raw.ReleaseAfter, 30*time.Second, time.Second, 24*time.Hour),
	}
	for _, item := range raw.Verify.items {
		if a := v.address(item); a.IsValid() && !slices.Contains(t.Verify, a) {
			t.Verify = append(t.Verify, a)
		}
	}
	v.addressing(&t, server, s)
	v.releasing(t, raw)
	if t.MaxAge > 0 && len(server.Databases.items) == 0 {
		v.r.notice(raw.MaxAge.spot, "max_age means nothing without databases", "no takeover is refused because of it")
	}
	return t
}

// addressing reads the addresses that move and what depends on them.
func (v *validator) addressing(t *Takeover, server rawServer, s Server) {
	raw := server.Takeover
	if !t.AssumeAddress {
		if raw.ServiceAddresses.set() {
			v.r.notice(raw.ServiceAddresses.spot, "the service addresses are not used", "with assume_address: false the standby keeps its own address")
		}
		return
	}
	for _, item := range raw.ServiceAddresses.items {
		p, ok := v.prefix(item)
		switch {
		case !ok:
		case slices.ContainsFunc(t.ServiceAddresses, func(o netip.Prefix) bool { return o.Addr() == p.Addr() }):
			v.r.errorf(item.spot, "remove one of the two", "service address %s is listed twice", p.Addr())
		case p.Addr() == s.ManagementAddress:
			v.r.errorf(item.spot, "write another management_address: this one would move with the service", "%s is the management address as well", p.Addr())
		default:
			t.ServiceAddresses = append(t.ServiceAddresses, p)
			v.spots[serviceKey(s.Name, p)] = item.spot
		}
	}
	if raw.ServiceAddresses.good() && len(raw.ServiceAddresses.items) == 0 {
		v.r.error(raw.ServiceAddresses.spot, "the list of service addresses is empty", "remove the key for the server's own address, or write assume_address: false")
	}
	if !raw.ServiceAddresses.set() && s.Address.IsValid() {
		p := netip.PrefixFrom(s.Address, s.Address.BitLen())
		t.ServiceAddresses = []netip.Prefix{p}
		v.spots[serviceKey(s.Name, p)] = where(server.Address.spot, server.spot)
	}
	if v.blind(*t, s) {
		v.r.notice(server.child("management_address"), "there is no other address to watch the server by once its own is taken over",
			"while standing in, its return is noticed by ARP only: a management_address would be pinged")
	}
}

// blind tells whether every address that is pinged moves to the standby, so
// that a ping during the takeover would only ask ourselves.
func (v *validator) blind(t Takeover, s Server) bool {
	if s.ManagementAddress.IsValid() || len(s.Addresses) == 0 {
		return false
	}
	return !slices.ContainsFunc(s.Addresses, func(a netip.Addr) bool {
		return !slices.ContainsFunc(t.ServiceAddresses, func(p netip.Prefix) bool { return p.Addr() == a })
	})
}

// prefix takes a service address with or without a prefix length.
func (v *validator) prefix(t text) (netip.Prefix, bool) {
	if !t.good() {
		return netip.Prefix{}, false
	}
	host, bits, long := strings.Cut(t.value, "/")
	a, ok := v.literal(t, host)
	if !ok || !v.hostAddress(text{spot: t.spot, value: host}, a) {
		return netip.Prefix{}, false
	}
	if !long {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	n, err := strconv.Atoi(bits)
	if err != nil || strconv.Itoa(n) != bits || n < 1 || n > a.BitLen() {
		v.r.error(t.spot, "prefix length "+show(bits)+" is not possible", fmt.Sprintf("write 1 to %d, such as %s/%d", a.BitLen(), a, usualBits(a)))
		return netip.Prefix{}, false
	}
	p := netip.PrefixFrom(a, n)
	if a.Is4() && n <= 30 {
		switch a {
		case p.Masked().Addr():
			v.r.errorf(t.spot, "write the address of one host", "%s is the address of the whole network", show(t.value))
			return p, false
		case lastOf(p):
			v.r.errorf(t.spot, "write the address of one host", "%s is the broadcast address of its network", show(t.value))
			return p, false
		}
	}
	return p, true
}

// usualBits is the prefix length that networks mostly have.
func usualBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

// lastOf is the broadcast address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// releasing checks when a takeover ends by itself.
func (v *validator) releasing(t Takeover, raw rawTakeover) {
	switch {
	case t.AutoRelease && t.AssumeAddress:
		v.r.error(raw.AutoRelease.spot, "auto_release and assume_address exclude each other", "remove auto_release, or write assume_address: false (its default is true)")
	case t.AutoRelease:
		v.r.notice(raw.AutoRelease.spot, "the takeover ends by itself "+brief(t.ReleaseAfter)+" after the primary answers again", "data that was written during the takeover then stays on the standby")
	case raw.ReleaseAfter.good():
		v.r.notice(raw.ReleaseAfter.spot, "release_after has no effect", "it belongs to auto_release: true")
	}
}
