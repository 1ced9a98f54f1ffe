package chaos

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"failoverd/api"
	"failoverd/internal/lab"
	"failoverd/internal/site"
	"failoverd/journal"
)

// The beats of those who look.
const (
	lookBeat   = 100 * time.Millisecond // at what the kernels hold
	censusBeat = 1500 * time.Millisecond
	userBeat   = 300 * time.Millisecond
	eventBeat  = 4 * time.Second
	// starvedAfter is how late the recorder must be for the machine to be called too busy.
	starvedAfter = 2 * time.Second
)

// recorder takes down what is seen of a company, from outside.
type recorder struct {
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
	wires  map[string]*lab.Capture

	counting sync.Mutex // held while a census is taken, so that they come in order

	mu     sync.Mutex
	h      History
	events map[int64]journal.Event // all that were ever in the history
	calls  int                     // the number of the last call
}

// newRecorder takes down what follows until end is called.
func newRecorder(s Story) *recorder {
	ctx, cancel := context.WithCancel(context.Background())
	return &recorder{ctx: ctx, cancel: cancel, wires: map[string]*lab.Capture{}, h: History{Story: s}, events: map[int64]journal.Event{}}
}

// watch begins to look.
func (r *recorder) watch(c *company) {
	for _, h := range c.world.Hosts() {
		r.wires[h.Name] = h.Capture()
		r.reach(h.Name, true)
	}
	r.every(lookBeat, func() { r.holders(c) })
	r.every(censusBeat, func() { r.census(c) })
	r.every(eventBeat, func() { r.history(c) })
	r.every(userBeat, func() { r.use(c, "pbx", site.PBXAddress) })
	r.every(userBeat, func() { r.use(c, "crm", site.CRMAddress) })
}

// every does something at a beat until the end.
func (r *recorder) every(beat time.Duration, do func()) {
	r.all.Go(func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-r.ctx.Done():
				return
			case <-tick.C:
				do()
			}
		}
	})
}

// end ends all looking.
func (r *recorder) end() {
	r.cancel()
	r.all.Wait()
}

// note changes the history.
func (r *recorder) note(change func(h *History)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.h)
}

// reach takes down whether a host hears its neighbours and is heard.
func (r *recorder) reach(host string, on bool) {
	now := time.Now()
	r.note(func(h *History) {
		open := slices.IndexFunc(h.Reached, func(k Reach) bool { return k.Host == host && k.Until.IsZero() })
		switch {
		case on && open < 0:
			h.Reached = append(h.Reached, Reach{Span{From: now}, host})
		case !on && open >= 0:
			h.Reached[open].Until = now
		}
	})
}

// discarded says whether somebody has ordered that what the stand-in wrote in the files is given up.
func (r *recorder) discarded() (found bool) {
	r.note(func(h *History) {
		found = slices.ContainsFunc(h.Done, func(d Done) bool { return d.Step.Verb == "discard" && d.Error == "" })
	})
	return found
}

// lives and died take down when the daemon begins and ends, froze when it is stopped and goes on.
func (r *recorder) lives() {
	r.note(func(h *History) { h.Lives = append(h.Lives, Life{Span: Span{From: time.Now()}}) })
}

func (r *recorder) died(how string) {
	r.note(func(h *History) {
		if n := len(h.Lives); n > 0 && h.Lives[n-1].Until.IsZero() {
			h.Lives[n-1].Until, h.Lives[n-1].How = time.Now(), how
		}
	})
}

func (r *recorder) froze(on bool) {
	now := time.Now()
	r.note(func(h *History) {
		n := len(h.Frozen)
		switch open := n > 0 && h.Frozen[n-1].Until.IsZero(); {
		case on && !open:
			h.Frozen = append(h.Frozen, Span{From: now})
		case !on && open:
			h.Frozen[n-1].Until = now
		}
	})
}

// holders looks who holds which service address. It also notices when it is late itself.
func (r *recorder) holders(c *company) {
	now := time.Now()
	type holding struct{ host, address string }
	seen := map[holding]bool{}
	for _, h := range c.world.Hosts() {
		for _, p := range h.Addresses() {
			if a := p.Addr().String(); a == site.PBXAddress || a == site.CRMAddress {
				seen[holding{h.Name, a}] = true
			}
		}
	}
	r.note(func(h *History) {
		if last := h.Ended; !last.IsZero() && now.Sub(last) > starvedAfter {
			h.Starved = append(h.Starved, Span{From: last, Until: now})
		}
		h.Ended = now
		for i := range h.Holds {
			k := &h.Holds[i]
			if !k.Until.IsZero() {
				continue
			}
			if seen[holding{k.Host, k.Address}] {
				delete(seen, holding{k.Host, k.Address})
				continue
			}
			k.Until = now
		}
		for k := range seen {
			h.Holds = append(h.Holds, Hold{Span{From: now}, k.host, k.address})
		}
	})
}

// census looks at what lies on the disks.
func (r *recorder) census(c *company) {
	r.counting.Lock()
	defer r.counting.Unlock()
	either := func(name string) string {
		if _, err := os.Stat(c.path("mnt-pbx")); err != nil {
			return filepath.Join(c.path("mnt-pbx.gone"), name)
		}
		return filepath.Join(c.path("mnt-pbx"), name)
	}
	take := func(place string, look func() ([]int, string, error)) {
		at := time.Now()
		calls, trouble, err := look()
		n := Census{At: at, Place: place, Readable: err == nil, Trouble: trouble, Calls: calls}
		r.note(func(h *History) { h.Censuses = append(h.Censuses, n) })
	}
	database := func(file string) func() ([]int, string, error) {
		return func() ([]int, string, error) { return callsIn(r.ctx, file) }
	}
	tree := func(dir string) func() ([]int, string, error) {
		return func() ([]int, string, error) { return callsUnder(dir) }
	}
	take(copyDB, database(c.path("copies/db/pbx_calls.db")))
	take(primaryDB, database(either("calls.db")))
	take(keptDB, database(either("calls__prev.db")))
	take(copyTree, tree(c.path("copies/vm")))
	take(ownTree, tree(c.path("tree")))
}

// use is one question of a user.
func (r *recorder) use(c *company, server, address string) {
	a := Answer{Server: server, Asked: time.Now()}
	question := "read\n"
	if server == "pbx" {
		r.mu.Lock()
		r.calls++
		a.Call = r.calls
		r.mu.Unlock()
		question = fmt.Sprintf("write %d\n", a.Call)
	}
	ctx, cancel := context.WithTimeout(r.ctx, time.Second)
	defer cancel()
	conn, err := c.Client.Dial(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(site.ServicePort)))
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := conn.Write([]byte(question)); err != nil {
		return
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	who, said, _ := strings.Cut(strings.TrimSpace(line), "\t")
	if server == "pbx" && said != "done" {
		return // It is no answer that a user could rely on.
	}
	a.By, a.At = who, time.Now()
	r.note(func(h *History) { h.Answers = append(h.Answers, a) })
}

// history reads what is new in failoverd's own history, so that it is known later what was there.
func (r *recorder) history(c *company) {
	r.mu.Lock()
	after := int64(0)
	for seq := range r.events {
		after = max(after, seq)
	}
	r.mu.Unlock()
	list, err := c.eventsAfter(r.ctx, after)
	if err != nil {
		return // It is asked again at the next beat.
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range list {
		r.events[e.Seq] = e
	}
}

// eventsAfter reads the history from an event on.
func (c *company) eventsAfter(ctx context.Context, after int64) (all []journal.Event, err error) {
	client, err := c.API()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		list, err := client.Events(ctx, api.EventQuery{After: after, Limit: 500})
		cancel()
		if err != nil || len(list.Events) == 0 {
			return all, err
		}
		all = append(all, list.Events...)
		after = all[len(all)-1].Seq
	}
}

// finish takes down what is known at the end, and returns everything.
func (r *recorder) finish(c *company) (*History, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	events, err := c.eventsAfter(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("the history at the end: %w", err)
	}
	client, err := c.API()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	list, err := client.Operations(ctx, "", "", api.Page{Limit: 1000})
	if err != nil {
		return nil, fmt.Errorf("the operations at the end: %w", err)
	}
	operations := list.Operations
	slices.Reverse(operations) // the oldest first
	s, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.h
	h.Events, h.Operations, h.Waiting, h.Ended = events, operations, s.Standby.Mail.Pending, time.Now()
	there := map[int64]bool{}
	for _, e := range events {
		there[e.Seq] = true
	}
	for seq, e := range r.events {
		if !there[seq] {
			h.Vanished = append(h.Vanished, e)
		}
	}
	for _, l := range c.Inbox.Letters() {
		h.Letters = append(h.Letters, Letter{l.At, l.Header.Get("Message-Id"), l.Header.Get("X-Failoverd-Event"), l.Header.Get("X-Failoverd-Server")})
	}
	for _, f := range r.wires[theStandby].Frames() {
		if f.Outgoing && f.ARP != nil && f.ARP.Gratuitous() {
			h.Claims = append(h.Claims, Claim{f.At, f.ARP.SenderIP.String()})
		}
	}
	return &h, nil
}
