// Package api is the way in for people and programs: the REST routes, the event
// stream, access, metrics and health of failoverd, and the only client of them.
//
// It decides nothing. What it shows it reads from one snapshot of the standby
// and from the journal; what it is asked to do it hands to the standby together
// with the name of whoever asked. It declares what it needs of both.
package api
