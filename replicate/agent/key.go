package agent

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Key is a public key: what one side knows the other by.
type Key [ed25519.PublicKeySize]byte

// Fingerprint is the key as people compare it: its SHA-256, AB:CD:….
func (k Key) Fingerprint() string {
	sum := sha256.Sum256(k[:])
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// MarshalText writes the key in hexadecimal.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (k *Key) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(k)) {
		return fmt.Errorf("a key of %d characters", len(text))
	}
	_, err := hex.Decode(k[:], text)
	return err
}

// peerKey is the key of the other side of a connection, which has proved in the handshake that it owns it.
func peerKey(state tls.ConnectionState) (Key, error) {
	if state.NegotiatedProtocol != alpn {
		return Key{}, errors.New("the other side does not speak failoverd's protocol")
	}
	if len(state.PeerCertificates) == 0 {
		return Key{}, errors.New("the other side has shown no certificate")
	}
	public, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return Key{}, fmt.Errorf("the other side's key is a %T, not Ed25519", state.PeerCertificates[0].PublicKey)
	}
	return Key(public), nil
}
