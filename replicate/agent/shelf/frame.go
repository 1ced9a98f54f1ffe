package shelf

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"
)

// kind is what a frame is: one byte, before four of length and the body.
type kind byte

const (
	ask    kind = 'q'
	answer kind = 'a'
	refuse kind = 'e'
	chunks kind = 'c'
	want   kind = 'w'
	data   kind = 'd'
	packed kind = 'z' // data by zstd
	done   kind = 'f'
)

// Bounds of frames.
const (
	maxFrame   = maxChunk + 1<<10
	maxText    = 1 << 10
	maxWords   = 64 << 10 // of a frame that is JSON
	maxWindow  = 1024     // chunks of a turn
	windowSize = 8 << 20  // bytes after which a turn gets no further chunk
	recordSize = 36       // of a chunk: its length and its hash
)

// errPeer is wrapped by what is wrong with what the other side said, in contrast to what is wrong with the stream.
var errPeer = errors.New("the other side does not keep to the protocol")

// line is a stream of frames. A side that says nothing for too long ends it.
type line struct {
	stream  io.ReadWriteCloser
	in      *bufio.Reader
	out     *bufio.Writer
	silence time.Duration
	watch   *time.Timer
	came    int64 // bytes of frames that were read
}

func newLine(stream io.ReadWriteCloser, silence time.Duration) *line {
	l := &line{stream: stream, in: bufio.NewReaderSize(stream, 256<<10), out: bufio.NewWriterSize(stream, 256<<10), silence: silence}
	l.watch = time.AfterFunc(silence, func() { _ = stream.Close() })
	return l
}

// close ends the stream.
func (l *line) close() error {
	l.watch.Stop()
	return l.stream.Close()
}

// write puts a frame into the buffer.
func (l *line) write(k kind, body []byte) error {
	l.watch.Reset(l.silence)
	var head [5]byte
	head[0] = byte(k)
	binary.BigEndian.PutUint32(head[1:], uint32(len(body)))
	if _, err := l.out.Write(head[:]); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if _, err := l.out.Write(body); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// flush sends what is in the buffer.
func (l *line) flush() error {
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// say writes a frame of words and sends it.
func (l *line) say(k kind, words any) error {
	b, err := json.Marshal(words)
	if err != nil {
		return err
	}
	if err := l.write(k, b); err != nil {
		return err
	}
	return l.flush()
}

// read waits for a frame. Its body is the reader's. The other side's refusal is an error.
func (l *line) read() (kind, []byte, error) {
	l.watch.Reset(l.silence)
	var head [5]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return 0, nil, fmt.Errorf("receive: %w", err)
	}
	k, n := kind(head[0]), binary.BigEndian.Uint32(head[1:])
	if n > maxFrame || n > maxWords && k != chunks && k != data && k != packed {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", errPeer, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(l.in, body); err != nil {
		return 0, nil, fmt.Errorf("receive: %w", err)
	}
	l.came += int64(len(head) + len(body))
	if k == refuse {
		return 0, nil, refusal(body)
	}
	return k, body, nil
}

// hear waits for a frame of words.
func (l *line) hear(k kind, words any) error {
	got, body, err := l.read()
	if err != nil {
		return err
	}
	if got != k {
		return fmt.Errorf("%w: a frame %q where %q belongs", errPeer, got, k)
	}
	if err := json.Unmarshal(body, words); err != nil {
		return fmt.Errorf("%w: %w", errPeer, err)
	}
	return nil
}

// refused is what an agent says that does not do what it was asked.
type refused struct {
	Code string `json:"code"` // absent, changed or ""
	Text string `json:"text"`
}

const (
	codeAbsent  = "absent"
	codeChanged = "changed"
)

// refusal makes an error of a refusal.
func refusal(body []byte) error {
	var r refused
	if err := json.Unmarshal(body, &r); err != nil {
		return fmt.Errorf("%w: %w", errPeer, err)
	}
	r.Text = tame(r.Text)
	return &r
}

// tame makes a text of the other side fit to be shown.
func tame(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == utf8.RuneError || c >= 0x7f && c < 0xa0 {
			return '?'
		}
		return c
	}, text)
}

func (r *refused) Error() string { return "the agent says: " + r.Text }

// Is makes a file that is not there what it is for a file system.
func (r *refused) Is(target error) bool { return r.Code == codeAbsent && target == fs.ErrNotExist }
