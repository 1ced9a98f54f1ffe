package api

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what clients may cost. Zero fields take their defaults.
type Limits struct {
	Body             int64         // bytes of a request's body; 64 KiB
	HeaderTime       time.Duration // from the connection to the end of the header; 5 s
	BodyTime         time.Duration // from the header to the end of the body; 10 s
	AnswerTime       time.Duration // from the request to the end of the answer; 30 s, longer where other servers are waited for
	IdleTime         time.Duration // between two requests on a connection; 75 s
	Connections      int           // on TCP at a time; 1500
	Rate             float64       // requests a second of one client; 50
	Burst            int           // requests at once of one client; 200
	Failures         int           // wrong tokens at once from one address, then one every 6 s; 10
	Streams          int           // event streams at a time; 1200
	StreamsPerClient int           // event streams of one client; 32
	KeepAlive        time.Duration // between two comment lines of a silent stream; 15 s
	StreamWrite      time.Duration // for one message of a stream to be taken; 10 s
}

// keepAlive is the default of Limits.KeepAlive, and what the client expects.
const keepAlive = 15 * time.Second

// slowAnswer is how long an answer may take that waits for a mail server, or for databases that count what is newer.
const slowAnswer = 2 * time.Minute

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	orElse(&l.Body, 64<<10)
	orElse(&l.HeaderTime, 5*time.Second)
	orElse(&l.BodyTime, 10*time.Second)
	orElse(&l.AnswerTime, 30*time.Second)
	orElse(&l.IdleTime, 75*time.Second)
	orElse(&l.Connections, 1500)
	orElse(&l.Rate, 50)
	orElse(&l.Burst, 200)
	orElse(&l.Failures, 10)
	orElse(&l.Streams, 1200)
	orElse(&l.StreamsPerClient, 32)
	orElse(&l.KeepAlive, keepAlive)
	orElse(&l.StreamWrite, 10*time.Second)
	return l
}

// orElse sets v to its default if it is zero.
func orElse[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// clientsRemembered is how many clients a limiter knows at a time. Whoever was
// silent longest is forgotten first, which gives him a full allowance again: a
// crowd cannot fill the memory, and gains little by being one.
const clientsRemembered = 4096

// A limiter allows each client a number of requests at once and a rate.
type limiter struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	known map[string]*list.Element
	order *list.List // of *allowance, the latest first
}

// allowance is what one client may still do.
type allowance struct {
	client string
	bucket *rate.Limiter
}

// newLimiter returns a limiter that has seen nobody.
func newLimiter(r rate.Limit, burst int) *limiter {
	return &limiter{rate: r, burst: burst, known: map[string]*list.Element{}, order: list.New()}
}

// allow takes one from the client's allowance. If there is none, wait is how
// long it takes until there is.
func (l *limiter) allow(client string, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.known[client]
	if e == nil {
		if l.order.Len() >= clientsRemembered {
			oldest := l.order.Back()
			delete(l.known, l.order.Remove(oldest).(*allowance).client)
		}
		e = l.order.PushFront(&allowance{client, rate.NewLimiter(l.rate, l.burst)})
		l.known[client] = e
	}
	l.order.MoveToFront(e)
	r := e.Value.(*allowance).bucket.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}
