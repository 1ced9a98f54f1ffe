// Command takeover measures how long a takeover takes beyond what the
// configuration makes inevitable, and how a standby fares on a bad network:
// failoverd beside keepalived and beside an administrator's script, in the same
// world of network namespaces and in the same run.
//
// It has four parts, each of which may be left out: race (a primary dies, who is
// how fast), loss (packets are lost at random and nobody dies), busy (the
// processors are busy with other work and nobody dies) and rest (what watching
// costs).
//
// It needs root, or user namespaces, and installs nothing: what is missing is
// named with its Debian package and left out.
package main
