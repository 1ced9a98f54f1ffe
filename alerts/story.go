package alerts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"failoverd/journal"
)

// Story is everything that a mail is composed from.
type Story struct {
	Standby  string          // its name
	Version  string          // failoverd's
	From     string          // the sender's address, without a display name
	Console  string          // where a browser reaches the console; empty where it cannot
	Runbooks string          // base of the runbooks' links or their file
	Mail     journal.Mail    // the row of the outbox
	Event    journal.Event   // what it is about
	Incident []journal.Event // the incident's events up to this one, oldest first
	Root     int64           // the event of the incident's first mail; 0 when this is it
	// Copies are the catalogs that a takeover works on. Nil when there are none, or that is not known.
	Copies []Copy
	// WayBack is the command that gives the server's role back. Empty when the standby has not its role, or that is not known.
	WayBack string
	// Unprotected are the servers that could not be taken over now. Nil when that is not known.
	Unprotected []Unprotected
	Dropped     []journal.Mail // left out since the last mail about this server
	Now         time.Time
	Zone        *time.Location // of every time in the mail
}

// Copy is the standby's copy of a catalog, which shows it as it was at an instant; zero if none was ever completed.
type Copy struct {
	Catalog string
	At      time.Time
}

// Unprotected is a server that could not be taken over now, and why.
type Unprotected struct{ Server, Why string }

// kind is the event's row of the table of kinds.
func (s Story) kind() Kind { return KindOf(s.Event.Kind) }

// server is the server's name, or the standby's where the event is about none.
func (s Story) server() string {
	if s.Event.Server == "" {
		return s.Standby
	}
	return s.Event.Server
}

// severity is the event's, or else its kind's.
func (s Story) severity() string {
	if s.Event.Severity == "" {
		return s.kind().Severity
	}
	return s.Event.Severity
}

// root is the event that the incident's first mail was about.
func (s Story) root() journal.Event {
	for _, e := range s.Incident {
		if s.Root != 0 && e.Seq == s.Root {
			return e
		}
	}
	return s.Event
}

// follows tells whether an earlier mail of the same incident exists.
func (s Story) follows() bool {
	return s.Root != 0 && s.Root != s.Event.Seq && s.Event.Incident != ""
}

// began is when what the incident is about began: its first event's time, or when the first unanswered
// probe was sent where the evidence has it ("since").
func (s Story) began() time.Time {
	first := s.Event
	for _, e := range s.Incident {
		if e.Time.Before(first.Time) {
			first = e
		}
	}
	if text, is := first.Evidence["since"].(string); is {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.Before(first.Time) {
			return t
		}
	}
	return first.Time
}

// reason is why, in one sentence: the event's reason, or else its message.
func (s Story) reason() string {
	if s.Event.Reason != "" {
		return s.Event.Reason
	}
	return s.Event.Message
}

// orderedBy is the person who ordered what the event is about; empty when it happened by itself.
func orderedBy(e journal.Event) string {
	if e.Actor.Kind == "user" || e.Actor.Kind == "token" {
		return e.Actor.Name
	}
	return ""
}

// fill replaces the words in braces of a text of the table of kinds.
func (s Story) fill(text string) string {
	by := orderedBy(s.Event)
	if by == "" {
		by = "failoverd"
	}
	return strings.NewReplacer(
		"{server}", clean(s.server()), "{standby}", clean(s.Standby), "{reason}", sentence(s.reason()),
		"{since}", s.moment(s.began()), "{time}", s.moment(s.Event.Time), "{lasted}", span(s.Event.Time.Sub(s.began())), "{by}", clean(by), "{incident}", clean(s.Event.Incident),
		"{back}", s.back(),
	).Replace(text)
}

// back says by which command the role is given back. Of one that moves data it is said how to see first what that would be.
func (s Story) back() string {
	server := clean(s.server())
	failback := "`failoverd failback " + server + "` (with its data; --dry-run only says what it would do)"
	switch {
	case s.WayBack == "":
		return failback + ", or where no data has to go back: `failoverd release " + server + "`"
	case strings.HasPrefix(s.WayBack, "failoverd failback "):
		return failback
	}
	return "`" + say(s.WayBack) + "`"
}

// link is the console's page about it: the server's, or the overview, where the standby itself and open incidents are seen.
// It is empty where no console is known.
func (s Story) link() string {
	switch base := strings.TrimSuffix(s.Console, "/"); {
	case base == "":
		return ""
	case s.Event.Server != "":
		return base + "/#/servers/" + url.PathEscape(s.Event.Server)
	default:
		return base + "/"
	}
}

// subjectLimit is how long a subject may be, in characters.
const subjectLimit = 79

// subject is the same in all mails of an incident, so that they are shown as one thread.
func (s Story) subject() string {
	about := s
	about.Event = s.root()
	symptom := strings.TrimSuffix(about.fill(about.kind().Symptom), ".")
	// A takeover that somebody ordered says nothing about the server being down.
	if by := orderedBy(about.Event); by != "" && strings.HasPrefix(about.Event.Kind, "takeover.") {
		symptom = fmt.Sprintf("%s TAKEOVER ordered by %s", clean(about.server()), clean(by))
	} else if by != "" {
		symptom = strings.Replace(symptom, "daily replication", "replication", 1)
	}
	prefix, suffix := "failoverd: ", ""
	if s.follows() {
		prefix = "Re: " + prefix
	}
	if s.Event.Incident != "" {
		suffix = " (" + clean(s.Event.Incident) + ")"
	}
	// Room for "Re: " is always left, since the rest must be the same with and without it.
	room := subjectLimit - len("Re: failoverd: ") - len([]rune(suffix))
	return prefix + shorten(symptom, room) + suffix
}

// shorten cuts a text to n characters.
func shorten(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:max(n-3, 0)]) + "..."
}

// sender is the address with the state in its display name.
func (s Story) sender() string {
	return (&mail.Address{Name: "failoverd " + s.kind().State, Address: s.From}).String()
}

// messageID follows from the incident, the event and the recipient alone. The event's time is in it because
// a journal that had to be made anew counts its events from 1 again.
func (s Story) messageID(e journal.Event) string {
	sum := sha256.Sum256([]byte(strings.ToLower(s.Mail.Recipient)))
	_, domain, _ := strings.Cut(s.From, "@")
	return fmt.Sprintf("%s.%d.%s.%s@%s.%s", token(e.Incident, "single"), e.Seq, strconv.FormatInt(e.Time.UnixMilli(), 36),
		hex.EncodeToString(sum[:4]), token(s.Standby, "standby"), token(domain, "failoverd.invalid"))
}

// token makes a part of a Message-ID of a name (dot-atom, RFC 5322 section 3.2.3).
func token(name, otherwise string) string {
	name = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-.")
	if name == "" || strings.Contains(name, "..") {
		return otherwise
	}
	return name
}
