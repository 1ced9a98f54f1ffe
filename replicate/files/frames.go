package files

import "fmt"

// frameKind is the first byte of a frame. The numbers are on the wire and never change their meaning.
type frameKind uint8

const (
	// Source to sink.
	kindHello   frameKind = 1
	kindListing frameKind = 2
	kindEntry   frameKind = 3
	kindFile    frameKind = 4
	kindGone    frameKind = 5
	kindRename  frameKind = 6
	kindListed  frameKind = 7
	kindCursor  frameKind = 8
	kindBeat    frameKind = 9
	kindBlocks  frameKind = 10
	kindData    frameKind = 11
	kindHole    frameKind = 12
	kindEnd     frameKind = 13
	kindAbort   frameKind = 14
	// Sink to source.
	kindResume     frameKind = 32
	kindWant       frameKind = 33
	kindWantBlocks frameKind = 34
	kindAck        frameKind = 35
	kindRefused    frameKind = 36
	kindLimit      frameKind = 37
	// Either way.
	kindBye frameKind = 63
)

// String is the frame's name in messages.
func (k frameKind) String() string {
	if f := newFrame(k); f != nil {
		return fmt.Sprintf("%T", f)[len("*files."):]
	}
	return fmt.Sprintf("frame %d", uint8(k))
}

// frame is one message of the conversation that wire.go describes.
type frame interface {
	kind() frameKind
	encode(e *encoder)
	decode(d *decoder)
}

// newFrame makes an empty frame of a kind; nil for an unknown one.
func newFrame(k frameKind) frame {
	switch k {
	case kindHello:
		return &helloFrame{}
	case kindListing:
		return &listingFrame{}
	case kindEntry:
		return &entryFrame{}
	case kindFile:
		return &fileFrame{}
	case kindGone:
		return &goneFrame{}
	case kindRename:
		return &renameFrame{}
	case kindListed:
		return &listedFrame{}
	case kindCursor:
		return &cursorFrame{}
	case kindBeat:
		return &beatFrame{}
	case kindBlocks:
		return &blocksFrame{}
	case kindData:
		return &dataFrame{}
	case kindHole:
		return &holeFrame{}
	case kindEnd:
		return &endFrame{}
	case kindAbort:
		return &abortFrame{}
	case kindResume:
		return &resumeFrame{}
	case kindWant:
		return &wantFrame{}
	case kindWantBlocks:
		return &wantBlocksFrame{}
	case kindAck:
		return &ackFrame{}
	case kindRefused:
		return &refusedFrame{}
	case kindLimit:
		return &limitFrame{}
	case kindBye:
		return &byeFrame{}
	}
	return nil
}

// helloFrame opens the conversation.
type helloFrame struct {
	Version uint64
	// Tree is the identity of the root: the UUID in .failoverd/root, zero if the source may not write there (Marked is
	// false then). Device and Inode are the root directory's on the source.
	Tree          [16]byte
	Marked        bool
	Device, Inode uint64
	// Epoch is the takeover epoch under which the source speaks. A sink of a higher one refuses it.
	Epoch uint64
	// Index is the epoch of the source's index, 16 random bytes; sequence numbers mean something only under it.
	Index [16]byte
	// Rules is the hash of the rules by which the index was made.
	Rules [32]byte
	// Head is the number of the last change; Files and Bytes are what the index holds now (regular files).
	Head         uint64
	Files, Bytes uint64
}

// listingFrame says that all that exists will be announced now; Entries is how many there are, roughly.
type listingFrame struct{ Entries, Bytes uint64 }

// entryFrame announces what is at a path, without content.
type entryFrame struct{ Entry Entry }

// fileFrame announces a file with its content, or answers a want (ID above zero). Entry.Hash is the SHA-256 of Data.
type fileFrame struct {
	ID       uint64
	Entry    Entry
	Data     []byte
	Verified bool // of a frame that was read: Data has its hash
}

// goneFrame says that nothing is at the path, nor below it.
type goneFrame struct {
	Path string
	Seq  uint64
}

// renameFrame is the hint that what was at From is now at To.
type renameFrame struct{ From, To string }

// listedFrame says that all that exists has been announced since listing.
type listedFrame struct{}

// cursorFrame says that every change up to Seq has been announced.
type cursorFrame struct {
	Seq  uint64
	Idle bool
}

// beatFrame says that the source lives, and how far the tree is ahead of what was announced.
type beatFrame struct {
	// Time is the source's clock, in nanoseconds since 1970. It is for showing only.
	Time int64
	// Head is the number of the last change.
	Head uint64
	// Dirty is how many paths are known to have changed and have not come to rest; Oldest is for how long the first of
	// them has been waiting, in nanoseconds.
	Dirty  uint64
	Oldest int64
	// Files and Bytes are what the index holds.
	Files, Bytes uint64
	// Problem is what keeps the source from knowing its tree whole, such as a watch limit; empty if nothing does.
	Problem string
}

// blocksFrame holds the SHA-256 of consecutive blocks, the first of which begins at Offset.
type blocksFrame struct {
	ID     uint64
	Offset int64
	Hashes [][32]byte
}

// dataFrame holds bytes of a file. Sum is the XXH64 of Data: against an accident between the two ends of the stream, not
// against the other side, who makes it. A large file is hashed twice on two processors that have to encrypt it as well, where
// a SHA-256 takes a quarter of their time.
type dataFrame struct {
	ID     uint64
	Offset int64
	Sum    uint64
	Data   []byte
	// Verified says of a frame that was read that Data has its sum. Who reads the stream adds it up, while who takes the
	// frames writes: two processors share what one would do in turns.
	Verified bool
	// Body is what Data lies in, if it was read; see wire.reuse.
	Body []byte
}

// holeFrame stands for Length zeros at Offset.
type holeFrame struct {
	ID             uint64
	Offset, Length int64
}

// endFrame ends the answer to a want well.
type endFrame struct{ ID uint64 }

// Why an answer was broken off.
const (
	abortChanged    = 1
	abortUnreadable = 2
)

// abortFrame ends the answer to a want badly; Code is one of the constants.
type abortFrame struct {
	ID   uint64
	Code uint64
	Text string
}

// resumeFrame says how far the sink is.
type resumeFrame struct {
	Index [16]byte
	Seq   uint64
	Empty bool
}

// span is a range of bytes of a file.
type span struct{ Offset, Length int64 }

// wantFrame asks for the content of a file as it was announced with Seq.
type wantFrame struct {
	ID     uint64
	Path   string
	Seq    uint64
	Ranges []span
}

// wantBlocksFrame asks for the hashes of a file's blocks.
type wantBlocksFrame struct {
	ID             uint64
	Path           string
	Seq            uint64
	BlockSize      int64
	Offset, Length int64
}

// ackFrame says what is durable at the sink, but for so many files that it knows of and lacks.
type ackFrame struct{ Seq, Lacks uint64 }

// refusedFrame says what the sink does not hold, and why.
type refusedFrame struct {
	Path   string
	Seq    uint64
	Reason string
}

// limitFrame says how many bytes a second the source may send from now on; zero for as many as it likes.
type limitFrame struct{ Rate int64 }

// Codes of bye.
const (
	byeVersion  = "version"  // the other side speaks another version
	byeEpoch    = "epoch"    // the source is of an older epoch: its data may be older than the sink's
	byeRules    = "rules"    // the two sides include different files
	byeRoot     = "root"     // the tree is not there, or is another one
	byeProtocol = "protocol" // the other side broke the rules
)

// byeFrame is the last frame of a side. It is also the error that the other side returns.
type byeFrame struct{ Code, Reason string }

// Error tells why the other side ended the conversation.
func (f *byeFrame) Error() string { return fmt.Sprintf("the other side ended it: %s", f.Reason) }
