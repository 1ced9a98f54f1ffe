package takeover

import (
	"context"
	"fmt"
	"net/netip"
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
	Every   time.Duration // between two looks at the stand-in; zero: DefaultLook
	Report  func(Sighting)
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
	look := w.Every
	if look == 0 {
		look = DefaultLook
	}
	looks := time.NewTicker(look)
	defer looks.Stop()
	announce := time.NewTimer(next(time.Since(since)))
	defer announce.Stop()
	if w.Server.Assume {
		for _, a := range w.Server.Addresses {
			w.Parts.Inquiry.Begin(a.Addr(), ProbeEvery)
			defer w.Parts.Inquiry.End(a.Addr())
		}
	}
	up, mac := w.Network.Link(w.Server.Link)
	deaths := 0
	changed := w.Network.Changed()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-announce.C:
			w.announce()
			announce.Reset(next(time.Since(since)))
		case <-changed:
			changed = w.Network.Changed()
			nowUp, nowMAC := w.Network.Link(w.Server.Link)
			if w.restore(ctx) || (nowUp && !up) || nowMAC != mac {
				// The neighbours' caches and the switch's table are out of
				// date: begin the announcements anew.
				since = time.Now()
				w.announce()
				announce.Reset(next(0))
				w.Report(Sighting{Kind: Reannounced, MAC: nowMAC, Detail: fmt.Sprintf("link %s, up %t", w.Server.Link, nowUp)})
			}
			up, mac = nowUp, nowMAC
		case <-looks.C:
			deaths = w.look(ctx, deaths)
		}
	}
}

// announce tells the neighbours of every address that is really held.
func (w *Watch) announce() {
	if !w.Server.Assume {
		return
	}
	for _, a := range w.Server.Addresses {
		if w.Parts.Holder.Holds(a.Addr()) {
			// A failure is not reported: the link is watched, and the next
			// announcement is a minute away at most.
			_ = w.Parts.Announcer.Announce(a.Addr())
		}
	}
}

// restore puts back what somebody removed, and says whether it did.
func (w *Watch) restore(ctx context.Context) (restored bool) {
	if !w.Server.Assume {
		return false
	}
	for _, a := range w.Server.Addresses {
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

// look looks at the stand-in, starts it again if it died, and returns how
// often it has died in a row.
func (w *Watch) look(ctx context.Context, deaths int) int {
	running, evidence, err := w.Parts.StandIn.Running(ctx)
	if ctx.Err() != nil || err != nil {
		return deaths // nobody can tell
	}
	if running {
		return 0
	}
	deaths++
	if deaths > Restarts {
		return deaths // the operator was called
	}
	w.Report(Sighting{Kind: StandInDied, Detail: evidence})
	if err := w.restart(ctx); err != nil {
		if ctx.Err() == nil && deaths == Restarts {
			w.Report(Sighting{Kind: StandInFails, Err: err, Detail: err.Error()})
		}
		return deaths
	}
	w.Report(Sighting{Kind: StandInRestarts, Detail: evidence})
	return deaths
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
