package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// certificateLife is how long the own certificate is good for. Clients trust it
// by its fingerprint, so nothing is gained by changing it often.
const certificateLife = 10 * 365 * 24 * time.Hour

// LoadCertificate reads a certificate and its key from files.
func LoadCertificate(certFile, keyFile string) (tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return c, fmt.Errorf("read the certificate of the API: %w", err)
	}
	return c, nil
}

// OwnCertificate reads the certificate in dir/tls, and makes it with a key of
// its own if there is none yet. hosts are the names and addresses that it is
// for.
func OwnCertificate(dir string, hosts []string) (tls.Certificate, error) {
	dir = filepath.Join(dir, "tls")
	certFile, keyFile := filepath.Join(dir, "api.crt"), filepath.Join(dir, "api.key")
	_, certErr := os.Stat(certFile)
	_, keyErr := os.Stat(keyFile)
	if errors.Is(certErr, fs.ErrNotExist) || errors.Is(keyErr, fs.ErrNotExist) {
		if err := makeCertificate(dir, certFile, keyFile, hosts); err != nil {
			return tls.Certificate{}, fmt.Errorf("make the own certificate: %w", err)
		}
	}
	return LoadCertificate(certFile, keyFile)
}

// makeCertificate writes a key and a self-signed certificate. The certificate
// comes last: as long as it is missing, both are made again.
func makeCertificate(dir, certFile, keyFile string, hosts []string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "failoverd"},
		NotBefore: now.Add(-24 * time.Hour), // A client's clock may be behind.
		NotAfter:  now.Add(certificateLife),
		KeyUsage:  x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if h != "" {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writeFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return err
	}
	return writeFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}), 0o644)
}

// writeFile writes a file that is either there as a whole or not at all.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Fingerprint is the SHA-256 of a certificate as people compare it:
// AB:CD:… as openssl x509 -fingerprint -sha256 prints it.
func Fingerprint(c tls.Certificate) string {
	if len(c.Certificate) == 0 {
		return ""
	}
	sum := sha256.Sum256(c.Certificate[0])
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var b strings.Builder
	for i := 0; i < len(text); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(text[i : i+2])
	}
	return b.String()
}

// clientTLS is what a client trusts: the certificates in a file, or exactly one
// by its fingerprint, or what the host trusts.
func clientTLS(caFile, pin string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read the trusted certificates: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the trusted certificates: %s has none", caFile)
		}
	}
	if pin == "" {
		return c, nil
	}
	want, err := hex.DecodeString(strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(pin), "sha256:"), ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("fingerprint %q: want the SHA-256 of the certificate, 32 bytes in hexadecimal", pin)
	}
	// The fingerprint takes the place of names and issuers; it is checked on every
	// connection, also on one that takes an old session up again.
	c.InsecureSkipVerify = caFile == ""
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the server has shown no certificate")
		}
		if sum := sha256.Sum256(state.PeerCertificates[0].Raw); string(sum[:]) != string(want) {
			return fmt.Errorf("the server's certificate has the fingerprint %s, not the one given", Fingerprint(tls.Certificate{Certificate: [][]byte{state.PeerCertificates[0].Raw}}))
		}
		return nil
	}
	return c, nil
}
