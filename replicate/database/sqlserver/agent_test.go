package sqlserver

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"failoverd/replicate/agent/shelf"
	"failoverd/replicate/database"
)

// byAgent reaches a directory by way of an agent that serves it.
func byAgent(t *testing.T, d database.Directory) database.Shelf {
	t.Helper()
	remote, _ := agent(t, d)
	return remote
}

// agent serves a directory over pipes, and counts the bytes that come from it.
func agent(t *testing.T, d database.Directory) (shelf.Remote, *atomic.Int64) {
	t.Helper()
	var moved atomic.Int64
	var served sync.WaitGroup
	t.Cleanup(served.Wait)
	return shelf.Remote{
		Server: d.Server, Cache: t.TempDir(),
		Dial: func(context.Context) (io.ReadWriteCloser, error) {
			near, far := net.Pipe()
			// Orders of the end of a test come after its context.
			served.Go(func() { _ = shelf.Serve(context.Background(), far, d.Path) })
			return countedPipe{near, &moved}, nil
		},
	}, &moved
}

type countedPipe struct {
	net.Conn
	moved *atomic.Int64
}

func (c countedPipe) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.moved.Add(int64(n))
	return n, err
}

// Night after night the backup is made under another name, fetched and removed again; of the second one only what changed
// travels, and that is what is told.
func TestTheSecondNightByTheAgent(t *testing.T) {
	content := make([]byte, 16<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	r, to := journey(t, content, nil)
	from := r.Source.Shelf.(database.Directory)
	remote, moved := agent(t, from)
	r.Source.Shelf = remote
	night := func(run string) int64 {
		t.Helper()
		before := moved.Load()
		r.file = "x.failoverd-" + run + ".bak"
		if err := os.WriteFile(filepath.Join(from.Path, r.file), content, 0o600); err != nil {
			t.Fatal(err)
		}
		travelled, err := r.transfer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// What is asked and said besides is not the file's.
		if came := moved.Load() - before; travelled > came || travelled < came-1000 {
			t.Errorf("%d bytes came, and %d are told", came, travelled)
		}
		got, err := os.ReadFile(filepath.Join(to.Path, r.file))
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes arrived, %v", len(got), err)
		}
		for _, s := range []database.Shelf{r.Source.Shelf, r.Target.Shelf} {
			if err := s.Sweep(t.Context(), "x.failoverd-"); err != nil {
				t.Fatal(err)
			}
		}
		return moved.Load() - before
	}
	first := night("1")
	for at := 0; at < len(content); at += len(content) / 10 {
		content[at]++
	}
	second := night("2")
	t.Logf("the first night %d bytes came, the second %d", first, second)
	if first < int64(len(content)) || second > 10*2*(128<<10)+100_000 {
		t.Errorf("the first night %d bytes came, the second %d", first, second)
	}
}

// The agent packs, and cannot tell what has not changed in a backup that is packed.
func TestABackupThatTravelsIsNotCompressed(t *testing.T) {
	enterprise := server{engineEdition: enterpriseEdition}
	if !compressed(database.Directory{}, enterprise) || compressed(shelf.Remote{}, enterprise) || compressed(database.Directory{}, server{engineEdition: expressEdition}) {
		t.Error("the backups of a directory are compressed where the edition can, those of an agent are not")
	}
}

// What came is kept beside what comes, and there has to be room for it.
func TestRoomForWhatIsKept(t *testing.T) {
	p := pairOf("pbx", "standby")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		cache  string
		bytes  int64
		code   string
		blocks bool
	}{
		{t.TempDir(), 1, "", false},
		{t.TempDir(), 1 << 60, "no-space", false},
		{filepath.Join(file, "cache"), 1, "no-backups", true},
	} {
		var got database.Problem
		for _, got = range keeping(shelf.Remote{Cache: tt.cache}, p, tt.bytes) {
		}
		if got.Code != tt.code || got.Blocks != tt.blocks || tt.code != "" && !strings.Contains(got.Text+got.Remedy, tt.cache) {
			t.Errorf("%d bytes in %s: %+v", tt.bytes, tt.cache, got)
		}
	}
}

// To live, the file goes to the agent's directory, and is compared there.
func TestTransferToTheAgent(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 300_000)
	r, to := journey(t, content, nil)
	remote, moved := agent(t, to)
	r.Target.Shelf = remote
	if _, err := r.transfer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(to.Path, r.file)); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
	if back := moved.Load(); back > 10_000 {
		t.Errorf("%d bytes came back", back)
	}
}
