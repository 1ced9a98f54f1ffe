package standby

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"failoverd/journal"
)

// stuck is a log that nobody reads for a while.
type stuck struct {
	begun, read chan struct{}
	once        sync.Once
	text        bytes.Buffer
}

func (w *stuck) Write(b []byte) (int, error) {
	w.once.Do(func() { close(w.begun) })
	<-w.read
	return w.text.Write(b)
}

// TestALogThatNobodyReadsDelaysNobody hands events over while the log is stuck,
// more than there is room for, and looks what is said once it is read again.
func TestALogThatNobodyReadsDelaysNobody(t *testing.T) {
	log := &stuck{begun: make(chan struct{}), read: make(chan struct{})}
	s := newScribe(slog.New(slog.NewTextHandler(log, nil)))
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()

	s.write([]journal.Event{{Message: "first"}})
	<-log.begun
	for i := range scribeRoom + 3 {
		s.write([]journal.Event{{Message: fmt.Sprintf("event %d", i)}})
	}
	end()
	close(log.read)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	text := log.text.String()
	lines := strings.Count(text, "\n")
	if lines != 1+scribeRoom+1 || !strings.Contains(text, fmt.Sprintf("event %d\"", scribeRoom-1)) || !strings.Contains(text, "events=3") {
		t.Errorf("%d lines, the last of them:\n%s", lines, text[max(0, len(text)-400):])
	}
}
