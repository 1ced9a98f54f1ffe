package lab

import (
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
)

// carrierPatience is far more than a veth pair needs, also on a busy machine.
const carrierPatience = 10 * time.Second

// Down takes the cable out at the switch: the host loses its carrier, which it
// has noticed when Down returns.
func (h *Host) Down() error {
	h.world.in.Helper()
	return h.check(h.carrier(false))
}

// Up puts the cable back.
func (h *Host) Up() error {
	h.world.in.Helper()
	return h.check(h.carrier(true))
}

// Unplug cuts the host off behind the switch: it keeps its carrier and hears
// nobody. Plug undoes it.
func (h *Host) Unplug() error {
	h.world.in.Helper()
	return h.check(h.world.Switch.plug(h.port, ""))
}

// WrongVLAN moves the host's port to another VLAN, where hosts so moved hear
// only each other. Plug undoes it.
func (h *Host) WrongVLAN() error {
	h.world.in.Helper()
	return h.check(h.world.Switch.plug(h.port, otherVLAN))
}

// Plug puts the host's port back into the LAN.
func (h *Host) Plug() error {
	h.world.in.Helper()
	return h.check(h.world.Switch.plug(h.port, lan))
}

// carrier sets the port and waits until both ends see it.
func (h *Host) carrier(up bool) error {
	if err := h.world.Switch.power(h.port, up); err != nil {
		return err
	}
	return h.awaitCarrier(up)
}

// awaitCarrier waits until frames pass, or do not: the host's eth0 and its port
// at the switch notice a change of the other end in the kernel's own time.
func (h *Host) awaitCarrier(up bool) error {
	err := h.ns.do(func() error { return awaitOperational(hostLink, up) })
	if err != nil || !up {
		return err
	}
	return h.world.Switch.ns.do(func() error { return awaitOperational(h.port, true) })
}

// awaitOperational waits for a link's operational state (RFC 2863). The carrier
// alone is there before the kernel sends by the link and the bridge forwards to
// it. The calling thread is in the link's namespace.
func awaitOperational(name string, up bool) error {
	updates := make(chan netlink.LinkUpdate, 64)
	done := make(chan struct{})
	defer close(done)
	if err := netlink.LinkSubscribe(updates, done); err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	deadline := time.NewTimer(carrierPatience)
	defer deadline.Stop()
	for {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		switch state := link.Attrs().OperState; {
		case state == netlink.OperUnknown: // Too early to tell.
		case (state == netlink.OperUp) == up:
			return nil
		}
		select {
		case _, ok := <-updates:
			if !ok {
				return fmt.Errorf("the watch on links ended")
			}
		case <-deadline.C:
			return fmt.Errorf("link %s operational is not %v after %v", name, up, carrierPatience)
		}
	}
}
