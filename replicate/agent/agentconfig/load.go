package agentconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Load reads the file, and looks whether somebody else could change it: the commands in it are run by the agent. A
// configuration that cannot be used gives Errors with every problem.
func Load(path string) (*Config, error) {
	r := &report{file: path, known: map[string]bool{}}
	data, mode, err := read(path)
	if err != nil {
		problem, expect := fmt.Sprintf("the file cannot be read (%v)", cause(err)), "see that it is a file that the agent may read"
		if errors.Is(err, fs.ErrNotExist) {
			problem, expect = "the file does not exist", "write it: the annotated reference shows every key"
		}
		r.add(spot{}, problem, expect)
		return nil, r.err()
	}
	if mode.Perm()&0o002 != 0 {
		r.add(spot{}, "everybody may write the file", "run: chmod o-w "+path)
	}
	c, err := r.config(data)
	if err != nil {
		return nil, err
	}
	if c.Name == "" {
		if c.Name, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("finding the host's name: %w", err)
		}
	}
	return c, nil
}

// read reads a regular file, one byte beyond the bound at most. It opens without blocking, so that a FIFO in its place
// cannot stop the start.
func read(path string) ([]byte, fs.FileMode, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return data, info.Mode(), err
}

// cause drops operation and path from a file error: the message that it becomes a part of names the file already.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
