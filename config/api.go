package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// maxSocketPath is what sun_path holds on Linux (108 bytes) less its end.
const maxSocketPath = 107

func (v *validator) api(raw rawAPI) API {
	a := API{
		Socket:      v.absolute(raw.Socket, "/run/failoverd/failoverd.sock"),
		SocketGroup: raw.SocketGroup.value,
		CertFile:    v.absolute(raw.CertFile, ""),
		KeyFile:     v.absolute(raw.KeyFile, ""),
	}
	if len(a.Socket) > maxSocketPath {
		v.r.errorf(raw.Socket.spot, fmt.Sprintf("write a path of at most %d", maxSocketPath), "the path has %d bytes, more than a socket's address holds", len(a.Socket))
	}
	if g := raw.SocketGroup; g.good() && !isVariable(trimDashes(g.value)) {
		v.r.error(g.spot, show(g.value)+" cannot be the name of a group", "write the group's name as `getent group` shows it")
	}
	if raw.Listen.good() {
		a.Listen = v.endpoint(raw.Listen)
		if ip := a.Listen.Addr(); ip.IsValid() && (ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})) {
			v.r.error(raw.Listen.spot, show(raw.Listen.value)+" is no address of this host", "write one that it has, or 0.0.0.0 for all of them")
		}
	}
	switch {
	case raw.CertFile.set() && !raw.KeyFile.set():
		v.r.error(raw.CertFile.spot, "there is a certificate without its key", "write key_file as well, or remove cert_file")
	case raw.KeyFile.set() && !raw.CertFile.set():
		v.r.error(raw.KeyFile.spot, "there is a key without its certificate", "write cert_file as well, or remove key_file")
	case raw.CertFile.good() && !raw.Listen.set():
		v.r.notice(raw.CertFile.spot, "the certificate is not used", "nothing listens on TCP without listen")
	}
	if raw.PublicURL.good() {
		a.PublicURL = v.publicURL(raw.PublicURL)
	}
	return a
}

// publicURL takes the address under which people reach the console, without a slash at its end.
func (v *validator) publicURL(t text) string {
	const example = "write where a browser reaches the console, such as https://failover.example.com"
	u, err := url.Parse(t.value)
	switch {
	case err != nil || u.Hostname() == "":
		v.r.error(t.spot, "this is no URL", example)
	case u.Scheme != "http" && u.Scheme != "https":
		v.r.error(t.spot, show(u.Scheme)+" is nothing that a browser opens", example)
	case u.User != nil:
		v.r.error(t.spot, "a user or a password stands in the URL", "leave it out: the URL stands in every alert")
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		v.r.error(t.spot, "the URL goes on after the host", "the console has a host of its own: "+example)
	default:
		if port := u.Port(); port != "" {
			v.port(t, port)
		}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil && !hostNames.MatchString(u.Hostname()) {
			v.r.error(t.spot, show(u.Hostname())+" is neither an IP address nor a host's name", example)
		}
		return u.Scheme + "://" + u.Host
	}
	return ""
}

// trimDashes drops what group names may hold beyond the names of variables.
func trimDashes(s string) string {
	out := make([]rune, 0, len(s))
	for _, c := range s {
		if c != '-' && c != '.' {
			out = append(out, c)
		}
	}
	return string(out)
}
