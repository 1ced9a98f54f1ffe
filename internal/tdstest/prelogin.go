package tdstest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// Options of PRELOGIN, and the values of the one about encryption ([MS-TDS] 2.2.6.5).
const (
	preloginVersion    = 0
	preloginEncryption = 1
	preloginEnd        = 0xff

	encryptLogin  = 0 // the login only
	encryptAll    = 1
	encryptNever  = 2
	encryptDemand = 3 // all, and the server insists
)

// negotiate answers a PRELOGIN. It returns the client's wish about encryption, which is granted as it is.
func negotiate(data []byte, version [4]byte) (wish byte, answer []byte, err error) {
	wish = encryptNever
	for at := 0; ; at += 5 {
		if at >= len(data) {
			return 0, nil, errors.New("PRELOGIN without an end")
		}
		if data[at] == preloginEnd {
			break
		}
		if at+5 > len(data) {
			return 0, nil, errors.New("PRELOGIN is cut off")
		}
		offset, length := int(binary.BigEndian.Uint16(data[at+1:])), int(binary.BigEndian.Uint16(data[at+3:]))
		if offset+length > len(data) {
			return 0, nil, errors.New("PRELOGIN names what is not there")
		}
		if data[at] == preloginEncryption && length == 1 {
			wish = data[offset]
		}
	}
	if wish == encryptDemand {
		wish = encryptAll
	}
	values := []struct {
		option byte
		value  []byte
	}{
		{preloginVersion, append(version[:], 0, 0)},
		{preloginEncryption, []byte{wish}},
	}
	offset := len(values)*5 + 1
	var body []byte
	for _, v := range values {
		answer = append(answer, v.option)
		answer = binary.BigEndian.AppendUint16(answer, uint16(offset))
		answer = binary.BigEndian.AppendUint16(answer, uint16(len(v.value)))
		offset += len(v.value)
		body = append(body, v.value...)
	}
	return wish, append(append(answer, preloginEnd), body...), nil
}

// wrappedConn carries a TLS handshake in PRELOGIN packets, one message for each flight ([MS-TDS] 3.3.5.2), until raw
// is set: then it is the connection itself.
type wrappedConn struct {
	net.Conn
	raw bool
	in  bytes.Buffer
}

func (c *wrappedConn) Read(b []byte) (int, error) {
	if c.raw {
		return c.Conn.Read(b)
	}
	if c.in.Len() == 0 {
		m, err := readMessage(c.Conn)
		if err != nil {
			return 0, err
		}
		if m.kind != packetPrelogin {
			return 0, fmt.Errorf("packet of kind %d in a TLS handshake", m.kind)
		}
		c.in.Write(m.data)
	}
	return c.in.Read(b)
}

func (c *wrappedConn) Write(b []byte) (int, error) {
	if c.raw {
		return c.Conn.Write(b)
	}
	p := packetWriter{w: c.Conn, kind: packetPrelogin, size: firstPacketSize}
	if _, err := p.Write(b); err != nil {
		return 0, err
	}
	return len(b), p.End()
}

// encrypt shakes hands over conn and returns the connection that the login comes by. TLS 1.3 is not offered: its
// tickets come after the handshake, where TDS 7.4 has no place for them.
func encrypt(conn net.Conn, certificate tls.Certificate) (io.ReadWriter, error) {
	w := &wrappedConn{Conn: conn}
	secure := tls.Server(w, &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		MaxVersion:   tls.VersionTLS12,
	})
	if err := secure.Handshake(); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	w.raw = true
	return secure, nil
}

// newCertificate makes the key and the certificate that a server shows, for 127.0.0.1.
func newCertificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "127.0.0.1"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"localhost"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
