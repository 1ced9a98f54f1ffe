package standby

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/status"
)

// drawer is the file of options. What it means is put over the world's next configuration, as far as these tests ask.
type drawer struct {
	w      *world
	text   []byte
	closed error // why it may not be written
	fail   error // of the next write
}

const drawerName = "options.d/options.yaml"

func (f *drawer) Name() string { return drawerName }

func (f *drawer) Read() ([]config.Option, []byte, error) {
	return []config.Option{{Key: "alerts.email.host", Kind: "text"}, {Key: "alerts.email.password", Kind: "secret"}}, f.text, nil
}

func (f *drawer) Writable() error { return f.closed }

func (f *drawer) Write(text []byte) error {
	if err := f.fail; err != nil {
		f.fail = nil
		return err
	}
	f.text = text
	return nil
}

func (f *drawer) With(text []byte) (*config.Config, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if err := f.w.fail["load"]; err != nil {
		return nil, err
	}
	main := config.Source{Name: "failoverd.yaml", Data: []byte("servers: [{name: x, address: 192.168.11.9}]")}
	bare, err := config.Parse([]config.Source{main})
	if err != nil {
		return nil, err
	}
	c, err := config.Parse([]config.Source{main, {Name: drawerName, Data: text, Shared: true}})
	if err != nil {
		return nil, err
	}
	next := *f.w.next
	if c.Standby.Capacity != bare.Standby.Capacity {
		next.Standby.Capacity = c.Standby.Capacity
	}
	if c.Standby.Name != "" {
		next.Standby.Name = c.Standby.Name
	}
	if c.Alerts.Email != nil {
		next.Alerts.Email = c.Alerts.Email
	}
	return &next, nil
}

// to is a change of options, as the world's were looked at.
func (w *world) to(values ...string) status.OptionsChange {
	c := status.OptionsChange{Revision: revision(append([]byte{}, w.options.text...))}
	for i := 0; i < len(values); i += 2 {
		c.Changes = append(c.Changes, status.OptionChange{Key: values[i], Values: strings.Fields(values[i+1])})
	}
	return c
}

// mailed are options, and with them those by which people are mailed.
func mailed(others ...string) []string {
	return append(others, "alerts.email.host", "192.168.11.25", "alerts.email.from", "a@example.com", "alerts.email.to", "b@example.com c@example.com")
}

// Options are set and reset, each time written down with who wanted it; a dry run changes nothing, what needs a restart is said
// and keeps no server from being changed.
func TestConfigureOptions(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, filed(primary("pbx", pbx))).start()
		w.pass(5 * time.Second)
		dry := w.to("standby.capacity", "3", "standby.name", "other")
		dry.DryRun = true
		got, err := w.s.ConfigureOptions(t.Context(), dry, remote(""))
		if err != nil || !got.Valid || got.Saved || cmp.Diff([]string{"standby.name", "standby.capacity"}, got.Changed) != "" || cmp.Diff([]string{"standby.name"}, got.NeedsRestart) != "" {
			t.Fatalf("a dry run: %+v, %v", got, err)
		}
		if w.options.text != nil || w.s.Snapshot().Standby.Capacity == 3 || w.happened("config.options_changed") != 0 {
			t.Error("a dry run has changed something")
		}
		dry.DryRun = false
		if got, err = w.s.ConfigureOptions(t.Context(), dry, remote("more room")); err != nil || !got.Saved {
			t.Fatalf("%+v, %v", got, err)
		}
		now := w.s.Snapshot().Standby
		if now.Capacity != 3 || now.Name == "other" || cmp.Diff([]string{"standby.name"}, now.Config.NeedsRestart) != "" || w.happened("config.options_changed") != 1 || count(w.done(), "loaded") != 1 {
			t.Errorf("in force: %+v", now)
		}
		if _, err := w.s.ConfigureOptions(t.Context(), dry, remote("")); code(err) != status.StateChanged {
			t.Errorf("as they were before: %v", err)
		}
		seen, err := w.s.Options(t.Context())
		if err != nil || !seen.Editable || seen.Revision != got.Revision || seen.File != drawerName {
			t.Errorf("%+v, %v", seen, err)
		}

		// What waits for a restart is no change that was not read.
		w.files.texts["pbx"] = "address: 192.168.11.1\n"
		server := filed(primary("pbx", pbx))
		server.Priority = 7
		next := *w.conf
		next.Standby.Name, next.Standby.Capacity, next.Servers = "other", 3, []config.Server{server}
		w.set(func() { w.next = &next })
		change := status.ServerChange{Server: "pbx", Text: []byte("address: 192.168.11.1\npriority: 7\n"), Revision: revision([]byte(w.files.texts["pbx"]))}
		if got, err := w.s.Configure(t.Context(), change, remote("")); err != nil || !got.Saved {
			t.Errorf("a server meanwhile: %+v, %v", got, err)
		}
		if got, err := w.s.ConfigureOptions(t.Context(), w.to("standby.capacity", "4", "standby.name", "other"), remote("")); err != nil || !got.Saved || cmp.Diff([]string{"standby.name"}, got.NeedsRestart) != "" {
			t.Errorf("options meanwhile: %+v, %v", got, err)
		}
	})
}

// What refuses a change leaves the file, what is in force and the history as they were.
func TestConfigureOptionsIsAllOrNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change []string
		set    func(w *world)
		code   string
	}{
		"a wrong value":          {[]string{"standby.capacity", "many"}, func(*world) {}, status.InvalidConfig},
		"one wrong value of two": {[]string{"standby.capacity", "3", "alerts.email.host", "x"}, func(*world) {}, status.InvalidConfig},
		"no option":              {[]string{"api.listen", "0.0.0.0:80"}, func(*world) {}, status.InvalidConfig},
		"it may not be written": {[]string{"standby.capacity", "3"}, func(w *world) {
			w.options.closed = &status.Refusal{Code: status.NotAvailable, Detail: "failoverd may not write"}
		}, status.NotAvailable},
		"somebody has changed it": {[]string{"standby.capacity", "3"}, func(w *world) { w.options.text = []byte("# more\n") }, status.StateChanged},
		"another file has changed": {[]string{"standby.capacity", "3"}, func(w *world) {
			c := primary("pbx", pbx)
			c.Priority = 3
			w.with(c)
		}, status.WrongState},
		"another file has changed, which waits for a restart when it is read": {[]string{"standby.capacity", "3"}, func(w *world) {
			next := *w.conf
			next.Standby.Interface = "eth1"
			w.set(func() { w.next = &next })
		}, status.WrongState},
		"another file is wrong":         {[]string{"standby.capacity", "3"}, func(w *world) { w.set(func() { w.fail["load"] = config.Errors{{Line: 1, Problem: "no"}} }) }, status.WrongState},
		"a file of authorities":         {mailed("alerts.email.ca_file", "/etc/shadow"), func(*world) {}, status.HostOnly},
		"a password":                    {mailed("alerts.email.username", "u", "alerts.email.password", "env:X"), func(*world) {}, status.HostOnly},
		"the disk is full":              {[]string{"standby.capacity", "3"}, func(w *world) { w.options.fail = errors.New("disk full") }, "error: disk full"},
		"the journal cannot be written": {[]string{"standby.capacity", "3"}, func(w *world) { w.memory.breaks(errors.New("disk full")) }, status.JournalUnwritable},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				w.pass(5 * time.Second)
				change := w.to(test.change...)
				test.set(w)
				before := string(w.options.text)
				w.done()
				got, err := w.s.ConfigureOptions(t.Context(), change, remote(""))
				if err == nil || code(err) != test.code || got.Saved {
					t.Fatalf("%+v, %v; want %q", got, err, test.code)
				}
				w.memory.breaks(nil)
				w.pass(time.Second)
				if string(w.options.text) != before || w.s.Snapshot().Standby.Capacity == 3 || count(w.done(), "loaded") != 0 || w.happened("config.options_changed") != 0 {
					t.Errorf("something has changed: %q", w.options.text)
				}
			})
		})
	}
}

// Before it is saved a change is tried by test mails to those whom it names, by the mail server that it names; but never with a
// password that somebody from elsewhere sends there.
func TestOptionsAreTried(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		change := w.to(mailed()...)
		change.DryRun, change.TestMail = true, true
		w.set(func() { w.fail["mail c@example.com"] = errors.New("550 no such user") })
		got, err := w.s.ConfigureOptions(t.Context(), change, remote("new mail server"))
		if err != nil || !got.Valid || got.Saved || len(got.Mails) != 2 || !got.Mails[0].OK || got.Mails[1].Error != "550 no such user" || got.Mails[0].Transcript[0] != "by 192.168.11.25" {
			t.Fatalf("%+v, %v", got, err)
		}
		w.pass(time.Second)
		if w.options.text != nil || w.happened("alert.test") != 1 {
			t.Errorf("file %q, in the history %d times", w.options.text, w.happened("alert.test"))
		}
		secret := w.to(mailed("alerts.email.username", "u", "alerts.email.password", "env:X")...)
		secret.DryRun, secret.TestMail = true, true
		if got, err := w.s.ConfigureOptions(t.Context(), secret, remote("")); err != nil || got.Valid || len(got.Mails) != 0 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Problem, "alerts.email.password") {
			t.Errorf("from elsewhere: %+v, %v", got, err)
		}
		if got, err := w.s.ConfigureOptions(t.Context(), secret, by("")); err != nil || !got.Valid || len(got.Mails) != 2 {
			t.Errorf("on the standby: %+v, %v", got, err)
		}
	})
}

// testMail is a mail server that takes what it does not fail.
func (w *world) testMail(_ context.Context, c *config.Config, to string) ([]string, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return []string{"by " + c.Alerts.Email.Host}, "", w.fail["mail "+to]
}
