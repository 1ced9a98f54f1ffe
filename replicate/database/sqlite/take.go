package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"failoverd/replicate/database"
)

// Look looks at a database file of this host as a source, for who cannot see it. It changes nothing.
func (e Engine) Look(ctx context.Context, host, file string) (r database.Report, err error) {
	// A source's catalog is what the data source says, whatever it is called.
	err = probeBy(ctx, database.Pair{Source: database.End{Host: host, DSN: file, Catalog: "main"}}, &r, e.pages.lookFrom)
	return r, err
}

// Take copies every page of a database file, as it is at one instant, into a new file of a directory.
func (e Engine) Take(ctx context.Context, file string, into *os.Root, name string) (made database.Made, err error) {
	path, err := fileOf(database.End{DSN: file, Catalog: "main"})
	if err != nil {
		return made, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return made, err
	}
	made.Mode = info.Mode().Perm()
	if made.Identity, err = identity(path); err != nil {
		return made, err
	}
	c, done, err := e.pages.lookFrom(ctx, path)
	if err != nil {
		return made, err
	}
	if err = c.exec(ctx, "BEGIN"); err == nil {
		err = e.takeInto(ctx, c, into, name)
	}
	if err = errors.Join(err, done()); err != nil {
		err = errors.Join(err, gone(into.Remove(name)))
	}
	return made, err
}

// takeInto writes the pages under a name that a sweep finds, and gives the file its own name when it is on the disk.
func (e Engine) takeInto(ctx context.Context, c *connection, into *os.Root, name string) (err error) {
	pages, err := c.number(ctx, "PRAGMA page_count")
	if err != nil {
		return err
	}
	size, err := c.number(ctx, "PRAGMA page_size")
	if err != nil {
		return err
	}
	have, _, err := free(into.Name())
	if err != nil {
		return err
	}
	if need := pages * size; need > have {
		return fmt.Errorf("%s has %d bytes free, a copy of the database needs %d", into.Name(), have, need)
	}
	temp := "." + name + ".tmp"
	if err := gone(into.Remove(temp)); err != nil {
		return err
	}
	f, err := into.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	err = e.pages.each(ctx, c, func(page []byte) error {
		_, err := out.Write(page)
		return err
	})
	if err == nil {
		err = errors.Join(out.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = into.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, gone(into.Remove(temp)))
	}
	return nil
}
