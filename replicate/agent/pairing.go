package agent

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// A pairing goes on a connection of its own:
//
//	standby: {service: pair}
//	agent:   {ok}                 somebody waits for a pairing
//	standby: {proof}              it knows the code
//	agent:   {ok, proof, hello}   so does the agent, and has pinned the standby; the standby pins it
//
// Each proof is over both public keys and a secret that only the two ends of this connection have, so that what was heard
// on one connection says nothing on another.

// pair lets a stranger prove that he knows the code.
func (s *Server) pair(conn *tls.Conn, standby Key, from netip.Addr) error {
	waits, err := invited(s.config.Data, time.Now())
	switch {
	case err != nil:
		return err
	case !waits:
		return errNoCode()
	}
	if err := writeFrame(conn, answer{OK: true}); err != nil {
		return nil // gone
	}
	var theirs proofMessage
	if err := readFrame(conn, &theirs); err != nil {
		return nil // gone, and nothing was tried
	}
	state := conn.ConnectionState()
	secret, err := exported(state)
	if err != nil {
		return err
	}
	agent := s.config.Identity.Key()
	// What is on the disk and what is served change together.
	s.pairing.Lock()
	defer s.pairing.Unlock()
	fresh := pin{Key: standby, From: from.String(), Paired: time.Now().UTC().Truncate(time.Second)}
	code, err := redeem(s.config.Data, time.Now(), fresh, func(code []byte) bool {
		return proves(theirs.Proof, code, asStandby, agent, standby, secret)
	})
	if err != nil {
		return err
	}
	if before, had := s.replace(standby); had {
		s.config.Log.Warn("another standby is paired; the one before is not served any more", "fingerprint", standby.Fingerprint(), "from", from, "before", before.Fingerprint())
	} else {
		s.config.Log.Info("the standby is paired", "fingerprint", standby.Fingerprint(), "from", from)
	}
	_ = writeFrame(conn, answer{OK: true, Hello: s.hello(), Proof: prove(code, asAgent, agent, standby, secret)})
	return nil
}

// introduce is the standby's side of a pairing, after the agent has said that somebody waits for one. shared was made of
// the code.
func introduce(stream io.ReadWriter, state tls.ConnectionState, shared []byte, agent, standby Key) (*Hello, error) {
	secret, err := exported(state)
	if err != nil {
		return nil, err
	}
	if err := writeFrame(stream, proofMessage{Proof: prove(shared, asStandby, agent, standby, secret)}); err != nil {
		return nil, err
	}
	var a answer
	if err := readFrame(stream, &a); err != nil {
		return nil, err
	}
	if a.Problem != nil {
		return nil, a.Problem
	}
	if !a.OK || a.Hello == nil || !proves(a.Proof, shared, asAgent, agent, standby, secret) {
		return nil, fmt.Errorf("whoever answered does not know the code: it is not the agent on which it was made")
	}
	a.Hello.tame()
	return a.Hello, nil
}
