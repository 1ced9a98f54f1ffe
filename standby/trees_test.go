package standby

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// withFiles gives a server two trees, one of a mounted directory and one of its agent.
func withFiles(c config.Server) config.Server {
	tree := func(name string) config.FileTree {
		return config.FileTree{
			Name: name, Source: config.FileSource{Path: "/mnt/" + name}, Directory: "/copies/" + name, MaxLag: 15 * time.Minute,
			Retention: time.Hour, Brake: config.Brake{Share: 0.2, Least: 100}, ScanInterval: time.Minute,
		}
	}
	c.Files = []config.FileTree{tree("vm"), tree("greetings")}
	c.Files[1].Source = config.FileSource{Agent: "/srv/greetings"}
	c.Files[1].Bandwidth = []config.Window{{From: "00:00", To: "23:59", Limit: 1000}}
	return c
}

// follows checks which trees are followed.
func (w *world) follows(what string, want ...string) {
	w.t.Helper()
	var got []string
	for _, o := range w.trees.followed("pbx") {
		got = append(got, o.Tree.Name)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: %v are followed, want %v", what, got, want)
	}
}

// fileEvents lists the kinds of the events about files, oldest first.
func (w *world) fileEvents() []string {
	w.t.Helper()
	var got []string
	for _, kind := range w.events("pbx") {
		if strings.HasPrefix(kind, "files.") {
			got = append(got, kind)
		}
	}
	return got
}

// must ends the test on an error.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// check is a check of a server's readiness.
func (w *world) check(server, name string) status.Check {
	w.t.Helper()
	for _, c := range w.of(server).Readiness.Checks {
		if c.Name == name {
			return c
		}
	}
	w.t.Fatalf("%s has no check %q", server, name)
	return status.Check{}
}

// current is the status of a copy that is as its source.
func current(now time.Time) trees.Status {
	return trees.Status{Since: now, Connected: true, Current: true, Synced: now, Files: 7}
}

// TestFilesFollowTheState: files come from live while the server is watched and serves, and at no other time.
func TestFilesFollowTheState(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx))).start()
		w.pass(5 * time.Second)
		w.follows("at the start", "vm", "greetings")
		o := w.trees.followed("pbx")[1]
		if o.Tree.Agent != "/srv/greetings" || o.Tree.Directory != "/copies/greetings" || o.Tree.Bandwidth.At(time.Now()) != 1000 || o.Epoch != 0 {
			t.Errorf("the order is %+v", o)
		}
		_, err := w.s.Suspend(context.Background(), "pbx", by("patches"))
		w.must(err)
		w.follows("suspended")
		if c := w.check("pbx", "files vm"); c.Result != "warning" || !strings.Contains(c.Value, "suspended") {
			t.Errorf("suspended: %+v", c)
		}
		_, err = w.s.Resume(context.Background(), "pbx", by("done"))
		w.must(err)
		w.follows("resumed", "vm", "greetings")
		_, err = w.s.Stop(context.Background(), "pbx", by("decommissioned"))
		w.must(err)
		w.follows("stopped")
		_, err = w.s.Resume(context.Background(), "pbx", by("after all"))
		w.must(err)
		w.pass(10 * time.Second)
		w.follows("resumed again", "vm", "greetings")
		w.stopDaemon()
		w.follows("the daemon has stopped")
	})
}

// TestFilesAreTheStandInsAfterATakeover: copying ends before the stand-in is started, and begins when somebody has given
// up what it wrote, whatever crashes in between.
func TestFilesAreTheStandInsAfterATakeover(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx))).start()
		w.pass(30 * time.Second)
		w.dies(pbx)
		w.pass(2 * time.Minute)
		if v := w.of("pbx"); v.Role != "standing in" {
			t.Fatalf("the standby is %s", v.Role)
		}
		w.follows("standing in")
		if !slices.Equal(w.trees.quiesced, []string{"pbx"}) {
			t.Errorf("quiesced: %v", w.trees.quiesced)
		}
		records, err := w.s.Operations(context.Background(), journal.OperationQuery{Server: "pbx", Limit: 1})
		w.must(err)
		var steps []string
		for _, d := range records[0].Steps {
			steps = append(steps, d.Name)
		}
		if got := strings.Join(steps, " "); got != "quiesce probe assume announce start ready" {
			t.Errorf("the steps are %s", got)
		}
		w.crash()
		w.start()
		w.follows("standing in, after a crash")

		_, err = w.s.Release(context.Background(), "pbx", by("repaired"))
		w.must(err)
		w.pass(time.Minute)
		w.returns(pbx)
		w.pass(2 * time.Minute)
		v := w.of("pbx")
		if v.Role != "standing by" || v.State != "OK" || !v.Trees[0].Diverged || v.Trees[0].State != "diverged" {
			t.Fatalf("released: %s, %s, %+v", v.Role, v.State, v.Trees[0])
		}
		w.follows("released")
		if c := w.check("pbx", "files vm"); c.Result != "warning" || c.Help != "failoverd files discard-diverged pbx vm" {
			t.Errorf("released: %+v", c)
		}
		w.crash()
		w.start()
		w.pass(time.Minute)
		w.follows("released, after a crash")

		_, err = w.s.DiscardFiles(context.Background(), "pbx", "vm", by("brought back by hand"))
		w.must(err)
		w.follows("one is given up", "vm")
		if o := w.trees.followed("pbx")[0]; o.Epoch != 1 {
			t.Errorf("after a takeover the epoch is %d", o.Epoch)
		}
		var refusal *status.Refusal
		if _, err = w.s.DiscardFiles(context.Background(), "pbx", "vm", by("again")); !errors.As(err, &refusal) || refusal.Code != status.WrongState {
			t.Errorf("given up twice: %v", err)
		}
		if _, err = w.s.DiscardFiles(context.Background(), "pbx", "nothing", by("again")); !errors.As(err, &refusal) || refusal.Code != status.NotFound {
			t.Errorf("a tree that is not there: %v", err)
		}
		w.crash()
		w.start()
		w.pass(time.Minute)
		w.follows("one is given up, after a crash", "vm")
	})
}

// TestATakeoverWaitsForFiles: a copy that is still being written to is not given to the stand-in.
func TestATakeoverWaitsForFiles(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx))).start()
		w.pass(30 * time.Second)
		w.trees.stuck = errors.New("the copying of the tree vm has not ended")
		w.dies(pbx)
		w.pass(2 * time.Minute)
		if v := w.of("pbx"); v.Role == "standing in" {
			t.Error("the stand-in works while files arrive")
		}
	})
}

// TestDatabasesBackDoNotGiveUpFiles: to live without files says nothing about them; from live with the word for it gives
// both up.
func TestDatabasesBackDoNotGiveUpFiles(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(replicated(primary("pbx", pbx))))
		w.fills(1)
		w.start()
		w.orders(status.FromLive)
		for _, story := range []struct {
			kind   string
			accept []string
			want   []string
		}{
			{status.ToLive, []string{status.LeaveFiles}, nil},
			{status.FromLive, []string{status.DiscardDiverged}, []string{"vm", "greetings"}},
		} {
			w.dies(pbx)
			w.pass(2 * time.Minute)
			_, err := w.s.Release(context.Background(), "pbx", by("repaired"))
			w.must(err)
			w.pass(time.Minute)
			w.returns(pbx)
			w.pass(5 * time.Minute)
			_, err = w.s.Resume(context.Background(), "pbx", by("seen"))
			w.must(err)
			if r := w.orders(story.kind, story.accept...); r.State != "succeeded" {
				t.Fatalf("%s: %s %s", story.kind, r.State, r.Error)
			}
			if w.of("pbx").Diverged {
				t.Errorf("after %s it is diverged", story.kind)
			}
			w.follows("after "+story.kind, story.want...)
			w.pass(2 * time.Hour)
		}
	})
}

// TestWhatIsWrongWithFilesIsSaidOnce: each ailment when it begins, and that it has passed when the copy is current.
func TestWhatIsWrongWithFilesIsSaidOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx))).start()
		fare := func(s trees.Status) {
			w.trees.fare("pbx", "greetings", current(time.Now()))
			w.trees.fare("pbx", "vm", s)
			w.pass(20 * time.Second)
		}
		fare(current(time.Now()))
		since := time.Now().Add(-time.Hour)
		held := trees.Status{Since: since, Connected: true, Synced: time.Now(), Held: 150}
		fare(held)
		fare(held)
		if v := w.of("pbx").Trees[0]; v.Ailment != "held" || v.Held != 150 {
			t.Errorf("deletions held: %+v", v)
		}
		if !slices.ContainsFunc(w.s.Snapshot().Attention, func(n status.Notice) bool {
			return n.Help == "failoverd files confirm-deletions pbx vm"
		}) {
			t.Errorf("nobody is told how to confirm: %+v", w.s.Snapshot().Attention)
		}
		w.crash()
		w.start()
		fare(held)                                                            // said before the crash
		fare(trees.Status{Since: since, Connected: true, Synced: time.Now()}) // not known to be current yet
		fare(current(time.Now()))
		fare(trees.Status{Since: since, Synced: time.Now(), Root: true, Problem: "it was A, and is B"})
		fare(current(time.Now()))
		fare(trees.Status{Since: since, Synced: since})
		fare(trees.Status{Since: since, Synced: time.Now(), Full: true, Missing: 1})
		want := []string{"files.held", "files.current", "files.root", "files.current", "files.late", "files.full"}
		if got := w.fileEvents(); !slices.Equal(got, want) {
			t.Errorf("said: %v, want %v", got, want)
		}
	})
}

// TestOrdersAboutFiles: each is refused where it means nothing, and reaches the copy where it does.
func TestOrdersAboutFiles(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx))).start()
		w.trees.fare("pbx", "vm", current(time.Now()))
		w.pass(10 * time.Second)
		ctx := context.Background()
		if _, err := w.s.ConfirmDeletions(ctx, "pbx", "vm", by("meant")); err == nil {
			t.Error("deletions are confirmed that are not there")
		}
		if _, err := w.s.AcceptSource(ctx, "pbx", "vm", by("meant")); err == nil {
			t.Error("a source is accepted that is the one that it was")
		}
		w.trees.fare("pbx", "vm", trees.Status{Connected: true, Held: 3})
		_, err := w.s.ConfirmDeletions(ctx, "pbx", "vm", by("meant"))
		w.must(err)
		if !slices.Equal(w.trees.confirmed, []string{"pbx/vm"}) {
			t.Errorf("confirmed: %v", w.trees.confirmed)
		}
		w.trees.fare("pbx", "vm", trees.Status{Root: true, Problem: "another one"})
		_, err = w.s.AcceptSource(ctx, "pbx", "vm", by("new disk"))
		w.must(err)
		if !w.trees.followed("pbx")[0].Accept {
			t.Error("the copy is not told that its source was accepted")
		}
		w.crash()
		w.start()
		w.pass(10 * time.Second)
		if !w.trees.followed("pbx")[0].Accept {
			t.Error("a crash has forgotten that the source was accepted")
		}
		w.trees.fare("pbx", "vm", current(time.Now()))
		w.pass(10 * time.Second)
		if w.trees.followed("pbx")[0].Accept {
			t.Error("the next source is accepted as well")
		}
		want := []string{"files.confirmed", "files.root", "files.accepted", "files.current"}
		if got := w.fileEvents(); !slices.Equal(got[:1], want[:1]) || !slices.Contains(got, "files.accepted") {
			t.Errorf("in the history: %v, want %v", got, want)
		}
	})
}

// TestReloadOfTrees: a tree that is added is followed, one that is taken out is not, and so is a server.
func TestReloadOfTrees(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, withFiles(primary("pbx", pbx)), primary("crm", crm)).start()
		w.pass(5 * time.Second)
		// Until they are followed, what is said of them is what was known before the start.
		if diff := cmp.Diff([]string{"pbx/vm", "pbx/greetings"}, w.trees.recalled); diff != "" {
			t.Errorf("recalled at the start (-want +got):\n%s", diff)
		}
		load := func(servers ...config.Server) {
			w.with(servers...)
			_, err := w.s.Reload(context.Background(), by("changed"))
			w.must(err)
		}
		less := withFiles(primary("pbx", pbx))
		less.Files = less.Files[:1]
		load(less, withFiles(primary("crm", crm)))
		w.follows("one tree less", "vm")
		if n := len(w.trees.followed("crm")); n != 2 {
			t.Errorf("%d trees of the other server are followed", n)
		}
		load(primary("crm", crm))
		w.follows("the server is gone")
	})
}

func TestAils(t *testing.T) {
	now := time.Now()
	hourAgo := now.Add(-time.Hour)
	for name, test := range map[string]struct {
		s    trees.Status
		want ailment
	}{
		"as its source":                        {current(now), healthy},
		"just begun":                           {trees.Status{Since: now}, undecided},
		"a minute behind":                      {trees.Status{Since: hourAgo, Synced: now.Add(-time.Minute)}, undecided},
		"an hour behind":                       {trees.Status{Since: hourAgo, Synced: hourAgo}, outOfDate},
		"an hour behind, resumed a moment ago": {trees.Status{Since: now.Add(-time.Second), Synced: hourAgo}, undecided},
		"the first copy goes on":               {trees.Status{Since: hourAgo, Changed: now}, undecided},
		"the first copy stands still":          {trees.Status{Since: hourAgo, Changed: hourAgo}, outOfDate},
		"a file grows for an hour":             {trees.Status{Since: hourAgo, Synced: now, Current: true, Waiting: time.Hour}, outOfDate},
		"no room, though it is far behind":     {trees.Status{Since: hourAgo, Synced: hourAgo, Full: true}, noRoom},
		"deletions are held":                   {trees.Status{Since: hourAgo, Synced: now, Held: 1}, heldBack},
		"another source, whatever else":        {trees.Status{Since: hourAgo, Synced: hourAgo, Root: true, Full: true, Held: 1}, wrongRoot},
	} {
		if got, _ := ails(test.s, "pbx", "vm", 15*time.Minute, now); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
