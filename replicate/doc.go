// Package replicate is what every replication shares: a plan that stages, verifies and swaps each catalog of a server
// and takes all of it back when one of them fails; the memory of the last complete copy; and the time of day at which
// a daily replication is due.
//
// Both directions are the same plan with the ends exchanged.
package replicate
