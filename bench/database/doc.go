// Command database measures how long a complete copy of a catalog takes, from one real server to another on this host:
// by failoverd's engine, and by the tools that people use for it. The ways take turns, so that whatever else the
// machine does meets all of them; each result is verified by the engine. What failoverd's own verification takes is shown
// apart, beside the check that an administrator has after the other ways.
//
// It starts its own servers in a temporary directory, waits for the disk as servers do, and installs nothing: what is
// missing is named with its Debian package and left out.
package main
