package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// cell is one field of a table.
type cell struct {
	text  string
	paint colour
}

// table lays fields out in columns. Colour takes no room, which is why
// text/tabwriter does not do.
type table struct {
	indent string
	rows   [][]cell
}

// row adds a row of plain fields.
func (t *table) row(fields ...string) {
	cells := make([]cell, len(fields))
	for i, f := range fields {
		cells[i] = cell{text: f}
	}
	t.add(cells...)
}

// add adds a row.
func (t *table) add(cells ...cell) {
	for i := range cells {
		cells[i].text = plain(cells[i].text)
	}
	t.rows = append(t.rows, cells)
}

// write prints the rows. The last column is not padded.
func (t *table) write(w io.Writer, colours palette) {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range t.rows {
		var b strings.Builder
		for i, c := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(colours.paint(c.paint, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)))
			}
		}
		fmt.Fprintln(w, t.indent+strings.TrimRight(b.String(), " "))
	}
}

// line prints one line of text for people.
func line(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, plain(fmt.Sprintf(format, args...)))
}
