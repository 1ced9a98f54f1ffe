package discovery

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
)

const (
	mysqlProtocol  = 10
	mysqlError     = 0xff
	mysqlTLS       = 0x800 // CLIENT_SSL among the lower capabilities
	maxMySQLPacket = 4 << 10
)

// askMySQL listens: the server speaks first, and says its version. It counts a connection that ends then as one that
// failed, so the nearest way is taken, from which it counts none: the loopback and sockets.
func askMySQL(dial func() (net.Conn, error)) (Database, error) {
	var d Database
	conn, err := dial()
	if err != nil {
		return d, err
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return d, short(err)
	}
	n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if n < 1 || n > maxMySQLPacket || head[3] > 1 { // an error may be the second packet of a conversation
		return d, errOther
	}
	packet := make([]byte, n)
	if _, err := io.ReadFull(conn, packet); err != nil {
		return d, short(err)
	}
	return mysqlGreeting(packet)
}

// mysqlGreeting reads the first packet: a handshake of version 10, or an error for hosts that are not welcome.
func mysqlGreeting(packet []byte) (Database, error) {
	d := Database{Product: "MySQL"}
	switch packet[0] {
	case mysqlProtocol:
	case mysqlError: // code, text
		text := string(packet[min(3, len(packet)):])
		if !strings.Contains(text, "MariaDB") && !strings.Contains(text, "MySQL") {
			return d, errOther
		}
		d.Product = product(text)
		return d, nil
	default:
		return d, errOther
	}
	version, rest, ok := bytes.Cut(packet[1:], []byte{0})
	// thread 4, salt 8, filler 1, lower capabilities 2
	if !ok || len(rest) < 15 || len(version) == 0 || version[0] < '0' || version[0] > '9' {
		return d, errOther
	}
	d.TLS = binary.LittleEndian.Uint16(rest[13:])&mysqlTLS != 0
	d.Product = product(string(version))
	// MariaDB says so before its own version, for clients that would take 10 for less than 5.
	d.Version = strings.TrimPrefix(string(version), "5.5.5-")
	return d, nil
}

// product tells the two by the text that they give of themselves.
func product(text string) string {
	if strings.Contains(text, "MariaDB") {
		return "MariaDB"
	}
	return "MySQL"
}
