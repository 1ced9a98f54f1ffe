package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen collects what is written and lets a test wait for it.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed at the next write
}

func newScreen() *screen { return &screen{grown: make(chan struct{})} }

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.grown)
	s.grown = make(chan struct{})
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await returns when the text is there.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		grown, there := s.grown, strings.Contains(s.text.String(), text)
		s.mu.Unlock()
		if there {
			return
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("%q did not appear in:\n%s", text, s)
		}
	}
}
