package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/netstate"
)

// onStandby is the evidence for an address that this host holds itself, as it
// does of a primary that it stands in for.
const onStandby = "this address is on the standby itself"

// route is what is known of the way to a target, for one generation of the
// network's state.
type route struct {
	generation uint64
	link       string
	scope      uint32 // the link's index, for a link-local address
	fault      string // why nothing can be sent, "" if something can
}

// findRoute asks how to reach an address, and in words why not.
func findRoute(network NetState, state netstate.State, addr netip.Addr) route {
	r := route{generation: state.Generation}
	if _, ours := state.Addrs[addr]; ours {
		r.fault = onStandby
		return r
	}
	link, local, err := network.Egress(addr)
	switch {
	case err != nil:
		r.fault = sendFault(err)
	case local:
		r.fault = onStandby
	}
	r.link = link
	if zone := addr.Zone(); zone != "" {
		r.scope = uint32(state.Links[zone].Index)
	}
	return r
}

// linkFault says why a link cannot carry a ping that was sent at a time, "" if
// it can.
func linkFault(state netstate.State, name string, sent time.Time) string {
	l, known := state.Links[name]
	switch {
	case name == "":
		return ""
	case !known:
		return fmt.Sprintf("the standby's own link %s is gone", name)
	case !l.Up:
		return fmt.Sprintf("the standby's own link %s is switched off", name)
	case !l.Carrier:
		return fmt.Sprintf("the standby's own link %s has no carrier", name)
	case l.Since.After(sent):
		return fmt.Sprintf("the standby's own link %s was down while the ping was out", name)
	default:
		return ""
	}
}

// sendFault says in plain words why the standby could not send.
func sendFault(err error) string {
	words := ""
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		words = "the standby has no route to it"
	case errors.Is(err, unix.EINVAL):
		words = "the standby's route to it is a black hole, or it is no address to ping"
	case errors.Is(err, unix.EPERM):
		words = "the standby's own firewall refuses to send, or the right to open the socket is missing"
	case errors.Is(err, unix.EACCES):
		words = "sending is prohibited on the standby by a route or a security policy, or it is a broadcast address"
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EAGAIN):
		words = "the standby has no buffers left to send with"
	case errors.Is(err, unix.ENETDOWN):
		words = "the standby's own link is down"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		words = "the standby does not hold the source address"
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		words = "the standby has no such link"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		words = "the standby has no file descriptors left"
	case errors.Is(err, net.ErrClosed), errors.Is(err, unix.EBADF):
		words = "the standby's socket was closed"
	default:
		words = "the standby could not send"
	}
	return words + ": " + err.Error()
}

// local says whether an error is about the standby rather than about whom it
// asked: then the outcome is unknown, and never a miss.
func local(err error) bool {
	for _, errno := range []unix.Errno{
		unix.ENETUNREACH, unix.EPERM, unix.EACCES, unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN, unix.ENETDOWN,
		unix.EADDRNOTAVAIL, unix.ENODEV, unix.ENXIO, unix.EMFILE, unix.ENFILE, unix.EINVAL, unix.EAFNOSUPPORT,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// breaks says whether an error when sending means that the socket itself is of
// no more use.
func breaks(err error) bool {
	for _, errno := range []unix.Errno{unix.EBADF, unix.ENOTSOCK, unix.EPIPE, unix.ENOTCONN, unix.EIO} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
