package files

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rescueDir has what only this host had when the roles were exchanged: a directory for each conversation, with the tree
// of what was set aside, and why. Nothing removes it but people.
const (
	rescueDir    = Private + "/rescue"
	rescueLayout = "2006-01-02T15-04-05.000000000Z"
	rescueTree   = "tree"
	rescueList   = "reasons"
	// maxReasons bounds what is read of a list.
	maxReasons = 64 << 20
)

// Rescued is something that was set aside.
type Rescued struct {
	Set     string    `json:"set"` // the name of the exchange at which it was
	Path    string    `json:"path"`
	Reason  string    `json:"reason"`
	Kind    Kind      `json:"kind"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mod_time"`
}

// rescueNote is a line of the list of reasons.
type rescueNote struct {
	Path   []byte `json:"path"` // need not be UTF-8
	Reason string `json:"reason"`
}

// rescue makes a place for something that is set aside, and notes why.
func (g *group) rescue(p, reason string) (string, error) {
	if err := g.openRescue(); err != nil {
		return "", err
	}
	line, err := json.Marshal(rescueNote{Path: []byte(p), Reason: reason})
	if err != nil {
		return "", err
	}
	// Why before what: a note of something that did not come to pass is passed over.
	if _, err := g.reasons.Write(append(line, '\n')); err != nil {
		return "", fmt.Errorf("note what is set aside: %w", err)
	}
	return g.placeIn(path.Join(g.aside, rescueTree), p)
}

// openRescue makes the directory of this exchange, and opens its list.
func (g *group) openRescue() error {
	if g.reasons != nil {
		return nil
	}
	for _, dir := range []string{rescueDir, g.aside, path.Join(g.aside, rescueTree)} {
		if err := g.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if s, err := g.lstat(dir); err != nil || s.kind != Directory {
			return errors.Join(fmt.Errorf("%s is not a directory", dir), err)
		}
		g.real[dir] = true
	}
	var err error
	g.reasons, err = g.root.OpenFile(path.Join(g.aside, rescueList), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	return err
}

// closeRescue makes the list durable.
func (g *group) closeRescue() error {
	if g.reasons == nil {
		return nil
	}
	err := errors.Join(g.reasons.Sync(), g.reasons.Close(), g.sync(g.root, []string{g.aside, rescueDir}))
	g.reasons = nil
	return err
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// RescuePlace is a place in the list of what was set aside: after this path of this exchange. The zero one is before the first.
type RescuePlace struct{ Set, Path string }

// Before reports whether a place comes before something in the list: the last exchange is first, and in it the order is that
// of a walk.
func (p RescuePlace) Before(set, name string) bool {
	if p == (RescuePlace{}) || set != p.Set {
		return p == (RescuePlace{}) || set < p.Set
	}
	return slices.Compare(strings.Split(p.Path, "/"), strings.Split(name, "/")) < 0
}

// ListRescued lists what was set aside in the tree of a directory after a place, up to a number of files and links, the last
// exchange first; more says that there are others.
func ListRescued(directory string, after RescuePlace, limit int) (list []Rescued, more bool, err error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, false, fmt.Errorf("list what was set aside: %w", err)
	}
	defer func() { _ = root.Close() }()
	sets, err := fs.ReadDir(root.FS(), rescueDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("list what was set aside: %w", err)
	}
	slices.Reverse(sets)
	for _, set := range sets {
		if !isRescueSet(set.Name()) || after.Set != "" && set.Name() > after.Set {
			continue
		}
		reasons, err := readReasons(root, set.Name())
		if err != nil {
			return nil, false, fmt.Errorf("list what was set aside: %w", err)
		}
		top := path.Join(rescueDir, set.Name(), rescueTree)
		err = fs.WalkDir(root.FS(), top, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !after.Before(set.Name(), strings.TrimPrefix(p, top+"/")) {
				return err
			}
			if len(list) >= limit {
				return errEnough
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			r := Rescued{Set: set.Name(), Path: strings.TrimPrefix(p, top+"/"), Kind: File, Size: info.Size(), ModTime: info.ModTime()}
			if !info.Mode().IsRegular() {
				r.Kind, r.Size = Symlink, 0
			}
			// What went with a whole directory has its reason.
			for at := r.Path; r.Reason == "" && at != "."; at = path.Dir(at) {
				r.Reason = reasons[at]
			}
			list = append(list, r)
			return nil
		})
		if errors.Is(err, errEnough) {
			return list, true, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, false, fmt.Errorf("list what was set aside: %w", err)
		}
	}
	return list, false, nil
}

// isRescueSet says whether a name is that of an exchange.
func isRescueSet(name string) bool {
	_, err := time.Parse(rescueLayout, name)
	return err == nil
}

// readReasons reads why each path of an exchange was set aside.
func readReasons(root *os.Root, set string) (map[string]string, error) {
	out := map[string]string{}
	f, err := root.OpenFile(path.Join(rescueDir, set, rescueList), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(io.LimitReader(f, maxReasons)); lines.Scan(); {
		var n rescueNote
		if json.Unmarshal(lines.Bytes(), &n) == nil { // the last line may be torn
			out[string(n.Path)] = n.Reason
		}
	}
	return out, nil
}

// RestoreRescued puts one file or link that was set aside back into its place in the tree. What is there by now goes to
// the trash.
func RestoreRescued(directory, set, p string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore %q: %w", p, err)
		}
	}()
	if !isRescueSet(set) {
		return fmt.Errorf("%q is not the name of an exchange", set)
	}
	if err := CheckPath(p); err != nil {
		return err
	}
	t, err := openTarget(directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	g := newGroup(t, time.Now(), true)
	defer g.end()
	from := path.Join(rescueDir, set, rescueTree, p)
	if there, err := g.reach(path.Dir(from), false); err != nil || !there {
		return errors.Join(fs.ErrNotExist, err)
	}
	s, err := g.lstat(from)
	if err != nil {
		return err
	}
	if s.kind != File && s.kind != Symlink {
		return errors.New("only files and links are restored")
	}
	if _, err := g.reach(path.Dir(p), true); err != nil {
		return err
	}
	switch now, err := g.lstat(p); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case now.kind == Directory:
		if err := g.discard(p, now); err != nil {
			return err
		}
	default:
		if err := g.keep(p); err != nil {
			return err
		}
	}
	if err := g.root.Rename(from, p); err != nil {
		return err
	}
	return g.sync(g.root, []string{path.Dir(p), path.Dir(from)})
}
