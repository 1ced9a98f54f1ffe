package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// T is the part of testing.TB that the lab needs; declared here so that the
// program, which has the lab as a command, does not link the testing package.
type T interface {
	Helper()
	Name() string
	Fatal(args ...any)
	Error(args ...any)
	Skip(args ...any)
	Cleanup(func())
	TempDir() string
}

// World is a switch with hosts on it, apart from every other world.
type World struct {
	Switch *Switch // what all hosts are plugged into

	id  string // distinguishes the names of this world's namespaces
	dir string
	t   T                     // nil outside tests
	in  interface{ Helper() } // the test again, so that its failures name the caller

	mu     sync.Mutex
	hosts  []*Host
	undo   []func() error // named resources in the order in which they were taken
	closed bool
}

// New makes a world for a test and takes it down with the test. Outside the lab
// the test is skipped, or fails with FAILOVERD_LAB=require.
func New(t T) *World {
	t.Helper()
	if !inside() {
		why := "the lab is not possible here, or TestMain does not call lab.Main; missing: " + strings.Join(Missing(), "; ")
		if os.Getenv(requireEnv) == "require" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	w, err := open(t.TempDir(), t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error("take the world down:", err)
		}
	})
	return w
}

// Open makes a world outside tests; each host has its files in a directory of
// its name under dir. The process must be in the lab already, see [Enter].
func Open(dir string) (*World, error) {
	if !inside() {
		return nil, errors.New("open a world: not in the lab")
	}
	return open(dir, nil)
}

// open makes the switch of a world.
func open(dir string, t T) (*World, error) {
	w := &World{id: strings.ToLower(rand.Text()[:6]), dir: dir, t: t, in: silent{}}
	if t != nil {
		w.in = t
	}
	s, err := newSwitch(w)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the switch: %w", err), w.Close())
	}
	w.Switch = s
	return w, nil
}

// Close kills every process of the world's hosts and removes them.
func (w *World) Close() error {
	w.mu.Lock()
	hosts, undo, closed := w.hosts, w.undo, w.closed
	w.hosts, w.undo, w.closed = nil, nil, true
	w.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, h := range hosts {
		errs = append(errs, h.killProcesses())
	}
	for i := len(undo) - 1; i >= 0; i-- {
		errs = append(errs, undo[i]())
	}
	return errors.Join(errs...)
}

// Host plugs a new host into the switch. Its interface is eth0 with the address
// given as a prefix ("10.99.0.11/24"; "" for none); its link works when Host
// returns.
func (w *World) Host(name, address string, options ...Option) *Host {
	w.in.Helper()
	h, err := w.AddHost(name, address, options...)
	if err != nil && w.t == nil {
		panic(fmt.Sprintf("lab: %v; use AddHost outside tests", err))
	}
	return h
}

// AddHost is Host for worlds outside tests.
func (w *World) AddHost(name, address string, options ...Option) (*Host, error) {
	w.in.Helper()
	h, err := w.addHost(name, address, options)
	if err != nil {
		return nil, w.check(fmt.Errorf("host %s: %w", name, err))
	}
	return h, nil
}

// Hosts lists the hosts in the order in which they were plugged in.
func (w *World) Hosts() []*Host {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*Host(nil), w.hosts...)
}

// later registers what takes a resource down again.
func (w *World) later(undo func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.undo = append(w.undo, undo)
}

// check ends the test of this world with the error, if there are both, and
// returns the error otherwise.
func (w *World) check(err error) error {
	if err != nil && w.t != nil {
		w.t.Helper()
		w.t.Fatal("lab: ", err)
	}
	return err
}

// silent stands in for the test where there is none.
type silent struct{}

// Helper does nothing.
func (silent) Helper() {}

// hostDir makes the directory of a host's files.
func (w *World) hostDir(name string) (string, error) {
	dir := filepath.Join(w.dir, name)
	return dir, os.MkdirAll(dir, 0o700)
}
