package standby

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

var restFor = flag.Duration("rest", 90*time.Minute, "how long the daemon of TestAtRest is at rest, by its own clock: whole days for figures") //nolint:gochecknoglobals // a flag

// footprint is what the daemon takes at one moment.
type footprint struct {
	heap, journal, log   int64 // bytes
	goroutines, files    int
	replications, events int
}

func (f footprint) String() string {
	return fmt.Sprintf("heap %d KiB, journal %d KiB and %d KiB of log, %d goroutines, %d files open; %d replications, %d events",
		f.heap>>10, f.journal>>10, f.log>>10, f.goroutines, f.files, f.replications, f.events)
}

// footprint looks.
func (w *world) footprint(servers ...string) footprint {
	w.t.Helper()
	f := footprint{goroutines: runtime.NumGoroutine()}
	for range 2 { // What was freed by finalizers is gone after the second time.
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.heap = int64(m.HeapAlloc)
	for name, size := range map[string]*int64{"journal.db": &f.journal, "journal.db-wal": &f.log} {
		info, err := os.Stat(filepath.Join(w.dir, "journal", name))
		if err != nil {
			w.t.Fatal(err)
		}
		*size = info.Size()
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		w.t.Fatal(err)
	}
	f.files = len(open)
	for _, name := range servers {
		f.replications += len(w.replications(name))
	}
	f.events = int(w.s.seq.Load())
	return f
}

// A daemon at rest, whose databases are copied every night, does not grow. The loop, the journal with its housekeeping,
// the schedule and the history of the pings are the real ones; the hours pass in moments. make soak-rest has it rest
// for a whole day.
func TestAtRest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		names := []string{"a", "b"}
		w := newWorld(t)
		for i, name := range names {
			a := netip.AddrFrom4([4]byte{192, 168, 11, byte(100 + i)})
			w.alive[a] = true
			w.conf.Servers = append(w.conf.Servers, replicated(primary(name, a)))
			w.engine.Put(name, "calls", 1)
			w.engine.Put(name, "users", 1)
		}
		w.start()
		ctx, end := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() { _ = w.memory.Run(ctx) }) // It returns nil.
		defer keeping.Wait()
		defer end()

		step := max(*restFor/24, 30*time.Minute)
		var all []footprint
		for passed := time.Duration(0); passed < *restFor; passed += step {
			w.pass(step)
			f := w.footprint(names...)
			t.Logf("%s: %s", time.Now().UTC().Format("2 15:04"), f)
			all = append(all, f)
		}
		// What a first night leaves is there to stay.
		first, last := all[len(all)/3], all[len(all)-1]
		if last.replications == 0 {
			t.Error("nothing was copied in any night")
		}
		if last.goroutines > first.goroutines || last.files > first.files {
			t.Errorf("it grows from %s to %s", first, last)
		}
		if grown := last.heap - first.heap; grown > 256<<10 {
			t.Errorf("the heap grows by %d KiB", grown>>10)
		}
		// The history of the pings is kept for two days by the minute; what is above that is of events.
		if last.log > 8<<20 {
			t.Errorf("the journal's log has %d KiB", last.log>>10)
		}
	})
}
