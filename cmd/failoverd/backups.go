package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"failoverd/config"
	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
	"failoverd/replicate/agent/shelf"
	"failoverd/replicate/database"
	"failoverd/replicate/database/sqlite"
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

// databasesService is the name of the agent's service that has copies of SQLite databases made and serves them. A database
// is asked for by its name.
const databasesService = "databases"

// bases are the SQLite databases of this host of which the standby may have copies.
type bases map[string]base

// newBases makes the directories of the copies ready.
func newBases(c *agentconfig.Config) (bases, error) {
	all := bases{}
	for _, d := range c.Databases {
		b := base{Database: d, host: c.Name, engine: sqlite.New(), directory: filepath.Join(c.DataDir, "databases", d.Name), turn: make(chan struct{}, 1)}
		if err := os.MkdirAll(b.directory, 0o700); err != nil {
			return nil, fmt.Errorf("make a place for copies of %s: %w", d.Name, err)
		}
		all[d.Name] = b
	}
	return all, nil
}

// Begin is the service databases: one order about one of them.
func (b bases) Begin(_ context.Context, r agent.Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	one, ok := b[r.Directory]
	if !ok {
		return nil, &agent.Problem{Code: agent.NotGranted, Detail: fmt.Sprintf(
			"the agent's configuration has no database %.64q under databases: write it there, and restart the agent", r.Directory)}
	}
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		return shelf.ServeBase(ctx, stream, one.directory, one)
	}, nil
}

// base is one of them.
type base struct {
	agentconfig.Database
	host      string
	engine    sqlite.Engine
	directory string        // of the copies
	turn      chan struct{} // one copy is made at a time
}

// Look looks at the database.
func (b base) Look(ctx context.Context) (database.Report, error) {
	return b.engine.Look(ctx, b.host, b.File)
}

// Make makes a copy of the database.
func (b base) Make(ctx context.Context, into *os.Root, file string) (database.Made, error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return database.Made{}, context.Cause(ctx)
	}
	defer func() { <-b.turn }()
	return b.engine.Take(ctx, b.File, into, file)
}

// shelf is a directory of backups that an agent serves; server is how the database server names it, and cache is where
// what came of it is kept.
func (l link) shelf(at netip.AddrPort, name, server, cache string) shelf.Remote {
	return shelf.Remote{Server: server, Cache: cache, Dial: l.dialler(at, backupsService, name)}
}

// base is a SQLite database that an agent copies.
func (l link) base(at netip.AddrPort, name, cache string) shelf.RemoteBase {
	return shelf.RemoteBase{Remote: shelf.Remote{Cache: cache, Dial: l.dialler(at, databasesService, name)}}
}

// dialler asks an agent for a service again and again.
func (l link) dialler(at netip.AddrPort, service, name string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		stream, _, err := l.client.Open(ctx, at, agent.Request{Service: service, Directory: name})
		if final(err) {
			err = &shelf.FinalError{Err: err}
		}
		return stream, err
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
