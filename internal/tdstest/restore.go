package tdstest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// restore is RESTORE DATABASE name [FROM DISK = 'file'] WITH options.
func (x *execution) restore(st statement) error {
	p := &parser{rest: st[2:]}
	name := p.name()
	o, err := x.media(p, "FROM", "REPLACE", "CHECKSUM", "NO_CHECKSUM", "RECOVERY", "NORECOVERY", "STATS")
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := x.outside(3021, "Cannot perform a backup or restore operation within a transaction."); err != nil {
		return ending(err, "RESTORE DATABASE")
	}
	if !x.account.may("CREATE ANY DATABASE") {
		return ending(fault(3110, 14, "User does not have permission to RESTORE database '%s'.", name), "RESTORE DATABASE")
	}
	if !o.from {
		err = x.recover(name)
	} else {
		err = x.readBackup(name, o, begun)
	}
	if err != nil {
		return ending(err, "RESTORE DATABASE")
	}
	return x.finish()
}

// recover is RESTORE DATABASE name WITH RECOVERY: it ends what NORECOVERY has left open.
func (x *execution) recover(name string) error {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(name)
	switch {
	case d == nil:
		return noDatabase(name)
	case d.state != "RESTORING" || s.workedOn(d):
		return fault(3148, 16, "This RESTORE statement is invalid in the current context.")
	}
	if _, err := os.Stat(d.data()); err != nil {
		return fault(4333, 16, "The database cannot be recovered because the log was not restored.")
	}
	d.state = "ONLINE"
	return nil
}

func (x *execution) readBackup(name string, o mediaOptions, begun time.Time) error {
	set, err := x.openBackup(o)
	if err != nil {
		return err
	}
	defer set.close()
	if o.words["CHECKSUM"] && !set.head.Checksums {
		return fault(3187, 16, "RESTORE WITH CHECKSUM cannot be specified because the backup set does not contain checksum information.")
	}
	if major(set.head.Version) > x.server.major() {
		return fault(3169, 16, "The database was backed up on a server running version %s. That version is incompatible with "+
			"this server, which is running version %s. Either restore the database on a server that supports the backup, or "+
			"use a backup that is compatible with this server.", set.head.Version, x.server.options.Version)
	}
	files, err := x.plan(set, o)
	if err != nil {
		return err
	}
	d, err := x.place(name, set, files, o)
	if err != nil {
		return err
	}
	if err := x.writeFiles(d, set, o); err != nil {
		return err // and the database stays RESTORING
	}
	x.server.mu.Lock()
	if !o.words["NORECOVERY"] {
		d.state = "ONLINE"
	}
	d.readOnly, d.recovery, d.fork = set.head.ReadOnly, set.head.Recovery, guid()
	d.access = "MULTI_USER"
	if set.head.SingleUser {
		d.access = "SINGLE_USER"
	}
	x.server.mu.Unlock()
	x.processed("RESTORE DATABASE", name, d.files, set.head.Size, begun)
	return nil
}

func planning() *Error {
	return fault(3119, 16, "Problems were identified while planning for the RESTORE statement. Previous messages provide details.")
}

// plan says where the files of a set go.
func (x *execution) plan(set *backupSet, o mediaOptions) ([]dataFile, error) {
	var files []dataFile
	known := map[string]bool{}
	for _, f := range set.head.Files {
		known[lower(f.Logical)] = true
		if to, moved := o.moves[lower(f.Logical)]; moved {
			f.Path = to
		}
		elsewhere := func(why *Error) error {
			return why.then(fault(3156, 16, "File '%s' cannot be restored to '%s'. Use WITH MOVE to identify a valid location for "+
				"the file.", f.Logical, f.Path)).then(planning())
		}
		if _, err := os.Stat(filepath.Dir(f.Path)); err != nil {
			return nil, elsewhere(fault(5133, 16, "Directory lookup for the file \"%s\" failed with the operating system error "+
				"2(The system cannot find the file specified.).", f.Path))
		}
		files = append(files, f)
	}
	for logical := range o.moves {
		if !known[logical] {
			return nil, fault(3234, 16, "Logical file '%s' is not part of database '%s'. Use RESTORE FILELISTONLY to list the "+
				"logical file names.", logical, set.head.Database)
		}
	}
	need := int64(logSize)
	for _, f := range files {
		need += f.Size
	}
	if available := x.server.dataFree(); need > available {
		return nil, fault(3257, 16, "There is insufficient free space on disk volume '%s' to create the database. The database "+
			"requires %d additional free bytes, while only %d bytes are available.", x.server.dataDir, need, available).then(planning())
	}
	return files, nil
}

// place finds the database that is overwritten, or makes one, and has it RESTORING.
func (x *execution) place(name string, set *backupSet, files []dataFile, o mediaOptions) (*database, error) {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(name)
	switch {
	case d == nil:
	case len(s.inside(d, nil)) > 0:
		return nil, fault(3101, 16, "Exclusive access could not be obtained because the database is in use.")
	case !o.words["REPLACE"] && d.state != "RESTORING":
		return nil, fault(3154, 16, "The backup set holds a backup of a database other than the existing '%s' database.", d.name)
	}
	for _, f := range files {
		owner := s.ownerOf(f.Path)
		if owner != nil && owner != d {
			return nil, fault(1834, 16, "The file '%s' cannot be overwritten.  It is being used by database '%s'.", f.Path, owner.name).
				then(fault(3156, 16, "File '%s' cannot be restored to '%s'. Use WITH MOVE to identify a valid location for the file.",
					f.Logical, f.Path)).then(planning())
		}
		if _, err := os.Stat(f.Path); err == nil && owner == nil && !o.words["REPLACE"] {
			return nil, fault(5170, 16, "Cannot create file '%s' because it already exists. Change the file path or the file name, "+
				"and retry the operation.", f.Path).then(planning())
		}
	}
	if d == nil {
		d = &database{id: s.nextID(), name: name, created: set.head.Created}
		s.databases = append(s.databases, d)
	} else {
		d.removeFiles()
	}
	d.state, d.access, d.recovery, d.fork, d.files = "RESTORING", "MULTI_USER", set.head.Recovery, set.head.Fork, files
	x.session.request.target = d
	return d, nil
}

// ownerOf is the database that a file belongs to. The mutex is held.
func (s *Server) ownerOf(path string) *database {
	for _, d := range s.databases {
		for _, f := range d.files {
			if filepath.Clean(f.Path) == filepath.Clean(path) {
				return d
			}
		}
	}
	return nil
}

// writeFiles unpacks the set.
func (x *execution) writeFiles(d *database, set *backupSet, o mediaOptions) error {
	for _, f := range d.files[1:] {
		if err := os.WriteFile(f.Path, make([]byte, logSize), 0o600); err != nil {
			return cannotOpen(f.Path, err)
		}
	}
	out, err := os.Create(d.data())
	if err != nil {
		return cannotOpen(d.data(), err)
	}
	return errors.Join(x.unpack(set, out, o.stats), out.Close())
}

// unpack reads a set to its end, and writes it where there is something to write to.
func (x *execution) unpack(set *backupSet, out io.Writer, stats int) error {
	report := &reporter{x: x, stats: stats, total: set.head.Size}
	for {
		part, err := set.part()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return readFailed(set.path, err)
		}
		if _, err := out.Write(part); err != nil {
			return fault(3271, 16, "A nonrecoverable I/O error occurred on file \"%s:\" %v.", set.path, err)
		}
		report.add(len(part))
		if err := x.fault.pace(x.ctx); err != nil {
			return err
		}
	}
}

// major is the first number of a version.
func major(version string) int {
	s := Server{options: Options{Version: version}}
	return s.major()
}

// verify is RESTORE VERIFYONLY.
func (x *execution) verify(st statement) error {
	set, o, err := x.only(st, "CHECKSUM", "NO_CHECKSUM", "STATS")
	if err == nil {
		defer set.close()
		if o.words["CHECKSUM"] && !set.head.Checksums {
			err = fault(3187, 16, "RESTORE WITH CHECKSUM cannot be specified because the backup set does not contain checksum information.")
		} else {
			err = x.unpack(set, io.Discard, o.stats)
		}
	}
	if err != nil {
		return verifyEnding(err)
	}
	x.reply.infoText(3262, 1, "The backup set on file 1 is valid.")
	return x.finish()
}

func verifyEnding(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return ending(err, "VERIFY DATABASE")
}

// only reads RESTORE ...ONLY FROM DISK = 'file'.
func (x *execution) only(st statement, allowed ...string) (*backupSet, mediaOptions, error) {
	p := &parser{rest: st[2:]}
	o, err := x.media(p, "FROM", allowed...)
	if err != nil {
		return nil, o, err
	}
	if !o.from {
		return nil, o, syntax("RESTORE")
	}
	set, err := x.openBackup(o)
	return set, o, err
}
