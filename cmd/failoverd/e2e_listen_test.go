package main

import (
	"testing"

	"failoverd/internal/site"
)

// Another program has the port of the API when failoverd starts: the servers are watched and taken over all the same, the
// status says what is wrong, and other hosts reach the API soon after the port is free.
func TestThePortOfTheAPIIsTaken(t *testing.T) {
	const at = site.StandbyAddress + ":8443"
	c := newCompany(t, site.Options{StandIn: true})
	other, err := c.Standby.Listen("tcp", at)
	ok(t, err)
	c.start()
	contains(t, c.cli(exitAttention, "status"), "other hosts do not reach the API and the console: listen on "+at, "address already in use")
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")

	ok(t, other.Close())
	client, err := c.API()
	ok(t, err)
	c.eventually("the API to be reached", func() bool {
		s, err := client.Status(c.t.Context())
		return err == nil && s.Standby.API.OK
	})
	conn, err := c.Client.Dial(c.waiting(), "tcp", at)
	ok(t, err)
	ok(t, conn.Close())
}
