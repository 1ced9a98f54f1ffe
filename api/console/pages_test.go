package console_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/replicate/agent/discovery"
	"failoverd/status"
)

// agents are a standby's agents: one that can be discovered, and any that knows a code.
type agents struct{}

// goodCode is the code that the agents know.
const goodCode = "9Z4T-W8YB-1N6D-KC3F"

func (agents) Pair(_ context.Context, at netip.AddrPort, code string) (status.Agent, error) {
	if code == goodCode {
		return status.Agent{Server: "pbx", Address: at.String(), Paired: true, Name: "pbx"}, nil
	}
	return status.Agent{}, &status.Refusal{Code: status.PairingFailed, Detail: "the agent at " + at.String() + " does not know this code", Try: "on the primary: sudo failoverd agent pair"}
}

func (agents) Agents() ([]status.Agent, error) {
	heard := time.Now().Add(-4 * time.Second)
	return []status.Agent{
		{Server: "pbx", Address: "192.168.11.21:7443", Paired: true, Name: "pbx", Fingerprint: strings.Repeat("AB:", 31) + "CD", Version: "0.9", VersionDiffers: true, PairedAt: &heard, HeardAt: &heard},
		{Server: "crm", Address: "192.168.11.22:7443"},
	}, nil
}

func (agents) Discover(_ context.Context, at netip.AddrPort) (discovery.Found, error) {
	if at.Addr() != netip.MustParseAddr("192.168.11.24") {
		return discovery.Found{}, &status.Refusal{Code: status.AgentSilent, Detail: "no agent is paired at " + at.String(), Try: "failoverd pair " + at.String()}
	}
	return discovery.Found{
		Name: "fax", OS: "Debian GNU/Linux 12 (bookworm)", Addresses: []discovery.Address{{Interface: "eth0", Address: netip.MustParsePrefix("192.168.11.4/24")}},
		Databases: []discovery.Database{{Engine: "postgres", Product: "PostgreSQL", Version: "15.18", Listens: "192.168.11.4:5432", Reachable: true}},
		Trees:     []discovery.Tree{{Name: "spool", Directory: "/var/spool/fax", Files: 1204, Bytes: 1 << 30}},
		Gateways:  []discovery.Gateway{}, SQLite: []discovery.SQLite{}, Backups: []discovery.Backup{},
		Gaps: []discovery.Gap{{What: "processes", Why: "not allowed"}},
	}, nil
}

func (agents) Propose(f discovery.Found, at netip.Addr) (name, text string) {
	return f.Name, fmt.Sprintf("# %s at %s, as its agent tells\naddress: 192.168.11.4\n", f.Name, at)
}

func (agents) Fingerprint() string { return strings.Repeat("01:", 31) + "02" }

// revisionOf names a text.
func revisionOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:24] }

func (s *standby) ServerConfiguration(_ context.Context, name string) (status.ServerConfiguration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := status.ServerConfiguration{Server: name, File: "/etc/failoverd/servers.d/" + name + ".yaml"}
	text, ok := s.files[name]
	if !ok {
		c.File, c.WhyNot = "/etc/failoverd/failoverd.yaml", "it stands in /etc/failoverd/failoverd.yaml among others"
		return c, nil
	}
	c.Text, c.Editable, c.Revision = text, true, revisionOf(text)
	return c, nil
}

func (s *standby) Configure(ctx context.Context, c status.ServerChange, _ status.Order) (status.Configured, error) {
	text := string(c.Text)
	out := status.Configured{Server: c.Server, Revision: revisionOf(text), Problems: []status.ConfigProblem{}, Changed: []string{}, Notices: []string{}, Trials: []status.Trial{}}
	s.mu.Lock()
	now, known := s.files[c.Server]
	s.mu.Unlock()
	if !c.New && (!known || revisionOf(now) != c.Revision) {
		return out, &status.Refusal{Code: status.StateChanged, Detail: "the configuration of " + c.Server + " has changed since you looked; nothing was done"}
	}
	if i := strings.Index(text, "adress"); i >= 0 {
		out.Problems = append(out.Problems, status.ConfigProblem{
			File: "servers.d/" + c.Server + ".yaml", Line: 1 + strings.Count(text[:i], "\n"), Column: 1, Key: "adress", Problem: "unknown key", Expect: "did you mean address?",
		})
		return out, nil
	}
	out.Valid, out.Changed = true, []string{"servers[" + c.Server + "] (added)"}
	if c.DryRun {
		out.Trials = []status.Trial{{Name: "ping 192.168.11.4", OK: true, Detail: "answered in 0.4 ms"}, {Name: "database FAX", Detail: "password authentication failed"}}
		return out, nil
	}
	if err := s.carried(ctx, "configure", c.Server+": "+strings.ReplaceAll(text, "\n", "|")); err != nil {
		return out, err
	}
	s.mu.Lock()
	s.files[c.Server] = text
	if c.Text == nil {
		delete(s.files, c.Server)
	}
	if c.New {
		s.now.Servers = append(append([]status.Server{}, s.now.Servers...), s.server(c.Server, "192.168.11.4"))
	}
	s.mu.Unlock()
	out.Saved = true
	s.tell(journal.Event{Kind: "config.server_changed", Severity: "info", Server: c.Server, Message: c.Server + " was changed"})
	return out, nil
}

// alerts lets an alert be sent, and one wait.
func (s *standby) alerts() {
	batch := journal.Batch{Events: []journal.Event{{Kind: "server.failed", Severity: "critical", Server: "crm", Message: "crm has failed"}}}
	batch.Alerts = []journal.Alert{{Kind: "server.failed", Server: "crm", Incident: "crm-1"}}
	if _, err := s.journal.Commit(context.Background(), batch); err != nil {
		panic(err)
	}
}

// Each part of a server's page, and the options: what they show, in every size and theme, and that axe finds nothing.
func TestPages(t *testing.T) {
	screens := opposites
	if os.Getenv("FAILOVERD_TEST_SCREENS") == "all" {
		screens = everyone
	}
	c := open(t, desktop, "admin")
	c.standby.copiesFiles("pbx")
	c.standby.alerts()
	c.standby.opensIncident()
	if err := c.standby.record("pbx"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{status.FromLive, status.Drill} {
		if _, err := c.standby.Replicate(t.Context(), "pbx", kind, orderOf("bob")); err != nil {
			t.Fatal(err)
		}
		c.standby.ends("pbx", plan.Succeeded)
	}
	for _, page := range []struct {
		at   string
		sees []string
	}{
		{"servers/pbx/overview", []string{"Would a takeover succeed now?", "The last decision", "Is it us?", "1740 pings, 9 lost", "Last pings"}},
		{"servers/pbx/replication", []string{"1\u202f204\u202f331 rows in 41 tables", "12.0 GiB free", "Why not complete?", "Extn/201.wav", "replication from live", "before the upgrade"}},
		{"servers/pbx/events", []string{"of pbx by bob", "the files of pbx are followed"}},
		{"servers/pbx/drills", []string{"Not rehearsed:", "the files", "drill"}},
		{"servers/pbx/settings", []string{"/etc/failoverd/servers.d/pbx.yaml", "nothing has been changed", "Remove pbx"}},
		{"servers/crm/settings", []string{"It cannot be changed from here: it stands in /etc/failoverd/failoverd.yaml among others"}},
		{"servers/none/overview", []string{"There is no server of this name."}},
		{"new", []string{"Discover, if an agent runs there", "give it a name"}},
		{"options", []string{"Delivery log", "ops@example.com", "not paired", "AB:AB", "Revoke alice", "Make a token", "Witness"}},
		{"events", []string{"the files of pbx are followed"}},
		{"operations", []string{"replication from live", "before the upgrade"}},
		{"incidents", []string{"crm does not answer", "nobody", "Acknowledge", "1 reminder"}},
		{"mails", []string{"ops@example.com", "server.failed"}},
	} {
		c.do(chromedp.Evaluate(fmt.Sprintf(`location.hash = "#/%s"`, page.at), nil))
		c.screened(screens, func(string) {
			for _, text := range page.sees {
				c.see(text)
			}
		})
		c.examine(screens, page.at, strings.ReplaceAll(page.at, "/", "-"))
	}
}

// A server is added: discovered, completed with a mistake, tested, mended, tested again, saved. What was not tested as it
// stands cannot be saved, and a second click adds nothing.
func TestServerIsAdded(t *testing.T) {
	c := open(t, midnight, "admin")
	c.do(chromedp.Evaluate(`location.hash = "#/new"`, nil))
	c.do(chromedp.WaitVisible(`[name=agent]`), chromedp.SendKeys(`[name=agent]`, "192.168.11.99\r"))
	c.see("no agent is paired at 192.168.11.99:7443.")
	c.clear(`[name=agent]`)
	c.do(chromedp.SendKeys(`[name=agent]`, "192.168.11.24\r"))
	c.see("PostgreSQL 15.18 at 192.168.11.4:5432")
	c.see("files spool: /var/spool/fax, 1\u202f204 files")
	c.until(`document.querySelector("[name=server]").value === "fax" && document.querySelector("textarea").value.startsWith("# fax at 192.168.11.24")`)
	if ask[bool](c, `Boolean(document.querySelector("[data-action=save]"))`) {
		t.Error("it can be saved untested")
	}
	c.do(chromedp.SendKeys(`textarea`, kb.End+"adress: 1\n"))
	c.click(`[data-action=test]`)
	c.see("1 problem")
	c.see("did you mean address?")
	c.examine(opposites, "a configuration with a mistake", "")
	if ask[bool](c, `Boolean(document.querySelector("[data-action=save]"))`) {
		t.Error("a mistake can be saved")
	}
	c.do(chromedp.Evaluate(`{ const a = document.querySelector("textarea"); a.value = a.value.replace("adress: 1\n", ""); a.dispatchEvent(new Event("input", {bubbles: true})); }`, nil))
	c.click(`[data-action=test]`)
	c.see("It can be saved, but 1 thing did not answer")
	c.see("password authentication failed")
	c.examine(opposites, "a configuration that was tested", "new-server")
	c.until(`document.querySelector("[data-action=save]")`)
	c.do(chromedp.SendKeys(`textarea`, kb.End+"# one letter more\n"))
	c.until(`!document.querySelector("[data-action=save]")`)
	c.carriedOut()
	c.click(`[data-action=test]`)
	c.until(`document.querySelector("[data-action=save]")`)
	c.do(chromedp.Evaluate(`{ const b = document.querySelector("[data-action=save]"); b.click(); b.click(); }`, nil))
	c.until(`location.hash === "#/servers/fax"`)
	c.until(`document.querySelector(".details h2")?.textContent.startsWith("fax")`)
	c.carriedOut("configure fax: # fax at 192.168.11.24, as its agent tells|address: 192.168.11.4|# one letter more|")
}

// A configuration that somebody else has changed meanwhile is not overwritten, and a server is not removed by accident.
func TestSettings(t *testing.T) {
	c := open(t, desktop, "admin")
	c.do(chromedp.Evaluate(`location.hash = "#/servers/pbx/settings"`, nil))
	c.until(`document.querySelector("textarea")?.value.includes("address: 192.168.11.1")`)
	c.do(chromedp.SendKeys(`textarea`, kb.End+"priority: 20\n"))
	c.click(`[data-action=test]`)
	c.see("It can be saved")
	c.standby.mu.Lock()
	c.standby.files["pbx"] += "# by somebody else\n"
	c.standby.mu.Unlock()
	c.click(`[data-action=save]`)
	c.see("Nothing was changed: the configuration of pbx has changed since you looked; nothing was done.")
	c.carriedOut()
	c.click(`[data-action=again]`)
	c.until(`document.querySelector("textarea").value.endsWith("# by somebody else\n")`)
	c.do(chromedp.SendKeys(`textarea`, kb.End+"priority: 20\n"))
	c.click(`[data-action=test]`)
	c.until(`document.querySelector("[data-action=save]")`)
	c.do(chromedp.SendKeys(`[name=reason]`, "more important"))
	c.click(`[data-action=save]`)
	c.see("saved, and in force")

	c.asks("remove")
	c.see("If pbx fails, nobody serves its users.")
	c.axe("removing a server")
	c.do(chromedp.SendKeys(`dialog .typed`, "crm"))
	c.do(chromedp.Evaluate(`{ const b = document.querySelector("dialog [data-do]"); b.click(); b.click(); }`, nil))
	c.see("type pbx")
	c.standby.mu.Lock()
	c.standby.files["pbx"] += "# again by somebody else\n"
	c.standby.mu.Unlock()
	c.clear(`dialog .typed`)
	c.do(chromedp.SendKeys(`dialog .typed`, "pbx"))
	c.orders()
	c.see("Nothing was changed. The configuration of pbx has changed since you looked")
	c.keys(kb.Escape)
	c.closed()
	c.carriedOut("configure pbx: address: 192.168.11.1|# by somebody else|priority: 20|")
}

// clear empties a field.
func (c *console) clear(selector string) {
	c.t.Helper()
	c.do(chromedp.Evaluate(fmt.Sprintf(`{ const f = document.querySelector(%q); f.value = ""; f.dispatchEvent(new Event("input", {bubbles: true})); }`, selector), nil))
}

// A token is made, seen once, and revoked; a wrong code pairs nothing.
func TestAccessFromTheOptions(t *testing.T) {
	c := open(t, night, "admin")
	c.do(chromedp.Evaluate(`location.hash = "#/options"`, nil))
	c.asks("create-token")
	c.click(`dialog [data-do]`)
	c.see("say who will use it")
	c.do(chromedp.SendKeys(`dialog [name=owner]`, "carol"))
	c.axe("making a token")
	c.orders()
	c.see("Copy it now; it is not shown again:")
	secret := ask[string](c, `document.querySelector(".secret").textContent`)
	if !strings.HasPrefix(secret, "fvt_") {
		t.Errorf("the secret is %q", secret)
	}
	c.axe("a token that was made")
	c.click(`dialog .cancel`)
	c.closed()
	c.see("carol")
	if shown := ask[string](c, `document.body.innerHTML`); strings.Contains(shown, secret) {
		t.Error("the secret is still in the page")
	}
	row := ask[string](c, `[...document.querySelectorAll("[data-action^=revoke-]")].find((b) => b.textContent.includes("carol")).dataset.action`)
	c.asks(row)
	c.see("Revoke the token carol?")
	c.orders()
	c.closed()
	c.until(`![...document.querySelectorAll("[data-action^=revoke-]")].some((b) => b.textContent.includes("carol"))`)

	c.asks("pair")
	c.do(chromedp.SendKeys(`dialog [name=address]`, "192.168.11.24:7443"), chromedp.SendKeys(`dialog [name=code]`, "7K3M-Q2XV-0T9R-HB4C"))
	c.orders()
	c.see("Nothing was changed. The agent at 192.168.11.24:7443 does not know this code.")
	c.keys(kb.Escape)
	c.closed()
	c.asks("reload")
	c.orders()
	c.see("Nothing has changed.")
	c.axe("the configuration was read again")
}
