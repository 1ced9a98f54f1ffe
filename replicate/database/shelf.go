package database

import (
	"context"
	"io"
	"io/fs"
	"strings"
)

// Mark is in the name of every backup file that failoverd has a server make, so that no file of anybody else is taken
// for one.
const Mark = ".failoverd-"

// Marked says whether a file's name, or the beginning of one, has the mark.
func Marked(name string) bool { return strings.Index(name, Mark) > 0 }

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
	// Sweep removes the files whose names begin so, whoever was killed while he made one. Nothing to remove is no
	// error. The beginning has the mark in it.
	Sweep(ctx context.Context, beginning string) error
	// Free is how many bytes are free.
	Free(ctx context.Context) (int64, error)
}

// Courier is a shelf whose files travel: it packs them on the way, and leaves out what came with an earlier one. Of what
// is packed already it can leave out little.
type Courier interface {
	Shelf
	// Kept is where what came is kept for the next time, and how many bytes are free there.
	Kept() (directory string, free int64, err error)
}

// Parcel is a file that a courier brings.
type Parcel interface {
	io.ReadCloser
	// Travelled is how many bytes have travelled for what was read.
	Travelled() int64
}

// Maker is a courier that has a copy of one database made where that is, as a file that it then brings.
type Maker interface {
	Courier
	// Look looks at the database as a source, as Probe does.
	Look(ctx context.Context) (Report, error)
	// Make makes a file that holds the database as it is at one instant.
	Make(ctx context.Context, file string) (Made, error)
}

// Made is what is known of the database that a file was made of.
type Made struct {
	Identity string      // which one it is
	Mode     fs.FileMode // the permissions of its own file
}
