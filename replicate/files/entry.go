package files

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what is at a path.
type Kind uint8

// The kinds. Devices, sockets and named pipes are none of them: the source lists them as problems and never sends them.
const (
	File Kind = iota + 1
	Directory
	Symlink
	Gone // there is nothing at the path
)

// String is the kind as it is shown to people.
func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Directory:
		return "directory"
	case Symlink:
		return "symbolic link"
	case Gone:
		return "gone"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Entry is what is known of one path of a tree: the state that it was in when the source last looked, not an event.
// A later entry for a path replaces every earlier one.
type Entry struct {
	// Seq is the number of the change that brought this state; one counter for the whole tree, rising, never reused
	// under one index epoch.
	Seq uint64
	// Path is relative to the root of the tree, slash-separated and clean (see CheckPath). It need not be UTF-8.
	Path string
	Kind Kind
	// Size is in bytes; zero for all but files.
	Size int64
	// ModTime and Change are the modification time and the inode's change time on the source, in nanoseconds since 1970.
	// They are compared with earlier values from the same source, never with a clock of this host.
	ModTime, Change int64
	// Mode holds the twelve permission bits of chmod(2), set-user-ID and sticky among them, and no type bits.
	Mode uint32
	// Owner and Group are names, or numbers in decimal where the source knows no name.
	Owner, Group string
	// Attributes are the extended attributes, access control lists among them, as encodeAttributes has them. Links have none.
	Attributes string
	// Target is where a symbolic link points, as readlink(2) says it.
	Target string
	// Hash is the SHA-256 of the content; zero where it is not known. It is always there with content sent inline.
	Hash [32]byte
	// Inode and Device recognise a file on the source under another name.
	Inode, Device uint64

	// Check says that size and modification time do not tell whether the content is the same: somebody wrote into the
	// file and put its time back, or wrote twice within one tick of the clock. Who has the file with this size and time
	// compares it block by block.
	Check bool
	// Open says that somebody was still writing when the file was due at the latest. Its first Size bytes are sent as
	// they were read; when the writer is done, an entry without Open follows, and with Check set, so that whatever was
	// rewritten in between comes too.
	Open bool
}

// Limits on what may be in an entry, the same on both ends.
const (
	maxPath  = 4096 // PATH_MAX of Linux
	maxName  = 255  // NAME_MAX of Linux
	maxOwner = 256
	// Private is the directory in the root of a tree that belongs to failoverd: root identity, stage, trash. No entry
	// lies in it.
	Private = ".failoverd"
)

var errPath = errors.New("not a path inside a tree")

// CheckPath says what is wrong with a path of an entry: it must be relative, slash-separated, without empty parts, "."
// or "..", without NUL, not longer than Linux allows, and not in failoverd's own directory. The error wraps no path.
func CheckPath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("%w: it is empty", errPath)
	case len(path) > maxPath:
		return fmt.Errorf("%w: it has more than %d bytes", errPath, maxPath)
	case strings.IndexByte(path, 0) >= 0:
		return fmt.Errorf("%w: it holds a NUL", errPath)
	case path[0] == '/':
		return fmt.Errorf("%w: it is absolute", errPath)
	}
	for i, rest, more := 0, path, true; more; i++ {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("%w: it is not clean", errPath)
		case len(part) > maxName:
			return fmt.Errorf("%w: a name in it has more than %d bytes", errPath, maxName)
		case i == 0 && strings.EqualFold(part, Private):
			return fmt.Errorf("%w: %s is failoverd's own", errPath, Private)
		}
	}
	return nil
}

// check says what is wrong with an entry that came from the other side.
func (e *Entry) check() error {
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	switch {
	case e.Kind < File || e.Kind > Symlink:
		return fmt.Errorf("%v cannot be announced", e.Kind)
	case e.Size < 0 || e.Kind != File && e.Size != 0:
		return fmt.Errorf("a %v of %d bytes", e.Kind, e.Size)
	case e.Mode&^0o7777 != 0:
		return fmt.Errorf("mode %o", e.Mode)
	case len(e.Owner) > maxOwner || len(e.Group) > maxOwner:
		return errors.New("the owner's name is too long")
	case len(e.Target) > maxPath || strings.IndexByte(e.Target, 0) >= 0:
		return errors.New("the link's target is too long, or holds a NUL")
	case len(e.Attributes) > maxAttributes || e.Attributes != "" && e.Kind == Symlink:
		return fmt.Errorf("a %v with extended attributes of %d bytes", e.Kind, len(e.Attributes))
	case (e.Target != "") != (e.Kind == Symlink):
		return fmt.Errorf("a %v with target %q", e.Kind, e.Target)
	}
	_, err := decodeAttributes(e.Attributes)
	return err
}
