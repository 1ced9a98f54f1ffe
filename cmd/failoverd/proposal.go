package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"failoverd/replicate/agent/discovery"
)

// serverNames are what a server may be called.
var (
	serverNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	noName      = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
)

// serverName is what the server would be called: as its agent is configured, made fit.
func serverName(f discovery.Found) string {
	name := strings.Trim(noName.ReplaceAllString(cmp.Or(f.Name, f.Hostname), "-"), ".-_")
	name = strings.TrimRight(name[:min(len(name), 63)], ".-_")
	return or(name, "primary")
}

// proposal is a file of servers.d for a primary whose agent was asked at an address. What is certain stands there as it
// is; what only its owner knows is a comment, to be completed. What the primary says of itself is not trusted: it
// becomes a quoted value or a comment of one line, or is left out.
func proposal(f discovery.Found, address netip.Addr) string {
	var y yamlText
	name := serverName(f)
	y.comment("%s, as its agent tells: %s, %s.", or(f.Name, f.Hostname), or(f.OS, "system unknown"), or(f.Kernel, "kernel unknown"))
	y.comment("Save it as servers.d/%s.yaml, see what it means with failoverd config check, then failoverd reload.", name)
	y.line("name: %s", quoted(name))
	y.line("address: %s", address.WithZone(""))
	y.addresses(f, address)
	y.trees(f)
	y.databases(f, name, address)
	y.sqlite(f)
	if len(f.Gaps) > 0 {
		y.comment("")
		y.comment("Not learnt:")
		for _, g := range f.Gaps {
			y.comment("  %s: %s", g.What, g.Why)
		}
	}
	return y.String()
}

// yamlText is a file of configuration that grows.
type yamlText struct{ strings.Builder }

func (y *yamlText) line(format string, args ...any) { fmt.Fprintf(y, format+"\n", args...) }

// comment writes a comment of one line.
func (y *yamlText) comment(format string, args ...any) {
	y.line("%s", strings.TrimRight("# "+oneLine(fmt.Sprintf(format, args...)), " "))
}

// oneLine keeps a text in its line, whatever a reader of YAML takes for the end of one.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// printable says whether a text holds nothing that the configuration refuses: control characters, and what is not UTF-8.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

// quoted is a value in the quotes of JSON, which YAML reads as well.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// addresses writes the address that moves, with its network, and which others there are.
func (y *yamlText) addresses(f discovery.Found, address netip.Addr) {
	var others []string
	for _, a := range f.Addresses {
		if a.Address.Addr() != address.WithZone("") {
			others = append(others, fmt.Sprintf("%s on %s", a.Address, a.Interface))
		}
	}
	if len(others) > 0 {
		y.comment("Its other addresses: %s.", strings.Join(others, ", "))
		y.comment("The one that stays with it while the standby has its own is the management_address:")
		y.comment("management_address: ADDRESS")
	}
	for _, a := range f.Addresses {
		if a.Address.Addr() == address.WithZone("") && address.IsGlobalUnicast() && !a.Address.IsSingleIP() {
			y.line("takeover:")
			y.line("  service_addresses: [%s]", quoted(a.Address.String()))
			break
		}
	}
}

// trees writes the directories that the agent hands out.
func (y *yamlText) trees(f discovery.Found) {
	var taken []discovery.Tree
	for _, t := range f.Trees {
		if !serverNames.MatchString(t.Name) || !path.IsAbs(t.Directory) || path.Clean(t.Directory) != t.Directory || !printable(t.Directory) ||
			slices.ContainsFunc(taken, func(o discovery.Tree) bool { return o.Name == t.Name || o.Directory == t.Directory }) {
			y.comment("The tree %s in %s cannot be taken over as it is.", quoted(t.Name), quoted(t.Directory))
			continue
		}
		if len(taken) == 0 {
			y.line("files:")
		}
		taken = append(taken, t)
		y.line("  - name: %s", quoted(t.Name))
		y.line("    source: {agent: %s}", quoted(t.Directory))
		y.comment("  %s", treeSize(t))
	}
}

// databases writes one entry for each kind of database server, to be completed: which catalogs there are is told to
// nobody without a password.
func (y *yamlText) databases(f discovery.Found, name string, address netip.Addr) {
	var entries []discovery.Database
	for _, d := range f.Databases {
		if d.Reachable && databaseEnds(d, address) != nil {
			entries = append(entries, d)
		} else {
			y.comment("")
			y.comment("%s at %s is for that host only: let it listen on an address, and the standby can copy it.", d.Product, d.Listens)
		}
	}
	granted := slices.DeleteFunc(slices.Clone(f.SQLite), func(s discovery.SQLite) bool { return !serverNames.MatchString(s.Grant) })
	if len(entries)+len(granted) == 0 {
		return
	}
	y.comment("")
	y.comment("Take away the first two characters of these lines, and write catalogs, accounts and the files of their passwords:")
	y.comment("databases:")
	for _, d := range entries {
		ends := databaseEnds(d, address)
		y.comment("  - name: CATALOG")
		y.comment("    engine: %s # %s at %s", d.Engine, databaseServer(d), d.Listens)
		for i, end := range []string{"primary", "standby"} {
			y.comment("    %s:", end)
			y.comment("      dsn: %s", quoted(ends[i]))
			y.comment("      password: {file: /etc/failoverd/%s-%s.password}", name, end)
			if d.Engine == "sqlserver" {
				y.comment("      backups: %s", backupsOf(f, end))
			}
		}
		y.comment(`    replicate_daily: "01:00"`)
	}
	for _, s := range granted {
		y.comment("  - name: %s", quoted(s.Grant))
		y.comment("    engine: sqlite # %s", s.Path)
		y.comment("    primary: {agent: %s}", quoted(s.Grant))
		y.comment("    standby: {dsn: /var/lib/failoverd/copies/}")
		y.comment(`    replicate_daily: "01:00"`)
	}
}

// backupsOf is where an end leaves its backups: a primary where its agent gets at them, if there is one such place.
func backupsOf(f discovery.Found, end string) string {
	for _, b := range f.Backups {
		if end == "primary" && serverNames.MatchString(b.Name) && printable(b.ServerDirectory) && b.ServerDirectory != "" {
			return fmt.Sprintf("{server: %s, agent: %s}", quoted(b.ServerDirectory), quoted(b.Name))
		}
	}
	return "{server: DIRECTORY, path: /DIRECTORY}"
}

// databaseEnds are the data sources of a catalog, at the primary and at the standby; nil for a server that is at no
// port.
func databaseEnds(d discovery.Database, address netip.Addr) []string {
	_, port, ok := cutLast(d.Listens, ":")
	if !ok || !digits.MatchString(port) {
		return nil
	}
	host := address.WithZone("").String()
	if address.Is6() {
		host = "[" + host + "]"
	}
	at := host + ":" + port
	switch d.Engine {
	case "postgres":
		return []string{"postgres://failoverd@" + at + "/CATALOG", "postgres://failoverd@127.0.0.1/postgres"}
	case "mysql":
		return []string{"failoverd@tcp(" + at + ")/CATALOG", "failoverd@tcp(127.0.0.1:3306)/"}
	case "sqlserver":
		return []string{"sqlserver://failoverd@" + at + "/CATALOG", "sqlserver://failoverd@127.0.0.1"}
	}
	return nil
}

var digits = regexp.MustCompile(`^[0-9]{1,5}$`)

// cutLast cuts a text at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// sqlite names the SQLite databases that were seen, and that the agent does not copy.
func (y *yamlText) sqlite(f discovery.Found) {
	others := slices.DeleteFunc(slices.Clone(f.SQLite), func(s discovery.SQLite) bool { return s.Grant != "" })
	if len(others) == 0 {
		return
	}
	y.comment("")
	y.comment("SQLite databases that were seen there; the agent copies those that its configuration names under databases:")
	for _, s := range others {
		y.comment("  %s (%s)", s.Path, size(s.Bytes))
	}
}
