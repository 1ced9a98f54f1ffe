package agent

import (
	"crypto/hmac"
	"crypto/sha256"
)

// role says who proves that he knows the code. The two sides prove it in different words, so that neither can give the
// other's proof back.
type role string

const (
	asStandby role = "failoverd pairing 1, standby"
	asAgent   role = "failoverd pairing 1, agent"
)

// prove shows to the other end of this very connection that one knows the code: whoever sits in the middle has another
// key on one side, and another connection on both.
func prove(secret []byte, who role, agent, standby Key, exported []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	// Everything but the label has one length, and the label ends with a byte that is in none.
	mac.Write([]byte(who))
	mac.Write([]byte{0})
	mac.Write(agent[:])
	mac.Write(standby[:])
	mac.Write(exported)
	return mac.Sum(nil)
}

// proves checks a proof.
func proves(proof, secret []byte, who role, agent, standby Key, exported []byte) bool {
	return hmac.Equal(proof, prove(secret, who, agent, standby, exported))
}
