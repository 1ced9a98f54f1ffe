package address

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// duplicatePatience is how long duplicate address detection may take: up to a
	// second before its solicitation and a second after it (RFC 4862, section
	// 5.4.2), and some for a busy host.
	duplicatePatience = 4 * time.Second

	// duplicatePoll is how often its result is looked for. A subscription would
	// have to be kept in step with a listing; this is one small request.
	duplicatePoll = 20 * time.Millisecond
)

// Held is a service address that this host holds.
type Held struct {
	Link   string
	Prefix netip.Prefix
}

// Holder assumes and drops service addresses on this host's interfaces. An
// address is recognised as ours by its label, for IPv4, and by its protocol
// (IFA_PROTO) for both; what is not ours is never touched.
type Holder struct {
	log    *slog.Logger
	kernel kernel

	mu    sync.Mutex
	ahead listing // by Prepare, for the next Assume
}

// listing is what addresses the host had at a moment.
type listing struct {
	all []entry
	at  time.Time
}

// listingAge is how old a listing by Prepare may be. If the address has come to
// the interface since, the kernel says so when it is added.
const listingAge = 50 * time.Millisecond

// NewHolder returns a holder that asks and changes the kernel's addresses.
func NewHolder(log *slog.Logger) *Holder {
	return &Holder{log: log, kernel: thisKernel()}
}

// Prepare lists the addresses of this host for an Assume that follows at once. It
// changes nothing, so that it may be done while it is still being written down
// that an address will be assumed.
func (h *Holder) Prepare() {
	all, err := h.kernel.addresses()
	if err != nil {
		return // Assume will ask, and say so.
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead = listing{all, time.Now()}
}

// prepared returns the listing by Prepare, once, and nil if there is none or it
// is too old.
func (h *Holder) prepared() []entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	ahead := h.ahead
	h.ahead = listing{}
	if time.Since(ahead.at) > listingAge {
		return nil
	}
	return ahead.all
}

// entryFor finds what the host has of the address, and the networks of the link.
// A listing by Prepare is good for an address that is not there.
func (h *Holder) entryFor(link string, p netip.Prefix) (*entry, []netip.Prefix, error) {
	if all := h.prepared(); all != nil {
		if held, err := h.ourEntry(all, link, p); held == nil && err == nil {
			return nil, networksOn(all, link), nil
		}
	}
	all, err := h.kernel.addresses()
	if err != nil {
		return nil, nil, err
	}
	held, err := h.ourEntry(all, link, p)
	return held, networksOn(all, link), err
}

// Assume gives the interface the address, and does nothing where it has it from
// us already. Where the interface is in that network already the address gets
// the length of a host, since a second address of a network vanishes with the
// first, and otherwise its own. It returns for IPv6 when duplicate address
// detection is over. Errors: ErrForeign, ErrDuplicate, ErrNoLink.
func (h *Holder) Assume(ctx context.Context, link string, p netip.Prefix) error {
	if err := h.assume(ctx, link, p); err != nil {
		return fmt.Errorf("assume %s on %s: %w", p, link, err)
	}
	return nil
}

// assume is Assume without the words around its errors.
func (h *Holder) assume(ctx context.Context, link string, p netip.Prefix) error {
	index, err := linkIndex(link)
	if err != nil {
		return err
	}
	held, networks, err := h.entryFor(link, p)
	if err != nil {
		return err
	}
	if held != nil && held.flags&unix.IFA_F_DADFAILED != 0 {
		// It answers nobody. Whether the other host is still there shows anew.
		if err := h.kernel.remove(*held); err != nil {
			return fmt.Errorf("remove a duplicate: %w", err)
		}
		held = nil
	}
	if held == nil {
		e := entry{index: index, link: link, prefix: fitLength(p, networks), label: label(link), proto: ourProto}
		if err := h.add(e, link, p); err != nil {
			return err
		}
		h.log.Debug("address assumed", "interface", link, "address", e.prefix)
	}
	if p.Addr().Is6() {
		return h.awaitUnique(ctx, link, p)
	}
	return nil
}

// add adds the address; it may have come by itself since it was looked for, and
// then it matters whose it is.
func (h *Holder) add(e entry, link string, p netip.Prefix) error {
	err := h.kernel.add(e)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	all, err := h.kernel.addresses()
	if err != nil {
		return err
	}
	_, err = h.ourEntry(all, link, p)
	return err
}

// ourEntry finds the address among all of this host's, and nothing where it is
// not there. That it is there but not ours, or elsewhere, is an error.
func (h *Holder) ourEntry(all []entry, link string, p netip.Prefix) (*entry, error) {
	for i, e := range all {
		if e.prefix.Addr() != p.Addr() {
			continue
		}
		if !h.kernel.ours(e) {
			return nil, fmt.Errorf("%w: it is on %s", ErrForeign, e.link)
		}
		if e.link != link {
			return nil, fmt.Errorf("it is held on %s already", e.link)
		}
		return &all[i], nil
	}
	return nil, nil
}

// awaitUnique waits for the result of duplicate address detection, and removes
// the address again unless it is the only one.
func (h *Holder) awaitUnique(ctx context.Context, link string, p netip.Prefix) error {
	deadline := time.NewTimer(duplicatePatience)
	defer deadline.Stop()
	tick := time.NewTicker(duplicatePoll)
	defer tick.Stop()
	for {
		all, err := h.kernel.addresses()
		if err != nil {
			return err
		}
		e, err := h.ourEntry(all, link, p)
		switch {
		case err != nil:
			return err
		case e == nil:
			return errors.New("the address was removed while its uniqueness was awaited")
		case e.flags&unix.IFA_F_DADFAILED != 0:
			return errors.Join(ErrDuplicate, h.kernel.remove(*e))
		case e.flags&unix.IFA_F_TENTATIVE == 0 || e.flags&unix.IFA_F_OPTIMISTIC != 0:
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return errors.Join(errors.New("duplicate address detection has no result; is the link up?"), h.kernel.remove(*e))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), h.kernel.remove(*e))
		}
	}
}

// Drop takes the address from the interface, and does nothing where it has it
// not. An address that is not ours is left alone: ErrForeign.
func (h *Holder) Drop(_ context.Context, link string, a netip.Addr) error {
	all, err := h.kernel.addresses()
	if err != nil {
		return fmt.Errorf("drop %s from %s: %w", a, link, err)
	}
	for _, e := range all {
		if e.link != link || e.prefix.Addr() != a {
			continue
		}
		if !h.kernel.ours(e) {
			return fmt.Errorf("drop %s from %s: %w", a, link, ErrForeign)
		}
		if err := h.kernel.remove(e); err != nil {
			return fmt.Errorf("drop %s from %s: %w", a, link, err)
		}
		h.log.Debug("address dropped", "interface", link, "address", e.prefix)
	}
	return nil
}

// Held lists every address of this host that is marked as ours. On kernels
// before 5.18 an IPv6 address carries no mark and is not listed.
func (h *Holder) Held(_ context.Context) ([]Held, error) {
	all, err := h.kernel.addresses()
	if err != nil {
		return nil, fmt.Errorf("list the addresses held: %w", err)
	}
	var held []Held
	for _, e := range all {
		if e.marked() {
			held = append(held, Held{Link: e.link, Prefix: e.prefix})
		}
	}
	return held, nil
}

// labelSuffix ends the label of every IPv4 address of ours.
const labelSuffix = ":fo"

// label is the label of an IPv4 address of ours: the interface's name, which
// other programs expect it to begin with, and ":fo", in the 15 bytes that the
// kernel allows.
func label(link string) string {
	const most = unix.IFNAMSIZ - 1
	if len(link)+len(labelSuffix) > most {
		link = link[:most-len(labelSuffix)]
	}
	return link + labelSuffix
}

// marked says whether the address says of itself that it is ours.
func (e entry) marked() bool {
	return e.proto == ourProto || strings.HasSuffix(e.label, labelSuffix)
}

// networksOn lists the networks that the interface is in.
func networksOn(all []entry, link string) []netip.Prefix {
	var networks []netip.Prefix
	for _, e := range all {
		if e.link == link {
			networks = append(networks, e.prefix)
		}
	}
	return networks
}

// fitLength gives an address the length of a host where the interface is in its
// network already, and leaves it its own otherwise.
func fitLength(p netip.Prefix, networks []netip.Prefix) netip.Prefix {
	for _, n := range networks {
		// An address on its own is no network.
		if !n.IsSingleIP() && n.Contains(p.Addr()) || !p.IsSingleIP() && p.Contains(n.Addr()) {
			return netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		}
	}
	return p
}
