package tdstest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// session is one client.

type session struct {
	server *Server
	spid   int
	conn   net.Conn
	wire   *cutWriter
	reply  *reply
	ctx    context.Context
	end    context.CancelFunc
	done   chan struct{} // closed when the session has gone

	who     credentials
	account Account
	since   time.Time

	db        *sql.DB
	sql       *sql.Conn // in the file of the current database
	xactAbort bool
	lastCount int64

	// What others see, guarded by the server's mutex.
	current      *database
	transactions int
	request      *request

	mu        sync.Mutex
	cancel    context.CancelFunc // of the request that runs
	attention bool               // it has been cancelled by the client
}

// request is what a session is doing, as sys.dm_exec_requests shows it.

type request struct {
	command string
	started time.Time
	percent float64
	target  *database
}

// cutWriter loses the connection after so many bytes, where it is told to.

// serve serves one client until it goes.

func (s *Server) serve(conn net.Conn) {
	c := &session{server: s, conn: conn, done: make(chan struct{}), since: time.Now().UTC()}
	c.ctx, c.end = context.WithCancel(s.ctx)
	defer c.end()
	stop := context.AfterFunc(c.ctx, func() { _ = conn.Close() })
	defer stop()
	s.mu.Lock()
	s.lastSpid++
	c.spid = s.lastSpid
	s.mu.Unlock()
	in, err := c.handshake()
	if err == nil {
		c.loop(in)
	}
	c.leave()
	_ = conn.Close()
	close(c.done)
}

// handshake is PRELOGIN, TLS where it is wanted, and the login. It returns where requests come from.

// login lets the client in, or says why not.

// enter goes into a database.

// leave ends the session: what it has not committed is lost with its connection to the file.

// inside are the sessions in a database, other than one, and those that work on it from outside. The mutex is held.

// evict throws everybody but one out of a database, and waits until they have gone.

// loop carries out one request after the other. A second goroutine reads on meanwhile, for the attention that cancels

// a request, and for the end of the connection.

func (c *session) loop(in io.Reader) {
	requests := make(chan message)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(requests)
		defer c.end()
		for {
			m, err := readMessage(in)
			if err != nil {
				return
			}
			if m.kind == packetAttention && c.interrupt() {
				continue
			}
			select {
			case requests <- m:
			case <-c.ctx.Done():
				return
			}
		}
	})
	for m := range requests {
		if err := c.handle(m); err != nil {
			break
		}
	}
	c.end()
	_ = c.conn.Close()
	reading.Wait()
}

// interrupt cancels the request that runs, whose answer then ends with the acknowledgement ([MS-TDS] 2.2.1.7). It says

// false when there is none.

func (c *session) interrupt() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel == nil {
		return false
	}
	c.cancel()
	c.attention = true
	return true
}

// settled says that the request has been carried out, and whether an attention has come meanwhile.

func (c *session) settled() (interrupted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	interrupted = c.attention
	c.cancel, c.attention = nil, false
	return interrupted
}

// handle answers one request. An error ends the session.

func (c *session) handle(m message) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	c.reply.inProc = m.kind == packetRPC
	if m.reset {
		c.reset(ctx)
	}
	switch m.kind {
	case packetAttention:
		c.reply.done(doneAttention, 0, 0)
	case packetBatch:
		r := &reader{b: m.data}
		r.skipHeaders()
		if r.err != nil {
			return r.err
		}
		c.run(ctx, decodeUTF16(r.b), nil)
	case packetRPC:
		if err := c.procedure(ctx, m.data); err != nil {
			return err
		}
	case packetTransaction:
		if err := c.transaction(ctx, m.data); err != nil {
			return err
		}
	default:
		return fmt.Errorf("packet of kind %d", m.kind)
	}
	if c.settled() {
		c.reply.done(doneAttention, 0, 0)
	}
	return c.reply.end()
}

// reset makes the session as it was after the login.

func (c *session) reset(ctx context.Context) {
	c.xactAbort = false
	if c.inTransaction() {
		_ = c.rollback(ctx)
	}
	// Where it is not let in again it stays where it is; the next statement tells.
	_ = c.enter(ctx, or(c.who.database, "master"))
}

// run runs a batch.

func (c *session) run(ctx context.Context, batch string, variables map[string]any) {
	x := &execution{session: c, ctx: ctx, reply: c.reply, batch: batch, variables: variables}
	x.run()
}

// procedure answers an RPC.

func (c *session) procedure(ctx context.Context, data []byte) error {
	call, err := parseCall(data)
	if err != nil {
		return err
	}
	if call.number == procedureExecuteSQL || call.name == "sp_executesql" {
		if len(call.parameters) == 0 {
			return errShort
		}
		variables := map[string]any{}
		for i, p := range call.parameters[1:] {
			if i > 0 { // the first one declares the others
				variables[lower(p.name)] = p.value
			}
		}
		c.run(ctx, asText(call.parameters[0].value), variables)
	} else {
		x := &execution{session: c, ctx: ctx, reply: c.reply, batch: call.name}
		x.callProcedure(call)
	}
	c.reply.returnStatus(0)
	return nil
}

// Requests of a transaction manager ([MS-TDS] 2.2.6.9).

// tell sends an error and what comes after it.

func (c *session) tell(e *Error) {
	for ; e != nil; e = e.Explanation {
		c.reply.fail(*e)
	}
}
