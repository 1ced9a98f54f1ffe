package files

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// attributed is where the extended attributes of something are read and written: an open file, or a name in an open
// directory, of a link the link's own.
//
// There is no call that takes a directory and a name before Linux 6.13, so that a name goes through /proc/self/fd: the
// directory is the open one then, whatever is at its path, and the call does not follow the name.
type attributed struct {
	fd   int
	name string // empty for the open file itself
	held bool   // fd is open with O_PATH, and can be named only
}

// path is the name for calls that take one.
func (a attributed) path() string {
	p := "/proc/self/fd/" + strconv.Itoa(a.fd)
	if a.name != "" {
		p += "/" + a.name
	}
	return p
}

func (a attributed) list(b []byte) (int, error) {
	switch {
	case a.name != "":
		return unix.Llistxattr(a.path(), b)
	case a.held:
		return unix.Listxattr(a.path(), b)
	}
	return unix.Flistxattr(a.fd, b)
}

func (a attributed) get(name string, b []byte) (int, error) {
	switch {
	case a.name != "":
		return unix.Lgetxattr(a.path(), name, b)
	case a.held:
		return unix.Getxattr(a.path(), name, b)
	}
	return unix.Fgetxattr(a.fd, name, b)
}

func (a attributed) set(name, value string) error {
	if a.name != "" {
		return unix.Lsetxattr(a.path(), name, []byte(value), 0)
	}
	return unix.Fsetxattr(a.fd, name, []byte(value), 0)
}

func (a attributed) remove(name string) error {
	if a.name != "" {
		return unix.Lremovexattr(a.path(), name)
	}
	return unix.Fremovexattr(a.fd, name)
}

// read returns the extended attributes that are copied, in the order of their names. Where the file system has none there
// are none. An error of one is for showing; the others are there.
func (a attributed) read() (list []attribute, err error) {
	names, err := grown(a.list)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the extended attributes: %w", err)
	}
	for name := range strings.SplitSeq(names, "\x00") {
		if !isCopied(name) {
			continue
		}
		value, one := grown(func(b []byte) (int, error) { return a.get(name, b) })
		switch {
		case errors.Is(one, unix.ENODATA): // it went meanwhile
		case one != nil:
			err = errors.Join(err, fmt.Errorf("the extended attribute %s: %w", name, one))
		default:
			list = append(list, attribute{name, value})
		}
	}
	slices.SortFunc(list, func(a, b attribute) int { return cmp.Compare(a.name, b.name) })
	return list, err
}

// grown calls what fills a buffer until all of it fits.
func grown(fill func([]byte) (int, error)) (string, error) {
	var small [512]byte
	for b := small[:]; ; b = make([]byte, 8*len(b)) {
		n, err := fill(b)
		switch {
		case err == nil:
			return string(b[:n]), nil
		case !errors.Is(err, unix.ERANGE) || len(b) > 2*maxAttributes:
			return "", err
		}
	}
}

// adorn gives a file or directory the extended attributes of an entry, and takes those away that it does not have. The
// problem is what could not be done, and why: the rest is.
func (o *owners) adorn(a attributed, encoded string) (problem string) {
	wanted, err := decodeAttributes(encoded)
	if err != nil {
		return err.Error() // entries are checked when they come
	}
	have, err := a.read()
	if err != nil {
		problem = err.Error()
	}
	for i := range wanted {
		w := &wanted[i]
		if isList(w.name) {
			var unknown string
			if w.value, unknown, err = o.numbered(w.value); err != nil {
				return err.Error()
			}
			if unknown != "" {
				problem = fmt.Sprintf("its access control list names %q, whom this host does not know", unknown)
			}
		}
		if at := slices.IndexFunc(have, func(h attribute) bool { return h.name == w.name }); at >= 0 && have[at].value == w.value {
			continue
		}
		if err := a.set(w.name, w.value); err != nil {
			problem = fmt.Sprintf("its extended attribute %s could not be set: %v", w.name, err)
		}
	}
	for _, h := range have {
		if slices.ContainsFunc(wanted, func(w attribute) bool { return w.name == h.name }) {
			continue
		}
		if err := a.remove(h.name); err != nil && !errors.Is(err, unix.ENODATA) {
			problem = fmt.Sprintf("its extended attribute %s could not be taken away: %v", h.name, err)
		}
	}
	return problem
}
