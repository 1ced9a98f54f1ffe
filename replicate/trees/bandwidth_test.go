package trees

import (
	"testing"
	"time"

	"failoverd/replicate"
)

func clock(t *testing.T, text string) replicate.Clock {
	t.Helper()
	c, err := replicate.ParseClock(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBandwidthByTheClockOnTheWall: windows begin and end with their minutes, go over midnight, and the first one counts.
func TestBandwidthByTheClockOnTheWall(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	b := Bandwidth{
		{From: clock(t, "08:00"), To: clock(t, "18:00"), Limit: 10},
		{From: clock(t, "12:00"), To: clock(t, "20:00"), Limit: 20},
		{From: clock(t, "22:00"), To: clock(t, "02:30"), Limit: 30},
	}
	for at, want := range map[string]int64{
		"2026-07-01 07:59:59": 0,
		"2026-07-01 08:00:00": 10,
		"2026-07-01 12:30:00": 10, // the first window counts
		"2026-07-01 17:59:59": 10,
		"2026-07-01 18:00:00": 20,
		"2026-07-01 20:00:00": 0,
		"2026-07-01 22:00:00": 30,
		"2026-07-02 00:00:00": 30,
		"2026-07-02 02:29:59": 30,
		"2026-07-02 02:30:00": 0,
		"2026-03-29 01:59:59": 30, // a second later it is 03:00
		"2026-03-29 03:00:00": 0,
	} {
		now, err := time.ParseInLocation(time.DateTime, at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.At(now); got != want {
			t.Errorf("at %s the limit is %d, want %d", at, got, want)
		}
	}
	// 02:15 occurs twice when the clocks are put back, an hour apart.
	first := time.Date(2026, 10, 25, 0, 15, 0, 0, time.UTC)
	for _, now := range []time.Time{first, first.Add(time.Hour)} {
		if got := b.At(now.In(berlin)); got != 30 {
			t.Errorf("at %s the limit is %d, want 30", now.In(berlin), got)
		}
	}
	if got := Bandwidth(nil).At(first); got != 0 {
		t.Errorf("without windows the limit is %d", got)
	}
}

func TestPauseDoublesUpToAMinute(t *testing.T) {
	for attempts, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 1 << 30: time.Minute} {
		if least, most := pause(attempts, 0), pause(attempts, 1); least != want/2 || most != want {
			t.Errorf("after %d attempts: %s to %s, want %s to %s", attempts, least, most, want/2, want)
		}
	}
}
