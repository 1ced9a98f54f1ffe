package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"failoverd/internal/atomicfile"
)

// serversDir is the directory beside the main file that has one file a server.
const serversDir = "servers.d"

// Edit is a change to the file of one server: NAME.yaml in servers.d.
type Edit struct {
	Server string
	Text   []byte // what the file holds then; nil: there is no file, and no server, any more
}

// ErrNoServerFile says that a server has no file of its own: it is not configured, or stands in the main file.
var ErrNoServerFile = errors.New("the server has no file of its own in servers.d")

// ErrSecretInFile says that a server's file holds a password in clear text, so that it is shown to nobody.
var ErrSecretInFile = errors.New("the file holds a password in clear text, so it is neither shown nor changed here: move the password into a file of its own, password: {file: PATH}")

// ErrNotUnderstood says that a server's file is no YAML of a server.
var ErrNotUnderstood = errors.New("the file is not understood, so it is neither shown nor changed here: failoverd config check says what is wrong with it")

// ServerFile is the file of one server as it is.
type ServerFile struct {
	Path string
	Text []byte // with its comments; nil if there is no file
}

// Tag names the content: another content has another tag, and a file that does not exist has "".
func (f ServerFile) Tag() string {
	if f.Text == nil {
		return ""
	}
	sum := sha256.Sum256(f.Text)
	return fmt.Sprintf("%x", sum[:12])
}

// ReadServerFile reads the file of one server beside the main file at path main. Without one, the error is
// ErrNoServerFile; ErrSecretInFile or ErrNotUnderstood if there is, or may be, something in it that nobody is shown.
func ReadServerFile(main, server string) (ServerFile, error) {
	f, err := readServerFile(main, server)
	if err != nil {
		return ServerFile{}, err
	}
	if f.Text == nil {
		return ServerFile{}, ErrNoServerFile
	}
	_, secrets, ok := serverFile(&report{}, Source{Name: f.Path, Data: f.Text})
	switch {
	case hasText(secrets):
		return ServerFile{}, ErrSecretInFile
	case !ok: // What is not understood may hold a password as well.
		return ServerFile{}, ErrNotUnderstood
	}
	return f, nil
}

func readServerFile(main, server string) (ServerFile, error) {
	if !isName(server) {
		return ServerFile{}, ErrNoServerFile
	}
	f := ServerFile{Path: filepath.Join(filepath.Dir(main), serversDir, server+".yaml")}
	text, err := readRegular(f.Path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return ServerFile{}, err
	default:
		f.Text = append([]byte{}, text...)
	}
	return f, nil
}

// hasText says whether a password stands among secrets in clear text.
func hasText(secrets []secretSpot) bool {
	for _, s := range secrets {
		if s.value.kind == "text" {
			return true
		}
	}
	return false
}

// Draft is a configuration as it would be with an Edit, which has not been written yet.
type Draft struct {
	Config *Config
	Before ServerFile // the server's file as it was when the draft was made

	edit Edit
}

// LoadDraft is Load with one server's file as an Edit has it. Nothing is written. A password in clear text is refused: the
// text may have come over a network, and is shown to whoever edits the server next.
func LoadDraft(main string, e Edit) (*Draft, error) {
	if !isName(e.Server) {
		return nil, Errors{{File: main, Line: 1, Column: 1, Problem: show(e.Server) + " cannot be a server's name", Expect: "use 1 to 63 letters, digits, dots, dashes or underscores"}}
	}
	before, err := readServerFile(main, e.Server)
	if err != nil {
		return nil, err
	}
	if len(e.Text) > maxFile {
		return nil, Errors{{File: before.Path, Line: 1, Column: 1, Problem: "the file is larger than 1 MiB", Expect: "a server's file has a few hundred lines at most"}}
	}
	c, err := load(main, &Source{Name: before.Path, Data: e.Text, Shared: true})
	if err != nil {
		return nil, err
	}
	return &Draft{Config: c, Before: before, edit: e}, nil
}

// beforeSuffix is what is added to the name of a server's file for what it held before its last change.
const beforeSuffix = ".before"

// Save writes what the draft is about, durably. What the file held before lies beside it, under its name with .before added:
// a file that was changed by mistake, or removed, is put back by hand from there. The error says what to do if the daemon may not write there.
func (d *Draft) Save() error {
	if d.Before.Text != nil {
		if err := d.write(d.edit.Server+".yaml"+beforeSuffix, d.Before.Text); err != nil {
			return err
		}
	}
	return d.put(d.edit.Text)
}

// Undo puts back what was there before Save.
func (d *Draft) Undo() error { return d.put(d.Before.Text) }

// Tag is that of what Save writes, "" after a removal.
func (d *Draft) Tag() string { return ServerFile{Text: d.edit.Text}.Tag() }

// put has the server's file hold a text; nil removes it.
func (d *Draft) put(text []byte) error {
	name := d.edit.Server + ".yaml"
	if text != nil {
		return d.write(name, text)
	}
	return d.within(func(dir *os.Root) error {
		if err := dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return syncDirectory(dir)
	})
}

// write writes a file of servers.d. A new one is for its owner alone; one that is there keeps its mode.
func (d *Draft) write(name string, text []byte) error {
	return d.within(func(dir *os.Root) error {
		perm := fs.FileMode(0o600)
		if info, err := dir.Stat(strings.TrimSuffix(name, beforeSuffix)); err == nil {
			perm = info.Mode().Perm()
		}
		return atomicfile.Write(dir, name, text, perm)
	})
}

// within does something in servers.d, which is made if it is missing.
func (d *Draft) within(do func(*os.Root) error) (err error) {
	path := filepath.Dir(d.Before.Path)
	if err := os.Mkdir(path, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return unwritable(path, err)
	}
	dir, err := os.OpenRoot(path)
	if err != nil {
		return unwritable(path, err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := do(dir); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// unwritable says what to do about a directory that the daemon may not write.
func unwritable(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "read-only file system") {
		return fmt.Errorf("failoverd may not write %s (%w): give the directory to its user (chown failoverd %s; in the unit: ReadWritePaths=%s), or change the file as root and run failoverd reload", path, pathCause(err), path, path)
	}
	return fmt.Errorf("write %s: %w", path, err)
}

// syncDirectory waits until the entries of a directory are on the disk.
func syncDirectory(dir *os.Root) (err error) {
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}
