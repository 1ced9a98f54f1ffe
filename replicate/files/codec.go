package files

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// encoder appends values to the body of a frame.
type encoder struct {
	b    []byte
	wire *wire // compresses
}

func (e *encoder) uint(v uint64)    { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)      { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) hash(v *[32]byte) { e.b = append(e.b, v[:]...) }
func (e *encoder) uuid(v *[16]byte) { e.b = append(e.b, v[:]...) }
func (e *encoder) string(v string)  { e.uint(uint64(len(v))); e.b = append(e.b, v...) }
func (e *encoder) flag(vs ...bool) {
	var b byte
	for i, v := range vs {
		if v {
			b |= 1 << i
		}
	}
	e.b = append(e.b, b)
}

// text appends a reason, cut to what the other side takes.
func (e *encoder) text(v string) { e.string(v[:min(len(v), maxText)]) }

// content appends bytes of a file: how many there are, and then they themselves, compressed if that helps.
func (e *encoder) content(data []byte) {
	e.uint(uint64(len(data)))
	if squeezed, ok := e.wire.squee.squeeze(e.wire.enc, data); ok {
		e.flag(true)
		e.b = append(e.b, squeezed...)
		return
	}
	e.flag(false)
	e.b = append(e.b, data...)
}

// decoder takes values from the body of a frame. After the first error everything is zero.
type decoder struct {
	b    []byte
	wire *wire // decompresses
	err  error
}

var errShort = errors.New("it ends too early")

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.b = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("%w", errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("%w", errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length takes a number that may not be negative: a size or an offset.
func (d *decoder) length() int64 {
	v := d.int()
	if v < 0 {
		d.fail("a length of %d", v)
		return 0
	}
	return v
}

func (d *decoder) take(n int) []byte {
	if len(d.b) < n {
		d.fail("%w", errShort)
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) hash(v *[32]byte) { copy(v[:], d.take(len(v))) }
func (d *decoder) uuid(v *[16]byte) { copy(v[:], d.take(len(v))) }

// string takes a string of at most limit bytes.
func (d *decoder) string(limit int) string {
	n := d.uint()
	if n > uint64(limit) {
		d.fail("a string of %d bytes", n)
		return ""
	}
	return string(d.take(int(n)))
}

// path takes a path and checks it.
func (d *decoder) path() string {
	p := d.string(maxPath)
	if d.err == nil {
		if err := CheckPath(p); err != nil {
			d.fail("%q: %w", p, err)
		}
	}
	return p
}

// flag takes the bits of one byte; no other bits may be set.
func (d *decoder) flag(vs ...*bool) {
	b := d.take(1)
	if b == nil {
		return
	}
	if b[0]>>len(vs) != 0 {
		d.fail("unknown flags %#x", b[0])
		return
	}
	for i, v := range vs {
		*v = b[0]&(1<<i) != 0
	}
}

// content takes the rest of the frame as bytes of a file, of which there may be limit.
func (d *decoder) content(limit int) []byte {
	n := d.uint()
	var squeezed bool
	d.flag(&squeezed)
	if d.err != nil {
		return nil
	}
	if n > uint64(limit) {
		d.fail("content of %d bytes", n)
		return nil
	}
	rest := d.take(len(d.b))
	if squeezed {
		plain, err := d.wire.dec.DecodeAll(rest, make([]byte, 0, n))
		if err != nil {
			d.fail("decompress: %w", err)
			return nil
		}
		rest = plain
	}
	if uint64(len(rest)) != n {
		d.fail("content of %d bytes that was to be %d", len(rest), n)
		return nil
	}
	return rest
}

// entry appends an entry.
func (e *encoder) entry(v *Entry) {
	e.uint(v.Seq)
	e.string(v.Path)
	e.uint(uint64(v.Kind))
	e.int(v.Size)
	e.int(v.ModTime)
	e.int(v.Change)
	e.uint(uint64(v.Mode))
	e.string(v.Owner)
	e.string(v.Group)
	e.string(v.Target)
	e.uint(v.Inode)
	e.uint(v.Device)
	hashed := v.Hash != [32]byte{}
	e.flag(v.Check, v.Open, hashed, v.Attributes != "")
	if hashed {
		e.hash(&v.Hash)
	}
	if v.Attributes != "" {
		e.string(v.Attributes)
	}
}

// entry takes an entry and checks it.
func (d *decoder) entry(v *Entry) {
	v.Seq = d.uint()
	v.Path = d.string(maxPath)
	kind := d.uint()
	v.Size = d.length()
	v.ModTime = d.int()
	v.Change = d.int()
	mode := d.uint()
	v.Owner = d.string(maxOwner)
	v.Group = d.string(maxOwner)
	v.Target = d.string(maxPath)
	v.Inode = d.uint()
	v.Device = d.uint()
	var hashed, adorned bool
	d.flag(&v.Check, &v.Open, &hashed, &adorned)
	if hashed {
		d.hash(&v.Hash)
	}
	if adorned {
		v.Attributes = d.string(maxAttributes)
	}
	if d.err != nil {
		return
	}
	if kind > uint64(Symlink) || mode > 0o7777 {
		d.fail("kind %d with mode %o", kind, mode)
		return
	}
	v.Kind, v.Mode = Kind(kind), uint32(mode)
	if err := v.check(); err != nil {
		d.fail("%q: %w", v.Path, err)
	}
}
