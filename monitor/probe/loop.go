package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stallGap is the least delay that counts as "the standby was stopped".
	stallGap = 2 * time.Second

	// lateGap is the least delay of a verdict for which the standby rather than
	// the target is to blame.
	lateGap = 500 * time.Millisecond

	// idleWait is how long the loop sleeps when nothing is due.
	idleWait = 10 * time.Second

	// unreadTime is how long answers may wait to be read in a crowd. The kernel
	// stamps them, so that it changes no outcome; it saves a wake-up for each.
	unreadTime = 20 * time.Millisecond
)

// loop is one run of a Pinger. Everything here belongs to one goroutine.
type loop struct {
	cfg   PingerConfig
	inbox func() ([]Target, bool, []string)
	bell  int
	wait  *waiter

	clock  *clock
	book   book
	magic  uint32
	family [2]family // IPv4, IPv6

	in, out *packets
	group   [2]group // what is being gathered, by family
	results []Result

	before int64  // the clock offset of the pass before
	looked moment // when suspension was last looked for
	rung   bool   // the bell was heard
	polled bool   // sockets were watched during the last sleep, and silent
}

// group is a set of entries that share a system call.
type group struct {
	socket  *socket
	entries [batch]*entry
	n       int
}

func newLoop(cfg PingerConfig, bell int, inbox func() ([]Target, bool, []string)) (*loop, error) {
	wait, err := newWaiter(bell)
	if err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	l := &loop{
		cfg: cfg, inbox: inbox, bell: bell, wait: wait,
		clock: newClock(), magic: rand.Uint32(),
		in: newPackets(), out: newPackets(), rung: true,
	}
	l.family[1].v6 = true
	l.before = l.clock.read().offset
	return l, nil
}

// close gives the sockets back.
func (l *loop) close() {
	for i := range l.family {
		l.family[i].close()
	}
	l.wait.close()
}

// run passes and sleeps until ctx ends.
func (l *loop) run(ctx context.Context) error {
	for {
		if l.rung {
			if ctx.Err() != nil {
				return nil
			}
			l.rung = false
			l.takeInbox()
		}
		l.pass()
		if err := l.sleep(); err != nil {
			return fmt.Errorf("ping: %w", err)
		}
	}
}

// takeInbox takes over new targets and questions.
func (l *loop) takeInbox() {
	targets, changed, asked := l.inbox()
	now := l.clock.read().now
	if changed {
		l.book.set(targets, now)
	}
	for _, server := range asked {
		for _, e := range l.book.entries {
			if e.Server == server {
				e.ask = now
				l.book.schedule(e)
			}
		}
	}
}

// pass does everything that is due: read, judge, send, deliver.
func (l *loop) pass() {
	r := l.clock.read()
	if gap := l.stopped(r); gap > 0 {
		l.stall(gap, r)
	}
	// Before anything is judged the sockets are read, so that an answer that
	// the kernel has is never a miss.
	if !l.polled || l.book.due(r.now) != nil {
		for i := range l.family {
			l.read(&l.family[i], r)
		}
	}
	for e := l.book.due(r.now); e != nil; e = l.book.due(r.now) {
		l.judge(e, r)
		l.beat(e, r)
		l.book.schedule(e)
	}
	for i := range l.group {
		l.flush(&l.group[i])
	}
	l.before = r.offset
	l.deliver()
}

// deliver hands over what became known.
func (l *loop) deliver() {
	if len(l.results) == 0 {
		return
	}
	results := l.results
	// The receiver keeps the slice; the next one is likely as long.
	l.results = make([]Result, 0, len(results))
	l.cfg.Deliver(results)
}

// sleep waits for the next due moment, for the bell, and unless they are about
// to be read anyway, for answers.
func (l *loop) sleep() error {
	now := l.clock.read().now
	wait := idleWait
	if len(l.book.heap) > 0 {
		wait = max(l.book.heap[0].wake-now, 0)
	}
	// In a crowd that is about to be read anyway nothing else needs to wake us.
	watch := !l.book.crowded || wait > unreadTime
	for i := range l.family {
		for _, s := range l.family[i].sockets {
			if s.watched == watch {
				continue
			}
			change := l.wait.watch
			if !watch {
				change = l.wait.ignore
			}
			if err := change(s.fd); err != nil {
				return err
			}
			s.watched = watch
		}
	}
	rung, readable, err := l.wait.wait(wait)
	if err != nil {
		return err
	}
	l.polled = watch && !readable
	if rung {
		l.rung = true
		var count [8]byte
		// Empty is as good as read.
		_, _ = unix.Read(l.bell, count[:])
	}
	return nil
}

// unknown records a ping that says nothing of its target.
func (l *loop) unknown(e *entry, r reading, sent moment, evidence string) {
	l.results = append(l.results, Result{
		Server: e.Server, Probe: e.probe, Path: e.Path, Addr: e.Addr,
		At: r.at, Sent: r.time(sent), Outcome: Unknown, Evidence: evidence,
	})
}
