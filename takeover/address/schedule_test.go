package address

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnnouncements(t *testing.T) {
	since := -time.Nanosecond
	var got []time.Duration
	for len(got) < 9 {
		since += Announcements(since)
		got = append(got, since)
	}
	ms := time.Millisecond
	want := []time.Duration{0, 1100 * ms, 2200 * ms, 3300 * ms, 4400 * ms, 5500 * ms, 65500 * ms, 125500 * ms, 185500 * ms}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("announcements (-want +got):\n%s", diff)
	}
	// A timer that fires late does not move those that follow.
	for since, want := range map[time.Duration]time.Duration{
		1150 * ms: 1050 * ms, 5400 * ms: 100 * ms, 70 * time.Second: 55500 * ms, -2 * time.Second: 2 * time.Second,
	} {
		if got := Announcements(since); got != want {
			t.Errorf("%v after the first the next is in %v, want %v", since, got, want)
		}
	}
}
