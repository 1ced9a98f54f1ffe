package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"failoverd/internal/lab"
)

// Inbox is the mail host: it takes every mail and keeps it.
type Inbox struct {
	server *smtp.Server
	ended  sync.WaitGroup

	mu    sync.Mutex
	mails []Letter
	more  chan struct{} // closed at the next mail
	open  chan struct{} // closed unless the mail host hangs
}

// Letter is a mail that has arrived.
type Letter struct {
	At       time.Time
	To       []string
	Subject  string
	Header   mail.Header
	Complete string // as it came
}

// Text is the text part of a letter, as somebody without HTML sees it.
func (l Letter) Text() string { return textPart(l.Complete) }

func newInbox(host *lab.Host) (*Inbox, error) {
	listener, err := host.Listen("tcp", MailAddress+":25")
	if err != nil {
		return nil, err
	}
	in := &Inbox{more: make(chan struct{}), open: make(chan struct{})}
	close(in.open)
	in.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{inbox: in}, nil }))
	in.server.Domain = "mail.example.com"
	in.ended.Go(func() { _ = in.server.Serve(listener) }) // ends with Close
	return in, nil
}

// Hang lets the mail host take connections and mails, and say nothing more; or lets it go on.
func (in *Inbox) Hang(on bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.open:
		if on {
			in.open = make(chan struct{})
		}
	default:
		if !on {
			close(in.open)
		}
	}
}

// wait waits until the mail host does not hang.
func (in *Inbox) wait() {
	in.mu.Lock()
	open := in.open
	in.mu.Unlock()
	<-open
}

func (in *Inbox) close() error {
	in.Hang(false)
	err := in.server.Close()
	in.ended.Wait()
	return err
}

// Letters lists what has arrived.
func (in *Inbox) Letters() []Letter {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]Letter(nil), in.mails...)
}

// Wait waits for a letter whose subject or state of event has the words.
func (in *Inbox) Wait(ctx context.Context, event string) (Letter, error) {
	for {
		in.mu.Lock()
		more := in.more
		for _, l := range in.mails {
			if l.Header.Get("X-Failoverd-Event") == event {
				in.mu.Unlock()
				return l, nil
			}
		}
		in.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			var got []string
			for _, l := range in.Letters() {
				got = append(got, l.Header.Get("X-Failoverd-Event"))
			}
			return Letter{}, fmt.Errorf("waited in vain for a mail of kind %s; there came: %s", event, strings.Join(got, ", "))
		}
	}
}

// delivery is one SMTP session.
type delivery struct {
	inbox *Inbox
	to    []string
}

func (d *delivery) Mail(string, *smtp.MailOptions) error { return nil }

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = append(d.to, to)
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	d.inbox.wait()
	body, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(strings.NewReader(string(body)))
	if err != nil {
		return errors.Join(errors.New("not a mail"), err)
	}
	d.inbox.mu.Lock()
	defer d.inbox.mu.Unlock()
	d.inbox.mails = append(d.inbox.mails, Letter{
		At: time.Now(), To: d.to, Subject: subject(m.Header), Header: m.Header, Complete: string(body),
	})
	close(d.inbox.more)
	d.inbox.more = make(chan struct{})
	return nil
}

func (d *delivery) Reset()        { d.to = nil }
func (d *delivery) Logout() error { return nil }
