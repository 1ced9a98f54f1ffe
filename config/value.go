package config

import (
	"fmt"
	"net/mail"
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The checks of single values, each with the words for what is wrong.

var (
	names     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	variables = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
	units     = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]{1,200}\.(service|target|socket|mount|automount|path|timer|slice|scope|swap|device)$`)
	clocks    = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

func isName(s string) bool     { return names.MatchString(s) }
func isVariable(s string) bool { return variables.MatchString(s) }

// name is a value that becomes part of file names, mails and journal entries.
func (v *validator) name(t text) string {
	if t.good() && !isName(t.value) {
		v.r.error(t.spot, show(t.value)+" cannot be a name", "write 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit")
	}
	return t.value
}

// choice takes one of few words.
func (v *validator) choice(t text, byDefault string, words ...string) string {
	if !t.good() {
		return byDefault
	}
	if slices.Contains(words, t.value) {
		return t.value
	}
	expect := "write " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	if near := nearest(t.value, words); near != "" {
		expect = fmt.Sprintf("did you mean %s? %s", near, expect)
	}
	v.r.error(t.spot, show(t.value)+" is not possible here", expect)
	return byDefault
}

// within takes a whole number from least to most.
func (v *validator) within(n number, byDefault, least, most int) int {
	if !n.good() {
		return byDefault
	}
	if n.value < least || n.value > most {
		v.r.errorf(n.spot, fmt.Sprintf("write a number from %d to %d", least, most), "%d is out of range", n.value)
		return byDefault
	}
	return n.value
}

// lasting takes a duration from least to most.
func (v *validator) lasting(d duration, byDefault, least, most time.Duration) time.Duration {
	if !d.good() {
		return byDefault
	}
	word := ""
	switch {
	case d.value < 0:
		word = "negative"
	case d.value < least:
		word = "too short"
	case d.value > most:
		word = "too long"
	default:
		return d.value
	}
	v.r.errorf(d.spot, fmt.Sprintf("write %s to %s", brief(least), brief(most)), "%s is %s", brief(d.value), word)
	return byDefault
}

func (v *validator) truth(f truth, byDefault bool) bool {
	if !f.good() {
		return byDefault
	}
	return f.value
}

// clock takes a time of day.
func (v *validator) clock(t text) string {
	if !t.good() {
		return ""
	}
	if !clocks.MatchString(t.value) {
		expect := `write hours and minutes in quotes, such as "07:00"`
		if at, err := time.Parse("15:4", t.value); err == nil {
			expect = fmt.Sprintf("write %q", at.Format("15:04"))
		}
		v.r.error(t.spot, show(t.value)+" is no time of day", expect)
		return ""
	}
	return t.value
}

// absolute takes an absolute path.
func (v *validator) absolute(t text, byDefault string) string {
	if !t.good() || !isAbsolute(v.r, t) {
		return byDefault
	}
	return filepath.Clean(t.value)
}

func isAbsolute(r *report, t text) bool {
	if t.good() && !filepath.IsAbs(t.value) {
		r.error(t.spot, show(t.value)+" is not an absolute path", "write the whole path, beginning with /")
		return false
	}
	return t.good()
}

// command takes a program and its arguments. No shell is involved.
func (v *validator) command(l list[text], required bool) []string {
	if !l.good() {
		return nil
	}
	if len(l.items) == 0 {
		if required {
			v.r.error(l.spot, "the command is empty", `write ["/path/of/program", "argument"]`)
		}
		return nil
	}
	var words []string
	for i, item := range l.items {
		if !item.good() {
			continue
		}
		if i == 0 && !strings.HasPrefix(item.value, "/") {
			v.r.error(item.spot, show(item.value)+" is not an absolute path", `write the program's whole path, or ["/bin/sh", "-c", "…"] for a line of shell`)
		} else if i == 0 && len(l.items) == 1 && strings.Contains(item.value, " ") {
			v.r.error(item.spot, show(item.value)+" holds a space: program and arguments are separate entries", `write ["/path/of/program", "argument"]`)
		}
		words = append(words, item.value)
	}
	return words
}

// address takes an IP literal that a host can have.
func (v *validator) address(t text) netip.Addr {
	if !t.good() {
		return netip.Addr{}
	}
	a, ok := v.literal(t, t.value)
	if ok {
		ok = v.hostAddress(t, a)
	}
	if !ok {
		return netip.Addr{}
	}
	return a
}

// literal reads an IP literal without a zone.
func (v *validator) literal(t text, s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil && strings.Contains(s, "/"):
		v.r.error(t.spot, show(s)+" has a prefix length", "write the address alone")
	case err != nil && strings.Contains(s, ".") && strings.Trim(s, "0123456789.") == "":
		v.r.error(t.spot, show(s)+" is no IP address", "write four numbers from 0 to 255 without leading zeros, such as 192.168.11.1")
	case err != nil && strings.Contains(s, ":"):
		v.r.error(t.spot, show(s)+" is no IP address", "write the address alone, such as 192.168.11.1 or 2001:db8::1, without port or brackets")
	case err != nil:
		v.r.error(t.spot, show(s)+" is a name, not an IP address", "write the address in numbers: DNS may be part of the outage")
	case a.Zone() != "":
		v.r.error(t.spot, show(s)+" has a zone", "write a global or unique local address, without % and what follows")
	case a.Is4In6():
		v.r.error(t.spot, show(s)+" is an IPv4 address in IPv6 form", "write "+a.Unmap().String())
	default:
		return a, true
	}
	return netip.Addr{}, false
}

// hostAddress refuses addresses that no other host can have.
func (v *validator) hostAddress(t text, a netip.Addr) bool {
	first := byte(255)
	if a.Is4() {
		first = a.As4()[0]
	}
	switch {
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		v.r.error(t.spot, show(t.value)+" is the broadcast address", "write the address of one host")
	case a.IsMulticast():
		v.r.error(t.spot, show(t.value)+" is a multicast address", "write the address of one host")
	case a.IsUnspecified() || first == 0:
		v.r.error(t.spot, show(t.value)+" means no host", "write the address of one host")
	case a.IsLoopback() && !v.loopback:
		v.r.error(t.spot, show(t.value)+" is a loopback address, which is this host itself", "write an address of the network (loopback is for trying things out, with interface: lo)")
	case a.Is6() && a.IsLinkLocalUnicast():
		v.r.error(t.spot, show(t.value)+" is a link-local address, which means nothing without its link", "write a global or unique local address")
	default:
		return true
	}
	return false
}

// endpoint takes ADDRESS:PORT.
func (v *validator) endpoint(t text) netip.AddrPort {
	if !t.good() {
		return netip.AddrPort{}
	}
	host, port, ok := cutPort(t.value)
	if !ok {
		v.r.error(t.spot, show(t.value)+" is not an address with a port", `write "192.168.11.1:8443" or "[2001:db8::1]:8443"`)
		return netip.AddrPort{}
	}
	a, goodHost := v.literal(t, host)
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		v.r.error(t.spot, "port "+show(port)+" is out of range", "write a port from 1 to 65535")
		return netip.AddrPort{}
	}
	if !goodHost {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(n))
}

// cutPort splits at the last colon and takes the brackets of IPv6 away.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	if h, bracket := strings.CutPrefix(host, "["); bracket {
		host, bracket = strings.CutSuffix(h, "]")
		return host, port, bracket
	}
	return host, port, host != "" && !strings.Contains(host, ":")
}

// mailbox takes a mail address without a display name.
func (v *validator) mailbox(t text) string {
	if !t.good() {
		return ""
	}
	a, err := mail.ParseAddress(t.value)
	if err != nil || a.Address != t.value || strings.ContainsAny(t.value, "\r\n") {
		v.r.error(t.spot, show(t.value)+" is no mail address", "write it alone, such as support@example.com")
	}
	return t.value
}

// link takes the name of a network interface, as the kernel does: at most 15
// bytes (IFNAMSIZ less its end), no slash, no blank, no colon.
func (v *validator) link(t text) string {
	if !t.good() {
		return ""
	}
	switch {
	case len(t.value) > 15:
		v.r.errorf(t.spot, "write the name as `ip link` shows it, at most 15 characters", "%s has %d characters", show(t.value), len(t.value))
	case strings.ContainsAny(t.value, "/: \t\n") || t.value == "." || t.value == "..":
		v.r.error(t.spot, show(t.value)+" cannot be the name of an interface", "write the name as `ip link` shows it")
	}
	return t.value
}

// relative takes a path below a directory.
func (v *validator) relative(t text) string {
	if !t.good() {
		return ""
	}
	clean := path.Clean(t.value)
	switch {
	case strings.HasPrefix(clean, "/"):
		v.r.error(t.spot, show(t.value)+" is an absolute path", "write it relative to the tree's source")
	case clean == ".." || strings.HasPrefix(clean, "../"):
		v.r.error(t.spot, show(t.value)+" leads out of the tree", "write a directory below the tree's source")
	case clean == ".":
		return ""
	}
	return clean
}

// required reports a key that has to be written.
func (v *validator) required(is spot, parent spot, key, expect string) bool {
	if is.set() {
		return true
	}
	v.r.error(parent.child(key), "the key is missing", expect)
	return false
}

// brief prints a duration without the zero units that the language adds.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
