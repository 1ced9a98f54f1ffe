package agentconfig

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// The checks of single values, each with the words for what is wrong.

var (
	names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	units = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]{1,200}\.(service|target|socket|mount|automount|path|timer|slice|scope|swap|device)$`)
)

// required reports a key that has to be written, in a section that was one.
func (v value) required(written map[string]bool, name, expect string) {
	if written != nil && !written[name] {
		v.r.add(v.at.child(name), "the key is missing", expect)
	}
}

// name reads a value that becomes part of file names and log lines, and tells where it stands.
func (v value) name() (string, value) {
	const example = "1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit"
	s, ok := v.text(example)
	if ok && !names.MatchString(s) {
		v.refuse(show(s)+" cannot be a name", "write "+example)
		return "", v
	}
	return s, v
}

// directory reads an absolute path of a directory that may be handed out, and cleans it.
func (v value) directory(into *string) bool {
	s, ok := v.text("the whole path of a directory, beginning with /")
	if !ok {
		return false
	}
	clean := filepath.Clean(s)
	switch {
	case !strings.HasPrefix(s, "/"):
		v.refuse(show(s)+" is not an absolute path", "write the whole path, beginning with /")
	case len(s) > 4000:
		v.refuse("the path is too long", "write at most 4000 bytes")
	case ofTheSystem(clean):
		v.refuse(show(s)+" is a directory of the system", "write a directory that holds data only")
	default:
		*into = clean
		return true
	}
	return false
}

// ofTheSystem says whether a clean path is none that may be handed out.
func ofTheSystem(clean string) bool {
	return clean == "/" || slices.ContainsFunc([]string{"/proc", "/sys", "/dev", "/run", "/boot", "/etc/failoverd"}, func(d string) bool { return inside(clean, d) })
}

// file reads an absolute path of a file that may be handed out, and cleans it.
func (v value) file(into *string) {
	s, ok := v.text("the whole path of a file, beginning with /")
	if !ok {
		return
	}
	switch clean := filepath.Clean(s); {
	case !strings.HasPrefix(s, "/"):
		v.refuse(show(s)+" is not an absolute path", "write the whole path, beginning with /")
	case len(s) > 4000:
		v.refuse("the path is too long", "write at most 4000 bytes")
	case strings.HasSuffix(s, "/"):
		v.refuse(show(s)+" is the path of a directory", "write the path of the file")
	case ofTheSystem(clean):
		v.refuse(show(s)+" is a file of the system", "write a file that holds data")
	default:
		*into = clean
	}
}

// listen reads ADDRESS:PORT of this host.
func (v value) listen(into *netip.AddrPort) {
	const example = `"0.0.0.0:7443", "[::]:7443" or an address of this host with a port`
	s, ok := v.text(example)
	if !ok {
		return
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Port() == 0 || a.Addr().IsMulticast() {
		v.refuse(show(s)+" cannot be listened on", "write "+example)
		return
	}
	*into = a
}

// port reads a port.
func (v value) port() (uint16, bool) {
	s, ok := v.text("a port from 1 to 65535")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		v.refuse(show(s)+" is no port", "write a number from 1 to 65535")
		return 0, false
	}
	return uint16(n), true
}

// command reads a program and its arguments. No shell is involved.
func (v value) command() []string {
	const example = `["/path/of/program", "argument"]`
	var words []string
	good := true
	v.list(example, func(v value) {
		word, ok := v.text("one word of the command")
		if ok && len(words) == 0 && good && !strings.HasPrefix(word, "/") {
			v.refuse(show(word)+" is not an absolute path", `write the program's whole path, or ["/bin/sh", "-c", "…"] for a line of shell`)
		}
		good = good && ok
		words = append(words, word)
	})
	if emptyList(v.node) {
		v.refuse("the command is empty", "write "+example)
	}
	return words
}

// units reads names of systemd units.
func (v value) units() []string {
	var list []string
	v.list("[NAME.service]", func(v value) {
		s, ok := v.text("the unit's full name, such as ctserver.service")
		switch {
		case !ok:
		case !units.MatchString(s):
			expect := "write its full name, such as ctserver.service"
			if units.MatchString(s + ".service") {
				expect = "write " + s + ".service"
			}
			v.refuse(show(s)+" is no name of a systemd unit", expect)
		case slices.Contains(list, s):
			v.refuse("unit "+s+" is listed twice", "remove one of the two")
		default:
			list = append(list, s)
		}
	})
	if emptyList(v.node) {
		v.refuse("the list of units is empty", "write a unit, or remove application")
	}
	return list
}

// emptyList says whether a value is a list without entries.
func emptyList(n ast.Node) bool {
	items, ok := n.(*ast.SequenceNode)
	return ok && len(items.Values) == 0
}

// claim is a directory that something in the configuration has to itself.
type claim struct {
	what, name, directory string
	at, named             value // where directory and name are written; no report: nowhere, or refused already
}

// distinct reports names that are used twice, and directories that lie in one another: a copy of the agent's own
// directory would hold its key, and a file in two trees would be brought back twice.
func distinct(claims []claim) {
	for i, b := range claims {
		for _, a := range claims[:i] {
			if a.what == b.what && a.name == b.name && a.name != "" && b.named.r != nil {
				b.named.refuse("the name "+b.name+" is used twice", "write another name")
			}
			if a.directory == "" || b.directory == "" || !inside(a.directory, b.directory) && !inside(b.directory, a.directory) {
				continue
			}
			at := b.at
			if at.r == nil {
				at = a.at
			}
			if at.r != nil {
				at.refuse(b.directory+" and "+a.directory+", "+a.what+", lie in one another", "write directories that are apart")
			}
		}
	}
}

// inside says whether a clean path is directory or below it.
func inside(path, directory string) bool {
	return path == directory || directory == "/" || strings.HasPrefix(path, directory+"/")
}
