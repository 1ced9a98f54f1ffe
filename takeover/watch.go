package takeover

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Watch looks after what the standby holds while it stands in for a server:
// the addresses stay where they are, the neighbours are told again and again,
// another host that claims an address is noticed although it is silent, and a
// stand-in that dies is started again.
type Watch struct {
	Server  Server
	Parts   Parts
	Network Network
	Report  func(Sighting) // called from two goroutines

	// Incomplete says that the takeover stopped on the way and was kept: what is
	// held is looked after, what is not held is not taken, and the stand-in is
	// left to the operator.
	Incomplete bool

	revived bool // the last restart of the stand-in succeeded
}

// DefaultLook is the time between two looks at the stand-in.
const DefaultLook = 5 * time.Second

// ProbeEvery is the time between two questions whether another host holds an
// address that the standby holds. A returning primary is silent until its
// first packet, which turns every neighbour's cache to it.
const ProbeEvery = 3 * time.Second

// DefendEvery is the least time between two defences. RFC 5227, section 2.4,
// has ten seconds between hosts that both believe to be right; here one of both
// is known to be the stand-in, and users wait.
const DefendEvery = time.Second

// Restarts is how often a stand-in that died is started again before the
// operator is called.
const Restarts = 3

// Calm is how long a stand-in has to run until its deaths are forgotten.
const Calm = 5 * time.Minute

// Network is what the kernel says about links and addresses.
type Network interface {
	Changed() <-chan struct{}
	Link(name string) (up bool, mac string)
}

// Sighting is something that the watch saw, or did.
type Sighting struct {
	Kind   SightingKind
	IP     netip.Addr
	MAC    string
	Detail string
	Err    error
}

// SightingKind is what kind of thing was seen.
type SightingKind uint8

const (
	Restored        SightingKind = iota // an address was removed by somebody, and is back
	NotRestored                         // it could not be put back
	Reannounced                         // after a change of the link or of its MAC address
	StandInDied                         // it does not run any more
	StandInRestarts                     // it was started again and is ready
	StandInFails                        // it could not be started again
)

// Run watches until the context ends. The announcements of the takeover itself
// are taken up where since says that they began.
func (w *Watch) Run(ctx context.Context, since time.Time, next func(since time.Duration) time.Duration) error {
	// Looking at a stand-in, and starting it, may take minutes; the addresses do
	// not wait for it.
	var standIn sync.WaitGroup
	if !w.Incomplete {
		standIn.Go(func() { w.attend(ctx) })
	}
	w.keep(ctx, w.addresses(), since, next)
	standIn.Wait()
	return nil
}

// addresses are those that are looked after.
func (w *Watch) addresses() []netip.Prefix {
	switch {
	case !w.Server.Assume:
		return nil
	case !w.Incomplete:
		return w.Server.Addresses
	}
	var held []netip.Prefix
	for _, a := range w.Server.Addresses {
		if w.Parts.Holder.Holds(a.Addr()) {
			held = append(held, a)
		}
	}
	return held
}

// keep looks after the addresses.
func (w *Watch) keep(ctx context.Context, addresses []netip.Prefix, since time.Time, next func(since time.Duration) time.Duration) {
	if len(addresses) == 0 {
		<-ctx.Done()
		return
	}
	for _, a := range addresses {
		w.Parts.Inquiry.Begin(a.Addr(), ProbeEvery)
		defer w.Parts.Inquiry.End(a.Addr())
	}
	up, mac := w.Network.Link(w.Server.Link)
	changed := w.Network.Changed()
	anew := func(up bool, mac string) {
		// The neighbours' caches and the switch's table are out of date: begin
		// the announcements anew.
		since = time.Now()
		w.announce(addresses)
		w.Report(Sighting{Kind: Reannounced, MAC: mac, Detail: fmt.Sprintf("link %s, up %t", w.Server.Link, up)})
	}
	if w.restore(ctx, addresses) { // it was removed while nobody watched
		anew(up, mac)
	}
	announce := time.NewTimer(next(time.Since(since)))
	defer announce.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-announce.C:
			w.announce(addresses)
			announce.Reset(next(time.Since(since)))
		case <-changed:
			changed = w.Network.Changed()
			nowUp, nowMAC := w.Network.Link(w.Server.Link)
			if w.restore(ctx, addresses) || (nowUp && !up) || nowMAC != mac {
				anew(nowUp, nowMAC)
				announce.Reset(next(0))
			}
			up, mac = nowUp, nowMAC
		}
	}
}

// announce tells the neighbours of every address that is really held.
func (w *Watch) announce(addresses []netip.Prefix) {
	for _, a := range addresses {
		if w.Parts.Holder.Holds(a.Addr()) {
			// A failure is not reported: the link is watched, and the next
			// announcement is a minute away at most.
			_ = w.Parts.Announcer.Announce(a.Addr())
		}
	}
}

// restore puts back what somebody removed, and says whether it did.
func (w *Watch) restore(ctx context.Context, addresses []netip.Prefix) (restored bool) {
	for _, a := range addresses {
		if w.Parts.Holder.Holds(a.Addr()) || ctx.Err() != nil {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := w.Parts.Holder.Assume(bounded, w.Server.Link, a)
		cancel()
		if err != nil {
			w.Report(Sighting{Kind: NotRestored, IP: a.Addr(), Err: err, Detail: err.Error()})
			continue
		}
		restored = true
		w.Report(Sighting{Kind: Restored, IP: a.Addr(), Detail: "it was removed from " + w.Server.Link + " by somebody else"})
	}
	return restored
}

// attend looks at the stand-in until the context ends.
func (w *Watch) attend(ctx context.Context) {
	looks := time.NewTicker(DefaultLook)
	defer looks.Stop()
	deaths, died := 0, time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-looks.C:
		}
		running, evidence, err := w.Parts.StandIn.Running(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // nobody can tell
		case !running:
			deaths, died = deaths+1, time.Now()
			w.revive(ctx, deaths, evidence)
		case time.Since(died) >= Calm:
			deaths = 0
		}
	}
}

// revive starts a stand-in again that died, for the deaths-th time in a row. One
// that goes on dying, or cannot be started, is left to the operator, who is
// called.
func (w *Watch) revive(ctx context.Context, deaths int, evidence string) {
	switch {
	case deaths == Restarts+1 && w.revived:
		w.Report(Sighting{Kind: StandInFails, Detail: fmt.Sprintf("started again %d times: %s", Restarts, evidence)})
		return
	case deaths > Restarts:
		return
	}
	w.Report(Sighting{Kind: StandInDied, Detail: evidence})
	err := w.restart(ctx)
	w.revived = err == nil
	if w.revived {
		w.Report(Sighting{Kind: StandInRestarts, Detail: evidence})
	} else if ctx.Err() == nil && deaths == Restarts {
		w.Report(Sighting{Kind: StandInFails, Err: err, Detail: err.Error()})
	}
}

// restart starts the stand-in and waits until it is ready.
func (w *Watch) restart(ctx context.Context) error {
	start, cancel := context.WithTimeout(ctx, w.Server.Start)
	err := w.Parts.StandIn.Start(start)
	cancel()
	if err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, w.Server.Ready+time.Second)
	defer cancel()
	_, err = w.Parts.StandIn.Ready(ready)
	return err
}
