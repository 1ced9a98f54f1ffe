package discovery

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
)

// The first messages of PostgreSQL's protocol, version 3.
const (
	postgresTLS     = 80877103 // SSLRequest
	postgresVersion = 196608   // 3.0
	maxMessages     = 100
	maxMessage      = 16 << 10
)

// askPostgres asks whether encryption is offered, and begins to log in as postgres. Which way to prove that is wanted
// tells that it is PostgreSQL; the version is told where nothing has to be proved.
func askPostgres(dial func() (net.Conn, error)) (Database, error) {
	d := Database{Product: "PostgreSQL"}
	conn, err := dial()
	if err != nil {
		return d, err
	}
	request := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, postgresTLS)
	if _, err := conn.Write(request); err != nil {
		return d, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return d, short(err)
	}
	switch answer[0] {
	case 'N':
	case 'S': // The handshake that would have to follow is spared by beginning again.
		d.TLS = true
		if conn, err = dial(); err != nil {
			return d, err
		}
	default:
		return d, errOther
	}
	if _, err := conn.Write(postgresStartup()); err != nil {
		return d, err
	}
	return d, d.hearPostgres(conn)
}

// postgresStartup is the message that begins a session.
func postgresStartup() []byte {
	body := binary.BigEndian.AppendUint32(nil, postgresVersion)
	for _, word := range []string{"user", "postgres", "database", "postgres", "application_name", "failoverd discover", ""} {
		body = append(append(body, word...), 0)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

// hearPostgres reads what the server says to the startup, up to the version or to where a password is due.
func (d *Database) hearPostgres(conn net.Conn) error {
	let := false // we are in
	for range maxMessages {
		kind, body, err := postgresMessage(conn)
		if err != nil {
			return err
		}
		switch kind {
		case 'R': // authentication
			if len(body) < 4 {
				return errOther
			}
			if binary.BigEndian.Uint32(body) != 0 {
				return nil // a proof is wanted
			}
			let = true
		case 'S': // a setting
			name, value, ok := bytes.Cut(body, []byte{0})
			if ok && string(name) == "server_version" {
				d.Version = string(bytes.TrimRight(value, "\x00"))
				_, _ = conn.Write([]byte{'X', 0, 0, 0, 4}) // good bye; that is all we wanted
				return nil
			}
		case 'E':
			if !let && !postgresError(body) {
				return errOther
			}
			return nil // it will not have us, and said so as PostgreSQL does
		case 'v', 'N': // the protocol's version, a notice
		default:
			if !let {
				return errOther
			}
		}
	}
	return errOther
}

// postgresMessage reads one message: its kind, and its length with itself.
func postgresMessage(r io.Reader) (kind byte, body []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, short(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > maxMessage {
		return 0, nil, errOther
	}
	body = make([]byte, n-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, short(err)
}

// postgresError says whether a message is an error in PostgreSQL's form: fields that each begin with a letter and end
// with a zero, a severity and a five-character code among them.
func postgresError(body []byte) bool {
	var severity, code bool
	for _, field := range bytes.Split(body, []byte{0}) {
		if len(field) < 2 {
			continue
		}
		severity = severity || field[0] == 'S'
		code = code || field[0] == 'C' && len(field) == 6
	}
	return severity && code
}
