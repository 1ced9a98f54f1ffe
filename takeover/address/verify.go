package address

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// verifyTimeout is how long a neighbour may take to answer. It is on the
// segment, but may first have to look for us.
const verifyTimeout = time.Second

// Ping sends one echo request from an address of this host and waits for its
// answer. An error means that it could not be sent; the evidence is for people.
type Ping func(ctx context.Context, from, to netip.Addr, timeout time.Duration) (answered bool, evidence string, err error)

// Result is whether neighbours were seen to use this host for a service address.
type Result uint8

const (
	Unverified Result = iota // there was nobody to ask
	Verified                 // at least one neighbour answered the service address
	Failed                   // none of those asked did
)

// String is the result as it is journalled.
func (r Result) String() string {
	switch r {
	case Unverified:
		return "unverified"
	case Verified:
		return "verified"
	case Failed:
		return "failed"
	}
	panic(fmt.Sprintf("unknown result %d", uint8(r)))
}

// Answer is what one neighbour did.
type Answer struct {
	Neighbour  netip.Addr
	Answered   bool
	Introduced bool             // it was silent at first and got an ordinary request
	MAC        net.HardwareAddr // what this host's kernel has for it afterwards, nil if nothing
	Evidence   string
}

// Verification is what asking the neighbours brought, in the order in which they
// were given.
type Verification struct {
	Service netip.Addr
	Result  Result
	Answers []Answer
}

// introducer is the part of a segment that verifying needs.
type introducer interface {
	Introduce(service, neighbour netip.Addr) error
	Known(ip netip.Addr) net.HardwareAddr
}

// Verify pings the neighbours from the service address; one that is silent is
// introduced to it and pinged again. An announcement that was sent may be lost
// to port security or in the wrong VLAN: an answer is the proof of the contrary.
// One that answers is enough, since the others may be down or answer no pings.
func Verify(ctx context.Context, seg introducer, ping Ping, service netip.Addr, neighbours []netip.Addr) Verification {
	v := Verification{Service: service}
	for _, n := range neighbours {
		// Ourselves we would always reach; the other family says nothing.
		if n.IsValid() && n != service && n.Is4() == service.Is4() {
			v.Answers = append(v.Answers, Answer{Neighbour: n})
		}
	}
	if len(v.Answers) == 0 {
		return v
	}
	var asked sync.WaitGroup
	for i := range v.Answers {
		asked.Go(func() { v.Answers[i].ask(ctx, seg, ping, service) })
	}
	asked.Wait()
	v.Result = Failed
	for _, a := range v.Answers {
		if a.Answered {
			v.Result = Verified
		}
	}
	return v
}

// ask pings one neighbour, and introduces the service address if it is silent.
func (a *Answer) ask(ctx context.Context, seg introducer, ping Ping, service netip.Addr) {
	var err error
	a.Answered, a.Evidence, err = ping(ctx, service, a.Neighbour, verifyTimeout)
	if err == nil && !a.Answered && ctx.Err() == nil {
		a.Introduced = true
		if err = seg.Introduce(service, a.Neighbour); err == nil {
			a.Answered, a.Evidence, err = ping(ctx, service, a.Neighbour, verifyTimeout)
		}
	}
	if err != nil {
		a.Answered, a.Evidence = false, err.Error()
	}
	a.MAC = seg.Known(a.Neighbour)
}
