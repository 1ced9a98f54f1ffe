package standby

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/plan"
	"failoverd/status"
)

// shelf are the files of servers.d. What they mean is the world's next configuration.
type shelf struct {
	w     *world
	texts map[string]string
	fail  error // of the next write
}

func (f *shelf) Read(server string) ([]byte, error) {
	text, ok := f.texts[server]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func (f *shelf) Write(server string, text []byte) error {
	if err := f.fail; err != nil {
		f.fail = nil
		return err
	}
	f.texts[server] = string(text)
	return nil
}

func (f *shelf) Remove(server string) error {
	delete(f.texts, server)
	return nil
}

func (f *shelf) With(config.Change) (*config.Config, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	return f.w.next, f.w.fail["load"]
}

// filed is a primary that has a file of its own.
func filed(c config.Server) config.Server {
	c.Where = "servers.d/" + c.Name + ".yaml:1"
	return c
}

// remote is an order that comes over the network.
func remote(reason string) status.Order {
	return status.Order{By: plan.Actor{Kind: "token", Name: "carol", Via: "https"}, Reason: reason}
}

// A server is added, changed and removed by its file, each written down with who wanted it; a dry run changes nothing.
func TestConfigure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		w.returns(crm)
		w.with(primary("pbx", pbx), filed(primary("crm", crm)))
		add := status.ServerChange{Server: "crm", Text: []byte("address: 192.168.11.3\n"), New: true}
		dry := add
		dry.DryRun = true
		got, err := w.s.Configure(t.Context(), dry, remote(""))
		if err != nil || !got.Valid || got.Saved || len(got.Trials) != 1 || got.Trials[0].Name != "ping 192.168.11.3" {
			t.Fatalf("a dry run: %+v, %v", got, err)
		}
		if len(w.files.texts) != 0 || len(w.s.Snapshot().Servers) != 1 || w.happened("config.server_added") != 0 {
			t.Error("a dry run has changed something")
		}
		got, err = w.s.Configure(t.Context(), add, remote("new CRM"))
		if err != nil || !got.Saved || cmp.Diff([]string{"servers[crm] (added)"}, got.Changed) != "" {
			t.Fatalf("added: %+v, %v", got, err)
		}
		w.pass(5 * time.Second)
		w.is("crm", "OK", "standing by")
		if w.files.texts["crm"] != string(add.Text) || w.happened("config.server_added") != 1 || count(w.done(), "loaded") != 1 {
			t.Errorf("files %v", w.files.texts)
		}
		if _, err := w.s.Configure(t.Context(), add, remote("")); code(err) != status.NameTaken {
			t.Errorf("added twice: %v", err)
		}

		seen, err := w.s.ServerConfiguration(t.Context(), "crm")
		if err != nil || !seen.Editable || seen.Text != string(add.Text) {
			t.Fatalf("%+v, %v", seen, err)
		}
		next := filed(primary("crm", crm))
		next.Priority = 7
		w.with(primary("pbx", pbx), next)
		change := status.ServerChange{Server: "crm", Text: []byte("address: 192.168.11.3\npriority: 7\n"), Revision: seen.Revision}
		got, err = w.s.Configure(t.Context(), change, remote(""))
		if err != nil || cmp.Diff([]string{"servers[crm].priority"}, got.Changed) != "" || w.of("crm").Priority != 7 {
			t.Fatalf("changed: %+v, %v", got, err)
		}
		if _, err := w.s.Configure(t.Context(), change, remote("")); code(err) != status.StateChanged {
			t.Errorf("changed as it was before: %v", err)
		}

		w.with(primary("pbx", pbx))
		got, err = w.s.Configure(t.Context(), status.ServerChange{Server: "crm", Revision: revision(change.Text)}, remote("replaced"))
		if err != nil || !got.Saved || len(w.files.texts) != 0 || len(w.s.Snapshot().Servers) != 1 || w.happened("config.server_removed") != 1 {
			t.Fatalf("removed: %+v, %v; files %v", got, err, w.files.texts)
		}
	})
}

// What refuses a change leaves the file, what is in force and the history as they were.
func TestConfigureIsAllOrNothing(t *testing.T) {
	const text = "address: 192.168.11.3\n"
	change := func(next string) status.ServerChange {
		return status.ServerChange{Server: "crm", Text: []byte(next), Revision: revision([]byte(text))}
	}
	remove := status.ServerChange{Server: "crm", Revision: revision([]byte(text))}
	commanding := func() config.Server {
		c := filed(primary("crm", crm))
		c.Takeover.Fence = &config.Fence{Command: []string{"/bin/rm", "-rf", "/"}, Timeout: time.Second}
		return c
	}
	tests := map[string]struct {
		change status.ServerChange
		set    func(w *world)
		code   string
	}{
		"the text is wrong":     {change("x"), func(w *world) { w.set(func() { w.fail["load"] = config.Errors{{Line: 1, Problem: "no"}} }) }, status.InvalidConfig},
		"the server is unknown": {status.ServerChange{Server: "fax", Text: []byte("x")}, func(*world) {}, status.NotFound},
		"it is in the main file": {status.ServerChange{Server: "pbx", Text: []byte("x")}, func(w *world) {
		}, status.NotAvailable},
		"its file holds a password":  {change("x"), func(w *world) { w.files.texts["crm"] = "databases: [{primary: {dsn: x, password: hunter2}}]" }, status.NotAvailable},
		"the file has changed since": {change("x"), func(w *world) { w.files.texts["crm"] += "# more\n" }, status.StateChanged},
		"another file has changed too": {change("x"), func(w *world) {
			other := primary("pbx", pbx)
			other.Priority = 3
			w.with(other, filed(primary("crm", crm)))
		}, status.WrongState},
		"a command over the network": {change("x"), func(w *world) { w.with(primary("pbx", pbx), commanding()) }, status.HostOnly},
		"the disk is full":           {change("x"), func(w *world) { w.files.fail = errors.New("disk full") }, "error: disk full"},
		"the journal cannot be written": {change("x"), func(w *world) {
			c := filed(primary("crm", crm))
			c.Priority = 9
			w.with(primary("pbx", pbx), c)
			w.memory.breaks(errors.New("disk full"))
		}, status.JournalUnwritable},
		"removed while it stands in": {remove, func(w *world) { w.with(primary("pbx", pbx)); w.standsIn("crm", crm) }, status.WrongState},
		"removed, and the journal cannot be written": {remove, func(w *world) {
			w.with(primary("pbx", pbx))
			w.memory.breaks(errors.New("disk full"))
		}, status.JournalUnwritable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx), filed(primary("crm", crm)))
				w.files.texts["crm"] = text
				w.start()
				w.pass(5 * time.Second)
				test.set(w)
				before := maps.Clone(w.files.texts)
				w.done()
				got, err := w.s.Configure(t.Context(), test.change, remote(""))
				if err == nil || code(err) != test.code || got.Saved {
					t.Fatalf("%+v, %v; want %q", got, err, test.code)
				}
				w.memory.breaks(nil)
				w.pass(time.Second)
				if diff := cmp.Diff(before, w.files.texts); diff != "" {
					t.Errorf("files (-want +got):\n%s", diff)
				}
				if v := w.of("crm"); v.Priority != 0 || count(w.done(), "loaded") != 0 {
					t.Errorf("it is in force: %+v", v)
				}
				for _, kind := range []string{"config.server_changed", "config.server_removed"} {
					if w.happened(kind) != 0 {
						t.Errorf("%s is in the history", kind)
					}
				}
			})
		})
	}
	t.Run("a command by somebody on the standby", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t, filed(primary("crm", crm)))
			w.files.texts["crm"] = text
			w.start()
			w.pass(5 * time.Second)
			w.with(commanding())
			if got, err := w.s.Configure(t.Context(), change("address: 192.168.11.3 # fence"), by("")); err != nil || !got.Saved {
				t.Fatalf("%+v, %v", got, err)
			}
			// What is there already may stay.
			w.with(commanding())
			c := change("address: 192.168.11.3 # fence, and more")
			c.Revision = revision([]byte("address: 192.168.11.3 # fence"))
			if got, err := w.s.Configure(t.Context(), c, remote("")); err != nil || !got.Saved {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	})
}

// tried answers each question of a trial.
func (w *world) tried(_ context.Context, c config.Server) []status.Trial {
	return []status.Trial{{Name: "ping " + c.Address.String(), OK: true, Detail: "answered"}}
}

// What a server's configuration names is asked once, by whom is in the history, and nothing else happens.
func TestTest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		w.done()
		got, err := w.s.Test(t.Context(), "pbx", by("new cable"))
		if err != nil || len(got) != 1 || got[0].Name != "ping "+pbx.String() {
			t.Fatalf("%+v, %v", got, err)
		}
		w.pass(time.Second)
		if w.happened("server.tested") != 1 || len(w.done()) != 0 {
			t.Errorf("in the history %d times; done: %v", w.happened("server.tested"), w.done())
		}
		if _, err := w.s.Test(t.Context(), "fax", by("")); code(err) != status.NotFound {
			t.Errorf("of nobody: %v", err)
		}
	})
}

// A password goes to whatever a configuration names. Over the network nobody has it sent anywhere, not even by a test before
// saving; somebody on the standby may.
func TestNoPasswordIsSentForSomebodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		c, err := config.Parse([]config.Source{{Name: "failoverd.yaml", Data: []byte(`
standby: {name: standby-1, interface: eth0, data_dir: /var/lib/failoverd}
servers:
  - name: crm
    address: 192.168.11.3
    databases:
      - name: X
        engine: postgres
        primary: {dsn: "postgres://a@10.6.6.6/x", password: {file: /etc/failoverd/smtp.password}}
        standby: {dsn: "postgres://a@127.0.0.1/postgres"}
`)}})
		if err != nil {
			t.Fatal(err)
		}
		next := primary("crm", crm)
		next.Databases = c.Servers[0].Databases
		w.with(primary("pbx", pbx), filed(next))
		add := status.ServerChange{Server: "crm", Text: []byte("address: 192.168.11.3\n"), New: true, DryRun: true}
		got, err := w.s.Configure(t.Context(), add, remote(""))
		if err != nil || got.Valid || len(got.Trials) != 0 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Problem, "servers[crm].databases[X].primary") {
			t.Errorf("from elsewhere: %+v, %v", got, err)
		}
		if got, err := w.s.Configure(t.Context(), add, by("")); err != nil || !got.Valid || len(got.Trials) != 1 {
			t.Errorf("on the standby: %+v, %v", got, err)
		}
	})
}
