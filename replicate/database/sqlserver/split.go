package sqlserver

import (
	"fmt"
	"strconv"
	"strings"
)

// mostRepeats bounds GO n, so that a slip of the pen does not run for a week.
const mostRepeats = 1000

// batch is a part of a script between two lines GO.
type batch struct {
	text  string
	line  int // of its first line in the script
	times int
}

// batches cuts a script at its lines GO, as sqlcmd does. A GO in a comment or a text is none.
func batches(script string) ([]batch, error) {
	var list []batch
	var text strings.Builder
	first, open := 1, byte(0) // what is open: ' " [ or * for a comment
	depth := 0
	end := func(times, next int) {
		if strings.TrimSpace(text.String()) != "" && times > 0 {
			list = append(list, batch{text.String(), first, times})
		}
		text.Reset()
		first = next
	}
	lines := strings.SplitAfter(strings.ReplaceAll(script, "\r\n", "\n"), "\n")
	for n, line := range lines {
		if open == 0 {
			times, is, err := separator(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			if is {
				end(times, n+2)
				continue
			}
		}
		text.WriteString(line)
		open, depth = scan(line, open, depth)
	}
	end(1, 0)
	return list, nil
}

// separator reads a line GO, or GO 5.
func separator(line string) (times int, is bool, err error) {
	words := strings.Fields(line)
	if len(words) == 0 || !strings.EqualFold(words[0], "GO") {
		return 0, false, nil
	}
	if len(words) == 1 || strings.HasPrefix(words[1], "--") {
		return 1, true, nil
	}
	times, err = strconv.Atoi(words[1])
	if err != nil || times < 0 || times > mostRepeats || len(words) > 2 && !strings.HasPrefix(words[2], "--") {
		return 0, false, fmt.Errorf("%q: want GO, or GO and a number up to %d", strings.TrimSpace(line), mostRepeats)
	}
	return times, true, nil
}

// scan goes through a line and tells what is open at its end: a text, a name, or comments of some depth.
func scan(line string, open byte, depth int) (byte, int) {
	for i := 0; i < len(line); i++ {
		two := line[i:min(i+2, len(line))]
		switch {
		case open == '*' && two == "*/":
			i++
			if depth--; depth == 0 {
				open = 0
			}
		case (open == '*' || open == 0) && two == "/*":
			i++
			open = '*'
			depth++
		case open == '*':
		case open == '[':
			if line[i] == ']' {
				open = 0
			}
		case open != 0:
			if line[i] == open { // doubled, it opens again at once
				open = 0
			}
		case two == "--":
			return open, depth
		case line[i] == '\'' || line[i] == '"' || line[i] == '[':
			open = line[i]
		}
	}
	return open, depth
}
