package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"failoverd/api"
)

// readersCommand is the first argument of this program where it is the host of those who read event streams.
const readersCommand = "readers"

// perToken is how many streams share a token; one may not have more than Limits.StreamsPerClient.
const perToken = 10

// readers are those who read the event streams. They are a process of their own because they are another host in the
// field: their TLS and their garbage are nothing that the standby's processors have to do.
type readers struct {
	cmd  *exec.Cmd
	ask  io.WriteCloser
	told *bufio.Reader
}

// place is how far the streams have come.
type place struct {
	Last   int64 `json:"last"`   // the last event of the stream that is furthest behind
	Broken int64 `json:"broken"` // streams that ended
}

// startReaders has streams read by a process on the host of those who look, at that niceness.
func (w *world) startReaders(ctx context.Context) (*readers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var tokens strings.Builder
	for i := range (w.streams + perToken - 1) / perToken {
		t, err := w.client.CreateToken(ctx, api.NewToken{Name: fmt.Sprintf("reader-%d", i), Role: "viewer"})
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(&tokens, t.Secret)
	}
	r := &readers{cmd: w.watchers.Command(context.WithoutCancel(ctx), "nice", "-n", strconv.Itoa(w.nice), self, readersCommand, strconv.Itoa(w.streams))}
	r.cmd.Stderr = os.Stderr
	if r.ask, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.told = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	// The tokens are told and not given as arguments, which everybody can read.
	_, err = fmt.Fprintln(r.ask, tokens.String())
	return r, err
}

// look asks how far the streams are.
func (r *readers) look() (place, error) {
	if _, err := fmt.Fprintln(r.ask); err != nil {
		return place{}, fmt.Errorf("ask the readers: %w", err)
	}
	line, err := r.told.ReadBytes('\n')
	if err != nil {
		return place{}, fmt.Errorf("ask the readers: %w", err)
	}
	var p place
	return p, json.Unmarshal(line, &p)
}

// close ends them.
func (r *readers) close() error {
	return errors.Join(r.ask.Close(), r.cmd.Wait())
}

// readStreams is the process: it reads so many streams until its input ends, and says for each line of it how far they are.
func readStreams(ctx context.Context, count int, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	var tokens []string
	for lines.Scan() && lines.Text() != "" {
		tokens = append(tokens, lines.Text())
	}
	if len(tokens)*perToken < count {
		return errors.Join(errors.New("the readers have been told too few tokens"), lines.Err())
	}
	places := make([]atomic.Int64, count)
	var broken atomic.Int64
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range count {
		running.Go(func() {
			if err := readStream(ctx, tokens[i/perToken], &places[i]); ctx.Err() == nil {
				_ = err // It is counted; why is of no interest to the table.
				broken.Add(1)
			}
		})
	}
	for lines.Scan() {
		p := place{Last: math.MaxInt64, Broken: broken.Load()}
		for i := range places {
			p.Last = min(p.Last, places[i].Load())
		}
		if err := json.NewEncoder(out).Encode(p); err != nil {
			return err
		}
	}
	return lines.Err()
}

// readStream reads an event stream as a browser has it, over TLS, and looks only at the numbers.
func readStream(ctx context.Context, token string, place *atomic.Int64) error {
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // The standby's certificate is its own.
		DisableCompression: true,
	}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s:%d%s/events/stream", standbyAddress, apiPort, api.Base), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	buffer := make([]byte, 64<<10)
	kept := 0
	for {
		n, err := answer.Body.Read(buffer[kept:])
		if err != nil {
			return err
		}
		text := buffer[:kept+n]
		mark := []byte("\nid: ")
		if i := bytes.LastIndex(text, mark); i >= 0 {
			rest := text[i+len(mark):]
			if end := bytes.IndexByte(rest, '\n'); end >= 0 {
				if seq, err := strconv.ParseInt(string(rest[:end]), 10, 64); err == nil {
					place.Store(seq)
				}
			}
		}
		// The mark may be cut in two.
		kept = copy(buffer, text[max(0, len(text)-32):])
	}
}
