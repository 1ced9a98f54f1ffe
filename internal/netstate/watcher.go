package netstate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// receiveBuffer is what the subscription may hold, in bytes, before messages
// are lost: some 10,000 of them. Losing them costs a listing, nothing more.
const receiveBuffer = 4 << 20

// Watcher keeps the latest State. It belongs to the network namespace of the
// thread that called New.
type Watcher struct {
	log   *slog.Logger
	state atomic.Pointer[State]

	// asking guards handle: one question at a time goes over its socket.
	asking sync.Mutex
	handle *netlink.Handle

	mu      sync.Mutex
	sub     *nl.NetlinkSocket
	changed chan struct{}
	closed  bool
	routes  routeCache
}

// New subscribes to the kernel's messages and lists everything once, so that
// State is right from the start. Run, or Close, gives back what it holds.
func New(log *slog.Logger) (*Watcher, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	// The kernel answers at once; the limit keeps a broken socket from holding
	// up everything that asks.
	if err := handle.SetSocketTimeout(5 * time.Second); err != nil {
		handle.Close()
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	w := &Watcher{log: log, handle: handle, changed: make(chan struct{})}
	if w.sub, err = subscribe(); err != nil {
		handle.Close()
		return nil, err
	}
	// The subscription comes first: what changes during the listing is told
	// by a message after it.
	s, err := list(handle, State{}, nil, time.Now())
	if err != nil {
		w.Close()
		return nil, err
	}
	s.Generation = 1
	w.state.Store(&s)
	return w, nil
}

// subscribe opens the socket on which the kernel tells of changes.
func subscribe() (*nl.NetlinkSocket, error) {
	sub, err := nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
		unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_NEXTHOP)
	if err != nil {
		return nil, fmt.Errorf("subscribe to links, addresses and routes: %w", err)
	}
	// Beyond the limit of the system only with CAP_NET_ADMIN; without it the
	// system's limit has to do, and an overflow is survived anyway.
	if sub.SetReceiveBufferSize(receiveBuffer, true) != nil {
		if err := sub.SetReceiveBufferSize(receiveBuffer, false); err != nil {
			sub.Close()
			return nil, fmt.Errorf("subscribe to links, addresses and routes: set receive buffer: %w", err)
		}
	}
	return sub, nil
}

// State gives the latest state. It costs a pointer's load.
func (w *Watcher) State() State { return *w.state.Load() }

// Changed gives a channel that is closed at the next change. To miss none,
// take the channel, look at State, then wait.
func (w *Watcher) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// Run follows the kernel until ctx ends, then returns nil. It subscribes and
// lists afresh when messages were lost or the socket broke.
func (w *Watcher) Run(ctx context.Context) error {
	defer w.Close()
	stopped := make(chan struct{})
	interrupt := context.AfterFunc(ctx, func() {
		defer close(stopped)
		w.Close()
	})
	defer func() {
		if !interrupt() {
			<-stopped
		}
	}()
	for ctx.Err() == nil {
		var n news
		err := w.receive(&n)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			// ENOBUFS is the overflow. The socket would go on working, but a
			// new one is the same remedy for every error.
			w.log.Warn("messages of the kernel about the network were lost, asking afresh", "err", err)
			n.relist, n.routes = true, true
			if err := w.resubscribe(ctx); err != nil {
				return nil //nolint:nilerr // only the end of ctx, or Close, ends the attempts
			}
		}
		w.update(ctx, n)
	}
	return nil
}

// receive waits for a message and takes with it those that wait behind it, so
// that a burst of changes costs one listing.
func (w *Watcher) receive(n *news) error {
	w.mu.Lock()
	sub := w.sub
	w.mu.Unlock()
	msgs, _, err := sub.Receive()
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	n.read(msgs)
	for range 256 {
		if more, err := w.waiting(); err != nil || !more {
			return err
		}
		msgs, _, err := sub.Receive()
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		n.read(msgs)
	}
	return nil
}

// waiting says whether a further message can be had without waiting.
func (w *Watcher) waiting() (bool, error) {
	// The lock keeps Close from giving the descriptor to somebody else.
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false, net.ErrClosed
	}
	var pending [1]byte
	_, _, err := unix.Recvfrom(w.sub.GetFd(), pending[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, nil
	default:
		return false, fmt.Errorf("receive: %w", err)
	}
}

// resubscribe replaces the socket, as often as it takes.
func (w *Watcher) resubscribe(ctx context.Context) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		sub, err := subscribe()
		if err == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.closed {
				sub.Close()
				return net.ErrClosed
			}
			w.sub.Close()
			w.sub = sub
			return nil
		}
		w.log.Error("the kernel's messages about the network cannot be had", "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// update lists where needed and publishes what differs.
func (w *Watcher) update(ctx context.Context, n news) {
	prev := w.State()
	next := prev
	for wait := 10 * time.Millisecond; n.relist; wait = min(2*wait, time.Second) {
		w.asking.Lock()
		s, err := list(w.handle, prev, n.flapped, time.Now())
		w.asking.Unlock()
		if err == nil {
			next = s
			break
		}
		if ctx.Err() != nil {
			return
		}
		w.log.Error("links, addresses and routes cannot be listed", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
	next.Generation = prev.Generation
	if !n.routes && next.same(prev) {
		return
	}
	next.Generation++
	w.state.Store(&next)
	w.mu.Lock()
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
}

// Close gives the sockets back. Run calls it; it is for who calls New and
// never Run, and may be called twice.
func (w *Watcher) Close() {
	w.mu.Lock()
	was := w.closed
	w.closed = true
	if !was {
		w.sub.Close()
	}
	w.mu.Unlock()
	if was {
		return
	}
	w.asking.Lock()
	defer w.asking.Unlock()
	w.handle.Close()
}
