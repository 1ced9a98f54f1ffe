package files

import (
	"context"
	"os"
	"testing"
	"time"
)

// TestListingWaitsForWhatIsWritten: a file has not come to rest when everything is looked at for the first time. The listing
// has it all the same: what a listing leaves out a sink takes for gone, and takes its copy away. One that goes before it comes to
// rest holds nothing up.
func TestListingWaitsForWhatIsWritten(t *testing.T) {
	for name, goes := range map[string]bool{"it comes to rest": false, "it goes": true} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("rests", []byte("x"))
			long := time.Now().Add(-time.Hour)
			b.must(os.Chtimes(b.in("rests"), long, long))
			b.source.Settle = Settle{Quiet: 200 * time.Millisecond, Unknown: 200 * time.Millisecond, MaxWait: time.Minute}
			b.write("written", []byte("y"))
			b.openSource()
			defer b.closeSource()
			waitForSource(t, b.from, func(v SourceStatus) bool { return v.Scanned })
			if goes {
				b.must(os.Remove(b.in("written")))
			}
			here, there, err := loopback()
			b.must(err)
			served := make(chan error, 1)
			go func() { served <- b.from.Serve(context.Background(), there) }()
			w := wireTo(t, here)
			listed := map[string]bool{}
			b.must(w.write(&resumeFrame{}))
			b.must(w.flush())
			for done := false; !done; {
				f, err := w.read()
				b.must(err)
				switch f := f.(type) {
				case *entryFrame:
					listed[f.Entry.Path] = true
				case *fileFrame:
					listed[f.Entry.Path] = true
				case *listedFrame:
					done = true
				}
			}
			if !listed["rests"] || listed["written"] == goes {
				t.Errorf("listed %v", listed)
			}
			b.must(here.Close())
			<-served
		})
	}
}
