package files

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	soakFor  = flag.Duration("soak", 3*time.Second, "how long TestSoak lasts")
	soakSeed = flag.Uint64("seed", 1, "what TestSoak does")
	truths   = flag.Uint64("truths", 3, "how many seeds TestTruth tries")
)

// soakRole tells a child of TestSoak which side it is, and soakDir where everything lies.
const soakRole, soakDir = "FILES_TEST_ROLE", "FILES_TEST_DIR"

// soakChild is one of the two sides, until it is killed.
func soakChild(role, dir string) error {
	rules, err := NewRules(nil, nil, false)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if role == "sink" {
		s, err := OpenSink(SinkOptions{
			Directory: filepath.Join(dir, "dst"), Rules: rules, Retention: time.Hour, Brake: Brake{Share: 1, Least: 1 << 40},
		})
		if err != nil {
			return err
		}
		for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
			conn, err := net.Dial("unix", filepath.Join(dir, "proxy"))
			if err != nil {
				continue
			}
			if err := s.Receive(ctx, conn); err != nil {
				fmt.Fprintln(os.Stderr, "sink:", err)
			}
		}
	}
	s, err := OpenSource(SourceOptions{
		Directory: filepath.Join(dir, "src"), StateDir: filepath.Join(dir, "state"), Rules: rules, ScanInterval: 2 * time.Second,
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Settle: Settle{Quiet: 5 * time.Millisecond, Unknown: 50 * time.Millisecond, MaxWait: 2 * time.Second},
	})
	if err != nil {
		return err
	}
	socket := filepath.Join(dir, "source")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if err := s.Serve(ctx, conn); err != nil {
					fmt.Fprintln(os.Stderr, "source:", err)
				}
			}()
		}
	}()
	return s.Run(ctx)
}

// soak is a tree in which somebody works without any order, and two processes that are killed at random.
type soak struct {
	*unruly
	dir      string
	children map[string]*exec.Cmd
	log      *os.File

	mu     sync.Mutex
	joined []net.Conn
}

// start starts one side.
func (s *soak) start(role string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), soakRole+"="+role, soakDir+"="+s.dir)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	s.must(cmd.Start())
	s.children[role] = cmd
}

// kill kills one side at whatever it is doing.
func (s *soak) kill(role string) {
	cmd := s.children[role]
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		s.t.Errorf("the %s had ended by itself: %v", role, err)
	}
}

// cutAll cuts the connections that there are.
func (s *soak) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.joined {
		_ = c.Close()
	}
	s.joined = nil
}

// proxy stands between the two sides, until its listener is closed.
func (s *soak) proxy(l net.Listener) {
	var all sync.WaitGroup
	defer all.Wait()
	defer s.cutAll()
	for {
		here, err := l.Accept()
		if err != nil {
			return
		}
		there, err := net.Dial("unix", filepath.Join(s.dir, "source"))
		if err != nil {
			_ = here.Close()
			continue
		}
		s.mu.Lock()
		s.joined = append(s.joined, here, there)
		s.mu.Unlock()
		for _, pair := range [][2]net.Conn{{here, there}, {there, here}} {
			all.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_, _ = pair[0].Close(), pair[1].Close()
			})
		}
	}
}

// troubles is how many kinds of harm there are.
const troubles = 5

// harm does something to the two sides.
func (s *soak) harm(kind int) {
	switch kind {
	case 0, 1:
		s.cutAll()
	case 2:
		s.kill("sink")
		s.start("sink")
	case 3:
		s.kill("source")
		s.start("source")
	case 4: // more events than the kernel keeps
		a, b := s.any(false), s.any(true)
		if a == "" {
			return
		}
		source := s.children["source"].Process
		s.must(source.Signal(syscall.SIGSTOP))
		limit, err := readNumber(sysctlDir + "max_queued_events")
		s.must(err)
		for range limit/2 + 100 {
			_, _ = os.Chmod(a, 0o640), os.Chmod(b, 0o750)
		}
		s.step()
		s.must(source.Signal(syscall.SIGCONT))
	}
}

// equal waits until rsync finds no difference.
func (s *soak) equal() {
	s.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		diff := s.differences(adorned...)
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(s.log.Name())
			s.t.Fatalf("still different:\n%.3000s\n%s", diff, text[max(0, len(text)-3000):])
		}
	}
}

// TestSoak works in a tree while the connection is cut, both sides are killed and the kernel's queue overflows; now and
// then rsync judges. `make soak-files` lets it last longer, with a seed that it says.
func TestSoak(t *testing.T) {
	dir, err := os.MkdirTemp("", "fo") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bed{t: t, src: filepath.Join(dir, "src"), dst: filepath.Join(dir, "dst")}
	b.must(errors.Join(os.Mkdir(b.src, 0o755), os.Mkdir(b.dst, 0o755)))
	s := &soak{
		unruly: &unruly{bed: b, r: rand.New(rand.NewPCG(*soakSeed, 2))}, dir: dir, children: map[string]*exec.Cmd{},
	}
	s.log, err = os.Create(filepath.Join(dir, "log"))
	b.must(err)
	defer func() { _ = s.log.Close() }()
	l, err := net.Listen("unix", filepath.Join(dir, "proxy"))
	b.must(err)
	var between sync.WaitGroup
	between.Go(func() { s.proxy(l) })
	s.start("source")
	s.start("sink")
	defer func() {
		_ = l.Close()
		s.cutAll()
		s.kill("sink")
		s.kill("source")
		between.Wait()
	}()
	steps, harms, judged := 0, 0, 0
	for begun := time.Now(); time.Since(begun) < *soakFor || harms < troubles; judged++ {
		for range 20 + s.r.IntN(200) {
			s.step()
			steps++
			if judged > 0 && s.r.IntN(40) == 0 { // before, there is hardly anything to lose
				kind := s.r.IntN(troubles)
				if harms < troubles { // each of them once, however short it is
					kind = harms
				}
				s.harm(kind)
				harms++
			}
		}
		s.equal()
	}
	t.Logf("seed %d: %d operations, %d troubles, judged %d times", *soakSeed, steps, harms, judged)
}
