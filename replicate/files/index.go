package files

import (
	"crypto/rand"
	"path"
	"slices"
	"sort"
)

// index is what a source knows of its tree: the state of each path, numbered in the order in which it was learnt. From a
// number on, it can tell everything that changed since.
type index struct {
	epoch     [16]byte // numbers mean something only under it
	head      uint64   // the last number given
	floor     uint64   // what was gone or renamed up to this number is forgotten
	entries   map[string]*Entry
	gone      map[string]uint64 // paths that were in entries, and the number under which they went
	log       []logItem         // rising; what was overtaken is left out now and then
	children  map[string]map[string]bool
	inodes    map[identity]string   // a path of each file and directory
	also      map[identity][]string // the other paths of files that have more than one
	confirmed uint64                // everything up to this number is at the sink, content and all, but for lacked
	lacked    map[string]bool       // what the sink cannot hold
	files     uint64
	bytes     uint64
}

// logItem says that something was learnt of a path under a number. It is void if something newer is known.
type logItem struct {
	seq  uint64
	path string
	from string // a hint that what was at from is at path now
	bare bool   // the sink has the content, under the name before a rename
}

// maxGone is how many paths that went are remembered for a sink that has not acknowledged them.
const maxGone = 1 << 20

// newIndex is an empty index under a new epoch.
func newIndex() *index {
	x := &index{
		entries: map[string]*Entry{}, gone: map[string]uint64{}, children: map[string]map[string]bool{},
		lacked: map[string]bool{}, inodes: map[identity]string{}, also: map[identity][]string{},
	}
	_, _ = rand.Read(x.epoch[:]) // never fails
	return x
}

// note gives the next number to a path.
func (x *index) note(i logItem) uint64 {
	x.head++
	i.seq = x.head
	x.log = append(x.log, i)
	if len(x.log) > 2*(len(x.entries)+len(x.gone))+1024 {
		x.log = slices.DeleteFunc(x.log, func(i logItem) bool { return !x.current(i) })
	}
	return i.seq
}

// current says whether nothing newer is known than an item of the log says.
func (x *index) current(i logItem) bool {
	if i.from != "" {
		return i.seq > x.floor
	}
	if e := x.entries[i.path]; e != nil {
		return e.Seq == i.seq
	}
	return x.gone[i.path] == i.seq
}

// put takes an entry in and numbers it; bare says that its content is where a rename took it.
func (x *index) put(e Entry, bare bool) {
	x.drop(e.Path)
	delete(x.gone, e.Path)
	// What is compacted is compared with entries: the entry has to be there before its number.
	stored := &e
	e.Seq = x.head + 1
	x.entries[e.Path] = stored
	x.adopt(stored)
	x.note(logItem{path: e.Path, bare: bare})
}

// adopt counts an entry that is in entries.
func (x *index) adopt(e *Entry) {
	parent, name := path.Split(e.Path)
	if x.children[parent] == nil {
		x.children[parent] = map[string]bool{}
	}
	x.children[parent][name] = true
	if e.Kind != Symlink {
		id := identity{e.Device, e.Inode}
		if other := x.inodes[id]; other != "" && e.Kind == File {
			x.also[id] = append(x.also[id], other)
		}
		x.inodes[id] = e.Path
	}
	if e.Kind == File {
		x.files++
		x.bytes += uint64(e.Size)
	}
}

// drop takes an entry out, without a word about it.
func (x *index) drop(p string) bool {
	e := x.entries[p]
	if e == nil {
		return false
	}
	delete(x.entries, p)
	parent, name := path.Split(p)
	if delete(x.children[parent], name); len(x.children[parent]) == 0 {
		delete(x.children, parent)
	}
	x.orphan(identity{e.Device, e.Inode}, p)
	if e.Kind == File {
		x.files--
		x.bytes -= uint64(e.Size)
	}
	return true
}

// orphan takes a path from an inode.
func (x *index) orphan(id identity, p string) {
	others := slices.DeleteFunc(x.also[id], func(other string) bool { return other == p })
	if x.inodes[id] == p {
		delete(x.inodes, id)
		if n := len(others); n > 0 {
			x.inodes[id], others = others[n-1], others[:n-1]
		}
	}
	if len(others) > 0 {
		x.also[id] = others
	} else {
		delete(x.also, id)
	}
}

// remove notes that a path is gone, and everything below it, children first. It returns the other names that the files
// among them have.
func (x *index) remove(p string) (others []string) {
	for _, name := range x.names(p) {
		others = append(others, x.remove(path.Join(p, name))...)
	}
	old := x.entries[p]
	if x.drop(p) {
		x.gone[p] = x.head + 1
		x.note(logItem{path: p})
		others = append(others, x.othersOf(old)...)
	}
	if len(x.gone) > maxGone {
		x.forget(x.head)
	}
	return others
}

// othersOf are the names of a file but for its entry's.
func (x *index) othersOf(e *Entry) (others []string) {
	if e.Kind != File {
		return nil
	}
	id := identity{e.Device, e.Inode}
	for _, p := range append([]string{x.inodes[id]}, x.also[id]...) {
		if other := x.entries[p]; other != nil && other.Kind == File && p != e.Path {
			others = append(others, p)
		}
	}
	return others
}

// rename notes that what was at from is at to, with everything below it, and says so in a hint before.
func (x *index) rename(from, to string) {
	x.note(logItem{path: to, from: from})
	x.move(from, to)
	x.goneToo(from, to)
	x.remove(from)
}

// goneToo says of what had gone below from that it is not below to either. A sink that does not know yet moves it along with
// the rest; and that it had gone below from is not said any more once something new is there.
func (x *index) goneToo(from, to string) {
	var list []string
	for p := range x.gone {
		if at := to + p[min(len(from), len(p)):]; below(p, from) && x.entries[at] == nil {
			list = append(list, at)
		}
	}
	deepestFirst(list)
	for _, p := range list {
		x.gone[p] = x.head + 1
		x.note(logItem{path: p})
	}
}

// move announces at to what is at from, parents first.
func (x *index) move(from, to string) {
	moved := *x.entries[from]
	moved.Path = to
	x.put(moved, true)
	for _, name := range x.names(from) {
		x.move(path.Join(from, name), path.Join(to, name))
	}
}

// names are the names in a directory, sorted; "." is the root.
func (x *index) names(dir string) []string {
	key := dir + "/"
	if dir == "." {
		key = ""
	}
	list := make([]string, 0, len(x.children[key]))
	for name := range x.children[key] {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// directories are the paths of the directories in a directory.
func (x *index) directories(dir string) (list []string) {
	for name := range x.children[dir+"/"] {
		if e := x.entries[path.Join(dir, name)]; e.Kind == Directory {
			list = append(list, e.Path)
		}
	}
	return list
}

// forget drops the memory of what was gone or renamed up to a number.
func (x *index) forget(seq uint64) {
	x.floor = max(x.floor, min(seq, x.head))
	for p, at := range x.gone {
		if at <= x.floor {
			delete(x.gone, p)
		}
	}
}

// knows says whether the index can tell everything since a number.
func (x *index) knows(epoch [16]byte, seq uint64) bool {
	return epoch == x.epoch && seq >= x.floor && seq <= x.head
}

// news is something to be announced.
type news struct {
	logItem
	entry *Entry // a copy; nil if the path is gone
}

// since returns up to limit items after one number and up to another that nothing newer is known of, and the number up
// to which there are no others.
func (x *index) since(after, upTo uint64, limit int) (list []news, reached uint64) {
	for i := sort.Search(len(x.log), func(i int) bool { return x.log[i].seq > after }); i < len(x.log); i++ {
		item := x.log[i]
		if item.seq > upTo {
			break
		}
		if !x.current(item) {
			continue
		}
		if len(list) == limit {
			return list, list[limit-1].seq
		}
		n := news{logItem: item}
		if e := x.entries[item.path]; e != nil && item.from == "" {
			c := *e
			n.entry = &c
		}
		list = append(list, n)
	}
	return list, upTo
}

// encode is the index as bytes, the hash of everything at the end.
func (x *index) encode() []byte {
	var e encoder
	e.uint(indexVersion)
	e.uuid(&x.epoch)
	e.uint(x.head)
	e.uint(x.floor)
	e.uint(x.confirmed)
	e.uint(uint64(len(x.entries)))
	for _, entry := range x.entries {
		e.entry(entry)
	}
	e.uint(uint64(len(x.gone)))
	for p, seq := range x.gone {
		e.string(p)
		e.uint(seq)
	}
	e.uint(uint64(len(x.lacked)))
	for p := range x.lacked {
		e.string(p)
	}
	return sealed(e.b)
}

const indexVersion = 2

// decodeIndex takes an index from bytes.
func decodeIndex(b []byte) (*index, error) {
	b, err := unsealed(b)
	if err != nil {
		return nil, err
	}
	x := newIndex()
	d := decoder{b: b}
	if v := d.uint(); d.err == nil && v != indexVersion {
		d.fail("it is of version %d, not %d", v, indexVersion)
	}
	d.uuid(&x.epoch)
	x.head = d.uint()
	x.floor = d.uint()
	x.confirmed = d.uint()
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		e := &Entry{}
		d.entry(e)
		if d.err == nil {
			x.entries[e.Path] = e
			x.adopt(e)
			x.log = append(x.log, logItem{seq: e.Seq, path: e.Path})
		}
	}
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		p := d.path()
		x.gone[p] = d.uint()
		x.log = append(x.log, logItem{seq: x.gone[p], path: p})
	}
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		x.lacked[d.path()] = true
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	slices.SortFunc(x.log, func(a, b logItem) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	return x, d.err
}
