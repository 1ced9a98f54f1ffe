package tdstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Kinds of packets ([MS-TDS] 2.2.3.1.1).
const (
	packetBatch       = 1
	packetRPC         = 3
	packetReply       = 4
	packetAttention   = 6
	packetTransaction = 14
	packetLogin       = 16
	packetPrelogin    = 18
)

// Bits of a packet's status ([MS-TDS] 2.2.3.1.2).
const (
	statusEnd   = 0x01 // the last packet of the message
	statusReset = 0x08 // the connection is to be as it was after the login, before the request is carried out
)

const (
	headerSize = 8
	// firstPacketSize holds until the login has agreed on another ([MS-TDS] 2.2.3.1.3).
	firstPacketSize = 4096
	// maxMessage is more than any request of a test; what is longer is not read.
	maxMessage = 64 << 20
)

// message is a request: the contents of its packets joined.
type message struct {
	kind  byte
	reset bool
	data  []byte
}

// errTooLong ends a connection whose client sends more than the stand-in reads.
var errTooLong = errors.New("message is too long")

// readMessage reads the packets of one request. The error is io.EOF when the client has gone between two requests.
func readMessage(r io.Reader) (message, error) {
	var m message
	for first := true; ; first = false {
		var header [headerSize]byte
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return m, err
		}
		length := int(binary.BigEndian.Uint16(header[2:]))
		if length < headerSize {
			return m, fmt.Errorf("packet of %d bytes", length)
		}
		if len(m.data)+length > maxMessage {
			return m, errTooLong
		}
		if first {
			m.kind, m.reset = header[0], header[1]&statusReset != 0
		} else if header[0] != m.kind {
			return m, fmt.Errorf("packet of kind %d in a message of kind %d", header[0], m.kind)
		}
		body := make([]byte, length-headerSize)
		if _, err := io.ReadFull(r, body); err != nil {
			return m, err
		}
		m.data = append(m.data, body...)
		if header[1]&statusEnd != 0 {
			return m, nil
		}
	}
}

// packetWriter cuts what is written to it into packets of one message.
type packetWriter struct {
	w    io.Writer
	kind byte
	size int // of a packet with its header
	spid uint16
	seq  byte
	buf  []byte // what waits for its packet to be full
}

// Write takes contents. Packets that are full are sent.
func (p *packetWriter) Write(b []byte) (int, error) {
	written := len(b)
	for len(p.buf)+len(b) > p.size-headerSize {
		n := p.size - headerSize - len(p.buf)
		p.buf = append(p.buf, b[:n]...)
		b = b[n:]
		if err := p.send(0); err != nil {
			return 0, err
		}
	}
	p.buf = append(p.buf, b...)
	return written, nil
}

// Flush sends what waits, so that the client sees it while the message goes on.
func (p *packetWriter) Flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	return p.send(0)
}

// End sends what waits as the last packet of the message.
func (p *packetWriter) End() error {
	err := p.send(statusEnd)
	p.seq = 0
	return err
}

func (p *packetWriter) send(status byte) error {
	p.seq++
	packet := make([]byte, headerSize, headerSize+len(p.buf))
	packet[0], packet[1], packet[6] = p.kind, status, p.seq
	binary.BigEndian.PutUint16(packet[2:], uint16(headerSize+len(p.buf)))
	binary.BigEndian.PutUint16(packet[4:], p.spid)
	packet = append(packet, p.buf...)
	p.buf = p.buf[:0]
	_, err := p.w.Write(packet)
	return err
}
