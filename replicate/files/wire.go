package files

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// The conversation between a source and a sink, over one reliable stream of bytes in each direction. Privacy and
// integrity of the stream are the business of whoever made it (TLS between two hosts); what is verified here is content.
//
//	source                                      sink
//	hello ─────────────────────────────────────►  who I am, of which epoch, under which rules
//	      ◄──────────────────────────────── resume  how far I am       (or bye: epoch, rules, root)
//	then, in any order:                         then, in any order:
//	listing … listed                            want        content of a file, or some ranges of it
//	entry, file, gone, rename                   wantBlocks  the hashes of its blocks
//	cursor, beat                                ack         what is durable
//	blocks, hole, data, end, abort, file(ID)    refused     what I cannot or will not hold
//	bye                                         bye
//
// # Announcements: entry, file, gone
//
// Each says what is at a path NOW, in the order in which the source came to know it. The last word on a path, in the
// order of arrival, is the truth; every earlier one is void, and so is any content still on its way for it. Sequence
// numbers do not arrive in order: what changes now overtakes what is only being brought up (live before bulk), so a
// child may arrive before its parent directory, and the sequence number of an announcement may be below one seen before.
// The sink never compares sequence numbers to decide who is right. From this follows, for the sink:
//
//   - An entry or a file below a path implies that the path is a directory (make it, with default mode; its own entry
//     comes). If the sink has something else there, that goes to the trash.
//   - entry of another kind than the sink has replaces what it has, a whole directory too; its former children are each
//     announced as gone as well, before or after, which is then no change.
//   - gone: nothing is at the path nor below it. The source sends children before parents, one gone each.
//   - rename{From, To} is only a hint, and announces nothing: move what you have at From to To, if you have it and
//     nothing is in the way (a file for a file is not), so that its content need not travel. Every path that changed by
//     it is announced too, after it: To and everything below by entry (without content: size and time match what was
//     moved), From and everything below as gone. A hint not taken costs only bytes.
//   - entry of a file comes without content. If the sink has the file with the same Size and ModTime and Check is not
//     set, it has the content and takes over mode, owner and extended attributes. Otherwise it lacks the content and asks for it when it
//     likes (want, wantBlocks); until it has it, what it had before stays in place.
//   - file is an entry with its content (at most inlineSize bytes), Hash set; it is applied without asking. Unasked, its ID
//     is zero; as the answer to a want it carries that ID.
//   - a directory's ModTime is to be put back after whatever the sink did inside it. Whatever changes a file announces
//     the directory that it lies in as well, so that a sink that was killed in between learns the time again.
//
// # Cursor
//
// cursor{Seq} says: every change numbered up to Seq has been announced before this frame (directly, or it is void).
// Idle says that nothing more is waiting: commit the group now. The sink sends ack{Seq} for the largest such Seq for
// which everything announced before that cursor frame is durable, or is in the sink's own durable list of what it lacks,
// holds back (brake) or refuses; Lacks says how many files of that list are still on their way. It never sends a number that was not in a cursor frame of this index epoch. It sends an
// ack at least every 5 seconds, with the number unchanged if need be: that is its sign of life. After 30 seconds
// without a frame the source ends the conversation. The source sends beat every second; after 15 seconds without a frame
// the sink ends it.
//
// # Resume
//
// resume{Index, Seq}: the index epoch and cursor that are durable at the sink; a zero Index if there is none. If the
// source still knows everything since, it announces what changed after Seq; else, and for a sink that has none, it
// sends listing, announces everything that exists, and then sends listed: whatever the sink holds (by its rules) and was
// not announced since listing, is gone. Between them there are live announcements too, which count as well. No cursor
// frame is sent between listing and listed; one follows listed. If the conversation ends in between, nothing may be
// deduced to be gone, and the next one resumes with the old epoch and cursor (or none).
// Empty says that the sink holds no file at all: in a listing, the source then sends small files inline (file).
// Otherwise a listing has entries only, and the sink asks for what it lacks. What changed after Seq always comes inline
// if it is small.
//
// # Content
//
// want{ID, Path, Seq, Ranges} asks for the file as it was announced with number Seq. No ranges: all of it. IDs are the
// sink's, above zero, never used twice; at most maxWants may be unanswered, wants and wantBlocks together. The answer is
//
//   - file{ID, …} if all of it is asked for and it has at most inlineSize bytes; or
//   - data and hole frames, in the order of the ranges, then end{ID}. data carries the XXH64 of its bytes. hole{Offset,
//     Length} stands for zeros. end says that the file was the announced one, unchanged, from the first byte to the
//     last; bytes that were received earlier for the same Size, ModTime, Change and Inode (in an earlier conversation,
//     too) are of the same version. So the sink can keep verified ranges through an interruption and ask for the rest
//     only. Or
//   - abort{ID, Code, Text}: nothing that came for this ID since the want is to be trusted. abortChanged: the file is not
//     the announced one any more, and a new announcement follows by itself (it may have been sent already); ask no
//     more for that Seq. abortUnreadable: the source could not read it; ask again after a while, and list it as failed
//     until then.
//
// For an entry with Open set, end says only that the inode is the same and the file is not shorter than Size.
//
// wantBlocks{ID, Path, Seq, BlockSize, Offset, Length} asks for SHA-256 hashes of the blocks of a file, Offset a
// multiple of BlockSize; Length 0 means to the end. The answer is any number of blocks{ID, Offset, Hashes} frames in
// order, without gaps (the last block may be short), then end{ID}; or abort. The sink compares with what it has and wants the
// ranges that differ.
//
// Announcements may come between the frames of an answer. The source serves wants and its bulk announcements
// alternately, and live announcements before both.
//
// # Flow
//
// The source reads all the time, so that the sink may write at any time without fear of a deadlock. The sink slows the
// source by not reading. limit says how many bytes a second the source may send: it is the source that waits, so that
// nothing stands before a live change in the buffers of the network. refused{Path, Seq, Reason} lets the source show what the sink does not hold. bye{Code, Reason}
// is the last frame before closing, from either side, whenever there is a reason worth showing.
//
// # Bytes
//
// A frame is its length (4 bytes, big-endian, type and body, at most maxFrame), its type (1 byte) and its body: unsigned
// and zigzag varints, strings and byte slices with a varint length, hashes as 32 bytes, flags as one byte. Content is
// compressed with zstd where it helps, each frame by itself. A frame with bytes left over, too few bytes, an
// unknown type or a value out of its bounds ends the conversation.

// Limits of the conversation.
const (
	// wireVersion is the version of the conversation that both sides must speak.
	wireVersion = 3
	// inlineSize is the largest content that travels with its announcement.
	inlineSize = 64 << 10
	// chunkSize is the largest number of bytes of content in a data frame.
	chunkSize = 256 << 10
	// maxFrame is the largest frame, type and body.
	maxFrame = 512 << 10
	// maxHashes is the largest number of hashes in a blocks frame.
	maxHashes = 4096
	// maxRanges is the largest number of ranges in a want frame.
	maxRanges = 4096
	// maxWants is how many wants may be unanswered.
	maxWants = 4096
	// maxText is the longest reason, in bytes; longer ones are cut by the sender.
	maxText = 1024
	// minBlock and maxBlock bound the size of a hashed block. It is a power of two.
	minBlock, maxBlock = 4 << 10, 1 << 20
)

// errWire is wrapped by every error that comes from what the other side sent, not from the stream.
var errWire = errors.New("the other side does not keep to the protocol")

// wire reads and writes frames. One goroutine may read while another writes.
type wire struct {
	in    *bufio.Reader
	out   *bufio.Writer
	head  [4]byte
	body  []byte      // encoded frame, reused
	spare chan []byte // bodies of large frames that were read and are used up
	enc   *zstd.Encoder
	dec   *zstd.Decoder
	squee squeezer
	// received counts bytes on the wire.
	received atomic.Uint64
	// sent counts bytes that were written; it belongs to who writes.
	sent uint64
}

// newWire wraps a stream. close must be called when nobody reads or writes any more; it leaves the stream alone.
func newWire(stream io.ReadWriter) (*wire, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(chunkSize))
	if err != nil {
		return nil, fmt.Errorf("prepare compression: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(2*chunkSize), zstd.WithDecoderMaxWindow(2*chunkSize), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("prepare decompression: %w", err)
	}
	return &wire{
		// A larger buffer would have what is large copied once more.
		in: bufio.NewReaderSize(stream, 16<<10), out: bufio.NewWriterSize(stream, 256<<10), enc: enc, dec: dec,
		spare: make(chan []byte, spareBodies),
	}, nil
}

// close gives back what compression holds.
func (w *wire) close() {
	_ = w.enc.Close()
	w.dec.Close()
}

// write puts a frame into the buffer; flush sends what is in it.
func (w *wire) write(f frame) error {
	e := encoder{b: append(w.body[:0], 0, 0, 0, 0, byte(f.kind())), wire: w}
	f.encode(&e)
	w.body = e.b
	n := len(e.b) - 4
	if n > maxFrame {
		return fmt.Errorf("a %v frame of %d bytes", f.kind(), n)
	}
	binary.BigEndian.PutUint32(e.b, uint32(n))
	if _, err := w.out.Write(e.b); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	w.sent += uint64(len(e.b))
	return nil
}

// flush sends what write has collected.
func (w *wire) flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// read waits for a frame. The frame owns its bytes. The error wraps errWire if the other side broke the rules; io.EOF
// comes bare when the stream ended between two frames.
func (w *wire) read() (frame, error) {
	if _, err := io.ReadFull(w.in, w.head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("receive: %w", err)
	}
	n := binary.BigEndian.Uint32(w.head[:])
	if n == 0 || n > maxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errWire, n)
	}
	body := w.bodyFor(int(n))
	if _, err := io.ReadFull(w.in, body); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	w.received.Add(uint64(n) + 4)
	f := newFrame(frameKind(body[0]))
	if f == nil {
		return nil, fmt.Errorf("%w: an unknown frame %d", errWire, body[0])
	}
	d := decoder{b: body[1:], wire: w}
	f.decode(&d)
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	if d.err != nil {
		return nil, fmt.Errorf("%w: %v: %w", errWire, f.kind(), d.err)
	}
	if f, ok := f.(*dataFrame); ok {
		f.Body = body
	}
	return f, nil
}

// spareBodies is how many used up bodies are kept: as many as may be on their way from who reads to who takes, and a few.
const spareBodies = 24

// bodyFor is room for the n bytes of a frame.
func (w *wire) bodyFor(n int) []byte {
	if n <= inlineSize {
		return make([]byte, n)
	}
	select {
	case b := <-w.spare:
		if n <= cap(b) {
			return b[:n]
		}
	default:
	}
	return make([]byte, n, max(n, chunkSize+1<<10))
}

// reuse takes a frame back whose bytes nobody needs any more.
func (w *wire) reuse(f *dataFrame) {
	if cap(f.Body) <= inlineSize {
		return
	}
	select {
	case w.spare <- f.Body:
	default:
	}
	f.Body, f.Data = nil, nil
}
