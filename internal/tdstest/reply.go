package tdstest

import (
	"encoding/binary"
	"io"
)

// Tokens of an answer ([MS-TDS] 2.2.7).
const (
	tokenReturnStatus = 0x79
	tokenColumns      = 0x81
	tokenError        = 0xAA
	tokenInfo         = 0xAB
	tokenLoginAck     = 0xAD
	tokenRow          = 0xD1
	tokenEnvironment  = 0xE3
	tokenDone         = 0xFD
	tokenDoneProc     = 0xFE
	tokenDoneInProc   = 0xFF
)

// Bits of the status of DONE ([MS-TDS] 2.2.7.6).
const (
	doneMore      = 0x01
	doneError     = 0x02
	doneCount     = 0x10
	doneAttention = 0x20
)

// Kinds of ENVCHANGE ([MS-TDS] 2.2.7.9).
const (
	envDatabase   = 1
	envPacketSize = 4
	envCollation  = 7
	envBegin      = 8
	envCommit     = 9
	envRollback   = 10
)

// latin1General is the collation of every text: Latin1_General_CI_AS, code page 1252.
func latin1General() []byte { return []byte{0x09, 0x04, 0xD0, 0x00, 0x34} }

// commandSelect is what DONE says that it ends when it ends a SELECT: clients count its rows by it.
const commandSelect = 0xC1

// reply writes the tokens of answers. The last DONE of an answer is known only when the answer ends, so each one waits
// until the next token comes.
type reply struct {
	out     *packetWriter
	server  string // the server's name in messages
	inProc  bool   // the statements belong to an RPC
	waiting []byte // the DONE that waits, without the bit that says whether more comes
	err     error  // of writing, which ends the session
}

func newReply(w io.Writer, spid uint16, server string) *reply {
	return &reply{out: &packetWriter{w: w, kind: packetReply, size: firstPacketSize, spid: spid}, server: server}
}

// write sends the DONE that waits, with the word that more comes, and then a token.
func (r *reply) write(token []byte) {
	if r.waiting != nil {
		r.waiting[1] |= doneMore
		r.put(r.waiting)
		r.waiting = nil
	}
	r.put(token)
}

func (r *reply) put(b []byte) {
	if r.err == nil {
		_, r.err = r.out.Write(b)
	}
}

// flush lets the client see what was written so far.
func (r *reply) flush() {
	if r.err == nil {
		r.err = r.out.Flush()
	}
}

// done ends a statement.
func (r *reply) done(status, command uint16, count int64) {
	token := byte(tokenDone)
	if r.inProc {
		token = tokenDoneInProc
	}
	r.doneAs(token, status, command, count)
}

func (r *reply) doneAs(token byte, status, command uint16, count int64) {
	d := []byte{token}
	d = binary.LittleEndian.AppendUint16(d, status)
	d = binary.LittleEndian.AppendUint16(d, command)
	d = binary.LittleEndian.AppendUint64(d, uint64(count))
	r.write(nil)
	r.waiting = d
}

// returnStatus ends an RPC: what the procedure returned, and that it has ended.
func (r *reply) returnStatus(status uint16) {
	r.write(binary.LittleEndian.AppendUint32([]byte{tokenReturnStatus}, 0))
	r.doneAs(tokenDoneProc, status, 0, 0)
}

// end sends the DONE that waits as the last one, and the last packet.
func (r *reply) end() error {
	if r.waiting != nil {
		r.put(r.waiting)
		r.waiting = nil
	}
	if r.err != nil {
		return r.err
	}
	return r.out.End()
}

// message writes an ERROR or an INFO.
func (r *reply) message(token byte, e Error) {
	var b []byte
	b = binary.LittleEndian.AppendUint32(b, uint32(e.Number))
	b = append(b, max(e.State, 1), e.Class)
	text := encodeUTF16(e.Text)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)/2))
	b = append(b, text...)
	b = appendText(b, r.server)
	b = appendText(b, "")
	b = binary.LittleEndian.AppendUint32(b, uint32(max(e.Line, 1)))
	r.write(append(binary.LittleEndian.AppendUint16([]byte{token}, uint16(len(b))), b...))
}

func (r *reply) fail(e Error) { r.message(tokenError, e) }

func (r *reply) info(e Error) { r.message(tokenInfo, e) }

func (r *reply) infoText(number int32, state byte, text string) {
	r.info(Error{Number: number, State: state, Text: text})
}

// appendText adds a text with its length in one byte ([MS-TDS] B_VARCHAR).
func appendText(b []byte, s string) []byte {
	text := encodeUTF16(s)
	return append(append(b, byte(len(text)/2)), text...)
}

// environment tells the client that something has another value from now on.
func (r *reply) environment(kind byte, now, before string) {
	r.environmentBytes(appendText(appendText([]byte{kind}, now), before))
}

func (r *reply) environmentBytes(b []byte) {
	r.write(append(binary.LittleEndian.AppendUint16([]byte{tokenEnvironment}, uint16(len(b))), b...))
}

func (r *reply) collation() {
	b := append([]byte{envCollation, 5}, latin1General()...)
	r.environmentBytes(append(b, 0))
}

// transaction tells the client the descriptor of a transaction that began, or of the one that ended.
func (r *reply) transaction(kind byte, descriptor uint64) {
	id := binary.LittleEndian.AppendUint64(nil, descriptor)
	if kind == envBegin {
		r.environmentBytes(append(append([]byte{kind, 8}, id...), 0))
		return
	}
	r.environmentBytes(append([]byte{kind, 0, 8}, id...))
}

// loginAck says which server it is that lets the client in, and that it speaks TDS 7.4.
func (r *reply) loginAck(version [4]byte) {
	b := []byte{1}
	b = binary.BigEndian.AppendUint32(b, 0x74000004)
	b = appendText(b, "Microsoft SQL Server")
	b = append(b, version[:]...)
	r.write(append(binary.LittleEndian.AppendUint16([]byte{tokenLoginAck}, uint16(len(b))), b...))
}

// columns begins a set of rows.
func (r *reply) columns(list []column) {
	b := binary.LittleEndian.AppendUint16([]byte{tokenColumns}, uint16(len(list)))
	for _, c := range list {
		b = binary.LittleEndian.AppendUint32(b, 0) // user type
		b = binary.LittleEndian.AppendUint16(b, 1) // may be null
		b = c.kind.appendInfo(b)
		b = appendText(b, c.name)
	}
	r.write(b)
}

// row writes one row of the set.
func (r *reply) row(list []column, values []any) error {
	b := []byte{tokenRow}
	for i, c := range list {
		var err error
		if b, err = c.kind.appendValue(b, values[i]); err != nil {
			return err
		}
	}
	r.write(b)
	return nil
}
