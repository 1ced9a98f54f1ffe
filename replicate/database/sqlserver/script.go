package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"failoverd/replicate/database"
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

// Fix runs a script in the staging. XACT_ABORT ends a batch with its first error, which T-SQL does not do by itself.
func (e *Engine) Fix(ctx context.Context, p database.Pair, script string) error {
	list, err := batches(script)
	if err != nil {
		return fmt.Errorf("the script for %s: %w", p.Names.Staging, err)
	}
	s, err := open(ctx, p.Target, p.Names.Staging, program)
	if err != nil {
		return err
	}
	defer s.close()
	before, err := s.counts(ctx)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "prepare the script", "SET XACT_ABORT ON"); err != nil {
		return err
	}
	for _, b := range list {
		for range b.times {
			if err := s.exec(ctx, "run the script", b.text); err != nil {
				return fmt.Errorf("%w; %s", err, b.place(err))
			}
		}
	}
	after, err := s.counts(ctx)
	if err != nil {
		return err
	}
	return s.noteFix(ctx, before, after)
}

// place says where in the script a batch failed, with the words that stand there.
func (b batch) place(err error) string {
	line := b.line
	var said *serverError
	if errors.As(err, &said) {
		line += max(int(said.messages[0].LineNo)-1, 0)
	}
	lines := strings.Split(b.text, "\n")
	words := ""
	if i := line - b.line; i < len(lines) {
		words = strings.TrimSpace(lines[i])
	}
	return fmt.Sprintf("line %d of the script: %.200s", line, words)
}
