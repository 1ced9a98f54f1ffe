package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// childVariable names the directory in the environment of a test binary that is to be the child.
const childVariable = "FAILOVERD_TEST_JOURNAL"

// TestMain lets the test binary be the child that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		fmt.Fprintln(os.Stderr, commitForEver(dir))
		os.Exit(1)
	}
	if dir := os.Getenv(smallDiskVariable); dir != "" {
		os.Exit(onSmallDisk(m, dir))
	}
	os.Exit(m.Run())
}

// commitForEver commits batch after batch, each of which says the same thing in every table,
// and prints the number of each one that Commit has acknowledged.
func commitForEver(dir string) error {
	j, err := Open(context.Background(), dir, Options{Recipients: func(string) []Recipient { return []Recipient{{To: "ops@example.com"}} }})
	if err != nil {
		return err
	}
	go j.Run(context.Background()) // The kill ends it.
	newest, err := j.Events(context.Background(), EventQuery{Newest: true, Limit: 1})
	if err != nil {
		return err
	}
	n := int64(0)
	if len(newest) == 1 {
		n = newest[0].Seq / 2
	}
	for {
		n++
		number := strconv.FormatInt(n, 10)
		_, err := j.Commit(context.Background(), Batch{
			Events:     []Event{{Kind: "a", Message: number}, {Kind: "b", Message: number}},
			Facts:      map[string]json.RawMessage{"pbx1": json.RawMessage(number)},
			Operations: []Operation{{ID: number, Kind: "takeover", Open: true}},
			Alerts:     []Alert{{Kind: "a", Event: 0}},
			Values:     map[string]string{"n": number},
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// A process that is killed in the middle of its commits leaves every acknowledged one, and none by half.
// It is killed while it makes its first journal too, since the times are random from 0 on.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	acknowledged := int64(0)
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		if round%5 == 0 {
			dir, acknowledged = t.TempDir(), 0
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(rand.IntN(120))*time.Millisecond, func() { child.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				acknowledged = n
			}
		}
		child.Wait()
		if kill.Stop() {
			t.Fatal("the child ended by itself")
		}
		acknowledged = checkAfterKill(t, dir, acknowledged)
	}
}

// checkAfterKill opens the journal, compares its tables with each other and with what was acknowledged,
// and returns how many commits it has.
func checkAfterKill(t *testing.T, dir string, acknowledged int64) int64 {
	t.Helper()
	j, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatalf("after %d commits: %v", acknowledged, err)
	}
	defer j.Close()
	n := int64(0)
	values, err := j.Values(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if values["n"] != "" {
		n, _ = strconv.ParseInt(values["n"], 10, 64)
	}
	// The last commit may have become durable without having been acknowledged.
	if n != acknowledged && n != acknowledged+1 {
		t.Errorf("%d commits acknowledged, %d found", acknowledged, n)
	}
	var events, lastEvent, operations, mails int64
	if err := j.reader.QueryRow(`SELECT (SELECT count(*) FROM events), (SELECT coalesce(max(seq), 0) FROM events),
		(SELECT count(*) FROM operations), (SELECT count(*) FROM outbox)`).Scan(&events, &lastEvent, &operations, &mails); err != nil {
		t.Fatal(err)
	}
	facts, err := j.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := fmt.Sprint(events, lastEvent, operations, mails, string(facts["pbx1"]))
	want := fmt.Sprint(2*n, 2*n, n, n, values["n"])
	if found != want {
		t.Errorf("after %d commits: events, last event, operations, mails, facts are %s, want %s", n, found, want)
	}
	t.Logf("%d commits acknowledged, %d found", acknowledged, n)
	return n
}
