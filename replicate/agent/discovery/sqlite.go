package discovery

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"failoverd/replicate/agent/agentconfig"
)

// What a SQLite file begins with (sqlite.org/fileformat.html).
const (
	sqliteMagic   = "SQLite format 3\x00"
	sqliteHead    = 100
	sqliteLeast   = 512 // the smallest page, of which every size is a multiple
	writeVersion  = 18  // 2 is by way of a log
	userVersionAt = 60
)

// lookForSQLite looks for SQLite databases below a directory. A file is opened only where its size may be one of a
// database, and only to be read: SQLite's locks are for those who have it open by SQLite, which the agent has not.
func (f *Found) lookForSQLite(ctx context.Context, directory string, l limits) {
	w, err := newWalk(directory, l)
	if errors.Is(err, fs.ErrNotExist) {
		return // the usual directories are not on every host
	}
	if err != nil {
		f.miss("SQLite databases in "+directory, err)
		return
	}
	defer w.close()
	opened := 0
	err = w.run(ctx, func(name string, info fs.FileInfo) error {
		if info.Size() < sqliteLeast || info.Size()%sqliteLeast != 0 {
			return nil
		}
		if opened++; opened > l.opened {
			return errEnough
		}
		if s, is := sqliteFile(w.root, name); is {
			s.Path, s.Bytes = filepath.Join(directory, name), info.Size()
			f.SQLite = append(f.SQLite, s)
		}
		if len(f.SQLite) > l.listed {
			return errEnough
		}
		return nil
	})
	if err != nil {
		f.miss("all SQLite databases in "+directory, err)
	}
}

// lookAtDatabase looks at a database of which the standby may have copies, wherever it lies.
func (f *Found) lookAtDatabase(d agentconfig.Database) {
	root, err := os.OpenRoot(filepath.Dir(d.File))
	if err != nil {
		f.miss("the database "+d.File, err)
		return
	}
	defer root.Close()
	name := filepath.Base(d.File)
	info, err := root.Stat(name)
	if err != nil {
		f.miss("the database "+d.File, err)
		return
	}
	s, is := sqliteFile(root, name)
	if !is {
		f.miss("the database "+d.File, errors.New("it holds no SQLite database that the agent may read"))
		return
	}
	s.Path, s.Bytes, s.Grant = d.File, info.Size(), d.Name
	f.SQLite = append(f.SQLite, s)
}

// sqliteFile reads the head of a file.
func sqliteFile(root *os.Root, name string) (s SQLite, is bool) {
	file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return s, false
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return s, false
	}
	head := make([]byte, sqliteHead)
	if _, err := io.ReadFull(file, head); err != nil || !bytes.HasPrefix(head, []byte(sqliteMagic)) {
		return s, false
	}
	s.UserVersion = int32(binary.BigEndian.Uint32(head[userVersionAt:]))
	s.WAL = head[writeVersion] == 2
	return s, true
}
