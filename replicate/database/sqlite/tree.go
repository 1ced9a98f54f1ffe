package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// tree reads the rows of a table out of a file's pages, as the file format has them
// (https://www.sqlite.org/fileformat2.html, 1.6). To read them as bytes, and not as values, takes a tenth of the time.
type tree struct {
	read   func(page uint32, into []byte) error
	size   int // of a page
	usable int // of its bytes
	pages  uint32
	seen   uint32   // pages that have been read, so that a damaged file comes to an end
	levels [][]byte // a page for each level of the tree
	beyond []byte   // a page of what did not fit into a row's own
}

var errDamaged = errors.New("the file is damaged")

// newTree takes the sizes from a file's first 100 bytes.
func newTree(header []byte, pages int64, read func(page uint32, into []byte) error) (*tree, error) {
	if len(header) < 100 || pages > 1<<32-2 {
		return nil, errDamaged
	}
	size := int(binary.BigEndian.Uint16(header[16:]))
	if size == 1 {
		size = 1 << 16
	}
	t := &tree{read: read, size: size, usable: size - int(header[20]), pages: uint32(pages)}
	if size < 512 || size&(size-1) != 0 || t.usable < 480 {
		return nil, errDamaged
	}
	t.beyond = make([]byte, size)
	return t, nil
}

// row is a row on its way: its number, 0 in a table without, and its bytes in one or more pieces.
type row interface {
	begin(number int64)
	piece(bytes []byte)
	end() error
}

// The kinds of pages.
const (
	indexInterior = 2
	tableInterior = 5
	indexLeaf     = 10
	tableLeaf     = 13
)

// walk gives every row below a page to r.
func (t *tree) walk(root uint32, r row) error { return t.below(root, 0, r) }

func (t *tree) below(number uint32, level int, r row) error {
	const deepest = 32
	if t.seen++; level >= deepest || t.seen > t.pages {
		return errDamaged
	}
	if level == len(t.levels) {
		t.levels = append(t.levels, make([]byte, t.size))
	}
	p := t.levels[level]
	if err := t.get(number, p); err != nil {
		return err
	}
	at := 0
	if number == 1 {
		at = 100
	}
	kind, cells, pointers := p[at], int(binary.BigEndian.Uint16(p[at+3:])), at+8
	interior := kind == indexInterior || kind == tableInterior
	if interior {
		pointers += 4
	}
	if !interior && kind != indexLeaf && kind != tableLeaf || pointers+2*cells > t.usable {
		return fmt.Errorf("page %d: %w", number, errDamaged)
	}
	for i := range cells {
		cell := int(binary.BigEndian.Uint16(p[pointers+2*i:]))
		if interior {
			if cell+4 > t.usable {
				return fmt.Errorf("page %d: %w", number, errDamaged)
			}
			if err := t.below(binary.BigEndian.Uint32(p[cell:]), level+1, r); err != nil {
				return err
			}
			cell += 4
		}
		if kind == tableInterior {
			continue // It holds numbers, no rows.
		}
		if cell > t.usable {
			return fmt.Errorf("page %d: %w", number, errDamaged)
		}
		if err := t.cell(p[cell:t.usable], kind, r); err != nil {
			return fmt.Errorf("page %d: %w", number, err)
		}
	}
	if interior {
		return t.below(binary.BigEndian.Uint32(p[at+8:]), level+1, r)
	}
	return nil
}

// cell gives one row to r.
func (t *tree) cell(c []byte, kind byte, r row) error {
	length, n := varint(c)
	if n == 0 {
		return errDamaged
	}
	c = c[n:]
	var number int64
	most := (t.usable-12)*64/255 - 23
	if kind == tableLeaf {
		if number, n = varint(c); n == 0 {
			return errDamaged
		}
		c, most = c[n:], t.usable-35
	}
	if length < 0 || length > int64(t.pages)*int64(t.size) {
		return errDamaged
	}
	local := int(min(length, int64(most)))
	if length > int64(most) {
		least := (t.usable-12)*32/255 - 23
		local = least + int((length-int64(least))%int64(t.usable-4))
		if local > most {
			local = least
		}
	}
	if local > len(c) {
		return errDamaged
	}
	r.begin(number)
	r.piece(c[:local])
	if rest := length - int64(local); rest > 0 {
		if local+4 > len(c) {
			return errDamaged
		}
		if err := t.chain(binary.BigEndian.Uint32(c[local:]), rest, r); err != nil {
			return err
		}
	}
	return r.end()
}

// chain gives the rest of a row to r, which lies in pages of its own.
func (t *tree) chain(number uint32, rest int64, r row) error {
	for rest > 0 {
		if t.seen++; t.seen > t.pages {
			return errDamaged
		}
		if err := t.get(number, t.beyond); err != nil {
			return err
		}
		n := min(rest, int64(t.usable-4))
		r.piece(t.beyond[4 : 4+n])
		rest -= n
		number = binary.BigEndian.Uint32(t.beyond)
	}
	return nil
}

// get reads a page.
func (t *tree) get(number uint32, into []byte) error {
	if number == 0 || number > t.pages {
		return fmt.Errorf("page %d of %d: %w", number, t.pages, errDamaged)
	}
	return t.read(number, into)
}

// varint reads a number of one to nine bytes, the highest first; n is 0 if it is cut off.
func varint(b []byte) (v int64, n int) {
	var u uint64
	for i := 0; i < 9 && i < len(b); i++ {
		if i == 8 {
			return int64(u<<8 | uint64(b[i])), 9
		}
		u = u<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(u), i + 1
		}
	}
	return 0, 0
}
