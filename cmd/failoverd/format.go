package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// duration is d in at most two units: "4 m 10 s", "41 d", "0.4 ms".
func duration(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return "0 s"
	case d < 10*time.Millisecond:
		return decimal(d, time.Millisecond) + " ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d < 10*time.Second:
		return decimal(d, time.Second) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return pair(d, time.Minute, "m", time.Second, "s")
	case d < day:
		return pair(d, time.Hour, "h", time.Minute, "m")
	}
	return pair(d, day, "d", time.Hour, "h")
}

// decimal is d in units with one decimal, cut off and without a zero: an age
// never looks greater than it is.
func decimal(d, unit time.Duration) string {
	tenths := d * 10 / unit
	if tenths == 0 {
		return "<0.1"
	}
	return strconv.FormatFloat(float64(tenths)/10, 'f', -1, 64)
}

// pair is d in a unit and the next smaller one, which is left out when zero.
func pair(d, unit time.Duration, name string, small time.Duration, smallName string) string {
	s := fmt.Sprintf("%d %s", d/unit, name)
	if rest := d % unit / small; rest > 0 {
		s += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return s
}

// seconds turns the API's seconds into a duration.
func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second))
}

// parseDuration reads 90s, 2h, 2h30m, 7d or 1d12h. It is not negative.
func parseDuration(text string) (time.Duration, error) {
	var days time.Duration
	rest := text
	if head, tail, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(head, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration: write 90s, 30m, 2h or 7d", text)
		}
		days, rest = time.Duration(n)*24*time.Hour, tail
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration: write 90s, 30m, 2h or 7d", text)
	}
	return days + d, nil
}

// parseSince reads a point in the past: a duration before now, or a date, or a
// time with or without its zone.
func (p *program) parseSince(text string) (time.Time, error) {
	if d, err := parseDuration(text); err == nil {
		return p.now().Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05 -07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, p.zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf(`%q is neither a duration (24h, 7d) nor a time ("2006-01-02 15:04")`, text)
}

// stamp is a time in the local zone with its offset: 2026-09-22 12:04:31 +10:00.
func (p *program) stamp(t time.Time) string {
	return t.In(p.zone).Format("2006-01-02 15:04:05 -07:00")
}

// clock is a time of today without its date, or any other with it.
func (p *program) clock(t time.Time) string {
	t = t.In(p.zone)
	if t.Format(time.DateOnly) == p.now().In(p.zone).Format(time.DateOnly) {
		if t.Second() == 0 {
			return t.Format("15:04 -07:00")
		}
		return t.Format("15:04:05 -07:00")
	}
	return t.Format("2006-01-02 15:04 -07:00")
}

// maybe is a time that may be unknown.
func (p *program) maybe(t *time.Time, otherwise string) string {
	if t == nil || t.IsZero() {
		return otherwise
	}
	return p.clock(*t)
}

// rtt is a round-trip time, or "" if there is none.
func rtt(s *float64) string {
	if s == nil {
		return ""
	}
	return duration(seconds(*s))
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// size is a number of bytes: "0 B", "14.2 MiB", "1.2 GiB". It is cut off, never rounded up.
func size(bytes int64) string {
	const units = "KMGTPE"
	if bytes < 1024 {
		return fmt.Sprintf("%d B", max(bytes, 0))
	}
	unit, tenths := 0, bytes*10/1024
	if bytes > math.MaxInt64/10 {
		unit, tenths = 1, bytes/1024*10/1024
	}
	for tenths >= 10240 {
		unit, tenths = unit+1, tenths/1024
	}
	return fmt.Sprintf("%d.%d %ciB", tenths/10, tenths%10, units[unit])
}

// joined is a list of names.
func joined(names []string) string { return strings.Join(names, ", ") }

// or is s, or something else if s is empty.
func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// plain replaces what could steer a terminal. Messages quote what came over
// the network, and that must not be able to rewrite an operator's screen.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, s)
}

// pad fills s up to a width, for lines that come one at a time and so cannot
// be laid out together.
func pad(s string, width int) string {
	return fmt.Sprintf("%-*s", width, s)
}
