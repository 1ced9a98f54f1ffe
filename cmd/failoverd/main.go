// Command failoverd watches primaries from a standby and takes over the
// addresses of those that fail. `failoverd serve` is the service; the other
// commands are its clients.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"failoverd/takeover/room"
)

func main() {
	room.Trampoline() // what keeps the room of a drill is this program as well
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// run carries one command line out and returns the exit code. A first
// interrupt ends ctx for the command; a second one ends the process, because
// the handler is gone by then.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()

	p := &program{
		in: stdin, out: stdout, err: stderr, env: env,
		now: time.Now, zone: time.Local, isTerminal: isTerminal,
	}
	return p.run(ctx, args)
}

// program is one run of the command line: everything that a command may touch.
type program struct {
	in         io.Reader
	out, err   io.Writer
	env        func(string) string
	now        func() time.Time
	zone       *time.Location // in which times are shown
	isTerminal func(stream any) bool

	global  globalFlags
	started bool // a command's own code has begun: errors before that are usage errors
}

// run parses args, runs the command that they name, reports its error and
// returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	if !p.started {
		err = asUsage(cmd, err)
	}
	if wantsJSON(args) {
		p.global.json = true // the flags may not have been parsed when the error came up
	}
	return p.report(err)
}
