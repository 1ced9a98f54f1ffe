package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 20

// errTooLarge is readRegular's refusal of a file above its bound.
var errTooLarge = errors.New("the file is too large")

// Source is one configuration file's content.
type Source struct {
	Name   string // path, for messages; of a file in servers.d also the server's name
	Data   []byte
	Shared bool // readable by group or others: a password in clear text in it is an error
}

// Load reads the main file, and options.d/options.yaml and servers.d/*.yaml beside it. It also checks what
// only the file system knows: who may read the files and the secrets. A
// configuration that cannot be used gives Errors with every problem of every
// file. It fills in the host's name for an absent standby.name.
func Load(path string) (*Config, error) {
	return load(path, func(sources []Source) []Source { return sources })
}

// load is Load of what change makes of the files.
func load(path string, change func([]Source) []Source) (*Config, error) {
	r := &report{}
	sources := []Source{read(r, path)}
	strayOptions(r, path)
	if own := optionsSource(r, OptionsFile(path)); own.Data != nil {
		sources = append(sources, own)
	}
	for _, name := range serverFiles(r, path) {
		sources = append(sources, read(r, name))
	}
	c, secrets := parse(r, change(sources))
	for _, s := range secrets {
		checkSecret(r, s.spot, s.value)
	}
	c.readTemplates(r)
	if err := r.err(); err != nil {
		return nil, err
	}
	if c.Standby.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("finding the host's name for standby.name: %w", err)
		}
		c.Standby.Name = name
	}
	c.Notices = r.sorted(r.notices)
	return c, nil
}

// read reads one file. A file that cannot be read is reported and gives a
// source without data, which parse passes over.
func read(r *report, name string) Source {
	at := spot{file: name, line: 1, column: 1}
	data, err := readRegular(name, maxFile)
	switch {
	case errors.Is(err, errTooLarge):
		r.error(at, "the file is larger than 1 MiB", "put servers into files of their own in servers.d")
	case errors.Is(err, os.ErrNotExist):
		r.error(at, "the file does not exist", "name another one, or write it: the annotated reference shows every key")
	case err != nil:
		r.error(at, fmt.Sprintf("the file cannot be read (%v)", pathCause(err)), "")
	}
	if err != nil {
		return Source{Name: name}
	}
	if data == nil {
		data = []byte{}
	}
	shared := true
	if info, err := os.Stat(name); err == nil {
		shared = info.Mode().Perm()&0o077 != 0
	}
	return Source{Name: name, Data: data, Shared: shared}
}

// serverFiles lists servers.d/*.yaml beside the main file, by name. Hidden
// files and what editors and packagers leave behind are passed over.
func serverFiles(r *report, path string) []string {
	dir := filepath.Join(filepath.Dir(path), "servers.d")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		r.error(spot{file: dir, line: 1, column: 1}, fmt.Sprintf("the directory cannot be read (%v)", pathCause(err)), "")
		return nil
	}
	var names []string
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch ext := filepath.Ext(e.Name()); {
		case strings.HasPrefix(e.Name(), "."):
		case ext == ".yaml":
			names = append(names, name)
		case ext == ".yml" || ext == ".YAML" || ext == ".YML":
			r.error(spot{file: name, line: 1, column: 1}, "the file would be ignored because of its ending "+ext,
				"rename it to "+strings.TrimSuffix(e.Name(), ext)+".yaml")
		}
	}
	slices.Sort(names)
	return names
}

// readRegular reads a regular file of at most limit bytes. It opens without
// blocking, so that a FIFO in its place cannot stop a start or a reload.
func readRegular(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: it is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("reading %s: %w", path, errTooLarge)
	}
	return data, nil
}

// pathCause drops operation and path from a file error: the message that it
// becomes a part of names the file already.
func pathCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
