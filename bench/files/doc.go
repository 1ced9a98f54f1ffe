// Command files measures how fast a tree of files is copied and followed: by failoverd's engine, beside rsync's daemon,
// rsync over ssh, lsyncd and syncthing, on the same trees and in the same run, taking turns.
//
// failoverd's two sides are processes of their own, joined by TLS 1.3 over loopback with certificates that are thrown
// away; what it says is done is hashed, and on the disk. The others say that they are done before it is, so that syncfs
// counts for them where a copy is measured. What is followed is measured without it: there, failoverd waits for the disk
// and the others do not.
//
// It needs no root and installs nothing: what is missing is named with its Debian package and left out.
package main
