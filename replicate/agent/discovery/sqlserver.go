package discovery

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// PRELOGIN, the first message of TDS ([MS-TDS] 2.2.6.5).
const (
	tdsPrelogin      = 0x12
	tdsAnswer        = 0x04
	tdsLast          = 0x01 // status: the message's last packet
	tdsVersion       = 0
	tdsEncryption    = 1
	tdsEnd           = 0xff
	tdsNoEncryption  = 2 // this side has none; the server then has none, or insists
	maxTDSPacket     = 4 << 10
	tdsHead          = 8
	tdsVersionLength = 6
)

// askSQLServer begins to negotiate, which tells the version to everybody.
func askSQLServer(dial func() (net.Conn, error)) (Database, error) {
	d := Database{Product: "SQL Server"}
	conn, err := dial()
	if err != nil {
		return d, err
	}
	if _, err := conn.Write(preloginQuestion()); err != nil {
		return d, err
	}
	head := make([]byte, tdsHead)
	if _, err := io.ReadFull(conn, head); err != nil {
		return d, short(err)
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	if head[0] != tdsAnswer || head[1]&tdsLast == 0 || n <= tdsHead || n > maxTDSPacket {
		return d, errOther
	}
	body := make([]byte, n-tdsHead)
	if _, err := io.ReadFull(conn, body); err != nil {
		return d, short(err)
	}
	return d, d.readPrelogin(body)
}

// preloginQuestion says which version we are, none, and that we offer encryption, so that the server says whether it
// has some.
func preloginQuestion() []byte {
	body := []byte{
		tdsVersion, 0, 11, 0, tdsVersionLength,
		tdsEncryption, 0, 17, 0, 1,
		tdsEnd,
		0, 0, 0, 0, 0, 0,
		0, // for the login only
	}
	head := []byte{tdsPrelogin, tdsLast, 0, byte(tdsHead + len(body)), 0, 0, 0, 0}
	return append(head, body...)
}

// readPrelogin reads the answer: a table of options, each with the place and the length of its value.
func (d *Database) readPrelogin(body []byte) error {
	for at := 0; at < len(body) && body[at] != tdsEnd; at += 5 {
		if at+5 > len(body) {
			return errOther
		}
		offset, length := int(binary.BigEndian.Uint16(body[at+1:])), int(binary.BigEndian.Uint16(body[at+3:]))
		if offset+length > len(body) {
			return errOther
		}
		value := body[offset : offset+length]
		switch {
		case body[at] == tdsVersion && length == tdsVersionLength:
			d.Version = fmt.Sprintf("%d.%d.%d", value[0], value[1], binary.BigEndian.Uint16(value[2:]))
		case body[at] == tdsEncryption && length == 1:
			d.TLS = value[0] != tdsNoEncryption
		}
	}
	if d.Version == "" {
		return errOther
	}
	return nil
}
