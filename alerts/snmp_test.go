package alerts

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
)

// The passwords of the user that the station knows.
const (
	snmpAuth = "an authentication password"
	snmpPriv = "a privacy password"
)

// engine is the engine ID of these tests, and how it is written in a station's configuration.
const (
	engine    = "\x80\x00\x1f\x88\x04standby-1"
	engineHex = "0x80001f88047374616e6462792d31"
)

func always(text string) func() (string, error) { return func() (string, error) { return text, nil } }

// trapd runs Net-SNMP's snmptrapd, which knows our MIB, and returns how to reach it and what it hears, an object a line.
func trapd(t *testing.T, users string) (SNMPConfig, *said) {
	t.Helper()
	program, dir, port := peer(t, "snmptrapd", "snmptrapd"), t.TempDir(), freePort(t)
	config := write(t, dir, "snmptrapd.conf", "authCommunity log,execute a-community\n"+users)
	out := daemon(t, []string{"SNMP_PERSISTENT_DIR=" + dir, "MIBS="}, program, "-f", "-C", "-c", config, "-n", "-t", "-Lo", "-On", "-F", "heard %V\n%v\n.\n",
		fmt.Sprintf("udp:127.0.0.1:%d", port))
	eventually(t, "snmptrapd listens", func() bool { return listens(t, "udp", port) })
	return SNMPConfig{
		Address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)), Version: "v2c", Community: always("a-community"),
		Username: "failoverd", Auth: "sha256", AuthKey: always(snmpAuth), Privacy: "aes", PrivKey: always(snmpPriv),
		Engine: engine, Started: time.Now().Add(-time.Minute), Timeout: 4 * time.Second,
	}, out
}

// heard takes what the station heard apart: the values of each notification, by their OIDs.
func heard(out *said) []map[string]string {
	var list []map[string]string
	for _, block := range strings.Split(out.String(), "heard ")[1:] {
		if !strings.Contains(block, "\n.\n") {
			continue // It is still being written.
		}
		values := map[string]string{}
		for _, m := range regexp.MustCompile(`(?s)(\.1\.3\.6[0-9.]+) = (?:([A-Za-z-]+): )?(.*?)(?:[\n\t]+|$)`).FindAllStringSubmatch(block, -1) {
			values[m[1]] = m[3]
		}
		list = append(list, values)
	}
	return list
}

// told is a notification of a kind.
func told(kind, severity, incident string) Message {
	return Compose(single(journal.Event{Kind: kind, Severity: severity, Server: "pbx1", Incident: incident, Message: "it happened", Reason: `a "reason" [of] it`}))
}

// A station that nobody here wrote hears an alarm and its clear, by every way that there is.
func TestSNMPStationHears(t *testing.T) {
	users := fmt.Sprintf("createUser -e %s failoverd SHA-256 %q AES %q\ncreateUser failoverd SHA-256 %q AES %q\nauthUser log,execute failoverd priv\n",
		engineHex, snmpAuth, snmpPriv, snmpAuth, snmpPriv)
	for name, change := range map[string]func(*SNMPConfig){
		"v2c trap":   func(*SNMPConfig) {},
		"v2c inform": func(c *SNMPConfig) { c.Confirmed = true },
		"v3 trap":    func(c *SNMPConfig) { c.Version = "v3" },
		"v3 inform":  func(c *SNMPConfig) { c.Version, c.Confirmed = "v3", true },
	} {
		t.Run(name, func(t *testing.T) {
			c, out := trapd(t, users)
			change(&c)
			way := NewSNMP(c)
			alarm, end := told("server.failure", "critical", "pbx1-1"), told("server.answering", "info", "pbx1-1")
			for _, m := range []Message{alarm, end, told("alert.test", "info", "")} {
				lines, err := way.Dialogue(t.Context(), m)
				if err != nil {
					t.Fatalf("%v\n%s", err, strings.Join(lines, "\n"))
				}
				for _, secret := range []string{snmpAuth, snmpPriv, "a-community"} {
					if strings.Contains(strings.Join(lines, "\n"), secret) {
						t.Errorf("the dialogue holds %q", secret)
					}
				}
				if last := lines[len(lines)-1]; strings.Contains(last, "the station has confirmed it") != c.Confirmed {
					t.Errorf("it ends with %q", last)
				}
			}
			eventually(t, "three notifications", func() bool { return len(heard(out)) == 3 })
			got := heard(out)
			for i, want := range []struct{ oid, severity, id string }{{mibAlarm, "3", "pbx1-1"}, {mibClear, "1", "pbx1-1"}, {mibNotice, "2", "pbx1/test"}} {
				if got[i][snmpTrapOID] != want.oid || got[i][mibObjects+"5.0"] != want.severity || got[i][mibObjects+"3.0"] != `"`+want.id+`"` {
					t.Errorf("number %d: %v, want %v", i+1, got[i], want)
				}
			}
			n := alarm.Notification
			want := map[string]string{"1.0": n.Standby, "2.0": "pbx1", "4.0": "server.failure", "6.0": "DOWN", "7.0": n.Title, "8.0": n.Summary, "10.0": n.Time.Format(time.RFC3339), "13.0": n.ID}
			for object, value := range want {
				if diff := cmp.Diff(`"`+value+`"`, got[0][mibObjects+object]); diff != "" {
					t.Errorf("object %s (-want +got)\n%s", object, diff)
				}
			}
		})
	}
}

// What a station does not confirm is not taken for delivered, and what is wrong is said.
func TestSNMPNobodyConfirms(t *testing.T) {
	c, out := trapd(t, fmt.Sprintf("createUser failoverd SHA-256 %q AES %q\nauthUser log,execute failoverd priv\n", snmpAuth, snmpPriv))
	c.Confirmed, c.Timeout = true, time.Second
	for name, change := range map[string]func(*SNMPConfig){
		"another community": func(c *SNMPConfig) { c.Community = always("another") },
		"a wrong password":  func(c *SNMPConfig) { c.Version, c.AuthKey = "v3", always("not this password") },
		"another user":      func(c *SNMPConfig) { c.Version, c.Username = "v3", "somebody" },
		"nobody listens":    func(c *SNMPConfig) { c.Address = netip.AddrPortFrom(c.Address.Addr(), uint16(freePort(t))) },
		"a short password":  func(c *SNMPConfig) { c.Version, c.AuthKey = "v3", always("short") },
	} {
		c := c
		change(&c)
		lines, err := NewSNMP(c).Dialogue(t.Context(), told("server.failure", "critical", "x"))
		if err == nil {
			t.Errorf("%s: it is said to be confirmed", name)
		}
		all := strings.Join(lines, "\n")
		if name != "a short password" && !strings.Contains(all, "likely cause: ") {
			t.Errorf("%s: no likely cause:\n%s", name, all)
		}
		if _, retry, _ := NewSNMP(c).Send(t.Context(), told("server.failure", "critical", "x")); !retry {
			t.Errorf("%s: it is not tried again", name)
		}
	}
	if got := heard(out); len(got) > 0 {
		t.Errorf("the station heard %v", got)
	}
}

// A trap to a port that nobody has is not taken for sent: the host says so.
func TestSNMPTrapToNobody(t *testing.T) {
	c := SNMPConfig{Address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(freePort(t))), Version: "v2c", Community: always("x"), Started: time.Now()}
	if _, retry, err := NewSNMP(c).Send(t.Context(), told("server.failure", "critical", "x")); err == nil || !retry {
		t.Errorf("retry %t, %v", retry, err)
	}
}

// A text that is too long for the MIB is cut between characters.
func TestSNMPBounds(t *testing.T) {
	n := told("server.failure", "critical", "x").Notification
	n.Reason = strings.Repeat("ä", 500)
	for _, v := range NewSNMP(SNMPConfig{Started: time.Now()}).variables(n, time.Now()) {
		if text, ok := v.Value.(string); ok && len(text) > mibString {
			t.Errorf("%s has %d bytes", v.Name, len(text))
		}
	}
	if got := clipped("ääää", 7); got != "ää..." {
		t.Errorf("clipped: %q", got)
	}
}

// Whatever ends an alarm has the name of what began it.
func TestAlarmsAreCleared(t *testing.T) {
	raises := map[string]bool{}
	for _, k := range Kinds() {
		if !k.Over && k.Severity != journal.Info {
			raises[k.Runbook] = true
		}
	}
	for _, pair := range [][2]string{
		{"server.path_down", "server.path_up"},
		{"server.probe_failed", "server.probe_ok"},
		{"drill.failed", "drill.passed"},
		{"server.not_ready", "server.ready"},
		{"standby.isolated", "standby.connected"},
	} {
		a, b := told(pair[0], "warning", "").Notification, told(pair[1], "info", "").Notification
		if a.Alarm != b.Alarm || a.Clears || !b.Clears {
			t.Errorf("%s %q clears %t, %s %q clears %t", pair[0], a.Alarm, a.Clears, pair[1], b.Alarm, b.Clears)
		}
		if !raises[KindOf(pair[1]).Runbook] {
			t.Errorf("nothing raises what %s clears", pair[1])
		}
	}
	for kind, clears := range map[string]bool{"server.failure": false, "takeover.done": false, "server.answering": true, "release.done": true, "incident.reminder": false} {
		if n := told(kind, "", "i").Notification; n.Clears != clears || n.Alarm != "i" {
			t.Errorf("%s: clears %t, alarm %q", kind, n.Clears, n.Alarm)
		}
	}
}

// libsmi's smilint finds nothing wrong with the MIB, and would if there were.
func TestMIB(t *testing.T) {
	program, modules := peer(t, "smilint", "smitools"), "../tools/mibs/node_modules/net-snmp/lib/mibs"
	if !isFile(modules + "/SNMPv2-SMI.mib") {
		t.Skip("the modules of the IETF are not there: make deps")
	}
	lint := func(path string) string {
		t.Helper()
		check := exec.Command(program, "-s", "-e", "-l", "4", path)
		check.Env = []string{"SMIPATH=" + modules}
		out, err := check.CombinedOutput()
		if err != nil {
			t.Logf("smilint: %v", err)
		}
		return string(out)
	}
	if out := lint("../packaging/FAILOVERD-MIB"); out != "" {
		t.Errorf("smilint:\n%s", out)
	}
	text, err := os.ReadFile("../packaging/FAILOVERD-MIB")
	if err != nil {
		t.Fatal(err)
	}
	if out := lint(write(t, t.TempDir(), "FAILOVERD-MIB", strings.Replace(string(text), "failoverdClear, ", "", 1))); !strings.Contains(out, "failoverdClear") {
		t.Errorf("smilint finds nothing wrong where a notification is in no group: %q", out)
	}
	// What is sent is what the MIB says, in its order.
	var objects []string
	for _, m := range regexp.MustCompile(`(?m)::= \{ failoverdObjects (\d+) \}`).FindAllStringSubmatch(string(text), -1) {
		objects = append(objects, mibObjects+m[1]+".0")
	}
	var sent []string
	for _, v := range NewSNMP(SNMPConfig{Started: time.Now()}).variables(told("server.failure", "critical", "x").Notification, time.Now())[2:] {
		sent = append(sent, v.Name)
	}
	if diff := cmp.Diff(objects, sent); diff != "" {
		t.Errorf("objects (-MIB +sent)\n%s", diff)
	}
}
