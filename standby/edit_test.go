package standby

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/status"
)

// serverFile is the file of a server in the world's servers.d.
func (w *world) serverFile(name string) (config.ServerFile, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, ok := w.files[name]
	if !ok {
		return config.ServerFile{}, config.ErrNoServerFile
	}
	return config.ServerFile{Path: name + ".yaml", Text: []byte(text)}, nil
}

// draft is what the world's next configuration would be: the test has put it there.
func (w *world) draft(e config.Edit) (Draft, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := config.ServerFile{Path: e.Server + ".yaml"}
	if text, ok := w.files[e.Server]; ok {
		before.Text = []byte(text)
	}
	put := func(text []byte) func() error {
		return func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.fail["save"] != nil {
				return w.fail["save"]
			}
			delete(w.files, e.Server)
			if text != nil {
				w.files[e.Server] = string(text)
			}
			return nil
		}
	}
	return Draft{Config: w.next, Before: before, Tag: config.ServerFile{Text: e.Text}.Tag(), Save: put(e.Text), Undo: put(before.Text)}, w.fail["load"]
}

// file is what a server's file holds, "none" if there is none.
func (w *world) file(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, ok := w.files[name]
	if !ok {
		return "none"
	}
	return text
}

// edits has the world's files, and a configuration that is there once they are changed.
func (w *world) edits(files map[string]string, next ...config.Server) {
	w.with(next...)
	w.set(func() { w.files = files })
}

// last is the last event of a kind about a server.
func (w *world) last(server, kind string) (last journal.Event) {
	w.t.Helper()
	events, err := w.memory.Events(context.Background(), journal.EventQuery{Server: server, Limit: 10000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == kind && e.Seq > last.Seq {
			last = e
		}
	}
	return last
}

func tagOf(text string) string { return config.ServerFile{Text: []byte(text)}.Tag() }

func onHost() status.Order {
	o := by("test")
	o.OnHost = true
	return o
}

func TestEditServers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.edits(map[string]string{"pbx": "old"}, primary("pbx", pbx), primary("crm", crm))
		w.set(func() { w.alive[crm] = true })
		ctx := t.Context()

		// First without doing it.
		out, err := w.s.AddServer(ctx, "crm", "new", true, onHost())
		if err != nil || !out.DryRun || !slices.Contains(out.Changed, "servers[crm] (added)") || !strings.Contains(out.Means, "crm") {
			t.Fatalf("dry: %v, %+v", err, out)
		}
		if w.file("crm") != "none" || len(w.s.Snapshot().Servers) != 1 {
			t.Fatal("a dry run has done it")
		}
		out, err = w.s.AddServer(ctx, "crm", "new", false, onHost())
		if err != nil || out.ETag != tagOf("new") || w.file("crm") != "new" {
			t.Fatalf("added: %v, %+v", err, out)
		}
		w.pass(5 * time.Second)
		w.is("crm", "OK", "standing by")
		if e := w.last("crm", "config.edited"); e.Server != "crm" || e.Actor.Name == "" || !strings.Contains(e.Message, "added") || !strings.Contains(e.Reason, "test") {
			t.Errorf("the event is %+v", e)
		}

		// Again: it is there.
		if _, err := w.s.AddServer(ctx, "crm", "new", false, onHost()); code(err) != status.WrongState {
			t.Errorf("added twice: %v", err)
		}
		// Changed by somebody who has not seen what it is.
		if _, err := w.s.EditServer(ctx, "crm", "newer", tagOf("old"), false, onHost()); code(err) != status.StateChanged || w.file("crm") != "new" {
			t.Errorf("edited unseen: %v", err)
		}
		if _, err := w.s.EditServer(ctx, "erp", "newer", tagOf("old"), false, onHost()); code(err) != status.NotFound {
			t.Errorf("edited what there is not: %v", err)
		}
		moved := primary("crm", crm)
		moved.Priority = 7
		w.with(primary("pbx", pbx), moved)
		if out, err := w.s.EditServer(ctx, "crm", "newer", tagOf("new"), false, onHost()); err != nil || w.file("crm") != "newer" || !slices.Contains(out.Changed, "servers[crm].priority") {
			t.Errorf("edited: %v, %+v", err, out)
		}
		w.with(primary("pbx", pbx))
		if _, err := w.s.RemoveServer(ctx, "crm", tagOf("newer"), false, onHost()); err != nil || w.file("crm") != "none" || len(w.s.Snapshot().Servers) != 1 {
			t.Errorf("removed: %v", err)
		}
	})
}

// TestEditIsAllOrNothing: whatever refuses an edit, the file is as it was, and so is what is in force.
func TestEditIsAllOrNothing(t *testing.T) {
	withStart := primary("pbx", pbx)
	withStart.Takeover.Start.Command = []string{"/bin/true"}
	tests := map[string]struct {
		next  func(w *world)
		order status.Order
		code  string
	}{
		"the text is wrong":             {func(w *world) { w.fail["load"] = errors.New("pbx.yaml:3: no") }, onHost(), status.InvalidConfig},
		"the file cannot be written":    {func(w *world) { w.fail["save"] = errors.New("no space left on the disk") }, onHost(), status.NotAvailable},
		"its address becomes another":   {func(w *world) { w.next.Servers[0].Takeover.ServiceAddresses = nil }, onHost(), status.WrongState},
		"a program, from elsewhere":     {func(w *world) { w.next.Servers[0] = withStart }, by("test"), status.HostOnly},
		"the journal cannot be written": {func(w *world) { w.memory.breaks(errors.New("disk full")) }, onHost(), status.JournalUnwritable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				w.standsIn("pbx", pbx)
				w.edits(map[string]string{"pbx": "old"}, primary("pbx", pbx))
				w.set(func() { test.next(w) })
				if _, err := w.s.EditServer(t.Context(), "pbx", "new", tagOf("old"), false, test.order); code(err) != test.code {
					t.Fatalf("%v, want %s", err, test.code)
				}
				w.memory.breaks(nil)
				w.set(func() { clear(w.fail) })
				w.pass(time.Second)
				w.is("pbx", "Failure", "standing in")
				if w.file("pbx") != "old" || count(w.done(), "loaded") != 0 {
					t.Errorf("the file holds %q; done: %v", w.file("pbx"), w.done())
				}
			})
		})
	}
}

// TestRemovalOfWhatIsServed: a server that the standby stands in for stays.
func TestRemovalOfWhatIsServed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.standsIn("pbx", pbx)
		w.edits(map[string]string{"pbx": "old"}, primary("crm", crm))
		for _, dry := range []bool{true, false} {
			_, err := w.s.RemoveServer(context.Background(), "pbx", tagOf("old"), dry, onHost())
			if code(err) != status.WrongState || w.file("pbx") != "old" {
				t.Errorf("dry %t: %v", dry, err)
			}
		}
	})
}

// TestMainFileIsNotEdited: a server that stands in the main file is changed there.
func TestMainFileIsNotEdited(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.edits(map[string]string{}, primary("pbx", pbx))
		ctx := t.Context()
		_, shown := w.s.ServerFile(ctx, "pbx")
		_, added := w.s.AddServer(ctx, "pbx", "new", false, onHost())
		_, removed := w.s.RemoveServer(ctx, "pbx", tagOf("old"), false, onHost())
		for what, err := range map[string]error{"shown": shown, "added": added, "removed": removed} {
			if code(err) != status.NotAvailable || !strings.Contains(err.Error(), "change it there") {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := w.s.ServerFile(ctx, "erp"); code(err) != status.NotFound {
			t.Errorf("no server: %v", err)
		}
	})
}
