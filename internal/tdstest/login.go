package tdstest

import (
	"encoding/binary"
	"errors"
	"strconv"
	"unicode/utf16"
)

// credentials are what a LOGIN7 says ([MS-TDS] 2.2.6.4).
type credentials struct {
	user, password      string
	host, program       string
	database            string
	packetSize, version uint32
}

// Offsets of the fields of LOGIN7 that are read: of each text its place and its length in characters.
const (
	loginVersion    = 4
	loginPacketSize = 8
	loginHost       = 36
	loginUser       = 40
	loginPassword   = 44
	loginProgram    = 48
	loginDatabase   = 68
	loginFixed      = 94
)

func parseLogin(data []byte) (credentials, error) {
	var c credentials
	if len(data) < loginFixed {
		return c, errors.New("LOGIN7 is cut off")
	}
	text := func(at int, unmask func([]byte) []byte) (string, error) {
		offset, length := int(binary.LittleEndian.Uint16(data[at:])), 2*int(binary.LittleEndian.Uint16(data[at+2:]))
		if offset+length > len(data) {
			return "", errors.New("LOGIN7 names what is not there")
		}
		b := data[offset : offset+length]
		if unmask != nil {
			b = unmask(b)
		}
		return decodeUTF16(b), nil
	}
	var errs [5]error
	c.version = binary.LittleEndian.Uint32(data[loginVersion:])
	c.packetSize = binary.LittleEndian.Uint32(data[loginPacketSize:])
	c.host, errs[0] = text(loginHost, nil)
	c.user, errs[1] = text(loginUser, nil)
	c.password, errs[2] = text(loginPassword, unmaskPassword)
	c.program, errs[3] = text(loginProgram, nil)
	c.database, errs[4] = text(loginDatabase, nil)
	return c, errors.Join(errs[:]...)
}

// unmaskPassword takes back what a client does to a password's bytes: halves swapped, then XOR 0xA5.
func unmaskPassword(b []byte) []byte {
	out := make([]byte, len(b))
	for i, x := range b {
		x ^= 0xA5
		out[i] = x<<4 | x>>4
	}
	return out
}

// encodeUTF16 and decodeUTF16 are the texts of TDS.
func encodeUTF16(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

func decodeUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// agreePacketSize limits the size of packets that a client asks for to what TDS allows.
func agreePacketSize(wish uint32) int {
	if wish == 0 {
		return firstPacketSize
	}
	return int(min(max(wish, 512), 32767))
}

// welcome writes the answer to a login that is let in.
func (s *session) welcome(size int) error {
	r := s.reply
	r.environment(envDatabase, s.databaseName(), "master")
	r.infoText(5701, 2, "Changed database context to '"+s.databaseName()+"'.")
	r.collation()
	r.environment(envPacketSize, strconv.Itoa(size), strconv.Itoa(firstPacketSize))
	r.loginAck(s.server.version())
	r.done(0, 0, 0)
	err := r.end()
	// The size holds from the next message on.
	r.out.size = size
	return err
}
