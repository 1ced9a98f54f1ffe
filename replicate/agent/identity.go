package agent

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"
)

// Identity is the key that a host proves itself with. It lasts as long as the data directory.
type Identity struct {
	private     ed25519.PrivateKey
	certificate tls.Certificate
}

// identityFile holds the key, below the data directory.
const identityFile = "identity.key"

// OpenIdentity reads the key below dir, and makes it if there is none yet.
func OpenIdentity(dir *os.Root) (*Identity, error) {
	private, err := openKey(dir)
	if err != nil {
		return nil, fmt.Errorf("open this host's key: %w", err)
	}
	certificate, err := certify(private)
	if err != nil {
		return nil, fmt.Errorf("make a certificate of this host's key: %w", err)
	}
	return &Identity{private: private, certificate: certificate}, nil
}

// Key is the public half.
func (i *Identity) Key() Key { return Key(i.private.Public().(ed25519.PublicKey)) }

// openKey reads the key or makes it. Under the lock, two that come first together do not make two.
func openKey(dir *os.Root) (_ ed25519.PrivateKey, err error) {
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	private, err := readKey(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return private, err
	}
	if _, private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return private, keep(dir, identityFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// readKey reads the key. One that others could have read proves nothing.
func readKey(dir *os.Root) (ed25519.PrivateKey, error) {
	info, err := dir.Stat(identityFile)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s/%s can be read by others: take it away and pair again", dir.Name(), identityFile)
	}
	text, err := read(dir, identityFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s/%s holds no key", dir.Name(), identityFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", dir.Name(), identityFile, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s/%s holds a %T, not an Ed25519 key", dir.Name(), identityFile, parsed)
	}
	return private, nil
}

// certify wraps the key in the certificate that TLS wants. Nobody looks at anything in it but the key: neither names nor
// dates, so that a wrong clock locks nobody out.
func certify(private ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "failoverd"},
		NotBefore: time.Unix(0, 0),
		NotAfter:  time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: has no end
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}
