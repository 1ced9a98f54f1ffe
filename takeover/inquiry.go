package takeover

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Questions is how often an address is asked for, at least, before it counts
// as free: PROBE_NUM of RFC 5227, section 1.1.
const Questions = 3

// A Found is what asking for an address has brought so far.
type Found struct {
	Asked      int       // questions sent since Begin
	Unanswered int       // those of them that were sent since the last answer
	FirstAsked time.Time // the first of them
	LastAsked  time.Time // the last of them
	Answered   time.Time // when the last answer came, zero if none has
	MAC        string    // who answered
	Err        error     // why the last question could not be sent
}

// Inquiry asks the segment, again and again, whether anybody holds an address.
// It is begun at a primary's first miss, so that the answer is there when it
// has to be decided, and costs the takeover no time. One goroutine sends all
// questions.
type Inquiry struct {
	ask    func(netip.Addr) error
	report func(ip netip.Addr, f Found, answered bool)

	mu    sync.Mutex
	under map[netip.Addr]*question
	wake  chan struct{}
}

// question is one address that is being asked for: since Begin and until End, or
// by somebody who asks afresh, or both at a time.
type question struct {
	Found
	begun     bool
	spacing   time.Duration
	next      time.Time
	listening []chan string // of those who ask afresh: who answered
}

// NewInquiry returns an inquiry that sends its questions with ask. Every
// question sent and every answer heard is reported, and which of both it is,
// without a lock held.
func NewInquiry(ask func(netip.Addr) error, report func(ip netip.Addr, f Found, answered bool)) *Inquiry {
	return &Inquiry{ask: ask, report: report, under: map[netip.Addr]*question{}, wake: make(chan struct{}, 1)}
}

// Begin asks for the address at once, and then every spacing, until End. If it
// is asked for already, only the spacing changes.
func (q *Inquiry) Begin(ip netip.Addr, spacing time.Duration) {
	q.mu.Lock()
	u := q.about(ip)
	switch {
	case u.begun:
		u.next = earlier(u.next, time.Now().Add(spacing))
	default:
		u.Found, u.begun, u.next = Found{}, true, time.Now()
	}
	u.spacing = spacing
	q.mu.Unlock()
	q.poke()
}

// about returns the question about an address, made if there is none. The caller
// holds the lock.
func (q *Inquiry) about(ip netip.Addr) *question {
	u, ok := q.under[ip]
	if !ok {
		u = &question{}
		q.under[ip] = u
	}
	return u
}

// End stops asking for the address and forgets what was found. Who asks for it
// afresh goes on.
func (q *Inquiry) End(ip netip.Addr) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if u, ok := q.under[ip]; ok {
		u.Found, u.begun = Found{}, false
		q.drop(ip, u)
	}
}

// drop forgets a question that nobody asks any more. The caller holds the lock.
func (q *Inquiry) drop(ip netip.Addr, u *question) {
	if !u.begun && len(u.listening) == 0 {
		delete(q.under, ip)
	}
}

// Found returns what asking for the address has brought, zero if it is not
// asked for.
func (q *Inquiry) Found(ip netip.Addr) Found {
	q.mu.Lock()
	defer q.mu.Unlock()
	if u, ok := q.under[ip]; ok {
		return u.Found
	}
	return Found{}
}

// Heard takes in that somebody speaks for an address. The caller leaves out
// the standby's own frames.
func (q *Inquiry) Heard(ip netip.Addr, mac string, at time.Time) {
	q.mu.Lock()
	u, ok := q.under[ip]
	if !ok {
		q.mu.Unlock()
		return
	}
	u.Answered, u.MAC, u.Unanswered = at, mac, 0
	for _, l := range u.listening {
		select {
		case l <- mac:
		default: // it has heard already
		}
	}
	found := u.Found
	q.mu.Unlock()
	q.report(ip, found, true)
}

// Silent reports whether the address has been asked for often enough since
// Begin, and has been silent for the given time.
func (q *Inquiry) Silent(ip netip.Addr, spacing, quiet time.Duration) (Found, bool) {
	f := q.Found(ip)
	return f, f.Err == nil && f.Unanswered >= Questions && time.Since(f.LastAsked) < 2*spacing+time.Second &&
		(f.Answered.IsZero() || time.Since(f.Answered) >= quiet)
}

// Free asks whether the address is free now. Where it is known to be Silent the
// answer is there at once. Otherwise it asks afresh, Questions times, spacing
// apart, and listens for one spacing more. The error says who holds the address,
// or why it could not be asked for.
func (q *Inquiry) Free(ctx context.Context, ip netip.Addr, spacing, quiet time.Duration) (Found, error) {
	if f, ok := q.Silent(ip, spacing, quiet); ok {
		return f, nil
	}
	return q.Afresh(ctx, ip, spacing)
}

// Afresh asks for the address Questions times, whatever was found before.
func (q *Inquiry) Afresh(ctx context.Context, ip netip.Addr, spacing time.Duration) (Found, error) {
	heard := make(chan string, 1)
	q.listen(ip, heard)
	defer q.unlisten(ip, heard)

	timer := time.NewTimer(0)
	defer timer.Stop()
	for asked := 0; ; {
		select {
		case <-ctx.Done():
			return q.Found(ip), context.Cause(ctx)
		case mac := <-heard:
			return q.Found(ip), &HeldError{IP: ip, MAC: mac}
		case <-timer.C:
		}
		if asked == Questions {
			select {
			case mac := <-heard: // in the last instant
				return q.Found(ip), &HeldError{IP: ip, MAC: mac}
			default:
				return q.Found(ip), nil
			}
		}
		if err := q.question(ip); err != nil {
			return q.Found(ip), fmt.Errorf("ask for %s: %w", ip, err)
		}
		asked++
		timer.Reset(spacing)
	}
}

// listen has the answers about an address told to heard as well.
func (q *Inquiry) listen(ip netip.Addr, heard chan string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.about(ip)
	u.listening = append(u.listening, heard)
}

// unlisten ends it.
func (q *Inquiry) unlisten(ip netip.Addr, heard chan string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if u, ok := q.under[ip]; ok {
		u.listening = slices.DeleteFunc(u.listening, func(l chan string) bool { return l == heard })
		q.drop(ip, u)
	}
}

// Run sends the questions that are due until the context ends.
func (q *Inquiry) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(q.due())
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		case <-timer.C:
		}
		for _, ip := range q.take() {
			// An error is in what was found, and held against the address being free.
			_ = q.question(ip)
		}
	}
}

// due is how long until the next question.
func (q *Inquiry) due() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := time.Now().Add(time.Hour)
	for _, u := range q.under {
		if u.begun {
			next = earlier(next, u.next)
		}
	}
	return max(time.Until(next), 0)
}

// take returns the addresses whose question is due, and sets their next.
func (q *Inquiry) take() []netip.Addr {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ips []netip.Addr
	now := time.Now()
	for ip, u := range q.under {
		if u.begun && !u.next.After(now) {
			u.next = now.Add(u.spacing)
			ips = append(ips, ip)
		}
	}
	return ips
}

// question sends one question and writes down what came of sending it.
func (q *Inquiry) question(ip netip.Addr) error {
	err := q.ask(ip)
	q.mu.Lock()
	u, ok := q.under[ip]
	if !ok {
		q.mu.Unlock()
		return err
	}
	u.Err = err
	if err == nil {
		u.Asked++
		u.Unanswered++
		u.LastAsked = time.Now()
		if u.FirstAsked.IsZero() {
			u.FirstAsked = u.LastAsked
		}
	}
	found := u.Found
	q.mu.Unlock()
	q.report(ip, found, false)
	return err
}

// poke wakes Run.
func (q *Inquiry) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// earlier is the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// HeldError says that another host holds an address.
type HeldError struct {
	IP  netip.Addr
	MAC string
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is in use by %s", e.IP, e.MAC)
}
