// Package netstate says what the kernel knows of this host's links, addresses
// and routes, and tells when that changes.
//
// One netlink subscription keeps one immutable State. The messages only say
// that something changed and where; the truth is always a fresh listing, so
// that a message that was lost, torn or misread cannot leave a wrong picture
// behind.
package netstate
