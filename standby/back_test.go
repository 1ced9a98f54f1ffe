package standby

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/plan"
	"failoverd/replicate/files"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// worked has the stand-in of pbx work on the copies, and the primary come back.
func (w *world) worked() {
	w.t.Helper()
	w.dies(pbx)
	w.pass(2 * time.Minute)
	_, err := w.s.Release(context.Background(), "pbx", by("repaired"))
	w.must(err)
	w.pass(time.Minute)
	w.returns(pbx)
	w.pass(5 * time.Minute)
	_, err = w.s.Resume(context.Background(), "pbx", by("seen"))
	w.must(err)
	w.pass(10 * time.Second)
	w.trees.found = trees.Examined{
		Copy: files.Measured{Files: 7, Bytes: 700, Copy: true}, Synced: time.Now(),
		Far: trees.Far{Scanned: true, Files: 9, Bytes: 900, Alone: 2, AloneBytes: 20},
	}
	w.trees.result = trees.Brought{Files: 7, Bytes: 700, Sent: 300}
}

// refusedToLive checks that to live is refused, with a word in its reason and a word to accept it by.
func (w *world) refusedToLive(word, accept string, accepted ...string) {
	w.t.Helper()
	o := by("all the same")
	o.Accept = accepted
	_, err := w.s.Replicate(context.Background(), "pbx", status.ToLive, o)
	refusal, ok := errors.AsType[*status.Refusal](err)
	if !ok || !strings.Contains(refusal.Detail, word) || accept != "" && !strings.HasSuffix(refusal.Try, "--accept "+accept) {
		w.t.Errorf("with %v: %v (%+v), want %q", accepted, err, refusal, word)
	}
}

// TestFilesGoBackToLive: to live brings the files back that the agent has; they follow the primary again, and what is
// mounted stays as it is.
func TestFilesGoBackToLive(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx))).start()
		w.pass(30 * time.Second)
		w.refusedToLive("no files that come from its agent are newer here", "")
		w.worked()
		if c := w.check("pbx", "files greetings"); c.Help != "failoverd replicate to-live pbx" {
			t.Errorf("diverged: %+v", c)
		}
		v, err := w.s.Preview(context.Background(), "pbx", status.ToLive, by("look"))
		w.must(err)
		want := status.TreeCrossing{
			Tree: "greetings", From: "standby", FromDir: "/copies/greetings", To: "pbx (192.168.11.1)", ToDir: "/srv/greetings",
			Files: 7, Bytes: 700, There: 9, ThereBytes: 900, Alone: 2, AloneBytes: 20,
		}
		if v.Refused || len(v.Trees) != 1 || v.Trees[0] != want || len(v.Steps) != 2 || v.Steps[1].Name != "bring greetings" {
			t.Errorf("the preview: %+v", v)
		}
		if w.trees.asked.Epoch != 1 {
			t.Errorf("asked under epoch %d", w.trees.asked.Epoch)
		}
		r := w.orders(status.ToLive)
		if r.State != plan.Succeeded || !slices.Equal(w.trees.brought, []string{"greetings"}) {
			t.Fatalf("%s %s, brought %v", r.State, r.Error, w.trees.brought)
		}
		if d := r.Step("bring greetings"); d.Note != "7 files, 700 bytes; 300 bytes travelled" || d.Bytes != 300 {
			t.Errorf("the step: %+v", d)
		}
		w.follows("brought back", "greetings")
		if s := w.of("pbx"); s.Diverged || s.Trees[1].Diverged || !s.Trees[0].Diverged {
			t.Errorf("diverged: %v, %+v", s.Diverged, s.Trees)
		}
		if got := w.fileEvents(); !slices.Contains(got, "files.brought_back") {
			t.Errorf("the history has %v", got)
		}
		w.refusedToLive("no files that come from its agent are newer here", "")
		w.crash()
		w.start()
		w.pass(time.Minute)
		w.follows("after a crash", "greetings")
	})
}

// TestFilesGoBackWithDatabases: the files are there before a database is exchanged, and whatever fails with them has
// exchanged none.
func TestFilesGoBackWithDatabases(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(replicated(primary("pbx", pbx))))
		w.fills(1)
		w.start()
		w.orders(status.FromLive)
		w.worked()
		w.trees.lost = errors.New("no room")
		r := w.orders(status.ToLive)
		if r.State != plan.Undone || !strings.Contains(r.Error, "no room") || !strings.Contains(r.Error, "another order goes on from there") {
			t.Errorf("%s %s", r.State, r.Error)
		}
		if got := w.fileEvents(); got[len(got)-1] != "files.half_back" {
			t.Errorf("the history has %v", got)
		}
		if s := w.of("pbx"); !s.Diverged || !s.Trees[1].Diverged {
			t.Errorf("after a failure: %v, %+v", s.Diverged, s.Trees)
		}
		w.follows("after a failure")
		w.trees.lost = nil
		w.trees.result.Refused = []files.Problem{{Path: "a:b.wav", Reason: "no such names"}}
		r = w.orders(status.ToLive)
		var steps []string
		for _, d := range r.Steps {
			steps = append(steps, d.Name)
		}
		if got := strings.Join(steps, ", "); r.State != plan.Succeeded ||
			got != "check, copy calls, verify calls, copy users, verify users, bring greetings, swap calls, swap users, open calls, open users" {
			t.Errorf("%s %s: %s", r.State, r.Error, got)
		}
		if d := r.Step("bring greetings"); !strings.Contains(d.Note, `1 PATHS DID NOT COME, the first is "a:b.wav": no such names`) {
			t.Errorf("the step: %+v", d)
		}
	})
}

// TestFilesAreNotBroughtBackUnasked: each condition that does not hold refuses it, and says by which word it may be gone
// on without.
func TestFilesAreNotBroughtBackUnasked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(replicated(primary("pbx", pbx))))
		w.fills(1)
		w.start()
		w.orders(status.FromLive)
		w.dies(pbx)
		w.pass(2 * time.Minute)
		w.refusedToLive("standing in", "") // the stand-in writes
		w.returns(pbx)
		_, err := w.s.Release(context.Background(), "pbx", by("repaired"))
		w.must(err)
		w.pass(time.Minute)
		w.worked()
		good := w.trees.found
		spoil := func(change func(*trees.Examined)) {
			w.trees.found = good
			change(&w.trees.found)
		}
		spoil(func(x *trees.Examined) { x.Copy.Copy = false })
		w.refusedToLive("there is no copy in /copies/greetings", status.LeaveFiles)
		spoil(func(x *trees.Examined) { x.Copy.Files = 0 })
		w.refusedToLive("there is no copy in /copies/greetings", status.LeaveFiles, status.OverwriteNewer)
		spoil(func(x *trees.Examined) { x.Far.Refused = "the agent's configuration lets nobody" })
		w.refusedToLive("lets nobody", status.LeaveFiles)
		spoil(func(x *trees.Examined) { x.Synced = time.Time{} })
		w.refusedToLive("never complete", status.OverwriteNewer)
		w.trees.silent = errors.New("the agent does not answer")
		w.refusedToLive("does not answer", status.LeaveFiles)
		if len(w.trees.brought) > 0 {
			t.Errorf("brought: %v", w.trees.brought)
		}
		r := w.orders(status.ToLive, status.LeaveFiles)
		if r.State != plan.Succeeded || r.Step("bring greetings") != nil || !w.of("pbx").Trees[1].Diverged {
			t.Errorf("without files: %s %s, %+v", r.State, r.Error, w.of("pbx").Trees[1])
		}
		w.trees.silent, w.trees.found = nil, good
		w.trees.found.Synced = time.Time{}
		if r := w.orders(status.ToLive, status.OverwriteNewer); r.State != plan.Succeeded {
			t.Errorf("never complete, and accepted: %s %s", r.State, r.Error)
		}
	})
}

// TestACrashWhileFilesGoBack: what had begun is finished by the next start, which says so; meanwhile nobody decides
// about these files.
func TestACrashWhileFilesGoBack(t *testing.T) {
	for name, with := range map[string]bool{"files": false, "files and databases": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c := withFiles(primary("pbx", pbx))
				if with {
					c = replicated(c)
				}
				w := newWorld(t, c)
				w.fills(1)
				w.start()
				if with {
					w.orders(status.FromLive)
				}
				w.worked()
				w.trees.hold, w.trees.begun = make(chan struct{}), make(chan trees.Order, 1)
				r, err := w.s.Replicate(context.Background(), "pbx", status.ToLive, by("back"))
				w.must(err)
				if o := <-w.trees.begun; o.Tree.Name != "greetings" || o.Epoch != 1 {
					t.Errorf("begun: %+v", o)
				}
				for what, order := range map[string]func() (status.Server, error){
					"discard": func() (status.Server, error) {
						return w.s.DiscardFiles(context.Background(), "pbx", "greetings", by("x"))
					},
					"restore": func() (status.Server, error) {
						return w.s.RestoreAside(context.Background(), "pbx", "greetings", "then", "a", by("x"))
					},
				} {
					_, err := order()
					if refusal, ok := errors.AsType[*status.Refusal](err); !ok || refusal.Code != status.OperationRunning {
						t.Errorf("%s while they come back: %v", what, err)
					}
				}
				w.pass(2 * time.Second) // the databases are compared, and wait for the files
				if p, err := w.s.Operation(context.Background(), r.ID); err != nil || p.Progress == nil || p.Progress.Object != "greetings (3 files to come)" || p.Progress.Done != 1<<20 {
					t.Errorf("the progress: %+v, %v", p.Progress, err)
				}
				w.crash()
				w.trees.hold = nil
				w.trees.silent = errors.New("the agent is not up yet") // whoever brings them back waits for it
				w.start()
				r = w.endOf(r.ID)
				if r.State != plan.Succeeded || r.Resumed != 1 || !slices.Equal(w.trees.brought, []string{"greetings"}) {
					t.Errorf("%s %s, resumed %d, brought %v", r.State, r.Error, r.Resumed, w.trees.brought)
				}
				events := w.events("pbx")
				if !slices.Contains(events, status.ToLive+".examined") || !slices.Contains(events, "files.brought_back") {
					t.Errorf("the history has %v", events)
				}
				w.pass(10 * time.Second)
				w.follows("finished", "greetings")
			})
		})
	}
}

// TestACrashWhileBothGoBack: files come while the databases are on their way, of which people are told how far they are. If
// the daemon dies then, all is taken back: the primary has the database that it had. What comes of either ends the other.
func TestACrashWhileBothGoBack(t *testing.T) {
	for name, test := range map[string]struct {
		then func(w *world, open func())
		says string
	}{
		"the daemon dies":         {func(w *world, open func()) { w.crash(); open(); w.start() }, "interrupted"},
		"the files cannot come":   {func(w *world, _ func()) { w.trees.lost = errors.New("no room"); close(w.trees.hold) }, "bring greetings: no room"},
		"the database cannot":     {func(w *world, open func()) { w.engine.Fail("copy", errors.New("broken")); open() }, "copy calls: broken"},
		"the copy is not as said": {func(w *world, open func()) { w.engine.Fail("verify", errors.New("broken")); open() }, "verify calls: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, withFiles(replicated(primary("pbx", pbx))))
				w.fills(1)
				w.start()
				w.orders(status.FromLive)
				w.worked()
				w.engine.Put("standby", "pbx_calls", 7)
				w.trees.hold, w.trees.begun = make(chan struct{}), make(chan trees.Order, 1)
				open := w.engine.Shut("copy")
				r, err := w.s.Replicate(context.Background(), "pbx", status.ToLive, by("back"))
				w.must(err)
				<-w.trees.begun
				w.pass(time.Second)
				if p, err := w.s.Operation(context.Background(), r.ID); err != nil || p.Progress == nil || p.Progress.Step != "copy calls" {
					t.Errorf("the progress: %+v, %v", p.Progress, err)
				}
				test.then(w, open)
				r = w.endOf(r.ID)
				if r.State != plan.Undone || !strings.Contains(r.Error, test.says) || len(w.trees.brought) > 0 {
					t.Errorf("%s %s, brought %v", r.State, r.Error, w.trees.brought)
				}
				if all := w.engine.All(); all["pbx/calls"] != 1 || all["pbx/calls__new"] != 0 {
					t.Errorf("at the primary: %v", all)
				}
				if got := w.fileEvents(); !slices.Contains(got, "files.half_back") {
					t.Errorf("the history has %v", got)
				}
			})
		})
	}
}

// TestWhatWasSetAside is told, and comes back one by one, with a line in the history.
func TestWhatWasSetAside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx))).start()
		ctx := context.Background()
		got, err := w.s.SetAside(ctx, "pbx", "greetings", status.AsidePlace{}, 2)
		w.must(err)
		if len(got.Files) != 2 || got.Files[0].Path != "greetings.wav" || got.Files[0].Kind != "file" || got.Next == nil {
			t.Fatalf("set aside: %+v", got)
		}
		after, err := status.ParseAsidePlace(*got.Next)
		w.must(err)
		if got, err := w.s.SetAside(ctx, "pbx", "greetings", after, 2); err != nil || len(got.Files) != 1 || got.Files[0].Path != "y.wav" || got.Next != nil {
			t.Errorf("after %v: %+v, %v", after, got, err)
		}
		_, err = w.s.RestoreAside(ctx, "pbx", "greetings", "then", "greetings.wav", by("wanted"))
		w.must(err)
		w.trees.silent = errors.New("nobody answers")
		_, err = w.s.RestoreAside(ctx, "pbx", "greetings", "then", "other.wav", by("wanted"))
		if refusal, ok := errors.AsType[*status.Refusal](err); !ok || refusal.Code != status.AgentSilent {
			t.Errorf("of a silent agent: %v", err)
		}
		for _, tree := range []string{"vm", "nothing"} { // mounted here, and not there
			if _, err := w.s.SetAside(ctx, "pbx", tree, status.AsidePlace{}, 2); err == nil {
				t.Errorf("of %s something is set aside", tree)
			}
			if _, err := w.s.RestoreAside(ctx, "pbx", tree, "then", "a", by("x")); err == nil {
				t.Errorf("of %s something was restored", tree)
			}
		}
		if !slices.Equal(w.trees.restored, []string{"greetings/then/greetings.wav"}) {
			t.Errorf("restored: %v", w.trees.restored)
		}
		want := []string{"files.restoring", "files.restored", "files.restoring", "files.not_restored"}
		if got := w.fileEvents(); !slices.Equal(got, want) {
			t.Errorf("the history has %v", got)
		}
	})
}
