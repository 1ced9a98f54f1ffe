package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// breath is between two openings: the daemon allows one client 50 requests a second.
const breath = time.Second

// settling is how long a program is left alone before its memory is looked at.
const settling = 5 * time.Second

// start is what a start of a program brought, since its process was started.
type start struct {
	firstByte, painted time.Duration
	signIn             time.Duration // from the token to the overview
}

// state is a number of open pages, and what they cost.
type state struct {
	what      string
	memory    []memory
	processor float64  // cores
	opened    []opened // one more, with a full cache
}

// results are everything that was measured of a program that watches so many servers.
type results struct {
	who         string
	servers     int
	starts      []start
	empty, full []opened // the cache
	states      []state
}

// bench is one measurement after the other.
type bench struct {
	options
	browser *browser
	log     io.Writer
}

// measure measures everything, and prints it.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) error {
	m := bench{options: o, log: stderr}
	var all []results
	defer func() { table(ctx, o, all, stdout) }() // Also what there was when it was broken off.
	for _, servers := range o.servers {
		of, err := m.all(ctx, servers)
		all = append(all, of...)
		if err != nil {
			return fmt.Errorf("%d servers: %w", servers, err)
		}
	}
	return nil
}

// all measures the daemon, and monit where it is there.
func (m *bench) all(ctx context.Context, servers int) (_ []results, err error) {
	d, err := newDaemon(m.binary, servers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := m.restart(ctx, &d.process, d.run); err != nil { // The first start of all makes a key, which no other does.
		return nil, err
	}
	if m.browser, err = newBrowser(ctx, d.certificate()); err != nil {
		return nil, err
	}
	defer m.browser.close()
	ours, err := m.failoverd(ctx, d, servers)
	if err != nil {
		return []results{ours}, err
	}
	if _, err := exec.LookPath(m.options.monit); err != nil {
		fmt.Fprintln(m.log, "monit is left out:", err)
		return []results{ours}, nil
	}
	beside, err := newMonit(m.options.monit, d, servers)
	if err != nil {
		return []results{ours}, err
	}
	defer func() { err = errors.Join(err, beside.close()) }()
	theirs, err := m.monit(ctx, beside, servers)
	return []results{ours, theirs}, err
}

// failoverd measures the daemon, and leaves it stopped.
func (m *bench) failoverd(ctx context.Context, d *daemon, servers int) (results, error) {
	r := results{who: "failoverd", servers: servers}
	tokens, err := d.tokens(ctx, 1+(m.consoles+perToken-1)/perToken)
	if err != nil {
		return r, err
	}
	own, others := tokens[0], tokens[1:]
	fmt.Fprintf(m.log, "failoverd, %d servers: %d starts\n", servers, m.runs)
	for range m.runs {
		s, err := m.start(ctx, &d.process, d.run, door)
		if err != nil {
			return r, err
		}
		if s.signIn, err = m.browser.signIn(own); err != nil {
			return r, err
		}
		if err := m.browser.signOut(); err != nil {
			return r, err
		}
		r.starts = append(r.starts, s)
	}
	// The sessions have ended with the daemon before.
	if _, err := m.browser.open(d.url, door); err != nil {
		return r, err
	}
	if _, err := m.browser.signIn(own); err != nil {
		return r, err
	}
	if r.empty, r.full, err = m.openings(ctx, d.url, overview); err != nil {
		return r, err
	}
	if err := m.restart(ctx, &d.process, d.run); err != nil {
		return r, err
	}
	r.states, err = m.open(ctx, &d.process, []sight{
		{"0", func() (func() error, error) { return nothing, nil }, false},
		{fmt.Sprint(m.consoles), func() (func() error, error) { return m.consolesOf(ctx, d, own, others) }, true},
		{fmt.Sprintf("%d, an order every second", m.consoles), func() (func() error, error) { return m.storm(ctx, d, own, others) }, true},
		{"0, after them", func() (func() error, error) { return nothing, nil }, false},
	}, overview)
	return r, errors.Join(err, d.stop())
}

// nothing ends nothing.
func nothing() error { return nil }

// consolesOf opens the consoles, one of which is the browser's.
func (m *bench) consolesOf(ctx context.Context, d *daemon, own string, others []string) (func() error, error) {
	if err := m.browser.signOut(); err != nil {
		return nil, err
	}
	if _, err := m.browser.open(d.url, door); err != nil {
		return nil, err
	}
	if _, err := m.browser.signIn(own); err != nil {
		return nil, err
	}
	open, err := openConsoles(ctx, d.url, m.consoles-1, others)
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(open.close(), m.browser.leave()) }, nil
}

// storm opens the consoles and has an operator who gives an order every second: a server is suspended, and resumed.
func (m *bench) storm(ctx context.Context, d *daemon, own string, others []string) (func() error, error) {
	closeAll, err := m.consolesOf(ctx, d, own, others)
	if err != nil {
		return nil, err
	}
	client, err := d.client()
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	ctx, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- orders(ctx, client) }()
	return func() error {
		end()
		err := <-ended
		client.Close()
		return errors.Join(err, closeAll())
	}, nil
}

// monit measures monit, which has no door and nobody who signs in.
func (m *bench) monit(ctx context.Context, p *monit, servers int) (results, error) {
	r := results{who: "monit", servers: servers}
	fmt.Fprintf(m.log, "monit, %d servers: %d starts\n", servers, m.runs)
	for range m.runs {
		s, err := m.start(ctx, &p.process, p.run, text)
		if err != nil {
			return r, err
		}
		r.starts = append(r.starts, s)
	}
	var err error
	if r.empty, r.full, err = m.openings(ctx, p.url, text); err != nil {
		return r, err
	}
	if err := m.restart(ctx, &p.process, p.run); err != nil {
		return r, err
	}
	r.states, err = m.open(ctx, &p.process, []sight{
		{"0", func() (func() error, error) { return nothing, nil }, false},
		{fmt.Sprint(m.consoles), func() (func() error, error) {
			pages, err := openMonits(ctx, p.url, m.consoles)
			if err != nil {
				return nil, err
			}
			return pages.close, nil
		}, true},
	}, text)
	return r, errors.Join(err, p.stop())
}

// restart ends a program and starts it again.
func (m *bench) restart(ctx context.Context, p *process, run func(context.Context) (time.Time, error)) error {
	if err := p.stop(); err != nil {
		return err
	}
	if _, err := run(ctx); err != nil {
		return err
	}
	_, err := p.answers(ctx)
	return err
}

// start starts a program and opens its page as soon as it answers, in a browser that remembers nothing.
func (m *bench) start(ctx context.Context, p *process, run func(context.Context) (time.Time, error), what painted) (s start, err error) {
	if err := errors.Join(m.browser.forget(), p.stop()); err != nil {
		return s, err
	}
	began, err := run(ctx)
	if err != nil {
		return s, err
	}
	there, err := p.answers(ctx)
	if err != nil {
		return s, err
	}
	page, err := m.browser.open(p.url, what)
	if err != nil {
		return s, err
	}
	s.firstByte = there.Sub(began)
	s.painted = page.at(max(page.Door, page.Text)).Sub(began)
	return s, nil
}

// openings opens a page again and again, with an empty cache and with a full one.
func (m *bench) openings(ctx context.Context, url string, what painted) (empty, full []opened, err error) {
	fmt.Fprintf(m.log, "%d openings with an empty cache, and with a full one\n", m.runs)
	for range m.runs {
		if err := wait(ctx, breath); err != nil {
			return nil, nil, err
		}
		if err := m.browser.forget(); err != nil {
			return nil, nil, err
		}
		e, err := m.browser.open(url, what)
		if err != nil {
			return nil, nil, err
		}
		f, err := m.browser.open(url, what)
		if err != nil {
			return nil, nil, err
		}
		empty, full = append(empty, e), append(full, f)
	}
	return empty, full, nil
}

// warm opens a page again and again, with a full cache.
func (m *bench) warm(ctx context.Context, url string, what painted) (all []opened, err error) {
	for range m.runs {
		if err := wait(ctx, breath); err != nil {
			return nil, err
		}
		o, err := m.browser.open(url, what)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// sight is a number of open pages, and how they are opened.
type sight struct {
	what  string
	pages func() (end func() error, err error)
	again bool // whether one more is opened meanwhile
}

// open looks at what a program has in memory while pages are open.
func (m *bench) open(ctx context.Context, p *process, all []sight, what painted) (seen []state, err error) {
	for _, o := range all {
		fmt.Fprintf(m.log, "open: %s\n", o.what)
		end, err := o.pages()
		if err != nil {
			return nil, err
		}
		s, err := m.look(ctx, p)
		if err == nil && o.again {
			s.opened, err = m.warm(ctx, p.url, what)
		}
		if err := errors.Join(err, end()); err != nil {
			return seen, err
		}
		fmt.Fprintf(m.log, "%d KiB resident, %.2f cores\n", s.memory[len(s.memory)-1].rss, s.processor)
		s.what = o.what
		seen = append(seen, s)
	}
	return seen, nil
}

// look reads the memory once a second, and at the end the processor time.
func (m *bench) look(ctx context.Context, p *process) (s state, err error) {
	if err := wait(ctx, settling); err != nil {
		return s, err
	}
	before, err := p.processor()
	if err != nil {
		return s, err
	}
	began := time.Now()
	for time.Since(began) < m.watch {
		one, err := p.memory()
		if err != nil {
			return s, err
		}
		s.memory = append(s.memory, one)
		if err := wait(ctx, time.Second); err != nil {
			return s, err
		}
	}
	after, err := p.processor()
	s.processor = (after - before).Seconds() / time.Since(began).Seconds()
	return s, err
}

// wait waits, or says that it was interrupted.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
