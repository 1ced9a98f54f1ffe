package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"failoverd/replicate/database"
)

// kind is one engine with what it takes to measure it.
type kind struct {
	name string
	// start starts a source and a target with their files in a directory.
	start func(ctx context.Context, dir string) (bed, error)
}

// bed is a source and a target, and everybody who copies from the one to the other.
type bed interface {
	// Engine is ours, and Pair says what is copied where: everybody copies to the staging name.
	Engine() database.Engine
	Pair() database.Pair
	// Fill makes the source's catalog, of about so many bytes in the server.
	Fill(ctx context.Context, size int64) error
	// Peers are the others. The first one is what most people would use.
	Peers() []way
	// Settle brings both servers to rest before a copy: nothing is left to be written or cleaned up.
	Settle(ctx context.Context) error
	Close() error
}

// way is one way to make the staging a copy of the source's catalog, where there is none yet.
type way struct {
	name  string
	needs []need
	copy  func(ctx context.Context) error
	// check is how a user of this way has the result checked; nil if there is no such thing.
	check *check
}

// check checks a copy.
type check struct {
	name string
	do   func(ctx context.Context) error
}

// need is a program, and the Debian package that has it.
type need struct{ program, pkg string }

// missing says what a way lacks, "" if nothing.
func (w way) missing() string {
	for _, n := range w.needs {
		if _, err := exec.LookPath(n.program); err != nil {
			return fmt.Sprintf("%s: not installed: Debian package %s", n.program, n.pkg)
		}
	}
	return ""
}

// shell runs a line of shell, as an administrator would write it; arguments are its $1, $2, ... What it says is the
// error. It must say nothing that is one if it succeeds: tools that go on after an error end with success.
func shell(ctx context.Context, line string, args ...string) error {
	cmd := exec.CommandContext(ctx, "bash", append([]string{"-o", "pipefail", "-c", line, "bash"}, args...)...)
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = nil, &said
	err := cmd.Run()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}
