package api

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"failoverd/journal"
)

// Page is which part of a list is wanted that is in order of time, the newest first. Of zero fields the client sends none.
type Page struct {
	Before string `query:"before" maxLength:"220" pattern:"^[0-8]?[0-9]{1,18}_[A-Za-z0-9._-]{1,200}$" patternDescription:"the next of the page before" doc:"The next of the page before: only earlier ones"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// values are the page as parameters of a request, beside others in pairs of name and value.
func (p Page) values(pairs ...string) url.Values {
	return query(append(pairs, "before", p.Before, "limit", number(p.Limit))...)
}

// position is where the page begins.
func (p Page) position() journal.Position {
	at, id, _ := strings.Cut(p.Before, "_")
	n, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return journal.Position{}
	}
	return journal.Position{At: time.Unix(0, n), ID: id}
}

// cursor is the place of a record in such a list, as text.
func cursor(at time.Time, id string) string {
	var n int64
	if !at.IsZero() {
		n = at.UnixNano()
	}
	return fmt.Sprintf("%d_%s", n, id)
}

// cut leaves limit of a list, of which one more was asked for. The next page goes on after the last that is left; nil if there
// is no more.
func cut[T, C any](list []T, limit int, place func(T) C) ([]T, *C) {
	if len(list) <= limit {
		return orEmpty(list), nil
	}
	next := place(list[limit-1])
	return list[:limit], &next
}
