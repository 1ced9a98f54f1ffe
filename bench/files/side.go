package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/replicate/files"
)

// side is the process of one of failoverd's sides, until nobody holds its standard input open any more:
//
//	source DIRECTORY STATE KEYS           says its address, and then what it knows
//	sink DIRECTORY ADDRESS KEYS           says how many bytes have travelled, whenever the copy is up to date
func side(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 4 {
		return errors.New("want a directory, a state or an address, and keys")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	config, err := readKeys(args[3])
	if err != nil {
		return err
	}
	if args[0] == "sink" {
		return sink(ctx, args[1], args[2], config, stdout)
	}
	return source(ctx, args[1], args[2], config, stdout)
}

// everything is the rules of the trees.
func everything() (*files.Rules, error) { return files.NewRules(nil, nil, false) }

// source watches a directory and serves one sink after the other.
func source(ctx context.Context, directory, state string, config *tls.Config, stdout io.Writer) (err error) {
	rules, err := everything()
	if err != nil {
		return err
	}
	s, err := files.OpenSource(files.SourceOptions{
		Directory: directory, StateDir: state, Rules: rules, ScanInterval: time.Hour, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Settle: files.Settle{Quiet: 5 * time.Millisecond, Unknown: 300 * time.Millisecond, MaxWait: 30 * time.Second},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, l.Addr())
	var all sync.WaitGroup
	defer all.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = s.Serve(ctx, c)
		}
	})
	all.Go(func() {
		var said string
		tick := time.NewTicker(5 * time.Millisecond) // not at each change: in a burst there are many, and each is counted
		defer tick.Stop()
		for ctx.Err() == nil {
			v, _ := s.Status()
			if v.Scanned && v.Dirty == 0 {
				word := "rest"
				if v.Acked == v.Head {
					word = "settled"
				}
				if line := fmt.Sprintln(word, v.Head, v.Files); line != said {
					said = line
					fmt.Fprint(stdout, line)
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return s.Run(ctx)
}

// sink keeps a copy, over one connection.
func sink(ctx context.Context, directory, address string, config *tls.Config, stdout io.Writer) (err error) {
	rules, err := everything()
	if err != nil {
		return err
	}
	s, err := files.OpenSink(files.SinkOptions{
		Directory: directory, Rules: rules, Brake: files.Brake{Share: 0.2, Least: 100, Window: 10 * time.Minute},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	counted := &meter{Conn: raw}
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all.Go(func() {
		var said string
		for ctx.Err() == nil {
			v, changed := s.Status()
			if v.Connected && !v.Listing && v.Missing == 0 && v.Cursor > 0 && v.Cursor >= v.Head {
				if line := fmt.Sprintln("current", v.Cursor, counted.travelled.Load()); line != said {
					said = line
					fmt.Fprint(stdout, line)
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	})
	return s.Receive(ctx, tls.Client(counted, config))
}

// meter counts the bytes that travel, encrypted as they are.
type meter struct {
	net.Conn
	travelled atomic.Int64
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.travelled.Add(int64(n))
	return n, err
}

func (m *meter) Write(b []byte) (int, error) {
	n, err := m.Conn.Write(b)
	m.travelled.Add(int64(n))
	return n, err
}
