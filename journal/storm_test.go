package journal

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// In a storm commits follow each other without a pause, and the log is begun afresh all the same.
func TestTheLogStaysSmallInAStorm(t *testing.T) {
	t.Parallel()
	// Where there is one, a disk in memory: what is looked at is the log, and a thousand fsyncs take their time.
	dir, err := os.MkdirTemp("/dev/shm", "journal-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	j := open(t, dir, Options{})
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = j.Run(ctx) })
	defer running.Wait()
	defer end()
	var b Batch
	for i := range 12 {
		b.Events = append(b.Events, Event{Kind: "server.suspect", Severity: Warning, Server: fmt.Sprintf("server-%d", i), Message: strings.Repeat("m", 2000)})
	}
	const commits = 1000
	written := int64(0)
	for range commits {
		commit(t, j, b)
		for _, e := range b.Events {
			written += int64(len(e.Message))
		}
	}
	info, err := os.Stat(j.path() + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > written {
		t.Errorf("after %d bytes of messages the log has %d", written, info.Size())
	}
}

// The statements of many different questions are not all kept, and each is answered.
func TestKeptQueriesAreBounded(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), Options{})
	commit(t, j, Batch{Operations: []Operation{{ID: "1", Kind: "drill", Server: "pbx"}}})
	servers := []string{"pbx"}
	for range keptQueries + 10 {
		for range 2 {
			if found, err := j.Operations(t.Context(), OperationQuery{Servers: servers}); err != nil || len(found) != 1 {
				t.Fatalf("%d of %d servers, %v", len(found), len(servers), err)
			}
		}
		servers = append(servers, "another")
	}
	if n := len(j.reader.kept); n != keptQueries {
		t.Errorf("%d statements are kept, want %d", n, keptQueries)
	}
}
