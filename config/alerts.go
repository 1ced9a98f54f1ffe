package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// hostNames matches a name that DNS could know.
var hostNames = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?$`)

func (v *validator) alerts(raw rawAlerts, file spot) Alerts {
	a := Alerts{DailyReport: v.clock(raw.DailyReport)}
	if raw.Email.set() {
		a.Email = v.email(raw.Email)
	}
	taken := map[string]bool{}
	for _, item := range raw.Webhooks.items {
		if !item.bad {
			a.Webhooks = append(a.Webhooks, v.webhook(item, taken))
		}
	}
	for _, item := range raw.Commands.items {
		if !item.bad {
			a.Commands = append(a.Commands, v.alertCommand(item, taken))
		}
	}
	for _, item := range raw.SNMP.items {
		if !item.bad {
			a.SNMP = append(a.SNMP, v.snmp(item, taken))
		}
	}
	for _, item := range raw.Syslog.items {
		if !item.bad {
			a.Syslog = append(a.Syslog, v.syslog(item, taken))
		}
	}
	if n := len(taken); n > maxChannels {
		v.r.errorf(where(raw.Webhooks.spot, raw.Commands.spot, raw.SNMP.spot, raw.Syslog.spot), fmt.Sprintf("write at most %d of all", maxChannels),
			"there are %d webhooks, commands and receivers by SNMP and syslog", n)
	}
	a.RemindEvery = v.reminders(raw.RemindEvery, 4*time.Hour)
	a.RemindSuspended = v.reminders(raw.Suspended, 24*time.Hour)
	if raw.Escalation.set() && !raw.Escalation.bad {
		a.Escalation = v.escalation(raw.Escalation, a.Email != nil, taken)
	}
	if raw.Heartbeat.set() && !raw.Heartbeat.bad {
		a.Heartbeat = v.heartbeat(raw.Heartbeat)
	}
	a.Templates = v.templates(raw.Templates)
	if !raw.Email.set() {
		switch {
		case a.Anybody():
			v.r.notice(file.child("alerts.email"), "nobody is mailed", "alerts go the other ways alone")
		default:
			if a.DailyReport != "" {
				v.r.notice(raw.DailyReport.spot, "nobody is mailed the daily report", "write alerts.email as well")
			}
			v.r.notice(file.child("alerts.email"), "nobody is mailed", "a takeover is seen only in the status, the history and the log")
		}
	}
	return a
}

// maxChannels bounds the ways out, each of which has its own turn.
const maxChannels = 32

// What may be chosen under some keys.
var (
	severities     = []string{"info", "warning", "critical", "none"}
	mailEncryption = []string{"none", "starttls", "opportunistic", "implicit"}
)

// severity takes the least severity of what goes somewhere.
func (v *validator) severity(t text, byDefault string) string {
	return v.choice(t, byDefault, severities...)
}

// channel takes the name of a way out.
func (v *validator) channel(raw text, parent spot, taken map[string]bool) string {
	if !v.required(raw.spot, parent, "name", "write what it is called in the history, such as chat") {
		return ""
	}
	name := v.name(raw)
	if raw.good() && taken[strings.ToLower(name)] {
		v.r.errorf(raw.spot, "give each way out a name of its own", "the name %s is used for another webhook, command or receiver", show(name))
	}
	taken[strings.ToLower(name)] = true
	return name
}

func (v *validator) webhook(raw rawWebhook, taken map[string]bool) Webhook {
	w := Webhook{
		Name: v.channel(raw.Name, raw.spot, taken), Secret: raw.Secret.value, CAFile: v.absolute(raw.CAFile, ""),
		Severity: v.severity(raw.Severity, "info"), Timeout: v.lasting(raw.Timeout, 10*time.Second, time.Second, 2*time.Minute),
	}
	v.required(raw.Secret.spot, raw.spot, "secret", "write the secret that alerts are signed with: {file: PATH}, {env: VARIABLE} or {credential: NAME}")
	if v.required(raw.URL.spot, raw.spot, "url", "write where alerts are posted to, such as https://192.168.11.7/failoverd") && raw.URL.good() {
		w.URL = v.receiver(raw.URL)
	}
	return w
}

// receiver takes the URL of a receiver. Its text is not repeated in messages: it may hold a token.
func (v *validator) receiver(t text) string {
	const example = "write a URL such as https://192.168.11.7/failoverd"
	u, err := url.Parse(t.value)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		v.r.error(t.spot, "this is no URL", example)
	case u.Scheme != "http" && u.Scheme != "https":
		v.r.error(t.spot, show(u.Scheme)+" cannot be asked", example)
	case u.User != nil:
		v.r.error(t.spot, "a user or a password stands in the URL", "leave it out")
	case u.Fragment != "":
		v.r.error(t.spot, "a fragment stands in the URL", "leave out the # and what follows")
	default:
		if port := u.Port(); port != "" {
			v.port(t, port)
		}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil {
			if !hostNames.MatchString(u.Hostname()) {
				v.r.error(t.spot, show(u.Hostname())+" is neither an IP address nor a host's name", example)
				break
			}
			v.r.notice(t.spot, "the receiver is given by name", "alerts wait while DNS does not answer, and DNS may be part of the outage: an IP address is safer")
		}
		if u.Scheme == "http" {
			v.r.notice(t.spot, "what goes there is not encrypted", "write https where the receiver can")
		}
	}
	return t.value
}

func (v *validator) alertCommand(raw rawAlertCommand, taken map[string]bool) AlertCommand {
	c := AlertCommand{
		Name: v.channel(raw.Name, raw.spot, taken), Severity: v.severity(raw.Severity, "info"),
		Timeout: v.lasting(raw.Timeout, 30*time.Second, time.Second, 10*time.Minute),
	}
	if v.required(raw.Command.spot, raw.spot, "command", `write ["/path/of/program", "argument"]`) {
		c.Command = v.command(raw.Command, true)
	}
	return c
}

func (v *validator) email(raw rawEmail) *Email {
	if raw.bad {
		return nil
	}
	e := &Email{
		TLS:      v.choice(raw.TLS, "starttls", mailEncryption...),
		CAFile:   v.absolute(raw.CAFile, ""),
		Username: raw.Username.value,
		Password: raw.Password.value,
		From:     v.mailbox(raw.From),
		Severity: v.severity(raw.Severity, "info"),
	}
	e.Port = v.within(raw.Port, mailPort(e.TLS), 1, 65535)
	v.required(raw.From.spot, raw.spot, "from", "write the address that alerts come from, such as failover@example.com")
	if v.required(raw.Host.spot, raw.spot, "host", "write the mail server's IP address") {
		e.Host = v.mailHost(raw.Host)
	}
	e.ServerName = e.Host
	if raw.ServerName.good() && raw.ServerName.set() {
		if e.ServerName = raw.ServerName.value; !hostNames.MatchString(e.ServerName) {
			v.r.errorf(raw.ServerName.spot, "write the name that is in the mail server's certificate, such as mail.example.com", "%s is no host name", show(e.ServerName))
		}
	}
	if v.required(raw.To.spot, raw.spot, "to", "write at least one address in a list: [support@example.com]") && raw.To.good() && len(raw.To.items) == 0 {
		v.r.error(raw.To.spot, "the list of recipients is empty", "write at least one address, or remove alerts.email to mail nobody")
	}
	for _, item := range raw.To.items {
		to := v.mailbox(item)
		if item.good() && slices.ContainsFunc(e.To, func(o string) bool { return strings.EqualFold(o, to) }) {
			v.r.errorf(item.spot, "remove one of the two", "recipient %s is listed twice", show(to))
			continue
		}
		e.To = append(e.To, to)
	}
	switch {
	case raw.Password.set() && !raw.Username.set():
		v.r.error(raw.Password.spot, "there is a password without a user name", "write username as well")
	case raw.Username.set() && !raw.Password.set():
		v.r.error(raw.Username.spot, "there is a user name without a password", "write password as well, or remove username for no authentication")
	case raw.Password.good() && (e.TLS == "none" || e.TLS == "opportunistic"):
		v.r.notice(raw.Password.spot, "tls is "+e.TLS+": the password may cross the network in the clear", "write tls: starttls or implicit")
	}
	return e
}

// mailPort is the port that is usual for a kind of encryption.
func mailPort(tls string) int {
	if tls == "implicit" {
		return 465
	}
	return 25
}

// mailHost takes an IP literal or, with a notice, a name.
func (v *validator) mailHost(t text) string {
	if !t.good() {
		return ""
	}
	if a, err := netip.ParseAddr(t.value); err == nil {
		if a.Zone() != "" || a.IsMulticast() || a.IsUnspecified() {
			v.r.error(t.spot, show(t.value)+" cannot be a mail server's address", "write the address of one host, without a zone")
		}
		return t.value
	}
	if !hostNames.MatchString(t.value) || len(t.value) > 253 || strings.Trim(t.value, "0123456789.") == "" {
		v.r.error(t.spot, show(t.value)+" is neither an IP address nor a host's name", "write the address alone; the port has a key of its own")
		return t.value
	}
	v.r.notice(t.spot, "the mail server is given by name", "alerts wait while DNS does not answer, and DNS may be part of the outage: an IP address is safer")
	return t.value
}

// reminders takes how often people are reminded; zero is never.
func (v *validator) reminders(d duration, usual time.Duration) time.Duration {
	if d.good() && d.value == 0 {
		return 0
	}
	return v.lasting(d, usual, time.Minute, 7*24*time.Hour)
}

// escalation takes to whom an incident goes that nobody acknowledges. Names are those of the other ways out, in lower case.
func (v *validator) escalation(raw rawEscalation, mail bool, names map[string]bool) *Escalation {
	e := &Escalation{After: v.lasting(raw.After, 20*time.Minute, time.Minute, 7*24*time.Hour)}
	if v.required(raw.To.spot, raw.spot, "to", "write mail addresses, or names of webhooks, commands and receivers, in a list") && raw.To.good() && len(raw.To.items) == 0 {
		v.r.error(raw.To.spot, "the list is empty", "write at least one, or remove alerts.escalation")
	}
	for _, item := range raw.To.items {
		if !item.good() {
			continue
		}
		to := item.value
		switch {
		case strings.Contains(to, "@"):
			if v.mailbox(item); !mail {
				v.r.error(item.spot, "there is no mail server for "+show(to), "write alerts.email as well, or name another way out")
			}
		case !names[strings.ToLower(to)]:
			v.r.error(item.spot, show(to)+" is neither a mail address nor the name of a webhook, a command or a receiver", "write the name that it has under alerts.webhooks, commands, snmp or syslog")
		}
		if slices.ContainsFunc(e.To, func(o string) bool { return strings.EqualFold(o, to) }) {
			v.r.errorf(item.spot, "remove one of the two", "%s is listed twice", show(to))
			continue
		}
		e.To = append(e.To, to)
	}
	return e
}

// heartbeat takes what is asked while failoverd is well.
func (v *validator) heartbeat(raw rawHeartbeat) *Heartbeat {
	h := &Heartbeat{
		Method: v.choice(raw.Method, "GET", "GET", "POST"), CAFile: v.absolute(raw.CAFile, ""),
		Every: v.lasting(raw.Every, time.Minute, 10*time.Second, 24*time.Hour), Timeout: v.lasting(raw.Timeout, 10*time.Second, time.Second, time.Minute),
	}
	if v.required(raw.URL.spot, raw.spot, "url", "write what is asked, such as https://192.168.11.7/ping/failoverd") && raw.URL.good() {
		h.URL = v.receiver(raw.URL)
	}
	if h.Timeout >= h.Every {
		v.r.errorf(where(raw.Timeout.spot, raw.Every.spot), "write a timeout that is shorter than every", "timeout %s is not shorter than every %s", brief(h.Timeout), brief(h.Every))
	}
	return h
}
