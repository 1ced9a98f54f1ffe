// Command loop measures how late the decisions of a busy standby are: 200 servers, the databases and files of all of
// which are replicated, so many of whose pings are lost that a thousand events a second are written, sent to a hundred
// event streams, and mailed by a mail server that takes connections and says nothing. Meanwhile primaries die and are
// taken over. The real daemon runs with a real configuration in a world of network namespaces.
//
// Three things are measured: by the daemon itself the time from each missed ping's time-out to the decision on disk; on
// the wire how exactly each ping was sent at its beat, and how long after the time that the configuration makes
// inevitable a dead primary's address was announced.
//
// Those who read the event streams are a process of their own, at niceness 19 unless -nice says otherwise: they are other
// hosts in the field, whose work takes nothing from the standby's processors. What the kernel does for their ends of the
// connections, and whoever plays the primaries and listens on the wire, does share them with the daemon.
//
// It needs root, or user namespaces, and nftables and iproute2.
package main
