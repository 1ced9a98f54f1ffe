package alerts

import (
	"fmt"
	"strings"
	"time"
)

// columns is how wide the text part is; commands and names longer than that are not broken.
const columns = 72

// text gives the plain part, which says everything by itself.
func (p page) text() string {
	var b strings.Builder
	paragraph := func(s string) {
		if s != "" {
			b.WriteString(wrap(s, "", "") + "\n")
		}
	}
	paragraph(p.Lead)
	if p.Late != "" {
		b.WriteString("\n")
		paragraph(p.Late)
	}
	for _, section := range p.Report {
		b.WriteString("\n" + strings.ToUpper(section.Title) + "\n")
		for _, l := range section.Lines {
			b.WriteString(wrap(l, "  ", "    ") + "\n")
		}
	}
	if p.Report == nil {
		b.WriteString("\nWHAT HAPPENED   (times: " + p.Zone + ")\n")
		writeLines(&b, p.Happened)
		b.WriteString("\nWHAT FAILOVERD DID\n")
		writeLines(&b, p.Did)
	}
	if len(p.Data) > 0 {
		b.WriteString("\nTHE DATA\n")
		for _, d := range p.Data {
			b.WriteString(wrap(d, "  ", "    ") + "\n")
		}
	}
	b.WriteString("\nWHAT YOU DO NEXT\n")
	for i, next := range p.Next {
		b.WriteString(wrap(next, fmt.Sprintf("  %d. ", i+1), "     ") + "\n")
	}
	if p.Protection {
		b.WriteString("\nNOT PROTECTED NOW\n")
		for _, u := range p.Unprotected {
			b.WriteString(wrap(u, "  ", "    ") + "\n")
		}
		if len(p.Unprotected) == 0 {
			b.WriteString("  Nothing: every server would be taken over.\n")
		}
	}
	if p.Dropped != "" {
		b.WriteString("\n")
		paragraph(p.Dropped)
	}
	b.WriteString("\n-- \n")
	for _, f := range p.Footer {
		b.WriteString(f + "\n")
	}
	return b.String()
}

// writeLines writes a section.
func writeLines(b *strings.Builder, lines []line) {
	for _, l := range lines {
		text := l.Text
		if l.Took != "" {
			text += "   " + l.Took
		}
		first := "  "
		if l.Time != "" {
			first = "  " + l.Time + "  "
		}
		b.WriteString(wrap(text, first, strings.Repeat(" ", len(first))) + "\n")
	}
}

// wrap breaks a text between words, but not within a command in backquotes, so that it can be copied; the first
// line begins with first, the others with rest.
func wrap(text, first, rest string) string {
	parts := strings.Split(text, "`")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = strings.ReplaceAll(parts[i], " ", unbroken)
	}
	text = strings.Join(parts, "")
	var b strings.Builder
	b.WriteString(first)
	width := len(first)
	for i, word := range strings.Split(text, " ") {
		switch n := len([]rune(word)); {
		case i == 0:
			width += n
		case width+1+n > columns:
			b.WriteString("\n" + rest)
			width = len(rest) + n
		default:
			b.WriteString(" ")
			width += 1 + n
		}
		b.WriteString(word)
	}
	return strings.ReplaceAll(b.String(), unbroken, " ")
}

// unbroken stands for a space at which a line is not broken.
const unbroken = "\u00a0"

// clock is a time of day, with the day where it is not that of the event.
func (s Story) clock(t time.Time) string {
	t = t.In(s.Zone)
	if t.Format(time.DateOnly) != s.Event.Time.In(s.Zone).Format(time.DateOnly) {
		return t.Format("2 Jan 15:04:05")
	}
	return t.Format("15:04:05")
}

// moment is a time of day with its zone, and the day where it is not that of the event.
func (s Story) moment(t time.Time) string {
	return s.clock(t) + t.In(s.Zone).Format(" (-07:00)")
}

// stamp is a time with its day and zone.
func (s Story) stamp(t time.Time) string {
	return t.In(s.Zone).Format("15:04:05 on 2 Jan 2006 (-07:00)")
}

// zone names the zone of the event's time.
func (s Story) zone() string {
	t := s.Event.Time.In(s.Zone)
	name, _ := t.Zone()
	offset := t.Format("UTC-07:00")
	if name == "UTC" || name == "" || strings.ContainsAny(name[:1], "+-0123456789") {
		return offset
	}
	return name + ", " + offset
}

// span is a length of time for people.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// mostWords is how many characters of what others have said stand in one place.
const mostWords = 500

// say makes one line of what others have said.
func say(s string) string { return shorten(strings.ReplaceAll(clean(s), "`", "'"), mostWords) }

// sentence makes one line that ends like a sentence.
func sentence(s string) string {
	s = say(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}
