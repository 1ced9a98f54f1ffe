package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// victimTask is the environment variable that makes the test binary a process that works for failoverd until it is
// killed.
const victimTask = "FAILOVERD_TEST_VICTIM"

// task is what a victim does, and where it waits for its end: at a phase of a copy, or at a note.
type task struct {
	Pair struct{ SourceDSN, TargetDSN, Source, Live, Run string }
	Do   string // "copy", "swap" or "rollback"
	At   string // the beginning of the phase or the note; it says so, and
	Wait bool   // waits, or goes on
}

// pair is the task's pair.
func (k task) pair() database.Pair {
	secret := func() (string, error) { return password, nil }
	return database.Pair{
		Source: database.End{Host: "the source", DSN: k.Pair.SourceDSN, Catalog: k.Pair.Source, Password: secret},
		Target: database.End{Host: "the target", DSN: k.Pair.TargetDSN, Catalog: k.Pair.Live, Password: secret},
		Names:  database.NamesOf(k.Pair.Live), Run: k.Pair.Run,
	}
}

// victim is the process.
func victim() int {
	var k task
	if err := json.Unmarshal([]byte(os.Getenv(victimTask)), &k); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	reached := func(what string) error {
		if strings.HasPrefix(what, k.At) {
			fmt.Println("reached", what)
			if k.Wait {
				select {}
			}
		}
		return nil
	}
	ctx := context.Background()
	var err error
	switch k.Do {
	case "copy":
		_, err = Engine{}.Copy(ctx, k.pair(), func(p database.Progress) { _ = reached(p.Phase) })
	case "swap":
		err = Engine{}.Swap(ctx, k.pair(), reached)
	case "rollback":
		err = Engine{}.Rollback(ctx, k.pair(), reached)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("done")
	return 0
}

// startVictim starts a process with a task, and returns when it is there. The returned function kills it.
func startVictim(t *testing.T, p database.Pair, do, at string, wait bool) (kill func()) {
	t.Helper()
	k := task{Do: do, At: at, Wait: wait}
	k.Pair.SourceDSN, k.Pair.TargetDSN = p.Source.DSN, p.Target.DSN
	k.Pair.Source, k.Pair.Live, k.Pair.Run = p.Source.Catalog, p.Names.Live, p.Run
	text, err := json.Marshal(k)
	must(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimTask+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "reached") {
		_ = cmd.Wait()
		t.Fatalf("the victim never came to %s: %q", at, lines.Text())
	}
	return func() {
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // It was killed, or had ended.
	}
}
