package journal

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrune(t *testing.T) {
	j := open(t, t.TempDir(), Options{Recipients: func(string) []Recipient { return []Recipient{{To: "ops@example.com"}} }})
	now := time.Now()
	old := now.Add(-eventAge - time.Minute)
	var many []Event
	for range 3*pruneRows + 7 {
		many = append(many, Event{Time: old})
	}
	commit(t, j, Batch{Events: many})
	kept := commit(t, j, Batch{
		Events: []Event{{Time: now, Kind: "new"}},
		Operations: []Operation{
			{ID: "old and open", Open: true, Started: old}, {ID: "old and closed", Started: old, Ended: old}, {ID: "new", Started: now},
		},
	})
	var buckets []Bucket
	for _, age := range []time.Duration{0, minuteBuckets + time.Hour, hourBuckets + 2*time.Hour} {
		for _, server := range []string{"crm", "pbx1"} {
			buckets = append(buckets, Bucket{Server: server, Start: now.Add(-age), Step: time.Minute, Sent: 1})
		}
	}
	if err := j.AddBuckets(t.Context(), buckets); err != nil {
		t.Fatal(err)
	}
	if err := j.prune(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	events, err := j.Events(t.Context(), EventQuery{})
	if diff := cmp.Diff(seqs(kept), seqs(events)); err != nil || diff != "" {
		t.Errorf("events %v (-want +got)\n%s", err, diff)
	}
	operations, err := j.Operations(t.Context(), OperationQuery{})
	var ids []string
	for _, o := range operations {
		ids = append(ids, o.ID)
	}
	if diff := cmp.Diff([]string{"new", "old and open"}, ids); err != nil || diff != "" {
		t.Errorf("operations %v (-want +got)\n%s", err, diff)
	}
	count := func(step time.Duration) (n int) {
		if err := j.reader.QueryRow(`SELECT count(*) FROM buckets WHERE step = ?`, int64(step)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := [2]int{count(time.Minute), count(time.Hour)}; got != [2]int{2, 4} {
		t.Errorf("buckets of minutes and hours %v, want 2 and 4", got)
	}
}

// Rows beyond the limit go, the oldest first; but not what a waiting mail is about.
func TestPruneByNumber(t *testing.T) {
	j := open(t, t.TempDir(), Options{Recipients: func(string) []Recipient { return []Recipient{{To: "ops@example.com"}} }})
	now := time.Now()
	commit(t, j, Batch{Events: []Event{{Time: now}, {Time: now}, {Time: now}}, Alerts: []Alert{{Event: 1}}})
	if _, err := j.writer.Exec(`UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'`, eventRows+10); err != nil {
		t.Fatal(err)
	}
	newest := commit(t, j, Batch{Events: []Event{{Time: now}}})[0].Seq
	check := func(want ...int64) {
		t.Helper()
		if err := j.prune(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		events, err := j.Events(t.Context(), EventQuery{})
		if diff := cmp.Diff(want, seqs(events)); err != nil || diff != "" {
			t.Errorf("events %v (-want +got)\n%s", err, diff)
		}
	}
	check(2, 3, newest)
	mails, err := j.Mails(t.Context(), MailQuery{})
	if err != nil || len(mails) != 1 {
		t.Fatal(mails, err)
	}
	mails[0].State, mails[0].Done = MailSent, now.Add(-mailAge-time.Second)
	if err := j.SaveMail(t.Context(), mails[0]); err != nil {
		t.Fatal(err)
	}
	check(newest)
	if mails, err := j.Mails(t.Context(), MailQuery{}); err != nil || len(mails) != 0 {
		t.Errorf("old mails %v, %v are still there", mails, err)
	}
}

// Run prunes every hour and folds the log into the file once the writers are quiet.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		j, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		size := func() int64 {
			info, err := os.Stat(filepath.Join(dir, FileName))
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- j.Run(ctx) }()
		synctest.Wait()
		before := size()
		commit(t, j, Batch{Events: []Event{{Time: time.Now().Add(-eventAge + 30*time.Minute), Message: string(make([]byte, 1<<20))}}})
		time.Sleep(foldEvery + time.Second)
		synctest.Wait()
		if after := size(); after < before+1<<20 {
			t.Errorf("file of %d bytes grew to %d: the log of 1 MiB was not folded in", before, after)
		}
		time.Sleep(pruneEvery)
		synctest.Wait()
		if events, err := j.Events(ctx, EventQuery{}); err != nil || len(events) != 0 {
			t.Errorf("events left: %d, %v", len(events), err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
