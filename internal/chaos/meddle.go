package chaos

import (
	"database/sql"
	"errors"
	"os"

	"failoverd/internal/site"
)

// Meddler is somebody who spoils the company behind failoverd's back, with the tools that an administrator has.
type Meddler struct{ c *company }

// TakeAddress gives the standby the service address of pbx by hand.
func (m Meddler) TakeAddress() error { return m.c.Standby.AddAddress(site.PBXAddress + "/32") }

// GiveAddress takes it away again.
func (m Meddler) GiveAddress() error { return m.c.Standby.RemoveAddress(site.PBXAddress + "/32") }

// theCopy is the standby's copy of the database in service.
func (m Meddler) theCopy() string { return m.c.path("copies/db/pbx_calls.db") }

// Keep puts a copy of the copy aside under a name, and Restore puts it back in its place.
func (m Meddler) Keep(name string) error { return copyFile(m.theCopy(), m.c.path(name)) }

func (m Meddler) Restore(name string) error {
	beside := m.theCopy() + ".restored"
	return errors.Join(copyFile(m.c.path(name), beside), os.Rename(beside, m.theCopy()))
}

// Halve cuts the copy of the database off in the middle.
func (m Meddler) Halve() error {
	info, err := os.Stat(m.theCopy())
	if err != nil {
		return err
	}
	return os.Truncate(m.theCopy(), info.Size()/2)
}

// Erase takes the events of a kind out of the journal.
func (m Meddler) Erase(kind string) (err error) {
	db, err := sql.Open("sqlite", "file:"+m.c.path("data/journal/journal.db")+"?mode=rw&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	done, err := db.Exec("DELETE FROM events WHERE kind = ?", kind)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errors.New("there was no event "+kind), err)
	}
	return nil
}

// copyFile copies a file of the company as it is.
func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}
