package files

import (
	"crypto/sha256"

	"github.com/cespare/xxhash/v2"
)

// How each frame is written and read. Both halves of a pair name the same fields in the same order.

func (*helloFrame) kind() frameKind      { return kindHello }
func (*listingFrame) kind() frameKind    { return kindListing }
func (*entryFrame) kind() frameKind      { return kindEntry }
func (*fileFrame) kind() frameKind       { return kindFile }
func (*goneFrame) kind() frameKind       { return kindGone }
func (*renameFrame) kind() frameKind     { return kindRename }
func (*listedFrame) kind() frameKind     { return kindListed }
func (*cursorFrame) kind() frameKind     { return kindCursor }
func (*beatFrame) kind() frameKind       { return kindBeat }
func (*blocksFrame) kind() frameKind     { return kindBlocks }
func (*dataFrame) kind() frameKind       { return kindData }
func (*holeFrame) kind() frameKind       { return kindHole }
func (*endFrame) kind() frameKind        { return kindEnd }
func (*abortFrame) kind() frameKind      { return kindAbort }
func (*resumeFrame) kind() frameKind     { return kindResume }
func (*wantFrame) kind() frameKind       { return kindWant }
func (*wantBlocksFrame) kind() frameKind { return kindWantBlocks }
func (*ackFrame) kind() frameKind        { return kindAck }
func (*refusedFrame) kind() frameKind    { return kindRefused }
func (*limitFrame) kind() frameKind      { return kindLimit }
func (*byeFrame) kind() frameKind        { return kindBye }

func (f *helloFrame) encode(e *encoder) {
	e.uint(f.Version)
	e.uuid(&f.Tree)
	e.flag(f.Marked)
	e.uint(f.Device)
	e.uint(f.Inode)
	e.uint(f.Epoch)
	e.uuid(&f.Index)
	e.hash(&f.Rules)
	e.uint(f.Head)
	e.uint(f.Files)
	e.uint(f.Bytes)
}

func (f *helloFrame) decode(d *decoder) {
	f.Version = d.uint()
	if d.err == nil && f.Version != wireVersion {
		// What follows may look different in another version; the caller compares Version and says bye.
		d.b = nil
		return
	}
	d.uuid(&f.Tree)
	d.flag(&f.Marked)
	f.Device = d.uint()
	f.Inode = d.uint()
	f.Epoch = d.uint()
	d.uuid(&f.Index)
	d.hash(&f.Rules)
	f.Head = d.uint()
	f.Files = d.uint()
	f.Bytes = d.uint()
}

func (f *listingFrame) encode(e *encoder) { e.uint(f.Entries); e.uint(f.Bytes) }
func (f *listingFrame) decode(d *decoder) { f.Entries = d.uint(); f.Bytes = d.uint() }

func (f *entryFrame) encode(e *encoder) { e.entry(&f.Entry) }
func (f *entryFrame) decode(d *decoder) { d.entry(&f.Entry) }

func (f *fileFrame) encode(e *encoder) {
	e.uint(f.ID)
	e.entry(&f.Entry)
	e.content(f.Data)
}

func (f *fileFrame) decode(d *decoder) {
	f.ID = d.uint()
	d.entry(&f.Entry)
	f.Data = d.content(inlineSize)
	if d.err == nil && (f.Entry.Kind != File || int64(len(f.Data)) != f.Entry.Size) {
		d.fail("%q: %d bytes for a %v of %d", f.Entry.Path, len(f.Data), f.Entry.Kind, f.Entry.Size)
	}
	f.Verified = sha256.Sum256(f.Data) == f.Entry.Hash
}

func (f *goneFrame) encode(e *encoder) { e.string(f.Path); e.uint(f.Seq) }
func (f *goneFrame) decode(d *decoder) { f.Path = d.path(); f.Seq = d.uint() }

func (f *renameFrame) encode(e *encoder) { e.string(f.From); e.string(f.To) }
func (f *renameFrame) decode(d *decoder) { f.From = d.path(); f.To = d.path() }

func (*listedFrame) encode(*encoder) {}
func (*listedFrame) decode(*decoder) {}

func (f *cursorFrame) encode(e *encoder) { e.uint(f.Seq); e.flag(f.Idle) }
func (f *cursorFrame) decode(d *decoder) { f.Seq = d.uint(); d.flag(&f.Idle) }

func (f *beatFrame) encode(e *encoder) {
	e.int(f.Time)
	e.uint(f.Head)
	e.uint(f.Dirty)
	e.int(f.Oldest)
	e.uint(f.Files)
	e.uint(f.Bytes)
	e.text(f.Problem)
}

func (f *beatFrame) decode(d *decoder) {
	f.Time = d.int()
	f.Head = d.uint()
	f.Dirty = d.uint()
	f.Oldest = d.length()
	f.Files = d.uint()
	f.Bytes = d.uint()
	f.Problem = d.string(maxText)
}

func (f *blocksFrame) encode(e *encoder) {
	e.uint(f.ID)
	e.int(f.Offset)
	e.uint(uint64(len(f.Hashes)))
	for i := range f.Hashes {
		e.hash(&f.Hashes[i])
	}
}

func (f *blocksFrame) decode(d *decoder) {
	f.ID = d.uint()
	f.Offset = d.length()
	n := d.uint()
	if n == 0 || n > maxHashes || uint64(len(d.b)) < 32*n {
		d.fail("%d hashes", n)
		return
	}
	f.Hashes = make([][32]byte, n)
	for i := range f.Hashes {
		d.hash(&f.Hashes[i])
	}
}

func (f *dataFrame) encode(e *encoder) {
	e.uint(f.ID)
	e.int(f.Offset)
	e.uint(f.Sum)
	e.content(f.Data)
}

func (f *dataFrame) decode(d *decoder) {
	f.ID = d.uint()
	f.Offset = d.length()
	f.Sum = d.uint()
	f.Data = d.content(chunkSize)
	f.Verified = xxhash.Sum64(f.Data) == f.Sum
}

func (f *holeFrame) encode(e *encoder) { e.uint(f.ID); e.int(f.Offset); e.int(f.Length) }
func (f *holeFrame) decode(d *decoder) { f.ID = d.uint(); f.Offset = d.length(); f.Length = d.length() }

func (f *endFrame) encode(e *encoder) { e.uint(f.ID) }
func (f *endFrame) decode(d *decoder) { f.ID = d.uint() }

func (f *abortFrame) encode(e *encoder) { e.uint(f.ID); e.uint(f.Code); e.text(f.Text) }
func (f *abortFrame) decode(d *decoder) {
	f.ID = d.uint()
	f.Code = d.uint()
	f.Text = d.string(maxText)
	if d.err == nil && f.Code != abortChanged && f.Code != abortUnreadable {
		d.fail("code %d", f.Code)
	}
}

func (f *resumeFrame) encode(e *encoder) { e.uuid(&f.Index); e.uint(f.Seq); e.flag(f.Empty) }
func (f *resumeFrame) decode(d *decoder) { d.uuid(&f.Index); f.Seq = d.uint(); d.flag(&f.Empty) }

func (f *wantFrame) encode(e *encoder) {
	e.uint(f.ID)
	e.string(f.Path)
	e.uint(f.Seq)
	e.uint(uint64(len(f.Ranges)))
	for _, r := range f.Ranges {
		e.int(r.Offset)
		e.int(r.Length)
	}
}

func (f *wantFrame) decode(d *decoder) {
	f.ID = d.uint()
	f.Path = d.path()
	f.Seq = d.uint()
	n := d.uint()
	if n > maxRanges || uint64(len(d.b)) < 2*n {
		d.fail("%d ranges", n)
		return
	}
	for range n {
		f.Ranges = append(f.Ranges, span{Offset: d.length(), Length: d.length()})
	}
}

func (f *wantBlocksFrame) encode(e *encoder) {
	e.uint(f.ID)
	e.string(f.Path)
	e.uint(f.Seq)
	e.int(f.BlockSize)
	e.int(f.Offset)
	e.int(f.Length)
}

func (f *wantBlocksFrame) decode(d *decoder) {
	f.ID = d.uint()
	f.Path = d.path()
	f.Seq = d.uint()
	f.BlockSize = d.length()
	f.Offset = d.length()
	f.Length = d.length()
	if b := f.BlockSize; d.err == nil && (b < minBlock || b > maxBlock || b&(b-1) != 0 || f.Offset%b != 0) {
		d.fail("blocks of %d bytes from %d", b, f.Offset)
	}
}

func (f *ackFrame) encode(e *encoder) { e.uint(f.Seq); e.uint(f.Lacks) }
func (f *ackFrame) decode(d *decoder) { f.Seq = d.uint(); f.Lacks = d.uint() }

func (f *refusedFrame) encode(e *encoder) { e.string(f.Path); e.uint(f.Seq); e.text(f.Reason) }
func (f *refusedFrame) decode(d *decoder) {
	f.Path = d.path()
	f.Seq = d.uint()
	f.Reason = d.string(maxText)
}

func (f *limitFrame) encode(e *encoder) { e.int(f.Rate) }
func (f *limitFrame) decode(d *decoder) { f.Rate = d.length() }

func (f *byeFrame) encode(e *encoder) { e.text(f.Code); e.text(f.Reason) }
func (f *byeFrame) decode(d *decoder) { f.Code = d.string(maxText); f.Reason = d.string(maxText) }
