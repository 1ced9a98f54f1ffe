package tdstest

import (
	"context"
	"fmt"
)

const (
	managerBegin    = 5
	managerCommit   = 7
	managerRollback = 8
)

func (c *session) transaction(ctx context.Context, data []byte) error {
	r := &reader{b: data}
	r.skipHeaders()
	kind := r.uint16()
	if r.err != nil {
		return r.err
	}
	var err error
	switch kind {
	case managerBegin:
		err = c.begin(ctx)
	case managerCommit:
		err = c.commit(ctx)
	case managerRollback:
		err = c.rollback(ctx)
	default:
		return fmt.Errorf("request %d of a transaction manager", kind)
	}
	if err != nil {
		c.tell(asError(err))
		c.reply.done(doneError, 0, 0)
		return nil
	}
	c.reply.done(0, 0, 0)
	return nil
}

func (c *session) inTransaction() bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.transactions > 0
}

func (c *session) setTransactions(n int) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.transactions = n
}

func (c *session) begin(ctx context.Context) error {
	if c.inTransaction() {
		return fault(102, 15, "the stand-in nests no transactions")
	}
	if _, err := c.sql.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	c.setTransactions(1)
	c.reply.transaction(envBegin, uint64(c.spid))
	return nil
}

func (c *session) commit(ctx context.Context) error {
	if !c.inTransaction() {
		return fault(3902, 16, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
	}
	if _, err := c.sql.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	c.setTransactions(0)
	c.reply.transaction(envCommit, uint64(c.spid))
	return nil
}

func (c *session) rollback(ctx context.Context) error {
	if !c.inTransaction() {
		return fault(3903, 16, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
	}
	// A cancelled statement is taken back too.
	_, err := c.sql.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	c.setTransactions(0)
	c.reply.transaction(envRollback, uint64(c.spid))
	return err
}
