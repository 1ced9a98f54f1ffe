package main

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// firstNice is the niceness of the threads that watch and decide. The unit allows it by LimitNICE.
const firstNice = -15

// moreThreads is how many threads may run besides one for each processor. Go looks for a goroutine's turn, and at the timer of
// the pings, when one of its threads has nothing to do: with as many as processors none has, as long as databases are copied
// and a hundred consoles are written to. The kernel is fairer, and knows who goes first.
const moreThreads = 4

// spreadOut lets more threads run than there are processors, unless whoever started the daemon has said how many.
func spreadOut() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + moreThreads)
	}
}

// goFirst runs f on a thread of its own, to which the kernel gives a processor before it does to copies, streams and stand-ins.
// Where that is not allowed f waits its turn.
func goFirst(log *slog.Logger, what string, f func() error) error {
	runtime.LockOSThread()
	// It is not unlocked: the thread ends with the goroutine, and nothing else runs with its priority.
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, firstNice); err != nil {
		log.Info(fmt.Sprintf("%s waits for a processor like everything else; allow it a niceness of %d (LimitNICE in the unit)", what, firstNice), "err", err)
		runtime.UnlockOSThread()
	}
	return f()
}
