package console_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/status"
)

// optionsMain is what the main file of the page's standby says.
const optionsMain = `alerts:
  email: {host: 192.168.11.5, from: failover@example.com, to: [ops@example.com]}
servers: [{name: pbx, address: 192.168.11.1}]
`

// configured gives the standby files of its own, which the real reader of the configuration reads.
func (s *standby) configured(t *testing.T, main string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main = filepath.Join(t.TempDir(), "failoverd.yaml")
	if err := os.WriteFile(s.main, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Dir(config.OptionsFile(s.main)), 0o700); err != nil {
		t.Fatal(err)
	}
}

// Options are read from the standby's files; without any nothing may be written.
func (s *standby) Options(context.Context) (status.Options, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := status.Options{File: "/etc/failoverd/options.d/options.yaml", Options: []status.Option{}}
	list, text, err := config.Options(s.main)
	if wrong := config.Errors(nil); s.main == "" && errors.As(err, &wrong) {
		out.WhyNot, out.Try = "failoverd may not write in /etc/failoverd/options.d", "sudo install -d -o root -g failoverd -m 2770 /etc/failoverd/options.d"
		list, err = nil, nil
	}
	if err != nil {
		return out, err
	}
	now, err := s.inForce()
	if err != nil {
		return out, err
	}
	short := func(place string) string {
		return strings.ReplaceAll(place, filepath.Dir(s.main), "/etc/failoverd")
	}
	for _, o := range list {
		out.Options = append(out.Options, status.Option{
			Key: o.Key, Kind: o.Kind, Choices: append([]string{}, o.Choices...), Meaning: o.Meaning, Default: o.Default, Restart: o.Restart,
			HostOnly: config.OnHostOnly(now, o.Key), Values: append([]string{}, o.Values...), Where: short(o.Where), Own: o.Own, Beneath: short(o.Beneath),
		})
	}
	out.Editable, out.Revision = out.WhyNot == "", revisionOf(string(text))
	return out, nil
}

// inForce is the configuration in the standby's files.
func (s *standby) inForce() (*config.Config, error) {
	if s.main == "" {
		return &config.Config{}, nil
	}
	return config.Load(s.main)
}

func (s *standby) ConfigureOptions(ctx context.Context, c status.OptionsChange, o status.Order) (status.OptionsConfigured, error) {
	out := status.OptionsConfigured{Problems: []status.ConfigProblem{}, Changed: []string{}, NeedsRestart: []string{}, Notices: []string{}, Mails: []status.TestMail{}}
	s.mu.Lock()
	_, text, err := config.Options(s.main)
	s.mu.Unlock()
	if err != nil {
		return out, err
	}
	if revisionOf(string(text)) != c.Revision {
		return out, &status.Refusal{Code: status.StateChanged, Detail: "the options have changed since you looked; nothing was done"}
	}
	var list []config.OptionChange
	for _, change := range c.Changes {
		list = append(list, config.OptionChange(change))
	}
	edited, err := config.EditOptions(config.OptionsFile(s.main), text, list)
	var next *config.Config
	if err == nil {
		next, err = config.LoadWithOptions(s.main, edited)
	}
	if wrong := config.Errors(nil); errors.As(err, &wrong) {
		for _, p := range wrong {
			out.Problems = append(out.Problems, status.ConfigProblem(p))
		}
		return out, nil
	}
	now, loading := s.inForce()
	if err := errors.Join(err, loading); err != nil {
		return out, err
	}
	out.Valid, out.Revision = true, revisionOf(string(edited))
	out.Changed, out.NeedsRestart = now.Diff(next)
	out.Changed, out.NeedsRestart = append([]string{}, out.Changed...), append([]string{}, out.NeedsRestart...)
	if c.TestMail {
		for _, to := range next.Alerts.Email.To {
			m := status.TestMail{OK: true, Recipient: to, Transcript: []string{"C: RCPT TO:<" + to + ">", "S: 250 OK"}}
			if strings.HasPrefix(to, "gone@") {
				m.OK, m.Error, m.Likely = false, "550 no such user", "the address is misspelled"
			}
			out.Mails = append(out.Mails, m)
		}
	}
	if c.DryRun {
		return out, nil
	}
	said := ""
	for _, change := range c.Changes {
		said += fmt.Sprintf(" %s=%s", change.Key, strings.Join(change.Values, ","))
	}
	if err := s.carried(ctx, "options", strings.TrimSpace(said)+" ("+o.Reason+")"); err != nil {
		return out, err
	}
	s.tell(journal.Event{Kind: "config.options_changed", Severity: "info", Message: "options were changed by " + o.By.Name})
	out.Saved = true
	return out, os.WriteFile(config.OptionsFile(s.main), edited, 0o600)
}

// The mail server is set: with a mistake, that is shown beside its field; mended, tried with real mails, saved once. What is set
// elsewhere meanwhile is not overwritten, and an emptied field is reset.
func TestOptionsAreSet(t *testing.T) {
	c := open(t, desktop, "admin")
	c.standby.configured(t, optionsMain)
	c.do(chromedp.Evaluate(`location.hash = "#/options"`, nil))
	c.until(`document.querySelector("#alerts-email-host")?.value === "192.168.11.5"`)
	c.see("The mail server: an IP address.") // the reference's own words
	c.see("Written in /etc/failoverd/failoverd.yaml:2")
	c.see("nothing has been changed")
	c.examine(everyone, "options", "set-options")

	c.clear(`#alerts-email-host`)
	c.do(chromedp.SendKeys(`#alerts-email-host`, "192.168.11.300"))
	c.clear(`#alerts-email-to`)
	c.do(chromedp.SendKeys(`#alerts-email-to`, "ops@example.com\ngone@example.com"))
	c.click(`[data-action=options-check]`)
	c.until(`document.querySelector("#wrong-alerts-email-host")?.textContent.includes("neither an IP address nor a host's name")`)
	if got := ask[string](c, `{ const f = document.querySelector("#alerts-email-host"); f.getAttribute("aria-invalid") + " " + f.getAttribute("aria-describedby").split(" ").map((i) => Boolean(document.getElementById(i))).join() + " " + Boolean(document.querySelector("[data-action=options-save]")) }`); got != "true true,true false" {
		t.Errorf("the field with the mistake: %s", got)
	}
	c.examine(everyone, "options with a mistake", "set-options-mistake")

	c.clear(`#alerts-email-host`)
	c.do(chromedp.SendKeys(`#alerts-email-host`, "192.168.11.6"))
	c.do(chromedp.Evaluate(`document.querySelectorAll("details.fold").forEach((d) => { d.open = true; })`, nil))
	c.do(chromedp.SendKeys(`#standby-name`, "standby-2"))
	c.click(`[data-action=options-mail]`)
	c.see("It can be saved, but a test mail was not accepted")
	c.see("550 no such user")
	c.see("After a restart of failoverd only: standby.name")
	c.examine(everyone, "options that were tried", "set-options-tried")
	c.carriedOut()

	c.until(`document.querySelector("[data-action=options-save]")`)
	c.do(chromedp.SendKeys(`#alerts-email-to`, kb.End+"x"))
	c.until(`!document.querySelector("[data-action=options-save]")`)
	c.do(chromedp.SendKeys(`#alerts-email-to`, kb.Backspace))
	c.click(`[data-action=options-check]`)
	c.until(`document.querySelector("[data-action=options-save]")`)
	c.do(chromedp.SendKeys(`[name=options-reason]`, "new mail server"))
	if err := os.WriteFile(config.OptionsFile(c.standby.main), []byte("# Carol was here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.click(`[data-action=options-save]`)
	c.see("Nothing was changed: the options have changed since you looked; nothing was done.")
	c.carriedOut()
	c.click(`[data-action=options-again]`)
	c.until(`document.querySelector("#alerts-email-host")?.value === "192.168.11.5"`)

	c.clear(`#alerts-email-host`)
	c.do(chromedp.SendKeys(`#alerts-email-host`, "192.168.11.6"))
	c.click(`[data-action=options-check]`)
	c.until(`document.querySelector("[data-action=options-save]")`)
	c.do(chromedp.Evaluate(`{ const b = document.querySelector("[data-action=options-save]"); b.click(); b.click(); }`, nil))
	c.see("saved, and in force")
	c.see("Set here.")
	c.carriedOut("options alerts.email.host=192.168.11.6 ()")
	text, err := os.ReadFile(config.OptionsFile(c.standby.main))
	if want := "# Carol was here\nalerts:\n  email:\n    host: \"192.168.11.6\"\n"; err != nil || string(text) != want {
		t.Errorf("the file: %q, %v", text, err)
	}

	c.clear(`#alerts-email-host`)
	c.click(`[data-action=options-check]`)
	c.until(`document.querySelector("[data-action=options-save]")`)
	c.click(`[data-action=options-save]`)
	c.until(`document.querySelector("#alerts-email-host")?.value === "192.168.11.5"`)
	c.carriedOut("options alerts.email.host=192.168.11.6 ()", "options alerts.email.host= ()")
}

// Who may not set options sees why.
func TestOptionsOfAnOperator(t *testing.T) {
	c := open(t, midnight, "operator")
	c.standby.configured(t, optionsMain)
	c.do(chromedp.Evaluate(`location.hash = "#/options"`, nil))
	c.see("Change the options")
	c.see("alice is no admin; this needs one")
	if ask[bool](c, `Boolean(document.querySelector(".option"))`) {
		t.Error("an operator sees the options")
	}
}

// Where failoverd may not write, the page says how to let it.
func TestOptionsThatAreClosed(t *testing.T) {
	c := open(t, midnight, "admin")
	c.do(chromedp.Evaluate(`location.hash = "#/options"`, nil))
	c.see("They cannot be changed from here: failoverd may not write in /etc/failoverd/options.d.")
	c.see("sudo install -d -o root -g failoverd -m 2770 /etc/failoverd/options.d")
	c.examine(crosswise, "options that are closed", "")
}

// What only somebody on the standby says cannot be typed, and a password is shown as the place where it is.
func TestOptionsOfTheHost(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "smtp.password")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, midnight, "admin")
	c.standby.configured(t, strings.Replace(optionsMain, "192.168.11.5", "192.168.11.5, username: u, password: {file: "+secret+"}", 1))
	c.do(chromedp.Evaluate(`location.hash = "#/options"`, nil))
	c.until(`document.querySelector("#alerts-email-password")?.disabled && document.querySelector("#alerts-email-host").disabled && !document.querySelector("#alerts-email-to").disabled`)
	c.see("sudo failoverd config set alerts.email.host=…")
	if shown := ask[string](c, `document.body.innerHTML + JSON.stringify([...document.querySelectorAll("input")].map((i) => i.value))`); strings.Contains(shown, "hunter2") || !strings.Contains(shown, "file:"+secret) {
		t.Error("the password is shown, or where it is is not")
	}
	c.examine(opposites, "options with a password", "set-options-password")
}
