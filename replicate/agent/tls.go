package agent

import (
	"crypto/tls"
	"fmt"
)

// alpn keeps a connection that was meant for something else from being taken for one of ours.
const alpn = "failoverd-agent"

// serverTLS is the agent's side. Every Ed25519 key may come as far as its request; what it may ask for is decided there,
// so that a stranger can pair, and can be told why he may do nothing else.
func serverTLS(i *Identity) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.certificate}, MinVersion: tls.VersionTLS13, NextProtos: []string{alpn},
		ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := peerKey(state)
			return err
		},
	}
}

// clientTLS is the standby's side: accept decides about the agent's key, and nothing else in its certificate counts.
func clientTLS(i *Identity, accept func(Key) error) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.certificate}, MinVersion: tls.VersionTLS13, NextProtos: []string{alpn},
		InsecureSkipVerify: true, // names and issuers: VerifyConnection looks at the key instead
		VerifyConnection: func(state tls.ConnectionState) error {
			key, err := peerKey(state)
			if err != nil {
				return err
			}
			return accept(key)
		},
	}
}

// exporterLabel and exporterSize are what pairing takes from a connection (RFC 8446, 7.5).
const (
	exporterLabel = "EXPORTER-failoverd-pairing-1"
	exporterSize  = 32
)

// exported is a secret that only the two ends of this one connection have.
func exported(state tls.ConnectionState) ([]byte, error) {
	secret, err := state.ExportKeyingMaterial(exporterLabel, nil, exporterSize)
	if err != nil {
		return nil, fmt.Errorf("take a secret from the connection: %w", err)
	}
	return secret, nil
}
