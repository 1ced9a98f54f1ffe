package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// wireTo makes a wire whose two directions are one buffer.
func wireTo(t testing.TB, stream io.ReadWriter) *wire {
	t.Helper()
	w, err := newWire(stream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

// everyFrame is one of each kind, with every field set.
func everyFrame() []frame {
	noise := make([]byte, 3000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	text := []byte(strings.Repeat("recorded on line 7\n", 200))
	entry := Entry{
		Seq: 7, Path: "a/b\xff", Kind: File, Size: int64(len(text)), ModTime: -3, Change: 1 << 60, Mode: 0o4755,
		Owner: "root", Group: "1000", Hash: sha256.Sum256(text), Inode: 99, Device: 1 << 63, Check: true, Open: true,
		Attributes: encodeAttributes([]attribute{{accessList, encodeList([]grant{{tag: 1, rights: 7}})}, {"user.a", "\x00"}}),
	}
	link := Entry{Seq: 8, Path: "l", Kind: Symlink, Target: "../x", Mode: 0o777}
	return []frame{
		&helloFrame{
			Version: wireVersion, Tree: [16]byte{1}, Marked: true, Device: 2, Inode: 3, Epoch: 4, Index: [16]byte{5},
			Rules: [32]byte{6}, Head: 7, Files: 8, Bytes: 9,
		},
		&listingFrame{Entries: 1, Bytes: 2},
		&entryFrame{Entry: link},
		&fileFrame{ID: 1, Entry: entry, Data: text, Verified: true},
		&goneFrame{Path: "a", Seq: 1},
		&renameFrame{From: "a", To: "b"},
		&listedFrame{},
		&cursorFrame{Seq: 1 << 63, Idle: true},
		&beatFrame{Time: 1, Head: 2, Dirty: 3, Oldest: 4, Files: 6, Bytes: 7, Problem: "watches"},
		&blocksFrame{ID: 1, Offset: 2, Hashes: [][32]byte{{1}, {2}}},
		&dataFrame{ID: 1, Offset: 2, Sum: xxhash.Sum64(noise), Data: noise, Verified: true},
		&holeFrame{ID: 1, Offset: 2, Length: 3},
		&endFrame{ID: 1},
		&abortFrame{ID: 1, Code: abortUnreadable, Text: "permission denied"},
		&resumeFrame{Index: [16]byte{1}, Seq: 2, Empty: true},
		&wantFrame{ID: 1, Path: "a", Seq: 2, Ranges: []span{{Offset: 1, Length: 2}, {Offset: 3, Length: 4}}},
		&wantBlocksFrame{ID: 1, Path: "a", Seq: 2, BlockSize: minBlock, Offset: 2 * minBlock, Length: 9},
		&ackFrame{Seq: 1, Lacks: 2},
		&limitFrame{Rate: 1 << 40},
		&refusedFrame{Path: "a", Seq: 1, Reason: "no"},
		&byeFrame{Code: byeRoot, Reason: "unmounted"},
	}
}

// content compares frames by what they say.
var content = cmpopts.IgnoreFields(dataFrame{}, "Body")

// TestWireRoundTrip sends a frame of each kind, and gets what was sent.
func TestWireRoundTrip(t *testing.T) {
	seen := map[frameKind]bool{}
	for _, f := range everyFrame() {
		var b bytes.Buffer
		w := wireTo(t, &b)
		if err := errors.Join(w.write(f), w.flush()); err != nil {
			t.Fatalf("%v: %v", f.kind(), err)
		}
		length := b.Len()
		got, err := w.read()
		if err != nil {
			t.Fatalf("%v: %v", f.kind(), err)
		}
		if diff := cmp.Diff(f, got, content); diff != "" {
			t.Errorf("%v (-want +got):\n%s", f.kind(), diff)
		}
		if _, err := w.read(); !errors.Is(err, io.EOF) {
			t.Errorf("%v: after it %v, want EOF", f.kind(), err)
		}
		if w.received.Load() != uint64(length) {
			t.Errorf("%v: counted %d received of %d", f.kind(), w.received.Load(), length)
		}
		seen[f.kind()] = true
	}
	for k := range frameKind(255) {
		if newFrame(k) != nil && !seen[k] {
			t.Errorf("%v was not tried", k)
		}
	}
}

// TestWireReuses: a body that was given back holds the next frame of its size, and what was not given back is left alone.
func TestWireReuses(t *testing.T) {
	var b bytes.Buffer
	w := wireTo(t, &b)
	read := func(seed string) *dataFrame {
		t.Helper()
		data := noise(seed, chunkSize)
		if err := errors.Join(w.write(&dataFrame{Sum: xxhash.Sum64(data), Data: data}), w.flush()); err != nil {
			t.Fatal(err)
		}
		f, err := w.read()
		if err != nil {
			t.Fatal(err)
		}
		d := f.(*dataFrame)
		if !d.Verified || !bytes.Equal(d.Data, data) {
			t.Errorf("%s: other bytes came than were sent", seed)
		}
		return d
	}
	kept, used := read("kept"), read("used")
	was := &used.Body[0]
	w.reuse(used)
	if again := read("again"); &again.Body[0] != was {
		t.Error("a body that was given back is not used again")
	}
	if read("one more"); !bytes.Equal(kept.Data, noise("kept", chunkSize)) {
		t.Error("a frame that nobody gave back was written over")
	}
}

// TestSqueezer sees text shrink, noise left as it is, and noise not even tried any more after a while.
func TestSqueezer(t *testing.T) {
	w := wireTo(t, &bytes.Buffer{})
	text := []byte(strings.Repeat("recorded on line 7\n", 200))
	if got, ok := w.squee.squeeze(w.enc, text); !ok || len(got) > len(text)/4 {
		t.Errorf("text of %d bytes: %d, %v", len(text), len(got), ok)
	}
	noise := everyFrame()[10].(*dataFrame).Data
	for range 10 {
		if got, ok := w.squee.squeeze(w.enc, noise); ok {
			t.Fatalf("noise of %d bytes was sent as %d", len(noise), len(got))
		}
	}
	if _, ok := w.squee.squeeze(w.enc, text); ok {
		t.Error("after ten vain tries the next piece was tried as well")
	}
	for range squeezeSkip {
		if _, ok := w.squee.squeeze(w.enc, text); ok {
			return
		}
	}
	t.Error("text is never tried again")
}

// framed is a frame as bytes, with a length that may be a lie.
func framed(length int, body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(length)), body...)
}

// TestWireRefuses gives the reader what an honest peer never sends.
func TestWireRefuses(t *testing.T) {
	bomb := func() []byte {
		var b bytes.Buffer
		w := wireTo(t, &b)
		// A megabyte of zeros in some bytes, for content that claims to be ten.
		e := encoder{b: []byte{byte(kindData), 1, 0}, wire: w}
		e.uint(0)
		e.uint(10)
		e.flag(true)
		e.b = append(e.b, w.enc.EncodeAll(make([]byte, 1<<20), nil)...)
		return framed(len(e.b), e.b...)
	}
	for name, input := range map[string][]byte{
		"an empty frame":              framed(0),
		"a frame above the limit":     framed(maxFrame + 1),
		"an unknown kind":             framed(1, 200),
		"bytes left over":             framed(2, byte(kindListed), 0),
		"too few bytes":               framed(2, byte(kindAck), 0x80),
		"a string that is not there":  framed(3, byte(kindGone), 5, 'a'),
		"an endless string":           framed(7, byte(kindGone), 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
		"a path that climbs out":      framed(6, byte(kindGone), 3, '.', '.', '/', 1),
		"failoverd's own":             framed(13, append(append([]byte{byte(kindGone), 10}, ".failoverd"...), 1)...),
		"unknown flags":               framed(3, byte(kindCursor), 1, 2),
		"more hashes than bytes":      framed(4, byte(kindBlocks), 1, 0, 9),
		"a negative offset":           framed(4, byte(kindHole), 1, 1, 0),
		"a block of an odd size":      framed(8, byte(kindWantBlocks), 1, 1, 'a', 1, 6, 0, 0),
		"an abort of no known reason": framed(4, byte(kindAbort), 1, 9, 0),
		"a bomb":                      bomb(),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := wireTo(t, bytes.NewBuffer(input)).read()
			if !errors.Is(err, errWire) {
				t.Errorf("got %v, %v; want what is against the protocol", f, err)
			}
		})
	}
}

// TestWireBroken: a stream that ends within a frame is no fault of the protocol, and no end either.
func TestWireBroken(t *testing.T) {
	_, err := wireTo(t, bytes.NewBuffer(framed(5, byte(kindListed)))).read()
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errWire) {
		t.Errorf("got %v", err)
	}
}

// FuzzWire reads whatever comes: it must not panic, and what it accepts must be the same after another journey.
func FuzzWire(f *testing.F) {
	for _, one := range everyFrame() {
		var b bytes.Buffer
		w := wireTo(f, &b)
		if err := errors.Join(w.write(one), w.flush()); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := wireTo(t, bytes.NewBuffer(data))
		for {
			got, err := in.read()
			if err != nil {
				return
			}
			if hello, ok := got.(*helloFrame); ok && hello.Version != wireVersion {
				continue // what follows the version is not read
			}
			var b bytes.Buffer
			w := wireTo(t, &b)
			if err := errors.Join(w.write(got), w.flush()); err != nil {
				t.Fatalf("%v: %v", got.kind(), err)
			}
			again, err := w.read()
			if err != nil {
				t.Fatalf("%v: %v", got.kind(), err)
			}
			if diff := cmp.Diff(got, again, content); diff != "" {
				t.Fatalf("%v (-first +second):\n%s", got.kind(), diff)
			}
		}
	})
}

// FuzzCheckPath: a path that is accepted stays below a root however it is joined.
func FuzzCheckPath(f *testing.F) {
	for _, p := range []string{"a", "../a", "a/./b", "a//b", "/a", ".failoverd/x", "a\x00"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if CheckPath(p) != nil {
			return
		}
		for part := range strings.SplitSeq(p, "/") {
			if part == "" || part == "." || part == ".." || len(part) > maxName {
				t.Errorf("%q was accepted", p)
			}
		}
		if isPrivate(p) {
			t.Errorf("%q is failoverd's own", p)
		}
	})
}
