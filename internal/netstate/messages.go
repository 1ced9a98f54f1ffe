package netstate

import (
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// news is what a batch of netlink messages means for the State.
type news struct {
	relist  bool         // links, addresses or default routes may differ
	routes  bool         // some route or rule differs: cached questions are void
	flapped map[int]bool // links that were seen unable to pass packets
}

// read adds what the messages say. It is pure.
func (n *news) read(msgs []syscall.NetlinkMessage) {
	for _, m := range msgs {
		switch m.Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			if len(m.Data) < unix.SizeofIfInfomsg {
				n.relist = true
				continue
			}
			info := nl.DeserializeIfInfomsg(m.Data)
			// Bridges tell of their ports in this family; nothing that is
			// listed here changes with it.
			if info.Family != unix.AF_UNSPEC {
				continue
			}
			n.relist = true
			if info.Flags&unix.IFF_UP == 0 || info.Flags&carrierFlags != carrierFlags {
				if n.flapped == nil {
					n.flapped = make(map[int]bool)
				}
				n.flapped[int(info.Index)] = true
			}
		case unix.RTM_NEWADDR, unix.RTM_DELADDR:
			n.relist = true
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			n.routes = true
			// A router with a full table sees many changes a second; only
			// those of a default route are worth a listing.
			if len(m.Data) < unix.SizeofRtMsg || nl.DeserializeRtMsg(m.Data).Dst_len == 0 {
				n.relist = true
			}
		case unix.RTM_NEWRULE, unix.RTM_DELRULE, unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
			n.routes = true
		}
	}
}
