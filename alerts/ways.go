package alerts

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What begins the name of a recipient that is not a mail address. No name has an @, no mail address is without.
const (
	webhookPrefix = "webhook:"
	commandPrefix = "command:"
	snmpPrefix    = "snmp:"
	syslogPrefix  = "syslog:"
)

// WebhookNamed is the recipient that stands for a webhook.
func WebhookNamed(name string) string { return webhookPrefix + name }

// CommandNamed is the recipient that stands for a command.
func CommandNamed(name string) string { return commandPrefix + name }

// SNMPNamed is the recipient that stands for a management station.
func SNMPNamed(name string) string { return snmpPrefix + name }

// SyslogNamed is the recipient that stands for a receiver of syslog.
func SyslogNamed(name string) string { return syslogPrefix + name }

// Patterns of recipients that are reached by one way.
const (
	everyWay = "*"
	mailWay  = "*@*"
)

// wayTo is the pattern of all whom the same way out leads to as it does to the recipient: what holds one of them up
// holds up the others.
func wayTo(recipient string) string {
	if strings.Contains(recipient, "@") {
		return mailWay
	}
	return recipient
}

// sortOf is what goes to such a recipient.
func sortOf(recipient string) string {
	sort, _, found := strings.Cut(recipient, ":")
	if !found || wayTo(recipient) == mailWay {
		return "mail"
	}
	return sort
}

// Way is a way out that a person can try out.
type Way interface {
	Sender
	// Dialogue sends like Send and tells what both sides said. When that did not succeed, the last line may be the likely cause.
	Dialogue(ctx context.Context, m Message) ([]string, error)
}

// Ways are all the ways out of a configuration. To whom a message goes says which one it takes.
type Ways struct {
	Mail     Way            // nil: there is no mail server
	Channels map[string]Way // the others, by recipient
}

// Empty tells whether there is no way out at all.
func (w Ways) Empty() bool { return w.Mail == nil && len(w.Channels) == 0 }

// Send sends by the message's way.
func (w Ways) Send(ctx context.Context, m Message) (answer string, retry bool, err error) {
	way, err := w.to(m.To)
	if err != nil {
		return "", false, err // Whoever took it out of the configuration wants nothing to go there.
	}
	return way.Send(ctx, m)
}

// Dialogue tries the message's way out.
func (w Ways) Dialogue(ctx context.Context, m Message) ([]string, error) {
	way, err := w.to(m.To)
	if err != nil {
		return nil, err
	}
	return way.Dialogue(ctx, m)
}

// to finds the way to a recipient.
func (w Ways) to(recipient string) (Way, error) {
	if way, ok := w.Channels[recipient]; ok {
		return way, nil
	}
	switch {
	case wayTo(recipient) != mailWay:
		return nil, fmt.Errorf("%s is not in the configuration any more", recipient)
	case w.Mail == nil:
		return nil, errors.New("there is no alerts.email in the configuration any more")
	}
	return w.Mail, nil
}
