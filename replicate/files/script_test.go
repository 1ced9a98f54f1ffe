package files

import (
	"context"
	"crypto/sha256"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script is a source whose every word the test writes.
type script struct {
	t        *testing.T
	w        *wire
	conn     net.Conn
	received chan error
	sink     *Sink
}

// talkTo begins a conversation with a sink; change may make another hello of the usual one.
func talkTo(t *testing.T, s *Sink, change func(*helloFrame)) *script {
	t.Helper()
	here, there, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	c := &script{t: t, w: wireTo(t, here), conn: here, received: make(chan error, 1), sink: s}
	go func() { c.received <- s.Receive(context.Background(), there) }()
	hello := &helloFrame{
		Version: wireVersion, Tree: [16]byte{1}, Marked: true, Index: [16]byte{2}, Rules: s.options.Rules.Hash(),
		Head: 1 << 40,
	}
	if change != nil {
		change(hello)
	}
	c.say(hello)
	return c
}

// say sends frames. That the other side has gone is no mistake: it shows in what it says.
func (c *script) say(frames ...frame) {
	for _, f := range frames {
		if err := c.w.write(f); err != nil {
			return
		}
	}
	_ = c.w.flush()
}

// hear waits for a frame of a kind; acknowledgements are passed over unless they are it.
func (c *script) hear(k frameKind) frame {
	c.t.Helper()
	for {
		f, err := c.w.read()
		if err != nil {
			c.t.Fatalf("waiting for %v: %v", k, err)
		}
		if f.kind() == k {
			return f
		}
		if f.kind() != kindAck {
			c.t.Fatalf("waiting for %v: %v", k, f)
		}
	}
}

// hangUp ends the conversation and returns what the sink says of it.
func (c *script) hangUp() error {
	_ = c.conn.Close()
	return <-c.received
}

// openCopy opens a sink in a new directory.
func openCopy(t *testing.T, change func(*SinkOptions)) *Sink {
	t.Helper()
	o := SinkOptions{
		Directory: filepath.Join(t.TempDir(), "copy"), Rules: rulesOf(t, nil, nil, false), Retention: time.Hour,
		Brake: Brake{Share: 0.2, Least: 3, Window: time.Minute},
	}
	if change != nil {
		change(&o)
	}
	s, err := OpenSink(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fileOf announces a small file with its content.
func fileOf(seq uint64, p, content string) *fileFrame {
	return &fileFrame{Data: []byte(content), Entry: Entry{
		Seq: seq, Path: p, Kind: File, Size: int64(len(content)), ModTime: int64(seq), Mode: 0o644,
		Hash: sha256.Sum256([]byte(content)),
	}}
}

// at is a path in the copy.
func (s *Sink) at(p string) string { return filepath.Join(s.options.Directory, p) }

// holds fails the test unless a file of the copy has the content.
func holds(t *testing.T, s *Sink, p, want string) {
	t.Helper()
	if got, err := os.ReadFile(s.at(p)); err != nil || string(got) != want {
		t.Errorf("%s holds %.40q, %v; want %.40q", p, got, err, want)
	}
}

// trashed is the content of everything in the trash, by path.
func trashed(t *testing.T, s *Sink) map[string]string {
	t.Helper()
	out := map[string]string{}
	top := s.at(trashDir)
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		// DAY/TIME/path
		rel, _ := filepath.Rel(top, p)
		out[strings.SplitN(rel, "/", 3)[2]] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// onStage are the names on the stage.
func onStage(t *testing.T, s *Sink) (list []string) {
	t.Helper()
	items, err := os.ReadDir(s.at(stageDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		list = append(list, i.Name())
	}
	return list
}

// list says everything that there is, and hears that it is durable.
func (c *script) list(frames ...frame) {
	c.t.Helper()
	c.hear(kindResume)
	c.say(&listingFrame{})
	c.say(frames...)
	c.say(&listedFrame{})
	c.settle(1 << 20)
}

// settle says that there is nothing more, and hears that all is durable.
func (c *script) settle(seq uint64) {
	c.t.Helper()
	c.say(&cursorFrame{Seq: seq, Idle: true})
	for c.hear(kindAck).(*ackFrame).Seq < seq {
	}
}

// next waits for a change of the sink's status.
func (c *script) next(_ SinkStatus, changed <-chan struct{}) (SinkStatus, <-chan struct{}) {
	c.t.Helper()
	select {
	case <-changed:
	case <-time.After(patience):
		c.t.Fatal("nothing changes")
	}
	return c.sink.Status()
}

// Who waits for everything to have come is told at once, and not when it is due.
func TestPromptWord(t *testing.T) {
	s := openCopy(t, func(o *SinkOptions) { o.Prompt = true })
	s.every = time.Hour
	c := talkTo(t, s, nil)
	if err := c.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c.list(fileOf(1, "a", "one"))
	c.say(fileOf(1<<20+1, "b", "two"))
	c.settle(1<<20 + 1)
	holds(t, s, "b", "two")
	_ = c.hangUp()
}
