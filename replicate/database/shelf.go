package database

import (
	"context"
	"io"
)

// Shelf is a directory in which a database server leaves its backup files and finds them again, and how failoverd
// gets at them: the same directory by another path, or by an agent on that host. Names are plain file names.
type Shelf interface {
	// Name is the file as the database server names it, such as D:\Backup\x.bak.
	Name(file string) string
	// Open opens a file for reading and tells its size. It returns fs.ErrNotExist if there is none.
	Open(ctx context.Context, file string) (r io.ReadCloser, size int64, err error)
	// Create makes a new file. It is durable, and there under its name, once Close has returned nil; until then, and
	// after an error, there is no such file.
	Create(ctx context.Context, file string) (io.WriteCloser, error)
	// Remove removes a file. Nothing to remove is no error.
	Remove(ctx context.Context, file string) error
	// Free is how many bytes are free.
	Free(ctx context.Context) (int64, error)
}
