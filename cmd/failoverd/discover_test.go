package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"failoverd/config"
	"failoverd/replicate/agent/discovery"
)

// pbx is a primary with one of everything.
func pbxFound() discovery.Found {
	return discovery.Found{
		Name: "PBX-1", Hostname: "pbx.example.com", OS: "Debian GNU/Linux 12 (bookworm)", Kernel: "Linux 6.1.0",
		Addresses: []discovery.Address{
			{Interface: "eth0", Address: netip.MustParsePrefix("192.168.11.1/24")},
			{Interface: "eth0", Address: netip.MustParsePrefix("192.168.11.21/24")},
			{Interface: "eth1", Address: netip.MustParsePrefix("10.0.0.1/8")},
		},
		Gateways: []discovery.Gateway{{Interface: "eth0", Address: netip.MustParseAddr("192.168.11.254")}},
		Databases: []discovery.Database{
			{Engine: "mysql", Product: "MariaDB", Version: "10.11.6-MariaDB", Listens: "127.0.0.1:3306"},
			{Engine: "mysql", Product: "MySQL", Version: "8.0.40", Listens: "*:3307", Reachable: true},
			{Engine: "postgres", Product: "PostgreSQL", Listens: "192.168.11.1:5432", Reachable: true},
			{Engine: "sqlserver", Product: "SQL Server", Version: "16.0.4105", Listens: "*:1433", Reachable: true},
		},
		SQLite: []discovery.SQLite{
			{Path: "/srv/app/state.db", Bytes: 8192, UserVersion: 3},
			{Path: "/srv/ct/calls.db", Bytes: 4096, Grant: "calls"},
		},
		Trees: []discovery.Tree{
			{Name: "vm", Directory: "/srv/ctserver/VM", Writable: true, Files: 1204, Bytes: 3 << 30, Complete: true},
			{Name: "log", Directory: "/srv/my logs", Files: 1, Bytes: 10},
		},
		Backups: []discovery.Backup{{Name: "ct", Directory: "/var/backups/ct", ServerDirectory: "/var/backups/ct", Free: 5 << 30}},
		Gaps:    []discovery.Gap{{What: "all SQLite databases in /var/lib", Why: "3 directories may not be read by the agent"}},
	}
}

// asked is what the command prints.
func asked(t *testing.T, f discovery.Found, json bool) string {
	t.Helper()
	p, out, _ := here("")
	p.global.json = json
	err := p.discover(t.Context(), netip.MustParseAddr("192.168.11.1"), func(context.Context) (discovery.Found, error) { return f, nil })
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDiscoverShowsWhatThereIs(t *testing.T) {
	want := `PBX-1: Debian GNU/Linux 12 (bookworm), Linux 6.1.0
Address          192.168.11.1/24    on eth0
Address          192.168.11.21/24   on eth0
Address          10.0.0.1/8         on eth1
Gateway          192.168.11.254     on eth0
Database server  127.0.0.1:3306     MariaDB 10.11.6-MariaDB, for this host only
Database server  *:3307             MySQL 8.0.40
Database server  192.168.11.1:5432  PostgreSQL (version not told without a password)
Database server  *:1433             SQL Server 16.0.4105
SQLite           /srv/app/state.db  8.0 KiB, user version 3
SQLite           /srv/ct/calls.db   4.0 KiB, user version 0, can be copied as calls
Tree vm          /srv/ctserver/VM   1204 files, 3.0 GiB
Tree log         /srv/my logs       at least 1 file, 10 B, cannot be brought back
Backups ct       /var/backups/ct    5.0 GiB free
Not learnt:
  all SQLite databases in /var/lib  3 directories may not be read by the agent

As servers.d/PBX-1.yaml, to be read and completed:

# PBX-1, as its agent tells: Debian GNU/Linux 12 (bookworm), Linux 6.1.0.
# Save it as servers.d/PBX-1.yaml, see what it means with failoverd config check, then failoverd reload.
name: "PBX-1"
address: 192.168.11.1
# Its other addresses: 192.168.11.21/24 on eth0, 10.0.0.1/8 on eth1.
# The one that stays with it while the standby has its own is the management_address:
# management_address: ADDRESS
takeover:
  service_addresses: ["192.168.11.1/24"]
files:
  - name: "vm"
    source: {agent: "/srv/ctserver/VM"}
#   1204 files, 3.0 GiB
  - name: "log"
    source: {agent: "/srv/my logs"}
#   at least 1 file, 10 B, cannot be brought back
#
# MariaDB at 127.0.0.1:3306 is for that host only: let it listen on an address, and the standby can copy it.
#
# Take away the first two characters of these lines, and write catalogs, accounts and the files of their passwords:
# databases:
#   - name: CATALOG
#     engine: mysql # MySQL 8.0.40 at *:3307
#     primary:
#       dsn: "failoverd@tcp(192.168.11.1:3307)/CATALOG"
#       password: {file: /etc/failoverd/PBX-1-primary.password}
#     standby:
#       dsn: "failoverd@tcp(127.0.0.1:3306)/"
#       password: {file: /etc/failoverd/PBX-1-standby.password}
#     replicate_daily: "01:00"
`
	got := asked(t, pbxFound(), false)
	if diff := cmp.Diff(want, got[:min(len(want), len(got))]); diff != "" {
		t.Errorf("the command printed (-want +got):\n%s", diff)
	}
}

func TestDiscoverAsADocument(t *testing.T) {
	var got struct {
		discovery.Found
		Proposal string `json:"proposal"`
	}
	if err := json.Unmarshal([]byte(asked(t, pbxFound(), true)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pbxFound(), got.Found, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if !strings.Contains(got.Proposal, "name: \"PBX-1\"\n") {
		t.Errorf("proposal %q", got.Proposal)
	}
}

func TestDiscoverSaysWhomItAsked(t *testing.T) {
	p, _, _ := here("")
	refused := errors.New("connection refused")
	err := p.discover(t.Context(), netip.MustParseAddr("192.168.11.1"), func(context.Context) (discovery.Found, error) { return discovery.Found{}, refused })
	if !errors.Is(err, refused) || err.Error() != "ask the agent at 192.168.11.1 what there is: connection refused" {
		t.Errorf("%v", err)
	}
}

// parsed is a proposal as a server's file.
func parsed(name, text string) (*config.Config, error) {
	return config.Parse([]config.Source{
		{Name: "failoverd.yaml", Data: []byte("standby: {name: standby-1}\n")},
		{Name: "servers.d/" + name + ".yaml", Data: []byte(text)},
	})
}

func TestAProposalMeansWhatWasFound(t *testing.T) {
	f := pbxFound()
	c, err := parsed("PBX-1", proposal(f, netip.MustParseAddr("192.168.11.1")))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Servers[0]
	if s.Name != "PBX-1" || s.Address.String() != "192.168.11.1" || s.Takeover.ServiceAddresses[0].String() != "192.168.11.1/24" ||
		len(s.Files) != 2 || s.Files[0].Source.Agent != "/srv/ctserver/VM" || s.Files[1].Source.Agent != "/srv/my logs" || len(s.Databases) > 0 {
		t.Errorf("%+v", s)
	}
}

// What stands in comments to be completed is right as it is, but for the words in capitals.
func TestAProposalThatIsCompletedIsRight(t *testing.T) {
	text := proposal(pbxFound(), netip.MustParseAddr("192.168.11.1"))
	head, rest, ok := strings.Cut(text, "\n# databases:\n")
	if !ok {
		t.Fatalf("no databases in\n%s", text)
	}
	entries, _, _ := strings.Cut(rest, "\n#\n")
	whole := head + "\ndatabases:\n"
	for i, l := range strings.Split(entries, "\n") {
		whole += strings.TrimPrefix(l, "# ") + "\n"
		whole = strings.Replace(whole, "name: CATALOG", "name: c"+string(rune('a'+i)), 1)
	}
	c, err := parsed("PBX-1", strings.ReplaceAll(whole, "server: DIRECTORY", "server: /b"))
	if err != nil {
		t.Fatalf("%v\n%s", err, whole)
	}
	var engines []string
	for _, d := range c.Servers[0].Databases {
		engines = append(engines, d.Engine)
	}
	if diff := cmp.Diff([]string{"mysql", "postgres", "sqlserver", "sqlite"}, engines); diff != "" {
		t.Errorf("engines (-want +got):\n%s", diff)
	}
	if d := c.Servers[0].Databases[3]; d.Name != "calls" || d.Primary.Agent != "calls" {
		t.Errorf("the database that the agent copies: %+v", d)
	}
	// The agent has a directory of backups, which the standby does not see.
	if b := c.Servers[0].Databases[2].Primary.Backups; b == nil || *b != (config.Backups{Server: "/var/backups/ct", Agent: "ct"}) {
		t.Errorf("the primary's backups: %+v", b)
	}
}

// Whatever a primary says of itself, the file is one that can be read, and says no more than was proposed.
func TestNoPrimaryWritesTheFile(t *testing.T) {
	text := rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[a-z/'"{}\[\]:#,&*!|>%@\n\r\t \\-]{0,20}`),
		rapid.SampledFrom([]string{"a\nservers: []", "a\u2028b: c", "a\u0085b: c", `"}`, "/srv/a", "vm", "true", "...", "---", "\ufeff", "CON", "~", "/a/../b", "/"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		f := discovery.Found{
			Name: text.Draw(t, "name"), Hostname: text.Draw(t, "host"), OS: text.Draw(t, "os"), Kernel: text.Draw(t, "kernel"),
			Gaps:      []discovery.Gap{{What: text.Draw(t, "what"), Why: text.Draw(t, "why")}},
			SQLite:    []discovery.SQLite{{Path: text.Draw(t, "file"), Grant: text.Draw(t, "grant")}},
			Addresses: []discovery.Address{{Interface: text.Draw(t, "interface"), Address: netip.MustParsePrefix("10.0.0.1/8")}},
			Databases: []discovery.Database{{
				Engine: rapid.SampledFrom([]string{"postgres", "mysql", "sqlserver", "x"}).Draw(t, "engine"), Product: text.Draw(t, "product"),
				Version: text.Draw(t, "version"), Listens: text.Draw(t, "listens") + ":1", Reachable: rapid.Bool().Draw(t, "reachable"),
			}},
		}
		for range rapid.IntRange(0, 2).Draw(t, "backups") {
			f.Backups = append(f.Backups, discovery.Backup{Name: text.Draw(t, "backup"), ServerDirectory: text.Draw(t, "server directory")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "trees") {
			f.Trees = append(f.Trees, discovery.Tree{Name: text.Draw(t, "tree"), Directory: text.Draw(t, "directory")})
		}
		address := rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "2001:db8::1"}).Draw(t, "address")
		written := proposal(f, netip.MustParseAddr(address))
		c, err := parsed(serverName(f), written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		s := c.Servers[0]
		if len(c.Servers) != 1 || s.Address.String() != address || len(s.Databases) > 0 || len(s.Files) > len(f.Trees) || len(s.Probes) > 0 {
			t.Fatalf("the file says %+v\n%s", s, written)
		}
	})
}

func TestATreeThatCannotBeIsAComment(t *testing.T) {
	f := discovery.Found{Name: "pbx", Trees: []discovery.Tree{
		{Name: "a", Directory: "/srv/a"},
		{Name: "a", Directory: "/srv/b"},
		{Name: "b", Directory: "/srv/a"},
		{Name: "c", Directory: "/srv/../etc"},
		{Name: "d", Directory: "srv"},
		{Name: "e f", Directory: "/srv/e"},
		{Name: "g", Directory: "/srv/g"},
		{Name: "h", Directory: "/srv/\r"},
		{Name: "i", Directory: "/srv/\uFFFD"},
	}}
	text := proposal(f, netip.MustParseAddr("10.0.0.1"))
	c, err := parsed("pbx", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got := c.Servers[0].Files; len(got) != 2 || got[0].Name != "a" || got[1].Name != "g" || strings.Count(text, "cannot be taken over as it is") != 7 {
		t.Errorf("%+v\n%s", got, text)
	}
}

func TestServerName(t *testing.T) {
	for in, want := range map[string]string{
		"PBX-1": "PBX-1", "pbx 1": "pbx-1", "": "primary", "-._": "primary", "Büro": "B-ro", "pbx.example.com": "pbx.example.com",
		strings.Repeat("x", 62) + ".y": strings.Repeat("x", 62),
	} {
		if got := serverName(discovery.Found{Name: in}); got != want {
			t.Errorf("serverName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAHostCannotSteerTheTerminal(t *testing.T) {
	var out bytes.Buffer
	writeFound(&out, false, discovery.Found{Hostname: "a\x1b[2Jb"})
	if out.String() != "a\ufffd[2Jb: system unknown, kernel unknown\n" {
		t.Errorf("%q", out.String())
	}
}
