package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"failoverd/status"
)

const (
	// restPatience is how long one waits until a standby that runs is at rest.
	restPatience = 45 * time.Second
	// homePatience is how long bringing the company home may take, mails that are tried again included.
	homePatience = 4 * time.Minute
)

// Player plays stories.
type Player struct {
	Program string // failoverd
	Self    string // the application: a program that calls Application
	Log     func(format string, args ...any)
	// Meddle does something to the company that failoverd has no part in, after the step of that number; nil for nothing.
	// Tests plant defects by it, to see that the checker finds them.
	Meddle func(number int, m Meddler) error
}

// Play plays a story in a world of its own, brings the company home, and returns what was seen. An error says that the
// story could not be played, which is nobody's fault but the player's. The world's files are left in a directory that
// is returned, if keep says so of the history.
func (p Player) Play(ctx context.Context, s Story, keep func(*History) bool) (h *History, left string, err error) {
	// The path of a unix socket has room for 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "chaos-")
	if err != nil {
		return nil, "", err
	}
	r := newRecorder(s)
	c, err := newCompany(dir, p.Program, p.Self, r)
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		kept := h != nil && keep(h)
		if kept {
			left = dir
			err = errors.Join(err, c.copyJournal())
		}
		err = errors.Join(err, c.close())
		if !kept {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	opening, cancel := context.WithTimeout(ctx, time.Minute)
	err = c.open(opening)
	cancel()
	if err != nil {
		return nil, "", fmt.Errorf("make the company ready: %w", err)
	}
	r.note(func(h *History) { h.Began = time.Now() })
	var orders sync.WaitGroup
	for i, step := range s.Steps {
		if err := wait(ctx, step.Wait); err != nil {
			orders.Wait()
			return nil, "", err
		}
		p.play(ctx, c, &orders, i+1, step)
		if p.Meddle != nil {
			if err := p.Meddle(i+1, Meddler{c}); err != nil {
				orders.Wait()
				return nil, "", fmt.Errorf("meddle after step %d: %w", i+1, err)
			}
		}
	}
	if err := c.mendEverything(ctx); err != nil {
		orders.Wait()
		return nil, "", fmt.Errorf("mend everything: %w", err)
	}
	orders.Wait()
	if err := c.bringHome(ctx); err != nil {
		r.note(func(h *History) { h.EndError = err.Error() })
	}
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	h, err = r.finish(c)
	return h, "", err
}

// play plays a step. What takes long goes on beside what follows.
func (p Player) play(ctx context.Context, c *company, orders *sync.WaitGroup, number int, s Step) {
	d := &Done{Span: Span{From: time.Now()}, Step: s, Number: number}
	p.Log("%3d %s", number, s)
	var at int
	c.record.note(func(h *History) { h.Done = append(h.Done, *d); at = len(h.Done) - 1 })
	over := func() {
		d.Until = time.Now()
		c.record.note(func(h *History) { h.Done[at] = *d })
		if d.Error != "" || d.Exit != 0 {
			p.Log("    %d %s: exit %d %s", number, s.Act(), d.Exit, d.Error)
		}
	}
	if _, fault := faults()[s.Verb]; fault {
		if err := c.fault(ctx, s); err != nil {
			d.Error = err.Error()
		}
		over()
		return
	}
	if s.Verb == "rest" {
		c.rest(ctx, false)
		over()
		return
	}
	orders.Go(func() {
		c.order(ctx, d)
		over()
	})
}

// rest waits until the standby is at rest, and looks at it. One that does not run, or is stopped, is not waited for.
func (c *company) rest(ctx context.Context, last bool) Rest {
	begun := time.Now()
	var look Rest
	for quiet := 0; quiet < 2; {
		var err error
		look, err = c.look(ctx)
		look.Waited, look.Last = time.Since(begun), last
		c.mu.Lock()
		idle := !c.running() || c.frozen
		c.mu.Unlock()
		if idle || err != nil && look.Waited > startPatience || ctx.Err() != nil {
			break
		}
		if look.Uneasy = Uneasy(look); err == nil && look.Uneasy == "" {
			quiet++
		} else {
			quiet = 0
		}
		if look.Waited > restPatience {
			break
		}
		_ = wait(ctx, 300*time.Millisecond)
	}
	c.record.note(func(h *History) { h.Rests = append(h.Rests, look) })
	return look
}

// bringHome has both servers be served by their primaries, with all that was written, every copy current and every mail
// delivered.
func (c *company) bringHome(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, homePatience)
	defer cancel()
	if err := c.settled(ctx, "the daemon to answer", func() (bool, string) {
		_, err := c.status(ctx)
		return err == nil, fmt.Sprint(err)
	}); err != nil {
		return err
	}
	for _, name := range []string{"pbx", "crm"} {
		err := c.settled(ctx, name+" to be brought home", func() (bool, string) {
			d := &Done{Span: Span{From: time.Now()}, Step: Step{Verb: "home", Of: name}}
			try, cancel := context.WithTimeout(ctx, orderPatience)
			defer cancel()
			last := c.home(try, d)
			d.Until = time.Now()
			if last != nil {
				d.Exit, d.Output = -1, last.Error()
			}
			c.record.note(func(h *History) { h.Done = append(h.Done, *d) })
			if last != nil {
				_ = wait(ctx, 2*time.Second)
				return false, last.Error()
			}
			short, end := context.WithTimeout(ctx, 30*time.Second)
			defer end()
			last = c.settled(short, name+" to be OK", func() (bool, string) {
				v := c.server(short, name)
				return v.State == wellStated && v.Role == standingBy && v.Operation == "" && v.Replication == "", v.State + ", " + v.Role + ": " + v.Summary
			})
			return last == nil, fmt.Sprint(last)
		})
		if err != nil {
			return err
		}
	}
	d := &Done{Step: step(0, "from-live pbx")}
	if err := c.demand(ctx, d, "replicate", "from-live", "pbx", "--yes"); err != nil {
		return err
	}
	if err := c.settled(ctx, "everything to be quiet", func() (bool, string) {
		s, err := c.status(ctx)
		if err != nil {
			return false, err.Error()
		}
		i := slices.IndexFunc(s.Servers, func(v status.Server) bool { return v.Name == "pbx" })
		tree := s.Servers[i].Trees[0]
		if tree.Held > 0 && c.record.discarded() {
			// The files that the stand-in wrote, and that somebody has given up, are more than the brake lets pass.
			if err := c.demand(ctx, d, "files", "confirm-deletions", "pbx", "vm", "--yes"); err != nil {
				return false, err.Error()
			}
		}
		return s.Standby.Mail.Pending == 0 && tree.State == "current" && !tree.Diverged && !s.Servers[i].Diverged,
			fmt.Sprintf("%d mails wait (%s); the files are %s (%s); diverged: %t, %t", s.Standby.Mail.Pending, s.Standby.Mail.Error, tree.State, tree.Problem, tree.Diverged, s.Servers[i].Diverged)
	}); err != nil {
		return err
	}
	if look := c.rest(ctx, true); look.Uneasy != "" {
		return fmt.Errorf("at the end: %s", look.Uneasy)
	}
	c.record.census(c)
	return nil
}

// copyJournal takes the journal from its disk to where it stays.
func (c *company) copyJournal() error {
	return os.CopyFS(c.path("left"), os.DirFS(c.path("data")))
}

// wait waits, unless the context ends or has ended.
func wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err // the timer may have run out as well meanwhile
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
