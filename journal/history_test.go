package journal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestProbeHistory(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	hour := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	add := func(after time.Duration, sent, lost int, lowest, sum, highest time.Duration) {
		t.Helper()
		b := Bucket{Server: "pbx1", Start: hour.Add(after), Step: time.Minute, Sent: sent, Lost: lost, Late: 1, MinRTT: lowest, SumRTT: sum, MaxRTT: highest}
		if err := j.AddBuckets(t.Context(), []Bucket{b, {Server: "crm", Start: hour.Add(after), Sent: 7}}); err != nil {
			t.Fatal(err)
		}
	}
	add(0, 30, 30, 0, 0, 0)
	add(40*time.Second, 10, 0, 2, 30, 5) // The rest of the same minute.
	add(time.Minute, 30, 1, 1, 60, 9)
	add(61*time.Minute, 5, 0, 4, 20, 4)

	var minutes, hours int // One row each, however often it was added to.
	if err := j.reader.QueryRow(`SELECT sum(step = ?), sum(step = ?) FROM buckets WHERE server = 'pbx1'`, int64(time.Minute), int64(time.Hour)).Scan(&minutes, &hours); err != nil {
		t.Fatal(err)
	}
	if minutes != 3 || hours != 2 {
		t.Errorf("%d rows of minutes and %d of hours, want 3 and 2", minutes, hours)
	}

	bucket := func(after, step time.Duration, sent, lost, late int, lowest, sum, highest time.Duration) Bucket {
		return Bucket{Server: "pbx1", Start: hour.Add(after), Step: step, Sent: sent, Lost: lost, Late: late, MinRTT: lowest, SumRTT: sum, MaxRTT: highest}
	}
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		step     time.Duration
		want     []Bucket
	}{
		{"minutes", 0, 3 * time.Hour, time.Minute, []Bucket{
			bucket(0, time.Minute, 40, 30, 2, 2, 30, 5), bucket(time.Minute, time.Minute, 30, 1, 1, 1, 60, 9), bucket(61*time.Minute, time.Minute, 5, 0, 1, 4, 20, 4),
		}},
		{"ten minutes", 0, 3 * time.Hour, 10 * time.Minute, []Bucket{
			bucket(0, 10*time.Minute, 70, 31, 3, 1, 90, 9), bucket(60*time.Minute, 10*time.Minute, 5, 0, 1, 4, 20, 4),
		}},
		{"hours", 0, 3 * time.Hour, time.Hour, []Bucket{bucket(0, time.Hour, 70, 31, 3, 1, 90, 9), bucket(time.Hour, time.Hour, 5, 0, 1, 4, 20, 4)}},
		{"end left out", 0, time.Minute, 0, []Bucket{bucket(0, time.Minute, 40, 30, 2, 2, 30, 5)}},
		{"too old for minutes", -72 * time.Hour, time.Hour, time.Minute, []Bucket{bucket(0, time.Hour, 70, 31, 3, 1, 90, 9)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := j.Buckets(t.Context(), "pbx1", hour.Add(tt.from), hour.Add(tt.to), tt.step)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}
