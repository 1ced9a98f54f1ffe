package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
)

// said is what a server says, encoded.
func said(t *testing.T, messages ...pgproto3.BackendMessage) []byte {
	t.Helper()
	var all []byte
	for _, m := range messages {
		var err error
		all, err = m.Encode(all)
		must(t, err)
	}
	return all
}

// heard is what pgx hears of it: the names of the messages, and the rows that came to it.
func heard(t *testing.T, from io.Reader) (names []string, err error) {
	t.Helper()
	frontend := pgproto3.NewFrontend(from, io.Discard)
	for {
		message, err := frontend.Receive()
		if err != nil {
			return names, err
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", message), "*pgproto3.")
		switch m := message.(type) {
		case *pgproto3.CopyData:
			name += " " + string(m.Data)
		case *pgproto3.CommandComplete:
			name += " " + string(m.CommandTag)
		}
		names = append(names, name)
	}
}

// TestSieve holds that every row of a COPY is given whole, once and in its order, and that pgx hears all else, however the
// server's words are cut on their way. Rows that are larger than the buffer are among them.
func TestSieve(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", readBuffer/16)
	rows := []string{"one", "", large + large + large, "two", large[:readBuffer-messageHead], large, "three"}
	for i := range 20_000 {
		rows = append(rows, fmt.Sprint("row ", i))
	}
	messages := []pgproto3.BackendMessage{
		&pgproto3.ParameterStatus{Name: "a", Value: "b"}, &pgproto3.CopyOutResponse{ColumnFormatCodes: []uint16{1}},
	}
	for i, row := range rows {
		messages = append(messages, &pgproto3.CopyData{Data: []byte(row)})
		if i == 10 { // as it may come at any time
			messages = append(messages, &pgproto3.NoticeResponse{Severity: "WARNING"})
		}
	}
	messages = append(messages, &pgproto3.CopyDone{}, &pgproto3.CommandComplete{CommandTag: []byte("COPY 9")}, &pgproto3.ReadyForQuery{TxStatus: 'T'})
	text := said(t, messages...)
	for name, cut := range map[string]func(io.Reader) io.Reader{
		"as it is":       func(r io.Reader) io.Reader { return r },
		"by halves":      iotest.HalfReader,
		"by bytes":       iotest.OneByteReader,
		"with its end":   iotest.DataErrReader,
		"in small lumps": func(r io.Reader) io.Reader { return &lumps{r} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSieve(cut(bytes.NewReader(text)))
			var got []string
			s.take = func(row []byte) error {
				got = append(got, string(row))
				return nil
			}
			names, err := heard(t, s)
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
			want := []string{"ParameterStatus", "CopyOutResponse", "NoticeResponse", "CopyDone", "CommandComplete COPY 9", "ReadyForQuery"}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("pgx has heard (-want +got):\n%s", diff)
			}
			if !slices.Equal(got, rows) {
				t.Errorf("%d rows were given of %d, or others", len(got), len(rows))
			}
			if len(s.buf) != readBuffer {
				t.Errorf("it holds %d bytes when the large rows have gone", len(s.buf))
			}
		})
	}
	t.Run("not taken", func(t *testing.T) {
		names, _ := heard(t, newSieve(iotest.HalfReader(bytes.NewReader(text))))
		if len(names) != len(messages) || names[2] != "CopyData one" || names[4] != "CopyData "+rows[2] {
			t.Errorf("pgx has heard %d messages of %d", len(names), len(messages))
		}
	})
}

// lumps gives what a server sends at once.
type lumps struct{ from io.Reader }

func (l *lumps) Read(p []byte) (int, error) { return l.from.Read(p[:min(len(p), 8191)]) }

// TestSieveEnds holds that a row that nobody can take ends the reading, that a row that is cut off is not given, and that a
// length which no row has is an error and takes no memory.
func TestSieveEnds(t *testing.T) {
	broken := errors.New("broken")
	row := said(t, &pgproto3.CopyData{Data: []byte("one")})
	wrong := func(size uint32) []byte { return binary.BigEndian.AppendUint32([]byte{rowOfCopy}, size) }
	for name, tt := range map[string]struct {
		text []byte
		fail error
		want string
		rows int
	}{
		"not taken": {append(slices.Clone(row), row...), broken, "broken", 1},
		"cut off":   {append(slices.Clone(row), row[:len(row)-1]...), nil, "EOF", 1},
		"too short": {append(slices.Clone(row), wrong(3)...), nil, "a row of -1 bytes", 1},
		"too long":  {append(wrong(1<<31), make([]byte, 100)...), nil, "a row of 2147483644 bytes", 0},
		"a liar":    {append(wrong(1<<30), make([]byte, 100)...), nil, "EOF", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSieve(bytes.NewReader(tt.text))
			given := 0
			s.take = func([]byte) error {
				given++
				return tt.fail
			}
			_, err := io.ReadAll(s)
			if tt.want == "EOF" && err != nil || tt.want != "EOF" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("it ends with %v, want %s", err, tt.want)
			}
			if given != tt.rows || len(s.buf) > readBuffer {
				t.Errorf("%d rows were given, want %d; it holds %d bytes", given, tt.rows, len(s.buf))
			}
		})
	}
}
