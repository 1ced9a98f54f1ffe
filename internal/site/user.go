package site

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"failoverd/internal/lab"
)

// Resolution is how often a user asks the service, and so how exactly an outage
// is known.
const Resolution = 5 * time.Millisecond

// User is somebody who uses a service all the time: a datagram every
// Resolution, and a note of each answer.
type User struct {
	conn  net.PacketConn
	to    net.Addr
	end   context.CancelFunc
	ended sync.WaitGroup

	mu      sync.Mutex
	asked   []time.Time
	answers []Answer
}

// Answer is one answered question.
type Answer struct {
	Asked, At time.Time
	By        string
}

// NewUser begins to ask the service at an address from the client's host.
func NewUser(client *lab.Host, address string) (*User, error) {
	conn, err := client.ListenPacket("udp", ClientAddress+":0")
	if err != nil {
		return nil, err
	}
	to, err := net.ResolveUDPAddr("udp", fmt.Sprintf("%s:%d", address, ServicePort))
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	u := &User{conn: conn, to: to, end: end}
	u.ended.Go(func() { u.ask(ctx) })
	u.ended.Go(u.listen)
	return u, nil
}

// ask sends the time at which it is sent.
func (u *User) ask(ctx context.Context) {
	tick := time.NewTicker(Resolution)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var b [8]byte
		now := time.Now()
		binary.BigEndian.PutUint64(b[:], uint64(now.UnixNano()))
		u.mu.Lock()
		u.asked = append(u.asked, now)
		u.mu.Unlock()
		// What cannot be sent is not answered either, which is what is measured.
		_, _ = u.conn.WriteTo(b[:], u.to)
	}
}

func (u *User) listen() {
	buf := make([]byte, 512)
	for {
		n, _, err := u.conn.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if n < 8 {
			continue
		}
		u.mu.Lock()
		u.answers = append(u.answers, Answer{
			Asked: time.Unix(0, int64(binary.BigEndian.Uint64(buf[:8]))), At: time.Now(), By: strings.TrimSpace(string(buf[8:n])),
		})
		u.mu.Unlock()
	}
}

// Close ends the user.
func (u *User) Close() error {
	u.end()
	err := u.conn.Close()
	u.ended.Wait()
	return err
}

// Outage is a time in which nobody answered, and who answered before and after.
type Outage struct {
	From, Until   time.Time
	Before, After string
}

// Lasted is how long it was.
func (o Outage) Lasted() time.Duration { return o.Until.Sub(o.From) }

// Outages lists every gap between two answers that is longer than least. One in which the user hardly asked, because the
// processors were busy with others, says nothing about the service and is left out.
func (u *User) Outages(least time.Duration) []Outage {
	u.mu.Lock()
	asked, answers := slices.Clone(u.asked), slices.Clone(u.answers)
	u.mu.Unlock()
	return outages(asked, answers, least)
}

func outages(asked []time.Time, answers []Answer, least time.Duration) (list []Outage) {
	slices.SortFunc(answers, func(a, b Answer) int { return a.Asked.Compare(b.Asked) })
	position := func(at time.Time) int {
		i, _ := slices.BinarySearchFunc(asked, at, time.Time.Compare)
		return i
	}
	for i := 1; i < len(answers); i++ {
		a, b := answers[i-1], answers[i]
		unanswered := position(b.Asked) - position(a.Asked) - 1
		if b.Asked.Sub(a.Asked) > least && unanswered >= int(least/Resolution)/4 {
			list = append(list, Outage{From: a.Asked, Until: b.At, Before: a.By, After: b.By})
		}
	}
	return list
}

// WaitServedBy waits until somebody whose name has the prefix answers.
func (u *User) WaitServedBy(ctx context.Context, prefix string) error {
	return until(ctx, "an answer of "+prefix, func() (bool, error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		return len(u.answers) > 0 && strings.HasPrefix(u.answers[len(u.answers)-1].By, prefix), nil
	})
}
