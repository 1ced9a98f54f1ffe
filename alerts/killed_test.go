package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"failoverd/journal"
)

// outboxOf has the test binary be a daemon's outbox: the journal's directory, the webhook's address and its authority's file.
const outboxOf = "FAILOVERD_TEST_OUTBOX"

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(outboxOf)); len(words) == 3 {
		os.Exit(sendUntilKilled(words[0], words[1], words[2]))
	}
	os.Exit(m.Run())
}

// sendUntilKilled sends what the journal's outbox holds.
func sendUntilKilled(dir, url, authority string) int {
	j, err := journal.Open(context.Background(), dir, journal.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	o := NewOutbox(j, chatAt(url, authority), Composer{Standby: "stby1", From: "failover@example.com"}, slog.New(slog.DiscardHandler))
	if err := o.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

// chatAt is one webhook.
func chatAt(url, authority string) Ways {
	return Ways{Channels: map[string]Way{"webhook:chat": NewWebhook(WebhookConfig{
		URL: url, CAFile: authority, Secret: func() (string, error) { return testSecret, nil },
	})}}
}

// A daemon that is killed at any edge of a delivery leaves nothing unsent, and what it sends again has the id that it had.
func TestOutboxKilled(t *testing.T) {
	for _, edge := range []string{"as the connection begins", "as the request begins", "when all of it has come", "as the answer begins", "when it was answered"} {
		// One after the other: a process that is just being started has the lock of every journal that is open here.
		t.Run(edge, func(t *testing.T) {
			var child *exec.Cmd
			var once sync.Once
			died := make(chan struct{})
			kill := func(now string) {
				if now != edge {
					return
				}
				once.Do(func() {
					if err := child.Process.Signal(syscall.SIGKILL); err != nil {
						t.Errorf("kill: %v", err)
					}
					<-died
				})
			}
			begun := make(chan struct{}) // child is set
			var mu sync.Mutex
			complete := map[string]int{} // how often each alert came whole, by its id
			events := map[int64]string{}
			c := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				<-begun
				kill("as the request begins")
				body, err := io.ReadAll(r.Body)
				var n Notification
				if err == nil && json.Unmarshal(body, &n) == nil {
					mu.Lock()
					complete[n.ID]++
					if id, known := events[n.Event]; known && id != n.ID {
						t.Errorf("event %d has the ids %s and %s", n.Event, id, n.ID)
					}
					events[n.Event] = n.ID
					mu.Unlock()
				}
				kill("when all of it has come")
				w.WriteHeader(http.StatusAccepted)
				_ = http.NewResponseController(w).Flush()
				kill("as the answer begins")
				io.WriteString(w, "taken")
				_ = http.NewResponseController(w).Flush()
				kill("when it was answered")
			}, func() {
				<-begun
				kill("as the connection begins")
			})
			s := &station{t: t, dir: t.TempDir(), to: []string{"webhook:chat"}}
			s.open()
			for range 3 {
				s.alert("takeover.done", "pbx1", "INC-1")
			}
			if err := s.journal.Close(); err != nil {
				t.Fatal(err)
			}
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			child = exec.Command(exe)
			child.Env = append(os.Environ(), outboxOf+"="+strings.Join([]string{s.dir, c.URL, c.CAFile}, " "))
			child.Stderr = os.Stderr
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			close(begun)
			err = child.Wait()
			close(died)
			if err == nil || err.Error() != "signal: killed" {
				t.Fatalf("the outbox ended by itself: %v", err)
			}

			s.open()
			defer func() { s.journal.Close() }()
			s.run(chatAt(c.URL, c.CAFile))
			end := time.After(40 * time.Second)
			for {
				changed := s.journal.Changed()
				if s.states()[journal.MailSent] == 3 {
					break
				}
				select {
				case <-changed:
				case <-end:
					t.Fatalf("not sent: %v", s.states())
				}
			}
			s.stop()
			mu.Lock()
			defer mu.Unlock()
			if len(complete) != 3 {
				t.Errorf("%d alerts came, want 3: %v", len(complete), complete)
			}
			for id, n := range complete {
				if n > 2 {
					t.Errorf("%s came %d times", id, n)
				}
			}
		})
	}
}
