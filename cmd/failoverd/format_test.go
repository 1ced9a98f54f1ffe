package main

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0 s"},
		{0, "0 s"},
		{50 * time.Microsecond, "<0.1 ms"},
		{470 * time.Microsecond, "0.4 ms"},
		{9 * time.Millisecond, "9 ms"},
		{350*time.Millisecond + 900*time.Microsecond, "350 ms"},
		{time.Second, "1 s"},
		{1290 * time.Millisecond, "1.2 s"},
		{59*time.Second + 999*time.Millisecond, "59 s"},
		{4*time.Minute + 10*time.Second, "4 m 10 s"},
		{time.Hour, "1 h"},
		{time.Hour + 5*time.Minute + 3*time.Second, "1 h 5 m"},
		{41 * 24 * time.Hour, "41 d"},
		{400*24*time.Hour + 3*time.Hour, "400 d 3 h"},
	} {
		if got := duration(c.d); got != c.want {
			t.Errorf("duration(%v) = %q, want %q", c.d, got, c.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"90s", 90 * time.Second, true},
		{"2h30m", 150 * time.Minute, true},
		{"7d", 7 * 24 * time.Hour, true},
		{"1d12h", 36 * time.Hour, true},
		{"-2h", 0, false},
		{"2", 0, false},
		{"", 0, false},
		{"d", 0, false},
		{"1.5d", 0, false},
		{"99999999d", 0, false},
	} {
		got, err := parseDuration(c.text)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("parseDuration(%q) = %v, %v; want %v, ok %t", c.text, got, err, c.want, c.ok)
		}
	}
}

func TestParseSince(t *testing.T) {
	p, _, _ := here("")
	for text, want := range map[string]time.Time{
		"24h":                        noon.Add(-24 * time.Hour),
		"2026-09-22":                 at(0, 0, 0),
		"2026-09-22 03:12":           at(3, 12, 0),
		"2026-09-22 03:12:04":        at(3, 12, 4),
		"2026-09-22 03:12:04 +10:00": at(3, 12, 4),
		"2026-09-21T17:12:04Z":       at(3, 12, 4),
	} {
		got, err := p.parseSince(text)
		if err != nil || !got.Equal(want) {
			t.Errorf("parseSince(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"ok, ünï 漢":        "ok, ünï 漢",
		"a\nb\tc":          "a b c",
		"\x1b]0;title\x07": "\uFFFD]0;title\uFFFD",
		"\u202egnp.exe":    "\uFFFDgnp.exe",
		"\u009b31m":        "\uFFFD31m",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}
