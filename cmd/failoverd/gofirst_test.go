package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGoFirst: what goes first has its priority for itself alone, and goes on without it where it is not allowed.
func TestGoFirst(t *testing.T) {
	t.Parallel()
	nice := func() int {
		n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		if err != nil {
			t.Error(err)
		}
		return 20 - n // what the system call itself gives, getpriority(2)
	}
	var said bytes.Buffer
	inside, beside := make(chan int), make(chan int)
	go func() {
		_ = goFirst(slog.New(slog.NewTextHandler(&said, nil)), "the test", func() error {
			inside <- nice()
			go func() { beside <- nice() }()
			return nil
		})
	}()
	got, other := <-inside, <-beside
	if other != 0 {
		t.Errorf("what it has begun has a niceness of %d as well", other)
	}
	if refused := strings.Contains(said.String(), "LimitNICE"); got != firstNice && !refused || got == firstNice && refused {
		t.Errorf("it has a niceness of %d, and said %q", got, said.String())
	}
}
