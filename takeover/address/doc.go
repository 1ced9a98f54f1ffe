// Package address holds service addresses on this host's interfaces and speaks
// for them on the segment: it asks whether an address is free, announces it,
// hears who else claims it and verifies that neighbours use it.
package address
