package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"

	"failoverd/config"
	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
	"failoverd/replicate/agent/shelf"
)

// backupsService is the name of the agent's service that serves the files of a directory of backups. The directory is
// asked for by its name.
const backupsService = "backups"

// backups are the directories in which this host's database servers leave their backup files.
type backups struct{ config *agentconfig.Config }

// Begin is the service backups: one order in one of the directories.
func (b backups) Begin(_ context.Context, r agent.Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	grant, ok := b.config.Backup(r.Directory)
	if !ok {
		return nil, &agent.Problem{Code: agent.NotGranted, Detail: fmt.Sprintf(
			"the agent's configuration has no directory %.64q under backups: write it there, and restart the agent", r.Directory)}
	}
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		return shelf.Serve(ctx, stream, grant.Directory)
	}, nil
}

// shelf is a directory of backups that an agent serves; server is how the database server names it, and cache is where
// what came of it is kept.
func (l link) shelf(at netip.AddrPort, name, server, cache string) shelf.Remote {
	return shelf.Remote{
		Server: server, Cache: cache,
		Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			stream, _, err := l.client.Open(ctx, at, agent.Request{Service: backupsService, Directory: name})
			if final(err) {
				err = &shelf.FinalError{Err: err}
			}
			return stream, err
		},
	}
}

// final says whether an agent that is asked again will give the same answer.
func final(err error) bool {
	if r, ok := errors.AsType[*agent.RefusedError](err); ok {
		return r.Problem.Code != agent.Unavailable
	}
	return isType[*agent.NotPairedError](err) || isType[*agent.WrongKeyError](err)
}

// kept is where what came of a server's backups is kept.
func kept(dataDir string, c config.Server) string {
	return filepath.Join(dataDir, "servers", c.Name, "backups")
}
