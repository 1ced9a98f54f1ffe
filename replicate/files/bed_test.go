package files

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// bed is a source and a sink, and the connection between them.
type bed struct {
	t        testing.TB
	src, dst string
	source   SourceOptions
	sink     SinkOptions

	from    *Source
	to      *Sink
	ended   func() error // waits for the end of the source's Run
	stopRun func() error // and makes it end

	mu   sync.Mutex
	cut  func() // cuts the connection that there is
	stop func() // ends the connecting
}

// patience bounds how long a test waits for what has to happen.
const patience = 20 * time.Second

// newBed makes two directories; nothing runs yet.
func newBed(t testing.TB) *bed {
	t.Helper()
	dir := t.TempDir()
	b := &bed{t: t, src: filepath.Join(dir, "src"), dst: filepath.Join(dir, "dst")}
	if err := os.Mkdir(b.src, 0o755); err != nil {
		t.Fatal(err)
	}
	rules := rulesOf(t, nil, nil, false)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	b.source = SourceOptions{
		Directory: b.src, StateDir: filepath.Join(dir, "state"), Rules: rules, ScanInterval: time.Hour, Log: log,
		Settle: Settle{Quiet: 5 * time.Millisecond, Unknown: 300 * time.Millisecond, MaxWait: 30 * time.Second},
	}
	b.sink = SinkOptions{
		Directory: b.dst, Rules: rules, Retention: time.Hour,
		Brake: Brake{Share: 0.2, Least: 100, Window: 10 * time.Minute},
	}
	t.Cleanup(b.close)
	return b
}

// openSource opens the source and has it watch.
func (b *bed) openSource() {
	b.t.Helper()
	s, err := OpenSource(b.source)
	b.must(err)
	b.runSource(s)
}

// runSource has a source watch.
func (b *bed) runSource(s *Source) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.from, b.ended = s, func() error {
		b.t.Helper()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			b.t.Fatal("the source does not end")
			return nil
		}
	}
	b.stopRun = func() error {
		cancel()
		return b.ended()
	}
}

// closeSource ends the source in an orderly way.
func (b *bed) closeSource() {
	b.t.Helper()
	if b.from == nil {
		return
	}
	if err := b.stopRun(); err != nil {
		b.t.Errorf("the source ended with %v", err)
	}
	if err := b.from.Close(); err != nil {
		b.t.Error(err)
	}
	b.from = nil
}

// openSink opens the sink.
func (b *bed) openSink() {
	b.t.Helper()
	s, err := OpenSink(b.sink)
	if err != nil {
		b.t.Fatal(err)
	}
	b.to = s
}

// closeSink closes the sink.
func (b *bed) closeSink() {
	b.t.Helper()
	if b.to == nil {
		return
	}
	if err := b.to.Close(); err != nil {
		b.t.Error(err)
	}
	b.to = nil
}

// connect joins the two, and again whenever the connection ends.
func (b *bed) connect() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	from, to := b.from, b.to
	both.Go(func() {
		for ctx.Err() == nil {
			if err := b.converse(ctx, from, to); err != nil {
				b.t.Logf("the conversation ended: %v", err)
			}
		}
	})
	b.stop = func() {
		cancel()
		both.Wait()
	}
}

// converse has one conversation, and returns what the two sides say of its end.
func (b *bed) converse(ctx context.Context, from *Source, to *Sink) error {
	left, right, err := loopback()
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.cut = func() { _ = left.Close() }
	b.mu.Unlock()
	var sent error
	var side sync.WaitGroup
	side.Go(func() { sent = from.Serve(ctx, left) })
	received := to.Receive(ctx, right)
	side.Wait()
	if received != nil {
		return received
	}
	return sent
}

// cutConnection cuts the connection that there is.
func (b *bed) cutConnection() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut != nil {
		b.cut()
	}
}

// disconnect ends the connecting.
func (b *bed) disconnect() {
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
}

// start opens both sides and joins them.
func (b *bed) start() {
	b.t.Helper()
	b.openSource()
	b.openSink()
	b.connect()
}

// close ends everything.
func (b *bed) close() {
	b.disconnect()
	b.closeSource()
	b.closeSink()
}

// loopback is a connection over TCP.
func loopback() (a, b net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = l.Close() }()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	return a, b, err
}

// differences is what rsync would do to make the copy equal: nothing, if it is. The root's own attributes are the
// standby's business.
func (b *bed) differences(more ...string) string {
	b.t.Helper()
	args := append([]string{"-nac", "--delete", "--itemize-changes", "--exclude=/.failoverd"}, more...)
	cmd := exec.Command("rsync", append(args, b.src+"/", b.dst+"/")...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil && problems.Len() == 0 {
		b.t.Fatalf("rsync: %v", err)
	}
	var lines []string
	for line := range strings.Lines(out.String() + problems.String()) {
		if !strings.HasPrefix(line, ".d") || !strings.HasSuffix(line, " ./\n") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// waitForCopy waits until rsync finds no difference.
func (b *bed) waitForCopy(more ...string) {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		_, changed := b.to.Status()
		_, learnt := b.from.Status()
		diff := b.differences(more...)
		if diff == "" {
			b.checkIndex()
			return
		}
		select {
		case <-changed:
		case <-learnt:
		case <-deadline:
			s, _ := b.to.Status()
			f, _ := b.from.Status()
			b.from.mu.Lock()
			for line := range strings.Lines(diff) {
				_, p, _ := strings.Cut(strings.TrimSpace(line), " ")
				p = strings.TrimSuffix(strings.TrimSpace(p), "/")
				b.t.Logf("the index knows %q: %+v", p, b.from.index.entries[p])
			}
			b.from.mu.Unlock()
			b.t.Fatalf("still different:\n%.3000s\nsink %+v\nsource %+v", diff, s, f)
		}
	}
}

// checkIndex looks whether the source's index is a tree: what is in it without the directory that it is in is never called
// gone.
func (b *bed) checkIndex() {
	b.t.Helper()
	b.from.mu.Lock()
	defer b.from.mu.Unlock()
	for p := range b.from.index.entries {
		if dir := path.Dir(p); dir != "." && b.from.index.entries[dir] == nil {
			b.t.Errorf("the index knows %q, but not the directory that it is in", p)
		}
	}
}

// waitForSink waits until the sink's status is as wanted.
func (b *bed) waitForSink(what string, good func(SinkStatus) bool) SinkStatus {
	b.t.Helper()
	deadline := time.After(patience)
	for {
		s, changed := b.to.Status()
		if good(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			b.t.Fatalf("waited for %s: %+v", what, s)
		}
	}
}

// write writes a file of the source, and the directories above it.
func (b *bed) write(p string, data []byte) {
	b.t.Helper()
	p = filepath.Join(b.src, p)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(p, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// must ends the test on an error.
func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// in is a path in the source.
func (b *bed) in(p string) string { return filepath.Join(b.src, p) }

// copyOf reads a file of the copy.
func (b *bed) copyOf(p string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dst, p))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// noise is n bytes that no compression makes smaller.
func noise(seed string, n int) []byte {
	out := make([]byte, n)
	if _, err := io.ReadFull(newNoise(seed), out); err != nil {
		panic(err)
	}
	return out
}
