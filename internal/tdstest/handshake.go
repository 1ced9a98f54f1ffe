package tdstest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
)

func (c *session) handshake() (io.Reader, error) {
	m, err := readMessage(c.conn)
	if err != nil {
		return nil, err
	}
	if m.kind != packetPrelogin {
		return nil, fmt.Errorf("packet of kind %d in place of PRELOGIN", m.kind)
	}
	wish, answer, err := negotiate(m.data, c.server.version())
	if err != nil {
		return nil, err
	}
	first := packetWriter{w: c.conn, kind: packetReply, size: firstPacketSize}
	if _, err := first.Write(answer); err != nil {
		return nil, err
	}
	if err := first.End(); err != nil {
		return nil, err
	}
	var stream io.ReadWriter = c.conn
	if wish != encryptNever {
		if stream, err = encrypt(c.conn, c.server.certificate); err != nil {
			return nil, err
		}
	}
	if m, err = readMessage(stream); err != nil {
		return nil, err
	}
	if m.kind != packetLogin {
		return nil, fmt.Errorf("packet of kind %d in place of LOGIN7", m.kind)
	}
	if wish == encryptLogin { // what comes after the login is in the clear
		stream.(*tls.Conn).NetConn().(*wrappedConn).raw = true
		stream = c.conn
	}
	c.wire = &cutWriter{conn: c.conn, w: stream, left: -1}
	c.reply = newReply(c.wire, uint16(c.spid), c.server.options.Name)
	if c.who, err = parseLogin(m.data); err != nil {
		return nil, err
	}
	if refused := c.login(); refused != nil {
		c.tell(refused)
		c.reply.done(doneError, 0, 0)
		return nil, errors.Join(refused, c.reply.end())
	}
	return stream, c.welcome(agreePacketSize(c.who.packetSize))
}

func (c *session) login() *Error {
	refused := fault(18456, 14, "Login failed for user '%s'.", c.who.user)
	if f := c.server.faultFor("LOGIN"); f != nil {
		if err := c.suffer(f); err != nil {
			return asError(err)
		}
	}
	account, known := c.server.account(c.who.user)
	if !known || c.server.passwordOf(account.Name) != c.who.password || !c.server.welcomesOneMore() {
		return refused
	}
	c.account = account
	name := or(c.who.database, "master")
	if err := c.enter(c.ctx, name); err != nil {
		return fault(4060, 11, "Cannot open database \"%s\" requested by the login. The login failed.", name).then(refused)
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.sessions[c.spid] = c
	return nil
}
