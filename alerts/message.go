package alerts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/wneessen/go-mail"
)

// Message is one alert to one recipient, ready to be sent: a mail, and what programs get instead.
type Message struct {
	From      string // with the display name
	To        string
	Subject   string
	Text      string // complete by itself
	HTML      string // the same; empty for none
	Headers   map[string]string
	MessageID string // without angle brackets

	Notification Notification // the same for programs

	fallback error // why it has failoverd's own words, and not those of its template; nil if none failed
}

// WriteTo writes the message as it goes over the wire (RFC 5322).
func (m Message) WriteTo(w io.Writer) (int64, error) {
	msg, err := m.encode()
	if err != nil {
		return 0, err
	}
	return msg.WriteTo(w)
}

// encode gives the message to go-mail. The parts' boundary follows from the Message-ID, so that
// the same alert is the same bytes at every try.
func (m Message) encode() (*mail.Msg, error) {
	sum := sha256.Sum256([]byte(m.MessageID))
	msg := mail.NewMsg(mail.WithBoundary("failoverd-"+hex.EncodeToString(sum[:12])), mail.WithNoDefaultUserAgent())
	if err := msg.From(m.From); err != nil {
		return nil, fmt.Errorf("sender %q: %w", m.From, err)
	}
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("recipient %q: %w", m.To, err)
	}
	msg.Subject(clean(m.Subject))
	msg.SetMessageIDWithValue(m.MessageID)
	for name, value := range m.Headers {
		msg.SetGenHeader(mail.Header(name), clean(value))
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// clean makes one line without control characters of a header's value, because a line break in a server's
// or an event's words would begin a header of somebody else's choice.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
