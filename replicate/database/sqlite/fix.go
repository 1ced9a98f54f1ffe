package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"failoverd/replicate/database"
)

// Fix runs a script in the staging, one statement after the other.
func (Engine) Fix(ctx context.Context, p database.Pair, script string) error {
	return at(p.Target, "fix "+p.Names.Staging, fix(ctx, p, script))
}

func fix(ctx context.Context, p database.Pair, script string) (err error) {
	t, err := target(p)
	if err != nil {
		return err
	}
	defer t.close()
	name, err := t.exists(p.Names.Staging)
	if err != nil {
		return err
	}
	// Nobody uses the staging; it is synced when all is done.
	c, err := connect(ctx, t.path(name), "_pragma=synchronous(OFF)", "_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	for i, statement := range split(script) {
		if err = c.exec(ctx, statement); err != nil {
			err = fmt.Errorf("statement %d, %s: %w", i+1, shortened(statement), err)
			break
		}
	}
	// An open transaction ends with the connection, and what it was to do is not done.
	if err == nil {
		err = c.outside(ctx)
	}
	return errors.Join(err, c.close(), t.durable(name))
}

// outside wants the connection to be in no transaction.
func (c *connection) outside(ctx context.Context) error {
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("the script leaves a transaction open: %w", err)
	}
	return c.exec(ctx, "ROLLBACK")
}

// shortened is the beginning of a statement, in one line.
func shortened(statement string) string {
	const most = 200
	text := strings.Join(strings.Fields(statement), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return text
}
