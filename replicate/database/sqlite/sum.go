package sqlite

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// tally adds up the rows of a table, whatever their order: how many there are, the highest number that one bears, and
// the sum of their hashes. It is not meant to withstand anybody who makes up rows to deceive it.
type tally struct {
	rows    int64
	highest int64
	numbers bool // the rows bear numbers
	sum     uint64
}

// add adds a row by its hash.
func (t *tally) add(hash uint64, number int64) {
	t.sum += hash
	t.rows++
	t.highest = max(t.highest, number)
}

// String is how a snapshot keeps it.
func (t tally) String() string {
	highest := ""
	if t.numbers {
		highest = strconv.FormatInt(t.highest, 10)
	}
	return fmt.Sprintf("%s:%016x", highest, t.sum)
}

// highest reads the highest number of a row back out of a sum.
func highest(sum string) (n int64, known bool) {
	text, _, found := strings.Cut(sum, ":")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, found && err == nil
}

// sums is what a table holds: all of it, and apart the rows up to a number, which were there when a copy was made.
type sums struct {
	all, old tally
	upTo     int64
	seen     func(rows int64) error // now and then; nil is nobody

	hash   xxhash.Digest
	number int64
	bytes  [8]byte // of the number
}

// newSums begins to add up a table.
func newSums(t table, upTo int64, seen func(rows int64) error) *sums {
	empty := tally{highest: math.MinInt64, numbers: t.rowid}
	return &sums{all: empty, old: empty, upTo: upTo, seen: seen}
}

func (s *sums) begin(number int64) {
	s.hash.Reset()
	s.number = number
	binary.LittleEndian.PutUint64(s.bytes[:], uint64(number))
	s.piece(s.bytes[:])
}

func (s *sums) piece(bytes []byte) { _, _ = s.hash.Write(bytes) } // A hash takes everything.

func (s *sums) end() error {
	sum := s.hash.Sum64()
	s.all.add(sum, s.number)
	if s.number <= s.upTo {
		s.old.add(sum, s.number)
	}
	if s.seen != nil && s.all.rows%1024 == 0 {
		return s.seen(s.all.rows)
	}
	return nil
}
