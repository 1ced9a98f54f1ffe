// Command ping measures what it costs to ask many hosts once a second: the
// processor time of each ping, the memory, and how many answers of living hosts
// were taken for missing. The same questions go to failoverd's Pinger, to fping,
// to smokeping_prober and to pro-bing with a new Pinger for each ping, one after
// the other in one run, in a world of network namespaces of its own.
//
// It needs root, or user namespaces, and installs nothing: what is missing is
// named with its Debian package and left out.
package main
