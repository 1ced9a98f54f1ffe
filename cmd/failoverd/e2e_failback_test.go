package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/plan"
	"failoverd/status"
)

// managementAddress is the one by which pbx is reached while the standby has its own.
const managementAddress = "10.99.0.21"

// homestead is a company whose pbx has a database and a tree of files by its agent, which may start its application.
type homestead struct {
	*company
	o *outpost
	d databases
	m mount
}

// newHomestead builds it, and has the standby copy everything. at makes the databases.
func newHomestead(t *testing.T, at func(*testing.T, *company) databases) *homestead {
	t.Helper()
	c := newCompany(t, site.Options{StandIn: true})
	ok(t, c.PBX.AddAddress(managementAddress+"/24"))
	h := &homestead{company: c, o: newOutpost(c), d: at(t, c)}
	h.m = mount{h.o.tree, filepath.Join(c.Dir, "copy-vm")}
	ok(t, c.Configure(site.Options{
		Binary: c.Binary(), Interval: 100 * time.Millisecond, StandIn: true, PBXTakeover: "max_age: 36h",
		PBX: fmt.Sprintf("management_address: %s\n%sfiles:\n  - name: vm\n    source: {agent: %q}\n    directory: %q\n    reserve: 1MiB\n",
			managementAddress, h.d.config(), h.m.src, h.m.dst),
	}))
	h.wrap("stop", `echo $$ >"$D/quiet.new"; mv "$D/quiet.new" "$D/quiet"
while [ -e "$D/busy" ] && [ "$(cat "$D/hushed" 2>/dev/null)" != $$ ]; do sleep 0.01; done`)
	h.wrap("start", `rm -f "$D/quiet" "$D/hushed"`)
	h.configure()
	h.d.create(t)
	execute(t, h.d.at(t, primary, "calls"), "CREATE TABLE calls (id INTEGER PRIMARY KEY, who VARCHAR(50) NOT NULL)", "INSERT INTO calls VALUES (1, 'anna'), (2, 'bert')")
	for i := range 50 {
		h.m.write(t, fmt.Sprintf("greetings/%d.wav", i), "by the primary")
	}
	c.start()
	h.o.run()
	if out, err := h.o.pairAt(managementAddress, h.o.invite()); err != nil {
		t.Fatalf("pair: %v, %s", err, out)
	}
	c.same(h.m)
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	return h
}

// wrap has a script of the stand-in do something before.
func (h *homestead) wrap(name, before string) {
	h.t.Helper()
	path := filepath.Join(h.Dir, "pbx-"+name)
	real := path + ".real"
	for _, err := os.Lstat(real); err == nil; _, err = os.Lstat(real) {
		real += ".real"
	}
	ok(h.t, os.Rename(path, real))
	ok(h.t, os.WriteFile(path, []byte(fmt.Sprintf("#!/bin/sh\nD=%s\n%s\nexec %s\n", h.Dir, before, real)), 0o700))
}

// configure writes the agent's configuration. Its application is the service address, and what answers there.
func (h *homestead) configure() {
	h.t.Helper()
	script := func(name, text string) string {
		path := filepath.Join(h.Dir, "own-"+name)
		ok(h.t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700))
		return path
	}
	pid := filepath.Join(h.Dir, "own.pid")
	check := script("check", fmt.Sprintf("[ -f %[1]s ] && grep -q '^State:[[:space:]]*[^ZX[:space:]]' \"/proc/$(cat %[1]s)/status\" 2>/dev/null\n", pid))
	start := script("start", fmt.Sprintf("D=%[1]s\nrm -f $D/own-quiet $D/own-hushed\n[ ! -e %[1]s/no-licence ] || exit 1\nip address add %s/24 dev eth0 2>/dev/null\nsetsid %s lab-service --listen %s:%d --answer \"primary pbx\" </dev/null >/dev/null 2>&1 &\necho $! > %s\n",
		h.Dir, site.PBXAddress, h.Binary(), site.PBXAddress, site.ServicePort, pid))
	// The users are waited for, as an application waits for its calls. The address goes, and the other one of its network stays.
	stop := script("stop", fmt.Sprintf(`D=%[1]s
echo $$ >"$D/own-quiet.new"; mv "$D/own-quiet.new" "$D/own-quiet"
while [ -e "$D/own-busy" ] && [ "$(cat "$D/own-hushed" 2>/dev/null)" != $$ ]; do sleep 0.01; done
[ ! -f %[2]s ] || kill -9 "$(cat %[2]s)" 2>/dev/null
rm -f %[2]s
echo 1 >/proc/sys/net/ipv4/conf/eth0/promote_secondaries
ip address delete %[3]s/24 dev eth0 2>/dev/null
exit 0
`, h.Dir, pid, site.PBXAddress))
	h.t.Cleanup(h.stopOwn)
	ok(h.t, os.WriteFile(h.o.config, []byte(fmt.Sprintf(
		"name: pbx\nlisten: %s:7443\ndata_dir: %s\ntrees: [{name: vm, directory: %s, writable: true}]\napplication: {start: {command: [%s]}, stop: {command: [%s]}, check: {command: [%s]}, timeout: 10s}\n",
		managementAddress, filepath.Join(h.Dir, "agent"), h.o.tree, start, stop, check)), 0o600))
}

// stopOwn ends the primary's application.
func (h *homestead) stopOwn() {
	if b, err := os.ReadFile(filepath.Join(h.Dir, "own.pid")); err == nil {
		var pid int
		if _, err := fmt.Sscan(string(b), &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = os.Remove(filepath.Join(h.Dir, "own.pid"))
	}
}

// dies has pbx die, and waits for the takeover.
func (h *homestead) dies() {
	h.t.Helper()
	h.o.end(syscall.SIGKILL)
	ok(h.t, errors.Join(h.d.die(), h.PBX.Die()))
	h.waitState("pbx", "Failure", "standing in")
}

// returns has it come back as one does whose application and service address wait for a failback.
func (h *homestead) returns() {
	h.t.Helper()
	// The management address comes second on its network, and goes with the first.
	ok(h.t, errors.Join(h.PBX.RemoveAddress(site.PBXAddress+"/24"), h.PBX.AddAddress(managementAddress+"/24"), h.PBX.Up(), h.d.back()))
	h.o.run()
	h.waitServer("pbx", "answering over its management address", answersThere)
}

// answersThere reports whether pbx answers over its management address.
func answersThere(v status.Server) bool {
	return slices.ContainsFunc(v.Paths, func(p status.Path) bool { return p.Address == managementAddress && p.Outcome == "answered" })
}

// pen is what the users of the stand-in write, until it is stopped, and again when it is started.
type pen struct {
	ended func()
	base  string // the rows that there were before, if others than the first two

	mu          sync.Mutex
	rows, files []string
}

// written is what there has to be in the end: the rows, and the files.
func (p *pen) written() (want string, files []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := append(slices.Clone(p.rows), strings.Split(cmp.Or(p.base, "1 anna, 2 bert"), ", ")...)
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(word(a)), len(word(b))), cmp.Compare(a, b)) })
	return strings.Join(all, ", "), slices.Clone(p.files)
}

// word is the number of a row.
func word(row string) string {
	number, _, _ := strings.Cut(row, " ")
	return number
}

// bulk writes many rows and files at once before anything else is written: what users have written in a takeover of days.
func (h *homestead) bulk(p *pen, rows, files int) {
	h.t.Helper()
	const first = 100_000
	execute(h.t, h.d.at(h.t, secondary, "pbx_calls"), fmt.Sprintf(
		"INSERT INTO calls WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i+1 FROM n WHERE i < %d) SELECT i, 'bulk' FROM n", first, first+rows-1))
	ok(h.t, os.MkdirAll(filepath.Join(h.m.dst, "bulk"), 0o755))
	for i := range max(rows, files) {
		row, file := "", ""
		if i < rows {
			row = fmt.Sprint(first+i, " bulk")
		}
		if i < files {
			file = fmt.Sprintf("bulk/%d.wav", i)
			ok(h.t, os.WriteFile(filepath.Join(h.m.dst, file), []byte(file), 0o644))
		}
		p.wrote(row, file)
	}
}

// wrote notes a row and a file; one that is empty was not written.
func (p *pen) wrote(row, file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if row != "" {
		p.rows = append(p.rows, row)
	}
	if file != "" {
		p.files = append(p.files, file)
	}
}

// writeEvery is how often users write. Each time they connect anew, which costs a PostgreSQL server more than all else that
// these tests do: several of them at a time, more often, take a processor for themselves.
const writeEvery = 100 * time.Millisecond

// writing has users write through the stand-in until the end: a row and a file each time. What was written is told at the
// end, and not a row that was begun when the stand-in was told to stop.
func (h *homestead) writing() *pen {
	h.t.Helper()
	p := &pen{}
	quiet, hushed, busy := filepath.Join(h.Dir, "quiet"), filepath.Join(h.Dir, "hushed"), filepath.Join(h.Dir, "busy")
	ok(h.t, os.WriteFile(busy, nil, 0o600))
	db := h.d.at(h.t, secondary, "pbx_calls")
	ctx, cancel := context.WithCancel(context.Background())
	var ending sync.WaitGroup
	ending.Go(func() {
		tick := time.NewTicker(writeEvery)
		defer tick.Stop()
		for n := 100; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if whose, err := os.ReadFile(quiet); err == nil {
				_ = errors.Join(os.WriteFile(hushed+".new", whose, 0o600), os.Rename(hushed+".new", hushed))
				continue
			}
			if _, err := db.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("INSERT INTO calls VALUES (%d, 'user')", n)); err != nil {
				h.t.Errorf("a user cannot write: %v", err)
				return
			}
			name := fmt.Sprintf("taken/%d.wav", n)
			if err := errors.Join(os.MkdirAll(filepath.Join(h.m.dst, "taken"), 0o755), os.WriteFile(filepath.Join(h.m.dst, name), []byte(name), 0o644),
				os.WriteFile(filepath.Join(h.m.dst, "log"), []byte(name), 0o644)); err != nil {
				h.t.Errorf("a user cannot write: %v", err)
				return
			}
			p.wrote(fmt.Sprint(n, " user"), name)
			n++
		}
	})
	var once sync.Once
	p.ended = func() {
		once.Do(func() {
			cancel()
			ending.Wait()
			_ = errors.Join(db.Close(), os.Remove(busy))
		})
	}
	h.t.Cleanup(p.ended)
	return p
}

// holding looks all the time whether two hosts hold the service address, until it is asked.
func (h *homestead) holding() (never func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var ending sync.WaitGroup
	two := ""
	ending.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// Looked at twice: the address may move between one look and the other.
			if first := h.Holders(site.PBXAddress); len(first) > 1 {
				if again := h.Holders(site.PBXAddress); slices.Equal(first, again) {
					two = strings.Join(first, " and ")
				}
			}
		}
	})
	return func() {
		h.t.Helper()
		cancel()
		ending.Wait()
		if two != "" {
			h.t.Errorf("two held the address: %s", two)
		}
	}
}

// finalStop says how long nobody served in a failback, and what of it the application's own stop and start took: what is left
// is what failoverd adds.
func (h *homestead) finalStop(operation string) string {
	h.t.Helper()
	client, err := h.API()
	ok(h.t, err)
	defer client.Close()
	r, err := client.Operation(h.waiting(), operation)
	ok(h.t, err)
	took := func(name string) time.Duration {
		d := r.Step(name)
		if d == nil || d.Started == nil || d.Ended == nil {
			h.t.Fatalf("%s has no step %s that has ended", operation, name)
		}
		return d.Ended.Sub(*d.Started)
	}
	stop, start := took("stop"), took("application")
	whole := r.Step("application").Ended.Sub(*r.Step("turn").Started)
	steps := ""
	for i := slices.IndexFunc(r.Steps, func(d plan.Done) bool { return d.Name == "turn" }); i < len(r.Steps); i++ {
		steps += fmt.Sprintf(", %s %v", r.Steps[i].Name, took(r.Steps[i].Name).Round(time.Millisecond))
	}
	return fmt.Sprintf("the final stop took %v, of which the application's own stop took %v and its start %v: %v beside them%s",
		whole.Round(time.Millisecond), stop.Round(time.Millisecond), start.Round(time.Millisecond), (whole - stop - start).Round(time.Millisecond), steps)
}

// home checks that the primary serves with everything that was written, once.
func (h *homestead) home(p *pen) {
	h.t.Helper()
	v := h.waitState("pbx", "OK", "standing by")
	if v.Diverged || v.Trees[0].Diverged {
		h.t.Errorf("it is diverged: %v, %v", v.Diverged, v.Trees[0].Diverged)
	}
	want, files := p.written()
	if got := rows(h.t, h.d.at(h.t, primary, "calls")); got != want {
		h.t.Errorf("the primary has\n%q, want\n%q", got, want)
	}
	h.same(h.m)
	for _, name := range files {
		if b, err := os.ReadFile(filepath.Join(h.m.src, name)); err != nil || string(b) != name {
			h.t.Errorf("%s: %v, %q", name, err, b)
		}
	}
	h.assertHeld(site.PBXAddress, false)
	if n := h.standIns("pbx"); n != 0 {
		h.t.Errorf("%d stand-ins run", n)
	}
}

// ofFailback are the companies in which a failback is played.
func ofFailback() map[string]func(*testing.T, *company) databases {
	return map[string]func(*testing.T, *company) databases{
		"sqlite":   newFiles,
		"postgres": func(t *testing.T, c *company) databases { return newPostgresAt(t, c, managementAddress) },
	}
}

// TestFailbackHome: after 10,000 rows and 1,000 files were written in the takeover, and while users go on writing, one command
// brings the primary its data, its address and its application back. Nothing is lost, nothing is there twice, and no two hosts have the address.
func TestFailbackHome(t *testing.T) {
	for name, engine := range ofFailback() {
		t.Run(name, func(t *testing.T) {
			h := newHomestead(t, engine)
			h.dies()
			contains(t, h.cli(exitRefused, "failback", "pbx", "--yes"), "does not answer")
			contains(t, h.cli(exitAttention, "status"), "failoverd failback pbx")
			contains(t, h.waitMail("takeover.done").Text(), "(with its data; --dry-run only says what it would do)")
			p := h.writing()
			h.bulk(p, 10_000, 1_000)
			h.eventually("users to have written", func() bool { return len(parts(filepath.Join(h.m.dst, "taken"))) > 10 })
			h.returns()
			never := h.holding()
			contains(t, h.cli(exitDone, "failback", "pbx", "--dry-run"), "If pbx were failed back now", "POINT OF NO RETURN", "own-start", "standby-1 --> pbx", "files vm", "ahead vm")
			contains(t, h.cli(exitUsage, "failback", "pbx"), "failoverd failback pbx --yes")
			out := h.cli(exitDone, "failback", "pbx", "--yes", "--reason", "repaired")
			contains(t, out, "ahead vm", "turn", "swap calls", "drop", "application", "Done in")
			p.ended()
			h.home(p)
			never()
			e, found := h.happened("pbx", "failback.done")
			if !found || !strings.Contains(e.Reason, "the final stop took") || !strings.Contains(e.Reason, "until its application was started") {
				t.Errorf("in the history: %+v", e)
			}
			contains(t, h.waitMail("failback.done").Text(), "the final stop took")
			t.Log(h.finalStop(e.Operation))
			contains(t, h.cli(exitDone, "files", "set-aside", "pbx", "vm"), "Nothing of vm is set aside")
			h.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			contains(t, h.cli(exitConflict, "failback", "pbx", "--yes"), "does not stand in")
		})
	}
}

// TestFailbackStops: a failback that cannot be finished leaves the users with the stand-in and all of their data; ordered
// again when the reason is gone, it is finished. When only the application cannot be started, the rest stands.
func TestFailbackStops(t *testing.T) {
	h := newHomestead(t, newFiles)
	h.dies()
	p := h.writing()
	h.returns()
	never := h.holding()
	// When the stand-in is stopped, something gets into the way of the primary's database that was not there when it was asked.
	h.wrap("stop", `mkdir -p "$D/mnt-pbx/calls__prev.db"`)
	out := h.cli(exitFailed, "failback", "pbx", "--yes")
	contains(t, out, "what had been done is taken back")
	h.waitServer("pbx", "standing in again", func(v status.Server) bool { return v.Operation == "" && v.Role == "standing in" })
	// It runs because the failback has started it again, not because the watch finds it dead some seconds later.
	if n := h.standIns("pbx"); n != 1 {
		t.Errorf("%d stand-ins run", n)
	}
	h.assertHeld(site.PBXAddress, true)
	h.waitMail("failback.failed")
	before := len(parts(filepath.Join(h.m.dst, "taken")))
	h.eventually("users to write again", func() bool { return len(parts(filepath.Join(h.m.dst, "taken"))) > before+3 })
	ok(t, errors.Join(os.Remove(filepath.Join(h.Dir, "mnt-pbx", "calls__prev.db")), os.Rename(filepath.Join(h.Dir, "pbx-stop.real.real"), filepath.Join(h.Dir, "pbx-stop"))))
	ok(t, os.WriteFile(filepath.Join(h.Dir, "no-licence"), nil, 0o600))
	out = h.cli(exitAttention, "failback", "pbx", "--yes")
	contains(t, out, "application", "ended as partial")
	p.ended()
	ok(t, os.Remove(filepath.Join(h.Dir, "no-licence")))
	_, err := h.PBX.Run(t.Context(), filepath.Join(h.Dir, "own-start"))
	ok(t, err)
	h.home(p)
	never()
}

// TestKilledAtEveryEdgeOfAFailback: the daemon is killed at every journalled edge of a failback, while users write. The
// next start finishes it, or takes it back, and says which. No two hosts have the address, and in the end the primary
// has all that was written.
func TestKilledAtEveryEdgeOfAFailback(t *testing.T) {
	h := newHomestead(t, newFiles)
	h.dies()
	p := h.writing()
	h.returns()
	never := h.holding()
	ok(t, h.daemon.Stop())
	finished, back, untouched, said := 0, 0, 0, 0
	h.killedAgainAndAgain(8, func() bool {
		h.waitServer("pbx", "standing in", func(v status.Server) bool { return v.Role == "standing in" && v.Operation == "" && answersThere(v) })
		h.cliOrDeath("failback", "pbx", "--yes", "--no-wait")
		return h.killedBefore("the failback", func(v status.Server) bool { return v.Operation == "" && v.Role == "standing by" })
	}, func(e edge) {
		v := h.waitServer("pbx", "through with it", func(v status.Server) bool {
			return v.Operation == "" && (v.Role == "standing in" || v.Role == "standing by")
		})
		n, what := h.examined(status.Failback)
		switch v.Role {
		case "standing by":
			finished++
			h.waitState("pbx", "OK", "standing by")
			if n > said && !strings.Contains(what, "is finished") {
				t.Errorf("%v: it is finished, and %q was said", e, what)
			}
			h.again(e, p)
		default:
			if n == said {
				untouched++
			} else {
				back++
				if !strings.Contains(what, "is taken back") {
					t.Errorf("%v: it is taken back, and %q was said", e, what)
				}
			}
			h.eventually(fmt.Sprintf("%v: one stand-in to run", e), func() bool { return h.standIns("pbx") == 1 })
			if !h.held(site.PBXAddress) || !v.Diverged {
				t.Errorf("%v: held %v, diverged %v", e, h.held(site.PBXAddress), v.Diverged)
			}
		}
		if n > said+1 {
			t.Errorf("%v: what became of it was said %d times", e, n-said)
		}
		said = n
	})
	if finished == 0 || back == 0 || untouched == 0 {
		t.Errorf("finished %d times, taken back %d times, untouched %d times", finished, back, untouched)
	}
	h.launch()
	p.ended()
	h.home(p)
	never()
}

// everyEdge has a guided operation be killed on both sides of every edge. Each takes seconds and another operation to bring
// everything back, so that otherwise it is one side of every second edge. Which ones is the dice's to say, but for the first two: an
// order that is not on disk yet, and one that has just been.
const everyEdge = "FAILOVERD_TEST_EDGES"

// killedAgainAndAgain is atEveryEdge where the number of edges may differ by one or two: what is found out about the files, or about
// a path to pbx, is written down as well, and not at the same instant each time.
func (h *homestead) killedAgainAndAgain(least int, order func() (killed bool), look func(e edge)) {
	h.t.Helper()
	all, dice := os.Getenv(everyEdge) == "all", rand.IntN(4)
	for n := 1; ; n++ {
		sides := []string{"before", "after"}
		switch {
		case all:
		case n <= len(sides):
			sides = sides[n-1:][:1]
		case n%2 != dice%2:
			continue
		default:
			sides = sides[(n/2+dice/2)%2:][:1]
		}
		for _, side := range sides {
			e := edge{n, side}
			h.start(e.env())
			if !order() {
				if n <= least {
					h.t.Errorf("not killed %s edge %d", side, n)
				}
				ok(h.t, h.daemon.Kill())
				return
			}
			h.launch()
			look(e)
			ok(h.t, h.daemon.Stop())
		}
	}
}

// again checks that the primary has all that was written, and has the standby stand in once more.
func (h *homestead) again(e edge, p *pen) {
	h.t.Helper()
	want, _ := p.written()
	if got := rows(h.t, h.d.at(h.t, primary, "calls")); got != want {
		h.t.Errorf("%v: the primary has\n%q, want\n%q", e, got, want)
	}
	h.same(h.m)
	h.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	h.stopOwn()
	ok(h.t, h.PBX.RemoveAddress(site.PBXAddress+"/24"))
	h.waitServer("pbx", "standing in once more", func(v status.Server) bool { return v.Role == "standing in" && v.Operation == "" })
}
