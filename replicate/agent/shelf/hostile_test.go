package shelf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// record is what an agent says of a chunk.
func record(chunk []byte) []byte {
	sum := sha256.Sum256(chunk)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(chunk))), sum[:]...)
}

// against has a standby fetch a file of an agent that we are, once it has asked and said its first wish.
func against(t *testing.T, first result, agent func(l *line)) error {
	t.Helper()
	dialled := 0
	r := Remote{Cache: t.TempDir(), retries: []time.Duration{0}}
	done := make(chan struct{}, 10)
	r.Dial = func(context.Context) (io.ReadWriteCloser, error) {
		if dialled++; dialled > 5 {
			return nil, errors.New("it calls again and again")
		}
		near, far := net.Pipe()
		go func() {
			defer func() { done <- struct{}{} }()
			l := newLine(far, patience)
			defer l.close()
			if _, _, err := l.read(); err != nil {
				return
			}
			if err := l.say(answer, first); err != nil {
				return
			}
			if _, _, err := l.read(); err == nil {
				agent(l)
				_ = l.flush()
			}
		}()
		return near, nil
	}
	defer func() {
		for range dialled {
			<-done
		}
	}()
	file, _, err := r.Open(t.Context(), "x")
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, file)
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if n > first.Size {
		t.Errorf("%d bytes of %d were given away", n, first.Size)
	}
	// Nothing that was not verified is left for the next time.
	if whole, err := os.Stat(filepath.Join(r.Cache, "x.whole")); err == nil {
		t.Errorf("%d bytes are kept", whole.Size())
	}
	return err
}

func TestAHostileAgentIsRefused(t *testing.T) {
	good := bytes.Repeat([]byte("good"), 1000)
	pack, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := pack.EncodeAll(make([]byte, 64<<20), nil)
	// turn says that a chunk is next, and hears the wish for it.
	turn := func(l *line, records []byte) {
		_ = l.write(chunks, records)
		_ = l.flush()
		_, _, _ = l.read()
	}
	size := result{Size: int64(len(good)), Version: "1"}
	for name, tt := range map[string]struct {
		first result
		agent func(l *line)
	}{
		"other bytes": {size, func(l *line) {
			turn(l, record(good))
			_ = l.write(data, bytes.Repeat([]byte("evil"), 1000))
			_ = l.write(chunks, nil)
		}},
		"fewer bytes":         {size, func(l *line) { turn(l, record(good)); _ = l.write(data, good[1:]) }},
		"more bytes":          {size, func(l *line) { turn(l, record(good)); _ = l.write(data, append(good[:len(good):len(good)], 1)) }},
		"a bomb":              {size, func(l *line) { turn(l, record(good)); _ = l.write(packed, bomb) }},
		"nothing packed":      {size, func(l *line) { turn(l, record(good)); _ = l.write(packed, []byte("rubbish")) }},
		"another frame":       {size, func(l *line) { turn(l, record(good)); _ = l.write(answer, nil) }},
		"data unasked":        {size, func(l *line) { _ = l.write(data, good) }},
		"half a record":       {size, func(l *line) { _ = l.write(chunks, record(good)[1:]) }},
		"an empty chunk":      {size, func(l *line) { _ = l.write(chunks, record(nil)) }},
		"a huge chunk":        {size, func(l *line) { _ = l.write(chunks, append([]byte{0xff, 0, 0, 0}, make([]byte, 32)...)) }},
		"many chunks":         {size, func(l *line) { _ = l.write(chunks, bytes.Repeat(record(good), maxWindow+1)) }},
		"a huge turn":         {size, func(l *line) { _ = l.write(chunks, bytes.Repeat(record(make([]byte, maxChunk)), 20)) }},
		"an early end":        {size, func(l *line) { _ = l.write(chunks, nil) }},
		"a huge frame":        {size, func(l *line) { _, _ = l.out.Write([]byte{byte(data), 0x7f, 0xff, 0xff, 0xff}) }},
		"many words":          {size, func(l *line) { _, _ = l.out.Write([]byte{byte(refuse), 0, 0x10, 0, 0}) }},
		"a refusal of none":   {size, func(l *line) { _ = l.write(refuse, []byte("no")) }},
		"less than nothing":   {result{Size: -1, Version: "1"}, func(*line) {}},
		"no version":          {result{Size: 1}, func(*line) {}},
		"a long version":      {result{Size: 1, Version: strings.Repeat("x", 201)}, func(*line) {}},
		"more than it has":    {result{Size: 1, Version: "1"}, func(l *line) { turn(l, record(good)); _ = l.write(data, good); turn(l, nil) }},
		"a kind of no frames": {size, func(l *line) { _ = l.write('x', nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := against(t, tt.first, tt.agent); !errors.Is(err, errPeer) {
				t.Errorf("the standby says: %v", err)
			}
		})
	}
}

func TestAHostileStandbyIsRefused(t *testing.T) {
	b := newBed(t)
	b.write("x.failoverd-1.bak", noise(1, mega))
	sum := sha256.Sum256([]byte("x"))
	for name, tt := range map[string]struct {
		say  func(l *line)
		want string // in what is said to the standby, or in what Serve returns
	}{
		"another order":   {func(l *line) { _ = l.say(ask, order{Order: "format"}) }, "format"},
		"no words":        {func(l *line) { _ = l.write(ask, []byte("x")) }, "invalid character"},
		"no order":        {func(l *line) { _ = l.write(data, nil) }, "where 'q' belongs"},
		"many words":      {func(l *line) { _ = l.write(ask, make([]byte, maxWords+1)) }, "65537 bytes"},
		"from nowhere":    {func(l *line) { _ = l.say(ask, order{Order: "fetch", File: "x.failoverd-1.bak", From: -1}) }, "changed"},
		"from behind":     {func(l *line) { _ = l.say(ask, order{Order: "fetch", File: "x.failoverd-1.bak", From: mega + 1}) }, "changed"},
		"another version": {func(l *line) { _ = l.say(ask, order{Order: "fetch", File: "x.failoverd-1.bak", Version: "1"}) }, "changed"},
		"wishes for none": {func(l *line) {
			_ = l.say(ask, order{Order: "fetch", File: "x.failoverd-1.bak"})
			_ = l.write(want, []byte{1})
		}, "for 0 chunks"},
		"no wishes": {func(l *line) {
			_ = l.say(ask, order{Order: "fetch", File: "x.failoverd-1.bak"})
			_ = l.write(data, nil)
		}, "for 0 chunks"},
		"few wishes": {func(l *line) {
			_ = l.say(ask, order{Order: "fetch", File: "x.failoverd-1.bak"})
			_ = l.write(want, nil)
			_ = l.write(want, nil)
		}, "0 bytes of 'w' for"},
		"another hash": {func(l *line) {
			_ = l.say(ask, order{Order: "put", File: "y.failoverd-1.bak"})
			_ = l.write(data, []byte("y"))
			_ = l.write(done, sum[:])
		}, "does not have its hash"},
		"no hash": {func(l *line) { _ = l.say(ask, order{Order: "put", File: "y.failoverd-1.bak"}); _ = l.write(done, nil) }, "does not have its hash"},
		"something else": {func(l *line) {
			_ = l.say(ask, order{Order: "put", File: "y.failoverd-1.bak"})
			_ = l.write(packed, nil)
		}, "in a file"},
		"a name of a path": {func(l *line) { _ = l.say(ask, order{Order: "put", File: "../y.failoverd-1.bak"}) }, "is no file name"},
		"a long name":      {func(l *line) { _ = l.say(ask, order{Order: "put", File: "x.failoverd-" + strings.Repeat("é", 3000)}) }, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			served := make(chan error, 1)
			go func() { served <- Serve(t.Context(), far, b.directory) }()
			l := newLine(near, patience)
			said := make(chan error, 1)
			go func() { // the standby hears as it speaks
				for {
					if _, _, err := l.read(); err != nil {
						said <- err
						_ = near.Close()
						return
					}
				}
			}()
			tt.say(l)
			_ = l.flush()
			heard, err := <-said, <-served
			_ = l.close()
			if all := errors.Join(heard, err).Error(); !strings.Contains(all, tt.want) {
				t.Errorf("heard %v, the agent says %v, want %q", heard, err, tt.want)
			}
		})
	}
	if names := b.there(); len(names) != 1 {
		t.Errorf("left behind: %q", names)
	}
}

// canned is a stream that says what it was given, and hears everything.
type canned struct{ io.Reader }

func (canned) Write(b []byte) (int, error) { return len(b), nil }
func (canned) Close() error                { return nil }

func FuzzServe(f *testing.F) {
	frame := func(k kind, body string) string {
		return string(append([]byte{byte(k)}, binary.BigEndian.AppendUint32(nil, uint32(len(body)))...)) + body
	}
	f.Add([]byte(frame(ask, `{"order":"fetch","file":"x.failoverd-1.bak"}`) + frame(want, "") + frame(want, "\xff")))
	f.Add([]byte(frame(ask, `{"order":"put","file":"y.failoverd-1.bak"}`) + frame(data, "a") + frame(done, "")))
	f.Add([]byte(frame(ask, `{"order":"sweep","file":"../secret"}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		directory, secret := filepath.Join(parent, "backup"), filepath.Join(parent, "secret")
		if err := errors.Join(os.Mkdir(directory, 0o700), os.WriteFile(secret, []byte("s"), 0o600), os.WriteFile(filepath.Join(directory, "x.failoverd-1.bak"), []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
		_ = Serve(t.Context(), canned{bytes.NewReader(b)}, directory)
		if list, err := os.ReadDir(parent); err != nil || len(list) != 2 {
			t.Errorf("outside there are now %v, %v", list, err)
		}
	})
}

func FuzzFetch(f *testing.F) {
	chunk := []byte("chunk")
	frame := func(k kind, body []byte) []byte {
		return append(append([]byte{byte(k)}, binary.BigEndian.AppendUint32(nil, uint32(len(body)))...), body...)
	}
	f.Add(bytes.Join([][]byte{
		frame(answer, []byte(`{"size_bytes":5,"version":"1"}`)), frame(chunks, record(chunk)), frame(data, chunk), frame(chunks, nil),
	}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Remote{Cache: t.TempDir(), retries: []time.Duration{}}
		r.Dial = func(context.Context) (io.ReadWriteCloser, error) { return canned{bytes.NewReader(b)}, nil }
		file, size, err := r.Open(t.Context(), "x")
		if err != nil {
			return
		}
		defer file.Close()
		if n, err := io.Copy(io.Discard, file); err == nil && n != size {
			t.Errorf("%d bytes of a file of %d, and no error", n, size)
		}
	})
}
