package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/status"
)

// What is sent are the options that were named, with the revision that was looked at; a test mail goes out before the question,
// and one that is not accepted stops everything.
func TestChangesOfOptionsSent(t *testing.T) {
	const patch = "PATCH /api/v1/config/options"
	for _, c := range []struct {
		args, typed string
		exit        int
		want        []string
		shown       string
	}{
		{
			"config set alerts.email.to=a@example.com,b@example.com standby.name=x --reason new", "y", exitDone,
			[]string{
				patch + `?dry_run=true "r7" {"changes":[{"key":"alerts.email.to","values":["a@example.com","b@example.com"]},{"key":"standby.name","values":["x"]}],"reason":"new"}`,
				patch + ` "r7" {"changes":[{"key":"alerts.email.to","values":["a@example.com","b@example.com"]},{"key":"standby.name","values":["x"]}],"reason":"new"}`,
			},
			"only after systemctl restart failoverd: standby.name",
		},
		{"config set standby.name=x", "n", exitDeclined, []string{patch + `?dry_run=true "r7" {"changes":[{"key":"standby.name","values":["x"]}]}`}, ""},
		{
			"config set alerts.email.to= --yes --test-mail", "", exitDone,
			[]string{patch + `?dry_run=true&test_mail=true "r7" {"changes":[{"key":"alerts.email.to","values":[]}]}`, patch + ` "r7" {"changes":[{"key":"alerts.email.to","values":[]}]}`},
			"250 queued",
		},
		{"config reset alerts.email.host --yes", "", exitDone, []string{patch + ` "r7" {"changes":[{"key":"alerts.email.host","values":null,"reset":true}]}`}, ""},
	} {
		t.Run(c.args+" "+c.typed, func(t *testing.T) {
			d, term := quietDay(), openTerminal(t)
			exit := term.sit(t.Context(), t, d, nil, strings.Fields(c.args)...)
			if c.typed != "" {
				term.screen.await(t, "Change the options? [y/N] ")
				term.types(t, c.typed)
			}
			if got := <-exit; got != c.exit {
				t.Errorf("exit %d, want %d:\n%s", got, c.exit, term.screen)
			}
			if diff := cmp.Diff(c.want, d.sent()); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			term.screen.await(t, c.shown)
		})
	}
}

// Nothing but what was looked at is sent where a change is refused, or only tried.
func TestChangesOfOptionsRefused(t *testing.T) {
	bounced := quietDay()
	bounced.setting.Mails = []status.TestMail{{Recipient: "a@example.com", Error: "550 no such user"}}
	for _, c := range []struct {
		args string
		d    *fakeDaemon
		exit int
		sent int
		want string
	}{
		{"config set api.listen=0.0.0.0:80 --yes", quietDay(), exitUsage, 0, "api.listen is no option"},
		{"config set standby.name --yes", quietDay(), exitUsage, 0, "write KEY=VALUE"},
		{"config reset standby.name --yes", quietDay(), exitUsage, 0, "not set in /etc/failoverd/options.d/options.yaml"},
		{"config set standby.name=x", quietDay(), exitUsage, 1, "confirmation"},
		{"config set standby.name=x --dry-run", quietDay(), exitDone, 1, "Changes"},
		{"config set standby.name=x --dry-run", badNight(), exitFailed, 1, `alerts.email.to[0]: "x" is no mail address; write it alone`},
		{"config set standby.name=x --yes", badNight(), exitFailed, 1, "options.yaml:2: no"},
		{"config set standby.name=x --yes --test-mail", bounced, exitFailed, 1, "not every test mail was accepted; nothing was changed"},
		{"config options standby.nam", quietDay(), exitUsage, 0, "no option"},
	} {
		got := invoke(t, c.d, strings.Fields(c.args)...)
		if got.exit != c.exit || len(c.d.sent()) != c.sent || !strings.Contains(got.stdout+got.stderr, c.want) {
			t.Errorf("%s: exit %d, %d sent:\n%s%s\nwant %d, %d, %s", c.args, got.exit, len(c.d.sent()), got.stdout, got.stderr, c.exit, c.sent, c.want)
		}
	}
}

func TestOptionsShown(t *testing.T) {
	got := invoke(t, badNight(), "config", "options")
	contains(t, got.stdout, "alerts.email.host", "192.168.11.6", "/etc/failoverd/options.d/options.yaml:5", "a@example.com,b@example.com", "(starttls)", "(the host's name)", "They cannot be changed from here", "sudo install -d")
	got = invoke(t, quietDay(), "config", "options", "alerts.email.host", "alerts.email.password")
	contains(t, got.stdout, "The mail server.", "Without that: /etc/failoverd/failoverd.yaml:9", "on the standby only")
	if strings.Contains(got.stdout, "standby.name") {
		t.Errorf("what was not asked for:\n%s", got.stdout)
	}
}
