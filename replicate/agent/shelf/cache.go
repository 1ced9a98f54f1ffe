package shelf

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"failoverd/replicate/database"
)

// A file in the cache is two files: its content, and the lengths and hashes of its chunks in order. Nothing of it is
// believed: a chunk that is taken out of it is verified then. So a crash may leave of it what it likes.
const (
	whole = ".whole" // as it was fetched the last time
	part  = ".part"  // on its way
	rest  = ".rest"  // what came of one that was never finished
	index = ".chunks"
)

// maxPlaces is how many chunks' places are remembered: 2 million are 64 GiB, and about 100 MiB of memory. What is
// beyond them is fetched.
const maxPlaces = 2 << 20

// key is the part of a hash by which chunks are found. Two chunks of one key are told apart when they are verified.
type key [16]byte

// spot is where a chunk is.
type spot struct {
	file   *os.File
	at     int64
	length uint32
}

// cache is what the standby has of one catalog's files: each night's has another name, up to the mark it is the same.
type cache struct {
	root   *os.Root
	stem   string
	lock   *os.File
	old    []*os.File
	places map[key]spot
	part   *os.File
	index  *bufio.Writer
	chunks *os.File // of the part
	filled int64    // of the part
}

// openCache opens the cache of a file. It may be open once at a time.
func openCache(directory, file string) (_ *cache, err error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	stem, _, _ := strings.Cut(file, database.Mark)
	c := &cache{root: root, stem: stem, places: map[key]spot{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open what was fetched of %s before, in %s: %w", stem, directory, err), c.close())
		}
	}()
	if c.lock, err = c.open(".lock", os.O_RDWR|os.O_CREATE); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(c.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.New("it is being fetched already")
	}
	// What an interrupted fetch has left is worth as much as what a finished one has.
	for _, ending := range []string{"", index} {
		if err := c.move(part+ending, rest+ending); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{whole, rest} {
		if err := c.learn(name); err != nil {
			return nil, err
		}
	}
	const flags = os.O_RDWR | os.O_CREATE | os.O_TRUNC
	if c.part, err = c.open(part, flags); err != nil {
		return nil, err
	}
	if c.chunks, err = c.open(part+index, flags); err != nil {
		return nil, err
	}
	c.index = bufio.NewWriterSize(c.chunks, 64<<10)
	return c, nil
}

func (c *cache) open(ending string, flags int) (*os.File, error) {
	return c.root.OpenFile(c.stem+ending, flags|unix.O_NOFOLLOW, 0o600)
}

// move renames a file of the cache, if it is there.
func (c *cache) move(from, to string) error {
	err := c.root.Rename(c.stem+from, c.stem+to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// learn remembers where the chunks of a file are. What cannot be read is as good as absent.
func (c *cache) learn(name string) error {
	content, err := c.open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c.old = append(c.old, content)
	list, err := c.open(name+index, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer list.Close()
	var at int64
	in := bufio.NewReaderSize(list, 64<<10)
	for record := make([]byte, recordSize); len(c.places) < maxPlaces; {
		if _, err := io.ReadFull(in, record); err != nil {
			return nil
		}
		length := binary.BigEndian.Uint32(record)
		if length == 0 || length > maxChunk {
			return nil
		}
		c.places[key(record[4:20])] = spot{content, at, length}
		at += int64(length)
	}
	return nil
}

// find reads a chunk that is there already, into b, which has its length.
func (c *cache) find(sum [sha256.Size]byte, b []byte) bool {
	s, ok := c.places[key(sum[:16])]
	if !ok || int(s.length) != len(b) {
		return false
	}
	if _, err := s.file.ReadAt(b, s.at); err != nil {
		return false
	}
	return sha256.Sum256(b) == sum
}

// add appends a verified chunk to the part. A file that holds the same chunk twice gets it once.
func (c *cache) add(record, chunk []byte) error {
	if _, err := c.part.WriteAt(chunk, c.filled); err != nil {
		return fmt.Errorf("keep what was fetched: %w", err)
	}
	if _, err := c.index.Write(record); err != nil {
		return fmt.Errorf("keep what was fetched: %w", err)
	}
	if len(c.places) < maxPlaces {
		c.places[key(record[4:20])] = spot{c.part, c.filled, uint32(len(chunk))}
	}
	c.filled += int64(len(chunk))
	return nil
}

// save writes down how far the part has come, for one who finds it after a crash.
func (c *cache) save() error {
	if err := c.index.Flush(); err != nil {
		return fmt.Errorf("keep what was fetched: %w", err)
	}
	return nil
}

// finish makes the part the file that was fetched the last time.
func (c *cache) finish() error {
	if err := c.save(); err != nil {
		return err
	}
	for _, ending := range []string{"", index} {
		if err := c.move(part+ending, whole+ending); err != nil {
			return err
		}
		if err := c.root.Remove(c.stem + rest + ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// close leaves everything as it is, for the next time.
func (c *cache) close() error {
	var errs []error
	if c.index != nil {
		errs = append(errs, c.index.Flush())
	}
	for _, f := range append([]*os.File{c.part, c.chunks, c.lock}, c.old...) {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(append(errs, c.root.Close())...)
}
