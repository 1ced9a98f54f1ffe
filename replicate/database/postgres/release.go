package postgres

import (
	"context"
	"fmt"

	"failoverd/replicate/database"
)

// Release sets or resets what new transactions in a catalog may do, and ends the sessions that began with the old
// setting.
func (Engine) Release(ctx context.Context, end database.End, writable bool) error {
	server, err := dialServer(ctx, end)
	if err != nil {
		return err
	}
	defer hangUp(server)
	found, err := lookUp(ctx, server, end, end.Catalog)
	if err != nil {
		return err
	}
	state, exists := found[end.Catalog]
	if !exists {
		return fmt.Errorf("%s: there is no catalog %s", end.Host, end.Catalog)
	}
	if state.sealed != writable {
		return nil
	}
	if _, err := server.Exec(ctx, sealing(end.Catalog, !writable)); err != nil {
		return cause(ctx, at(end, "change who may write to "+end.Catalog, err))
	}
	if err := empty(ctx, server, []string{end.Catalog}); err != nil {
		return cause(ctx, at(end, "end the sessions in "+end.Catalog, err))
	}
	return nil
}

// sealing is the statement that lets applications read alone, or write again.
func sealing(catalog string, sealed bool) string {
	if sealed {
		return "ALTER DATABASE " + ident(catalog) + " SET " + seal + " = on"
	}
	return "ALTER DATABASE " + ident(catalog) + " RESET " + seal
}
