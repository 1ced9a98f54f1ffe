package sqlserver

import (
	"context"
	"fmt"
	"time"

	"failoverd/replicate/database"
)

// restore makes the staging of the backup file, and gives the place in the source's log that it shows.
func (r *run) restore(ctx context.Context) (position string, err error) {
	s, err := open(ctx, r.Target, master, program)
	if err != nil {
		return "", err
	}
	defer s.close()
	server, err := s.look(ctx)
	if err != nil {
		return "", err
	}
	path := r.Target.Shelf.Name(r.file)
	header, err := s.query(ctx, "read the head of the backup", "RESTORE HEADERONLY FROM DISK = "+quote(path))
	if err != nil {
		return "", err
	}
	if position, err = checkHeader(header, r.Source.Catalog, server); err != nil {
		return "", err
	}
	listed, err := s.query(ctx, "list the files of the backup", "RESTORE FILELISTONLY FROM DISK = "+quote(path))
	if err != nil {
		return "", err
	}
	places, err := moves(filesOf(listed), stem(r.Names.Live), generation(time.Now()), server.data, server.log)
	if err != nil {
		return "", err
	}
	if err := r.work(ctx, "verify", "verify the backup", "RESTORE VERIFYONLY FROM DISK = "+quote(path)+" WITH CHECKSUM"); err != nil {
		return "", err
	}
	statement := restoreStatement(r.Names.Staging, path, places)
	if err := r.work(ctx, "restore", "restore "+r.Names.Staging, statement); err != nil {
		return "", err
	}
	return position, r.makeUsable(ctx, s)
}

// work carries a phase out at the target.
func (r *run) work(ctx context.Context, phase, doing, statement string) error {
	r.phase(phase, r.bytes)
	if err := r.engine.carryOut(ctx, r.Target, label(r.Pair), doing, statement, r.percent); err != nil {
		return err
	}
	r.finish()
	return nil
}

// makeUsable looks whether the staging has really come up, and opens it: it has the options that its source had, which
// may have been sealed.
func (r *run) makeUsable(ctx context.Context, s *session) error {
	found, err := s.states(ctx, r.Names.Staging)
	if err != nil {
		return err
	}
	staging := found[r.Names.Staging]
	if !staging.online {
		return fmt.Errorf("restore %s at %s: it is %q afterwards and not online", r.Names.Staging, r.Target.Host, staging.word)
	}
	if staging.single {
		if err := r.engine.persist(ctx, s, "open "+r.Names.Staging, multiUser(r.Names.Staging)); err != nil {
			return err
		}
	}
	if staging.readOnly {
		return r.engine.persist(ctx, s, "open "+r.Names.Staging, readWrite(r.Names.Staging))
	}
	return nil
}

// settle marks the staging, joins its users to the target's logins, and notes what it holds.
func (r *run) settle(ctx context.Context, snapshot *database.Snapshot) error {
	s, err := open(ctx, r.Target, r.Names.Staging, program)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.setMark(ctx, r.Run); err != nil {
		return err
	}
	if err := s.forgetFixes(ctx); err != nil {
		return err
	}
	if err := s.joinUsers(ctx); err != nil {
		return err
	}
	if snapshot.Objects, err = s.objects(ctx); err != nil {
		return err
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return err
	}
	r.phase("count", 0)
	for _, t := range tables {
		counted, err := s.measure(ctx, t)
		if err != nil {
			return err
		}
		snapshot.Tables = append(snapshot.Tables, counted)
		snapshot.Rows += counted.Rows
	}
	return nil
}
