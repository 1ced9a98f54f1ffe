package standby

import (
	"context"
	"net/netip"
	"time"

	"failoverd/takeover"
)

// markedHolder marks addresses as the standby's own before they are assumed, so
// that no ping of them is ever taken for an answer of the primary.
type markedHolder struct {
	Holder
	own *ownNet
}

var _ takeover.Holder = markedHolder{}

func (h markedHolder) Assume(ctx context.Context, link string, p netip.Prefix) error {
	h.own.mark(p.Addr())
	err := h.Holder.Assume(ctx, link, p)
	if err != nil && !h.Holds(p.Addr()) {
		h.own.unmark(p.Addr())
	}
	return err
}

func (h markedHolder) Drop(ctx context.Context, link string, a netip.Addr) error {
	err := h.Holder.Drop(ctx, link, a)
	if err == nil {
		h.own.unmark(a)
	}
	return err
}

// Holds asks the kernel itself: what the watcher of links and addresses has
// heard may be a moment old.
func (h markedHolder) Holds(a netip.Addr) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	held, err := h.Held(ctx)
	if err != nil {
		return h.own.holds(a)
	}
	for _, one := range held {
		if one.Prefix.Addr() == a {
			return true
		}
	}
	return false
}
