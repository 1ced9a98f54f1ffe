package standin

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sorted returns s in order.
func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func TestRunCommandReportsOutputAndStatus(t *testing.T) {
	out, err := RunCommand(t.Context(), Command{Args: []string{"sh", "-c", "echo one; printf 'two\\033[2J\\n' >&2; exit 7"}})
	if got, want := out, "one\ntwo\x1b[2J"; got != want {
		t.Errorf("output: got %q, want %q", got, want)
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 7 {
		t.Fatalf("got %v, want exit status 7", err)
	}
	if got, want := err.Error(), "run sh: exit status 7: one; two [2J"; got != want {
		t.Errorf("error: got %q, want %q", got, want)
	}
	if _, err := RunCommand(t.Context(), Command{}); err == nil {
		t.Error("an empty command: no error")
	}
}

func TestRunCommandKeepsTheEndOfALongOutput(t *testing.T) {
	out, err := RunCommand(t.Context(), Command{Args: []string{"sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x; echo; echo the reason; exit 1"}})
	if !strings.HasPrefix(out, "… x") || !strings.HasSuffix(out, "\nthe reason") || len(out) > outputLimit+4 {
		t.Errorf("output of %d bytes: %.20q…%.20q", len(out), out, out[max(0, len(out)-20):])
	}
	if err == nil || len(err.Error()) > outputLimit+100 || !strings.HasSuffix(err.Error(), "the reason") {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

// TestRunCommandKillsTheGroup proves that a time-out, and the end of the context, end the grandchildren too.
func TestRunCommandKillsTheGroup(t *testing.T) {
	for name, cancelled := range map[string]bool{"time-out": false, "context": true} {
		t.Run(name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			args := []string{"sh", "-c", `
				sleep 600 & echo $! >>"$1.new"
				sh -c 'sleep 600 & echo $! >>"$1.new"; wait' sh "$1" &
				until [ "$(wc -l <"$1.new" 2>/dev/null || echo 0)" = 2 ]; do sleep 0.02; done
				echo $$ >>"$1.new"; mv "$1.new" "$1"; wait`, "sh", pids}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			timeout := 2 * time.Second
			if cancelled {
				timeout = time.Minute
				timer := time.AfterFunc(2*time.Second, cancel)
				defer timer.Stop()
			}
			_, err := RunCommand(ctx, Command{Args: args, Timeout: timeout})
			if want := map[bool]error{false: ErrTimeout, true: context.Canceled}[cancelled]; !errors.Is(err, want) {
				t.Errorf("got %v, want an error that wraps %v", err, want)
			}
			text, err := os.ReadFile(pids)
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Fields(string(text))
			if len(found) != 3 {
				t.Fatalf("processes %q, want 3", found)
			}
			for _, field := range found {
				pid, err := strconv.Atoi(field)
				if err != nil {
					t.Fatal(err)
				}
				waitGone(t, pid)
			}
		})
	}
}

// TestRunCommandDoesNotWaitForWhatIsLeft proves that a process that escaped from the group, and holds the output open,
// holds us up neither after a success nor after a time-out.
func TestRunCommandDoesNotWaitForWhatIsLeft(t *testing.T) {
	for name, tt := range map[string]struct {
		then string
		want error
	}{"success": {"", nil}, "time-out": {"sleep 600", ErrTimeout}} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			out, err := RunCommand(t.Context(), Command{
				Args:    []string{"sh", "-c", "setsid sleep 5 & echo started; " + tt.then},
				Timeout: time.Second,
			})
			if !errors.Is(err, tt.want) || out != "started" {
				t.Errorf("got %q, %v", out, err)
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("took %v: it waited for the process that was left", took)
			}
		})
	}
}

func TestRunCommandWithALog(t *testing.T) {
	log, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteString("from before\n"); err != nil {
		t.Fatal(err)
	}
	out, err := RunCommand(t.Context(), Command{Args: []string{"sh", "-c", "echo now; exit 1"}, Log: log})
	if err == nil || out != "now" {
		t.Errorf("got %q, %v, want only what this command wrote", out, err)
	}
	long := Command{Args: []string{"sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x; echo end"}, Log: log}
	if out, err = RunCommand(t.Context(), long); err != nil || !strings.HasPrefix(out, "… x") || len(out) > outputLimit+4 {
		t.Errorf("got %d bytes, %v", len(out), err)
	}
	// A script that opens /dev/stderr anew empties the file; what it writes after that is still its output.
	if out, err = RunCommand(t.Context(), Command{Args: []string{"sh", "-c", "echo why >/dev/stderr"}, Log: log}); err != nil || out != "why" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestTailIsBounded(t *testing.T) {
	var end tail
	for range 100 {
		if _, err := end.Write(bytes.Repeat([]byte("a"), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if len(end.kept) != outputLimit || cap(end.kept) > 4*outputLimit {
		t.Errorf("kept %d bytes in a buffer of %d", len(end.kept), cap(end.kept))
	}
}
