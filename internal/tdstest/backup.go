package tdstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// backUp is BACKUP DATABASE name TO DISK = 'file' WITH options.
func (x *execution) backUp(st statement) error {
	p := &parser{rest: st[2:]}
	name := p.name()
	o, err := x.media(p, "TO", "COPY_ONLY", "CHECKSUM", "NO_CHECKSUM", "INIT", "NOINIT", "FORMAT", "NOFORMAT", "SKIP", "STATS",
		"COMPRESSION", "NO_COMPRESSION")
	if err != nil {
		return err
	}
	if !o.from {
		return syntax("BACKUP")
	}
	if err := x.writeBackup(name, o); err != nil {
		return ending(err, "BACKUP DATABASE")
	}
	return x.finish()
}

// ending adds that a statement is terminating abnormally to what a client is told.
func ending(err error, statement string) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	e := asError(err)
	if e.Number == 102 && e.Class == 15 {
		e = fault(3271, 16, "A nonrecoverable I/O error occurred: %v", err)
	}
	return e.then(abnormally(statement))
}

func (x *execution) writeBackup(name string, o mediaOptions) error {
	begun := time.Now()
	if err := x.outside(3021, "Cannot perform a backup or restore operation within a transaction."); err != nil {
		return err
	}
	d, err := x.toBackUp(name, o)
	if err != nil {
		return err
	}
	x.aim(d)
	snapshot := filepath.Join(x.server.dataDir, "snapshot-"+guid())
	defer os.Remove(snapshot)
	family, err := x.snapshot(d, snapshot)
	if err != nil {
		return err
	}
	info, err := os.Stat(snapshot)
	if err != nil {
		return err
	}
	x.server.mu.Lock()
	h := backupHead{
		Database: d.name, Server: x.server.options.Name, User: x.account.Name, Version: x.server.options.Version, Name: o.name,
		Family: family, Fork: d.fork, Recovery: d.recovery, ReadOnly: d.readOnly, SingleUser: d.access == "SINGLE_USER",
		CopyOnly: o.words["COPY_ONLY"], Checksums: o.words["CHECKSUM"], Compressed: o.words["COMPRESSION"],
		Created: d.created, Started: begun.UTC(), Size: info.Size(),
	}
	for _, f := range d.files {
		f.Size = f.size()
		h.Files = append(h.Files, f)
	}
	x.server.mu.Unlock()
	h.FirstLSN, h.LastLSN, h.Finished = x.server.lsn(), x.server.lsn(), time.Now().UTC()
	if err := x.writeSet(snapshot, h, o); err != nil {
		return err
	}
	x.server.mu.Lock()
	x.server.history = append(x.server.history, h)
	x.server.mu.Unlock()
	x.processed("BACKUP DATABASE", h.Database, h.Files, h.Size, begun)
	return nil
}

// toBackUp finds the database, and says why it is not backed up.
func (x *execution) toBackUp(name string, o mediaOptions) (*database, error) {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(name)
	switch {
	case d == nil:
		return nil, noDatabase(name)
	case !x.account.may("BACKUP DATABASE"):
		return nil, denied("BACKUP DATABASE", d.name)
	case d.state == "RESTORING":
		return nil, fault(927, 14, "Database '%s' cannot be opened. It is in the middle of a restore.", d.name)
	case d.state == "OFFLINE":
		return nil, fault(942, 14, "Database '%s' cannot be opened because it is offline.", d.name)
	case d.access == "SINGLE_USER" && len(s.inside(d, x.session)) > 0:
		return nil, fault(924, 14, "Database '%s' is already open and can only have one user at a time.", d.name)
	case s.workedOn(d):
		return nil, fault(3023, 16, "Backup, file manipulation operations (such as ALTER DATABASE ADD FILE) and encryption "+
			"changes on a database must be serialized. Reissue the statement after the current backup or file manipulation "+
			"operation is completed.")
	case o.words["COMPRESSION"] && s.options.Edition == Express:
		return nil, fault(1844, 16, "BACKUP DATABASE WITH COMPRESSION is not supported on %s.", s.options.Edition.name())
	}
	return d, nil
}

// snapshot writes the database as it is at this instant to a file.
func (x *execution) snapshot(d *database, path string) (family string, err error) {
	db := x.server.openFile(d.data())
	defer db.Close()
	if err := db.QueryRowContext(x.ctx, "SELECT guid FROM [tds identity]").Scan(&family); err != nil {
		return "", err
	}
	_, err = db.ExecContext(x.ctx, "VACUUM INTO ?", path)
	return family, err
}

// writeSet writes the set to its file. What is not finished is taken away again.
func (x *execution) writeSet(snapshot string, h backupHead, o mediaOptions) (err error) {
	path := x.server.backupPath(o.disk)
	flags := os.O_CREATE | os.O_WRONLY
	if o.words["INIT"] || o.words["FORMAT"] {
		flags |= os.O_TRUNC
	}
	out, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return cannotOpen(o.disk, err)
	}
	before, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	err = x.copySet(snapshot, out, h, o)
	if err == nil && x.fault != nil && x.fault.Torn {
		if end, err := out.Seek(0, io.SeekEnd); err == nil {
			_ = out.Truncate(before + (end-before)/2)
		}
	}
	if err != nil {
		if before == 0 {
			_ = os.Remove(path)
		} else {
			_ = out.Truncate(before)
		}
	}
	return errors.Join(err, out.Close())
}

func (x *execution) copySet(snapshot string, out *os.File, h backupHead, o mediaOptions) error {
	in, err := os.Open(snapshot)
	if err != nil {
		return err
	}
	defer in.Close()
	w := bufio.NewWriterSize(out, backupPart)
	set, err := newSetWriter(w, h)
	if err != nil {
		return err
	}
	report := &reporter{x: x, stats: o.stats, total: h.Size}
	part := make([]byte, backupPart)
	for {
		n, err := io.ReadFull(in, part)
		if n > 0 {
			if err := x.roomFor(o.disk, n); err != nil {
				return err
			}
			if err := set.part(part[:n]); err != nil {
				return fault(3202, 16, "Write on \"%s\" failed: %v", o.disk, err)
			}
			report.add(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := x.fault.pace(x.ctx); err != nil {
			return err
		}
		if x.ctx.Err() != nil {
			return x.ctx.Err()
		}
	}
	if err := set.close(); err != nil {
		return err
	}
	return w.Flush()
}

// roomFor refuses to write beyond what the volume of the backups holds.
func (x *execution) roomFor(disk string, n int) error {
	space := x.server.options.BackupSpace
	if x.server.isFull(backupVolume) || space > 0 && free(x.server.BackupDir, space) < int64(n)+backupPart {
		return fault(3202, 16, "Write on \"%s\" failed: 112(There is not enough space on the disk.)", disk)
	}
	return nil
}

// processed tells that a backup or a restore has been done.
func (x *execution) processed(statement, name string, files []dataFile, size int64, begun time.Time) {
	pages := max(size/pageSize, 1)
	for _, f := range files {
		of := pages
		if f.Kind == "L" {
			of = 2
		}
		x.reply.infoText(4035, 1, fmt.Sprintf("Processed %d pages for database '%s', file '%s' on file 1.", of, name, f.Logical))
	}
	seconds, milliseconds := since(begun)
	x.reply.infoText(3014, 1, fmt.Sprintf("%s successfully processed %d pages in %d.%03d seconds (%.3f MB/sec).", statement,
		pages+2, seconds, milliseconds, float64(size)/(1<<20)/max(time.Since(begun).Seconds(), 0.001)))
}
