package mysql

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

// TestAServerThatTakesNoMore sends rows to a server that shuts the connection down and keeps it, as MariaDB does with a
// session that was killed: the sending is given up, though no write is refused.
func TestAServerThatTakesNoMore(t *testing.T) {
	t.Parallel()
	ours, theirs := connected(t)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	lines := newStream(ctx, stop)
	w := attend(ours, lines)
	defer w.end()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = ours.Write(make([]byte, 64<<20)) // More than the kernel takes; it ends with the connection.
	}()
	if err := errors.Join(theirs.CloseRead(), theirs.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), errGaveUp) {
		t.Errorf("given up for %v, want %v", context.Cause(ctx), errGaveUp)
	}
	_ = ours.Close() // As the driver does then.
	<-sent
}

// TestAServerThatAnswersInTime says its word after it has got all: that ends nothing, and the word is still there.
func TestAServerThatAnswersInTime(t *testing.T) {
	t.Parallel()
	ours, theirs := connected(t)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	lines := newStream(ctx, stop)
	close(lines.full)
	if _, err := io.ReadAll(lines); err != nil {
		t.Fatal(err)
	}
	w := attend(ours, lines)
	if _, err := theirs.Write([]byte{7}); err != nil {
		t.Fatal(err)
	}
	<-w.done
	w.end()
	if err := ctx.Err(); err != nil {
		t.Errorf("given up: %v", err)
	}
	word := make([]byte, 1)
	if _, err := ours.Read(word); err != nil || word[0] != 7 {
		t.Errorf("read %v, %v; want what the server said", word, err)
	}
}

// TestAServerThatIsSilent lets the waiting be ended, and the connection be read afterwards.
func TestAServerThatIsSilent(t *testing.T) {
	t.Parallel()
	ours, theirs := connected(t)
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	attend(ours, newStream(ctx, stop)).end()
	if err := ctx.Err(); err != nil {
		t.Errorf("given up: %v", err)
	}
	if _, err := theirs.Write([]byte{7}); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// connected are both ends of a connection.
func connected(t *testing.T) (ours net.Conn, theirs *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if ours, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	other, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ours.Close() // Some tests have closed it.
		_ = other.Close()
	})
	return ours, other.(*net.TCPConn)
}
