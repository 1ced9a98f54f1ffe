package shelf

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bed is a primary's directory and a standby that reaches it.
type bed struct {
	t         testing.TB
	directory string // at the primary
	remote    Remote
	served    sync.WaitGroup
	moved     atomic.Int64             // bytes that came from the agent
	dialled   atomic.Int64             // streams that were opened
	cut       func(stream int64) int64 // after how many bytes from the agent a stream is cut; nil for never
}

func newBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{t: t, directory: t.TempDir()}
	b.remote = Remote{Server: "/b", Cache: filepath.Join(t.TempDir(), "cache"), Dial: b.dial, retries: make([]time.Duration, 5)}
	t.Cleanup(b.served.Wait)
	return b
}

// dial opens a stream over TCP that Serve has the other end of.
func (b *bed) dial(ctx context.Context) (io.ReadWriteCloser, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	near, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	far, err := l.Accept()
	if err != nil {
		return nil, errors.Join(err, near.Close())
	}
	b.served.Go(func() {
		if err := Serve(b.t.Context(), far, b.directory); err != nil && b.cut == nil {
			b.t.Logf("the agent: %v", err)
		}
	})
	c := &countedConn{Conn: near, bed: b, left: -1}
	if n := b.dialled.Add(1); b.cut != nil {
		c.left = b.cut(n)
	}
	return c, nil
}

// countedConn counts what comes, and is cut after so many bytes, unless left is negative.
type countedConn struct {
	net.Conn
	bed  *bed
	left int64
}

func (c *countedConn) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, errors.Join(errors.New("the cable was pulled"), c.Close())
	}
	if c.left > 0 {
		b = b[:min(int64(len(b)), c.left)]
	}
	n, err := c.Conn.Read(b)
	c.bed.moved.Add(int64(n))
	if c.left > 0 {
		c.left -= int64(n)
	}
	return n, err
}

// write puts a file into the primary's directory.
func (b *bed) write(name string, content []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.directory, name), content, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// fetch reads a file to its end.
func (b *bed) fetch(name string) ([]byte, error) {
	r, size, err := b.remote.Open(b.t.Context(), name)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	if err == nil && int64(len(got)) != size {
		err = errors.New("it has another size than was said")
	}
	return got, errors.Join(err, r.Close())
}

// expect fetches a file, compares it, and returns how many bytes came from the agent.
func (b *bed) expect(name string, want []byte) int64 {
	b.t.Helper()
	before := b.moved.Load()
	got, err := b.fetch(name)
	if err != nil {
		b.t.Fatalf("fetch %s: %v", name, err)
	}
	if !bytes.Equal(got, want) {
		b.t.Fatalf("%s: %d bytes, which are not the %d of the primary", name, len(got), len(want))
	}
	return b.moved.Load() - before
}

// noise is content that cannot be packed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}
