package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// canAsk reports whether there is somebody to put a question to. With --json
// there is not: whoever reads the output is a program.
func (p *program) canAsk() bool {
	return !p.global.json && p.isTerminal(p.in) && p.isTerminal(p.err)
}

// A colour is the number of an ANSI colour or attribute.
type colour int

const (
	noColour colour = 0
	bold     colour = 1
	red      colour = 31
	green    colour = 32
	yellow   colour = 33
	violet   colour = 35
	grey     colour = 90
)

// palette paints text, or leaves it alone.
type palette bool

// colours gives colour only to a terminal, and not where NO_COLOR says no
// (no-color.org) or the terminal is a dumb one.
func (p *program) colours() palette {
	return palette(p.isTerminal(p.out) && p.env("NO_COLOR") == "" && p.env("TERM") != "dumb")
}

func (on palette) paint(c colour, s string) string {
	if !on || c == noColour || s == "" {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, s)
}

// width is the number of columns of the terminal that s is, 80 if it is none.
func width(s io.Writer) int {
	if f, ok := s.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// ask puts a question and returns the line that was typed, without spaces
// around it. It ends with ctx.
func (p *program) ask(ctx context.Context, question string) (string, error) {
	if _, err := io.WriteString(p.err, question); err != nil {
		return "", err
	}
	if err := waitReadable(ctx, p.in); err != nil {
		fmt.Fprintln(p.err)
		return "", err
	}
	line, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if !strings.HasSuffix(line, "\n") {
		fmt.Fprintln(p.err)
	}
	return strings.TrimSpace(line), nil
}

// waitReadable returns when r can be read without blocking, or with ctx's error
// when that ends first: a read of a terminal cannot be interrupted, so none is
// begun before there is something to read. What is no file is read at once.
func waitReadable(ctx context.Context, r io.Reader) error {
	f, ok := r.(*os.File)
	if !ok {
		return ctx.Err()
	}
	wake, ring, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("wait for the answer: %w", err)
	}
	defer wake.Close()
	stop := context.AfterFunc(ctx, func() { ring.Close() })
	defer func() {
		if stop() {
			ring.Close()
		}
	}()
	fds := []unix.PollFd{
		{Fd: int32(f.Fd()), Events: unix.POLLIN},
		{Fd: int32(wake.Fd()), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait for the answer: %w", err)
		}
		return nil
	}
}
