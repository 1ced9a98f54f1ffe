package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// hostNames matches a name that DNS could know.
var hostNames = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?$`)

func (v *validator) alerts(raw rawAlerts, file spot) Alerts {
	a := Alerts{DailyReport: v.clock(raw.DailyReport)}
	if raw.Email.set() {
		a.Email = v.email(raw.Email)
	} else {
		if a.DailyReport != "" {
			v.r.notice(raw.DailyReport.spot, "nobody is mailed the daily report", "write alerts.email as well")
		}
		v.r.notice(file.child("alerts.email"), "nobody is mailed", "a takeover is seen only in the status, the history and the log")
	}
	return a
}

func (v *validator) email(raw rawEmail) *Email {
	if raw.bad {
		return nil
	}
	e := &Email{
		TLS:      v.choice(raw.TLS, "starttls", "none", "starttls", "opportunistic", "implicit"),
		CAFile:   v.absolute(raw.CAFile, ""),
		Username: raw.Username.value,
		Password: raw.Password.value,
		From:     v.mailbox(raw.From),
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
