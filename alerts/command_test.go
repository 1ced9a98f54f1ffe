package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shell is a command that is a line of shell; $1 is a directory of the test.
func shell(dir, line string) *Command {
	return NewCommand(CommandConfig{Args: []string{"/bin/sh", "-c", line, "sh", dir}, Timeout: 30 * time.Second})
}

// A program reads the alert on its standard input, and the little that a script needs in its environment.
func TestCommandIsGivenTheAlert(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SECRET_OF_THE_DAEMON", "hunter2")
	answer, retry, err := shell(dir, `cat > "$1/body"; env > "$1/env"; pwd > "$1/pwd"; echo taken`).Send(t.Context(), sample())
	if err != nil || retry || answer != "taken" {
		t.Fatalf("answer %q, retry %t, %v", answer, retry, err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var n Notification
	if err := json.Unmarshal([]byte(read("body")), &n); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample().Notification, n); diff != "" {
		t.Errorf("standard input (-want +got)\n%s", diff)
	}
	env := "\n" + read("env")
	for _, want := range []string{
		"FAILOVERD_ALERT_ID=" + n.ID, "FAILOVERD_ALERT_KIND=takeover.done", "FAILOVERD_ALERT_SEVERITY=critical", "FAILOVERD_SERVER=pbx1",
		"FAILOVERD_STANDBY=stby1", "FAILOVERD_INCIDENT=INC-142", "FAILOVERD_ALERT_ATTEMPT=1", "FAILOVERD_ALERT_TITLE=" + n.Title, "FAILOVERD_ALERT_SUMMARY=" + n.Summary,
	} {
		if !strings.Contains(env, "\n"+want+"\n") {
			t.Errorf("no %s in the environment:%s", want, env)
		}
	}
	if strings.Contains(env, "hunter2") {
		t.Errorf("the daemon's own environment is handed on:%s", env)
	}
	if got := read("pwd"); got != "/\n" {
		t.Errorf("it runs in %s", got)
	}
}

// What a program's end means.
func TestCommandEnds(t *testing.T) {
	dir := t.TempDir()
	for line, want := range map[string]string{
		"exit 3":                           "exit status 3",
		"echo no such number >&2; exit 75": "exit status 75: no such number",
		"kill -9 $$":                       "signal: killed",
	} {
		if answer, retry, err := shell(dir, line).Send(t.Context(), sample()); err == nil || !retry || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: answer %q, retry %t, %v; want %s", line, answer, retry, err, want)
		}
	}
	if _, retry, err := NewCommand(CommandConfig{Args: []string{filepath.Join(dir, "nothing")}}).Send(t.Context(), sample()); !errors.Is(err, os.ErrNotExist) || !retry {
		t.Errorf("retry %t, %v", retry, err)
	}
	// One that reads nothing has taken it all the same; one that talks too much is cut.
	if answer, _, err := shell(dir, "exit 0").Send(t.Context(), sample()); err != nil || answer != "exit status 0" {
		t.Errorf("answer %q, %v", answer, err)
	}
	if answer, _, err := shell(dir, "yes | head -c 3000000").Send(t.Context(), sample()); err != nil || len(answer) > mostWords {
		t.Errorf("%d bytes of an answer, %v", len(answer), err)
	}
}

// A program that does not end is killed with everything that it has started, and one that ends takes what it has started along.
func TestCommandIsKilledAsAGroup(t *testing.T) {
	gone := func(t *testing.T, dir string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		end := time.After(20 * time.Second)
		for running(pid) {
			select {
			case <-tick.C:
			case <-end:
				t.Fatalf("what it has started still runs")
			}
		}
	}
	const child = `sleep 1000 & echo $! > "$1/pid"; `
	t.Run("time-out", func(t *testing.T) {
		dir := t.TempDir()
		c := shell(dir, child+"wait")
		c.config.Timeout = time.Second
		_, retry, err := c.Send(t.Context(), sample())
		if err == nil || !retry || !strings.Contains(err.Error(), "was killed") {
			t.Errorf("retry %t, %v", retry, err)
		}
		gone(t, dir)
	})
	t.Run("the daemon stops", func(t *testing.T) {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, _, err := shell(dir, child+"wait").Send(ctx, sample())
			ended <- err
		}()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			if b, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil && strings.HasSuffix(string(b), "\n") {
				break
			}
			select {
			case <-tick.C:
			case err := <-ended:
				t.Fatalf("it has ended: %v", err)
			}
		}
		cancel()
		if err := <-ended; err == nil {
			t.Error("no error")
		}
		gone(t, dir)
	})
	t.Run("ends by itself", func(t *testing.T) {
		dir := t.TempDir()
		if answer, _, err := shell(dir, child+"exit 0").Send(t.Context(), sample()); err != nil {
			t.Errorf("%q, %v", answer, err)
		}
		gone(t, dir)
	})
}

// running tells whether a process exists that is not only waiting to be noticed dead.
func running(pid int) bool {
	state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(state), ") Z ") && !strings.Contains(string(state), ") X ")
}
