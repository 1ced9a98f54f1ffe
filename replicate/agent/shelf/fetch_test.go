package shelf

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

const mega = 1 << 20

func TestSizes(t *testing.T) {
	b := newBed(t)
	for _, size := range []int{0, 1, 8 << 10, 100_000, maxChunk, windowSize, windowSize + 1, windowSize + maxChunk + 1} {
		content := noise(uint64(size), size)
		b.write("x.failoverd-1.bak", content)
		b.expect("x.failoverd-1.bak", content)
		b.write("x.failoverd-1.bak", make([]byte, size)) // zeros have no place to be cut
		b.expect("x.failoverd-1.bak", make([]byte, size))
	}
}

// What was fetched last night is not fetched again, though it lies elsewhere in tonight's file.
func TestTheSecondNightMovesWhatChanged(t *testing.T) {
	b := newBed(t)
	first := noise(1, 24*mega)
	b.write("x.failoverd-1.bak", first)
	all := b.expect("x.failoverd-1.bak", first)
	if all < int64(len(first)) {
		t.Fatalf("%d bytes came of a file of %d: the count is wrong", all, len(first))
	}
	if err := b.remote.Sweep(t.Context(), "x.failoverd-1.bak"); err != nil {
		t.Fatal(err)
	}
	second := slices.Clone(first)
	at := rand.New(rand.NewPCG(1, 2))
	const pages = 20
	for range pages { // pages of a database, changed where they are
		copy(second[at.IntN(len(second)/8192)*8192:], noise(at.Uint64(), 8192))
	}
	second = slices.Insert(second, 10*mega+123, noise(3, 5000)...) // and everything behind moves
	second = slices.Delete(second, 17*mega, 17*mega+777)
	b.write("x.failoverd-2.bak", second) // each night's file has a name of its own
	moved := b.expect("x.failoverd-2.bak", second)
	t.Logf("first night %d bytes, second night %d, of which %d had changed", all, moved, pages*8192+5000)
	// A page that changed takes its chunk along, and sometimes the next; a chunk has 128 KiB at the most. Besides,
	// each chunk costs its hash.
	if most := int64((pages+2)*2*(4<<leastBits) + len(second)/(1<<leastBits)*3*recordSize); moved > most {
		t.Errorf("%d bytes came, at most %d should", moved, most)
	}
	if again := b.expect("x.failoverd-2.bak", second); again > int64(len(second)/100) {
		t.Errorf("%d bytes came of what did not change", again)
	}
}

// Compression is the stream's affair: what packs well travels packed.
func TestWhatPacksWellTravelsPacked(t *testing.T) {
	b := newBed(t)
	content := bytes.Repeat([]byte("customer 4711, Dural, NSW; "), 300_000)
	b.write("x.failoverd-1.bak", content)
	if moved := b.expect("x.failoverd-1.bak", content); moved > int64(len(content)/10) {
		t.Errorf("%d bytes for %d", moved, len(content))
	}
}

// What a reader says that has travelled is what came, over all its connections.
func TestAReaderTellsWhatTravelled(t *testing.T) {
	b := newBed(t)
	content := noise(5, 4*mega)
	b.write("x.failoverd-1.bak", content)
	b.cut = func(stream int64) int64 { return 100_000 * stream }
	r, _, err := b.remote.Open(t.Context(), "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	// Of a frame that was cut off nothing is counted, and it is at most a chunk.
	told, came, cuts := r.(database.Parcel).Travelled(), b.moved.Load(), b.dialled.Load()
	if told < int64(len(content)) || told > came || told < came-cuts*(maxChunk+1000) || cuts < 5 {
		t.Errorf("%d bytes came over %d connections, told are %d", came, cuts, told)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// A connection that is cut costs what was on its way, and nothing of what had come.
func TestACutConnectionGoesOnWhereItWas(t *testing.T) {
	b := newBed(t)
	content := noise(5, 12*mega)
	b.write("x.failoverd-1.bak", content)
	b.cut = func(stream int64) int64 {
		if stream > 20 {
			return -1
		}
		return stream * 60_000
	}
	moved := b.expect("x.failoverd-1.bak", content)
	if streams := b.dialled.Load(); streams < 15 {
		t.Errorf("it took %d streams only: nothing was cut", streams)
	}
	// A stream that is cut loses the chunk on its way, and the hashes of its turn are said again.
	if most := int64(len(content)) + 21*(maxWindow*recordSize+4<<leastBits) + mega; moved > most {
		t.Errorf("%d bytes came for %d, at most %d should", moved, len(content), most)
	}
}

func TestNobodyTriesForEver(t *testing.T) {
	b := newBed(t)
	b.write("x.failoverd-1.bak", noise(5, mega))
	b.cut = func(stream int64) int64 {
		if stream == 1 {
			return 100_000
		}
		return 10
	}
	if _, err := b.fetch("x.failoverd-1.bak"); !errors.Is(err, errStream) || b.dialled.Load() > 10 {
		t.Errorf("after %d streams: %v", b.dialled.Load(), err)
	}
}

// What no further try can cure is not tried again.
func TestAFinalErrorIsFinal(t *testing.T) {
	b := newBed(t)
	content := noise(5, mega)
	b.write("x.failoverd-1.bak", content)
	b.cut = func(int64) int64 { return 300_000 }
	r, _, err := b.remote.Open(t.Context(), "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	withdrawn, dialled := errors.New("the directory was withdrawn"), 0
	r.(*reader).remote.Dial = func(context.Context) (io.ReadWriteCloser, error) {
		dialled++
		return nil, &FinalError{withdrawn}
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, withdrawn) || errors.Is(err, errStream) || dialled != 1 {
		t.Errorf("after %d more streams: %v", dialled, err)
	}
}

// What an interrupted fetch has left serves the next one.
func TestWhatCameBeforeACrashIsNotFetchedAgain(t *testing.T) {
	b := newBed(t)
	content := noise(6, 20*mega)
	b.write("x.failoverd-1.bak", content)
	r, _, err := b.remote.Open(t.Context(), "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 12*mega)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if moved := b.expect("x.failoverd-1.bak", content); moved > 9*mega {
		t.Errorf("%d bytes came after 12 MiB had come", moved)
	}
	if names := b.cached(); !slices.Equal(names, []string{"x.lock", "x.whole", "x.whole.chunks"}) {
		t.Errorf("the cache holds %q", names)
	}
}

func (b *bed) cached() (names []string) {
	b.t.Helper()
	list, err := os.ReadDir(b.remote.Cache)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// A cache that rotted costs bytes, and never puts one wrong byte into a file.
func TestARottenCacheIsNotBelieved(t *testing.T) {
	content := noise(7, 3*mega)
	for name, rot := range map[string]func([]byte) []byte{
		"bits":        func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut off":     func(b []byte) []byte { return b[:len(b)/3] },
		"longer":      func(b []byte) []byte { return append(b, noise(8, 100)...) },
		"empty":       func([]byte) []byte { return nil },
		"other bytes": func(b []byte) []byte { return noise(9, len(b)) },
	} {
		for _, file := range []string{"x.whole", "x.whole.chunks"} {
			t.Run(name+" in "+file, func(t *testing.T) {
				b := newBed(t)
				b.write("x.failoverd-1.bak", content)
				b.expect("x.failoverd-1.bak", content)
				path := filepath.Join(b.remote.Cache, file)
				was, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, rot(was), 0o600); err != nil {
					t.Fatal(err)
				}
				b.expect("x.failoverd-1.bak", content)
			})
		}
	}
}

func TestAFileThatChangesWhileItIsReadIsNotTaken(t *testing.T) {
	b := newBed(t)
	b.write("x.failoverd-1.bak", noise(1, 30*mega))
	r, _, err := b.remote.Open(t.Context(), "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, mega)); err != nil {
		t.Fatal(err)
	}
	b.write("x.failoverd-1.bak", noise(2, 30*mega))
	if _, err := io.Copy(io.Discard, r); err == nil || !strings.Contains(err.Error(), `"x.failoverd-1.bak" changed while it was read`) {
		t.Errorf("read: %v", err)
	}
	// The same where a new connection goes on.
	b = newBed(t)
	b.write("x.failoverd-1.bak", noise(1, 2*mega))
	b.cut = func(int64) int64 { return 300_000 }
	if r, _, err = b.remote.Open(t.Context(), "x.failoverd-1.bak"); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	b.write("x.failoverd-1.bak", noise(3, 2*mega))
	if _, err := io.Copy(io.Discard, r); err == nil || !strings.Contains(err.Error(), `"x.failoverd-1.bak" changed while it was read`) {
		t.Errorf("read: %v", err)
	}
}

func TestAFileIsFetchedOnceAtATime(t *testing.T) {
	b := newBed(t)
	b.write("x.failoverd-1.bak", noise(1, mega))
	one, _, err := b.remote.Open(t.Context(), "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if _, err := one.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.fetch("x.failoverd-1.bak"); err == nil || !strings.Contains(err.Error(), "it is being fetched already") {
		t.Errorf("the second time: %v", err)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	b := newBed(t)
	b.write("x.failoverd-1.bak", noise(1, 30*mega))
	unwanted := errors.New("not any more")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, _, err := b.remote.Open(ctx, "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, mega)); err != nil {
		t.Fatal(err)
	}
	cancel(unwanted)
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, unwanted) {
		t.Errorf("read: %v", err)
	}
}

func TestNothingIsOutsideOfTheDirectory(t *testing.T) {
	b := newBed(t)
	secret := filepath.Join(filepath.Dir(b.directory), "secret.failoverd-1.bak")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(secret) })
	if err := os.Symlink("../secret.failoverd-1.bak", filepath.Join(b.directory, "link.failoverd-1.bak")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"../secret.failoverd-1.bak", secret, "", ".", "..", `..\secret.failoverd-1.bak`, "link.failoverd-1.bak", "absent.failoverd-1.bak", "a\x00b.failoverd-1.bak", strings.Repeat("x", 300) + ".failoverd-1.bak",
	} {
		if _, err := b.fetch(name); err == nil {
			t.Errorf("fetched %q", name)
		} else if absent := errors.Is(err, fs.ErrNotExist); absent != (name == "absent.failoverd-1.bak") {
			t.Errorf("fetch %q: %v", name, err)
		}
		if _, err := b.remote.Hash(t.Context(), name); err == nil {
			t.Errorf("hashed %q", name)
		}
		if name == "link.failoverd-1.bak" || name == "absent.failoverd-1.bak" {
			continue // of a link, the link itself would go; what is absent may be made
		}
		if err := b.remote.Sweep(t.Context(), name); err == nil && len(name) < 256 && !strings.Contains(name, "\x00") {
			t.Errorf("removed %q", name)
		}
		if w, err := b.remote.Create(t.Context(), name); err == nil {
			t.Errorf("made %q: %v", name, w.Close())
		}
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "x" {
		t.Errorf("what lies outside is %q, %v", got, err)
	}
}

func TestCutsFollowTheContent(t *testing.T) {
	content := noise(1, 4*mega)
	for bits := uint(leastBits); bits <= mostBits; bits++ {
		seen, n, sum := map[string]bool{}, 0, 0
		for at := 0; at < len(content); n++ {
			length := cutAt(content[at:], bits)
			if length < 1 || length > 4<<bits || length < 1<<(bits-2) && at+length < len(content) {
				t.Fatalf("a chunk of %d bytes with %d bits", length, bits)
			}
			seen[string(content[at:at+length])] = true
			at += length
			sum += length
		}
		if mean := sum / n; mean < 1<<(bits-1) || mean > 1<<(bits+1) {
			t.Errorf("the mean chunk has %d bytes with %d bits", mean, bits)
		}
		moved := append(noise(2, 1000), content...)
		known, m := 0, 0
		for at := 0; at < len(moved); m++ {
			length := cutAt(moved[at:], bits)
			if seen[string(moved[at:at+length])] {
				known++
			}
			at += length
		}
		if m-known > 3 {
			t.Errorf("of %d chunks, %d are new though all moved by 1,000 bytes only", m, m-known)
		}
	}
	for size, want := range map[int64]uint{0: 15, largeFile: 15, largeFile + 1: 16, 2*largeFile + 1: 17, 8 * largeFile: 18, 1 << 60: 18} {
		if got := bitsFor(size); got != want {
			t.Errorf("bitsFor(%d) = %d, want %d", size, got, want)
		}
	}
}
