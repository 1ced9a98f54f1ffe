package postgres

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A statement of ours ends at the server soon after we have died, and not when it would have come to its end: nobody is left
// who would cancel it, and what it has locked is somebody else's.
func TestAStatementEndsSoonAfterWeHaveDied(t *testing.T) {
	t.Parallel()
	p := startServer(t, "")
	if versionOf(t, p) < 14 {
		t.Skip("PostgreSQL 14 and later look whether their client is still there")
	}
	e := end("the source", p, "postgres")
	to, died := relay(t, p.Address())
	e.DSN = strings.Replace(e.DSN, p.Address(), to, 1)
	conn, err := dial(t.Context(), e, "postgres")
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = conn.Exec(t.Context(), "SELECT pg_sleep(300)") // The server is not there any more for an answer.
	}()
	at := fmt.Sprintf("SELECT wait_event FROM pg_stat_activity WHERE pid = %d", conn.PgConn().PID())
	waitFor := func(what string, holds func([][]string) bool) {
		t.Helper()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(time.Minute); ; <-tick.C {
			rows, err := ask(t.Context(), p.DSN(administrator), administrator, "postgres", at)
			must(t, err)
			if holds(rows) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain for %s: %q", what, rows)
			}
		}
	}
	waitFor("the statement to run", func(rows [][]string) bool { return len(rows) == 1 && rows[0][0] == "PgSleep" })
	died()
	waitFor("the statement to end", func(rows [][]string) bool { return len(rows) == 0 })
	must(t, conn.PgConn().Conn().Close())
	<-ended
}

// relay lets one connection through to a server. died ends it at the server as the kernel does it for a process that has died,
// and leaves it open on our side: who learned of it would send the server a cancel request, which the dead do not.
func relay(t *testing.T, to string) (address string, died func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	client, server := make(chan net.Conn, 1), make(chan net.Conn, 1)
	var running sync.WaitGroup
	running.Go(func() {
		ours, err := listener.Accept()
		_ = listener.Close() // nobody else
		if err != nil {
			return
		}
		client <- ours
		theirs, err := net.Dial("tcp", to)
		if err != nil {
			_ = ours.Close()
			return
		}
		server <- theirs
		running.Go(func() { _, _ = io.Copy(ours, theirs) })
		_, _ = io.Copy(theirs, ours)
		_ = theirs.Close()
	})
	t.Cleanup(func() {
		_ = listener.Close()
		select {
		case c := <-client:
			_ = c.Close()
		default:
		}
		running.Wait()
	})
	return listener.Addr().String(), func() { _ = (<-server).Close() }
}
