package takeover

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"failoverd/plan"
)

// Names of the steps, as the manual has them.
const (
	StepFence    = "fence"
	StepQuiesce  = "quiesce"
	StepPromote  = "promote"
	StepProbe    = "probe"
	StepAssume   = "assume"
	StepAnnounce = "announce"
	StepStart    = "start"
	StepReady    = "ready"
	StepStop     = "stop"
	StepDrop     = "drop"
	StepSeal     = "seal"
)

// AddressInUse is the word by which an operator accepts that another host
// still answers for an address.
const AddressInUse = "address-in-use"

// Server is what the plans need to know about one server.
type Server struct {
	Name      string
	Link      string         // the takeover interface
	Assume    bool           // assume_address
	Addresses []netip.Prefix // the service addresses
	Seize     bool           // on_conflict: seize, or accepted by the operator
	Ordered   bool           // by an operator
	Spacing   time.Duration  // between two questions for an address
	Quiet     time.Duration  // how long an address that answered has to be silent
	First     bool           // address: first
	Keep      bool           // on_failure: keep
	Fence     *Fence
	Ready     time.Duration
	Start     time.Duration
}

// Fence makes sure that the primary is off.
type Fence struct {
	Run      func(context.Context) (output string, err error)
	Command  string // for people
	Timeout  time.Duration
	Continue bool // on_failure: continue
}

// Holder assumes and drops addresses. Both may be called again.
type Holder interface {
	Assume(ctx context.Context, link string, p netip.Prefix) error
	Drop(ctx context.Context, link string, a netip.Addr) error
	Holds(a netip.Addr) bool
}

// Announcer tells the neighbours of an address, and asks whether they listened.
type Announcer interface {
	Announce(ip netip.Addr) error
	Verify(ctx context.Context, ip netip.Addr) Verified
}

// Verified is whether the announcement of an address arrived.
type Verified struct {
	Result string // verified, unverified, failed
	Detail string
}

// StandIn is the application on the standby.
type StandIn interface {
	Start(context.Context) error
	Stop(context.Context) error
	Running(context.Context) (bool, string, error)
	Ready(context.Context) (string, error)
}

// Copies are the standby's copies of a server's databases and files.
type Copies interface {
	// Quiesce returns once nothing is copied any more that was, and says what the copies show.
	Quiesce(context.Context) (string, error)
	// Release lets the stand-in write to the copies, or forbids it again.
	Release(ctx context.Context, writable bool) error
	// Names are the names of the copies that are released, for people; empty if none is.
	Names() string
}

// Parts are the things that the plans act with.
type Parts struct {
	Copies    Copies // nil where nothing is replicated
	Holder    Holder
	Inquiry   *Inquiry
	Announcer Announcer
	StandIn   StandIn
	Announced func(ip netip.Addr, v Verified) // called when an address was announced
}

// Takeover is the plan by which the standby assumes the role of the server.
func Takeover(s Server, p Parts) plan.Plan {
	address := []plan.Step{}
	if s.Assume {
		address = append(address, s.probe(p), s.assume(p), s.announce(p))
	}
	data := []plan.Step{}
	if p.Copies != nil {
		data = append(data, s.quiesce(p))
		if p.Copies.Names() != "" {
			data = append(data, s.promote(p))
		}
	}
	var steps []plan.Step
	if s.Fence != nil {
		steps = append(steps, s.fence())
	}
	if s.First {
		steps = append(append(steps, address...), data...)
	} else {
		steps = append(append(steps, data...), address...)
	}
	steps = append(steps, s.start(p), s.ready(p))
	out := plan.Plan{Kind: "takeover", Server: s.Name, Steps: steps}
	if s.Keep {
		out.OnFailure = plan.Keep
	}
	return out
}

func (s Server) fence() plan.Step {
	return plan.Step{
		Name: StepFence, Title: "make sure that the primary is off: " + s.Fence.Command,
		Durable: true, Timeout: s.Fence.Timeout, Optional: s.Fence.Continue,
		Do: func(ctx context.Context) (string, error) {
			out, err := s.Fence.Run(ctx)
			return firstLine(out), err
		},
	}
}

func (s Server) quiesce(p Parts) plan.Step {
	return plan.Step{
		Name: StepQuiesce, Title: "stop replication, note what the copies show", Timeout: quiesceTimeout,
		Do: p.Copies.Quiesce,
	}
}

// quiesceTimeout bounds the waiting for a replication that was cancelled: long enough for a server to take a swap back.
const quiesceTimeout = time.Minute

func (s Server) promote(p Parts) plan.Step {
	return plan.Step{
		Name: StepPromote, Title: "let the stand-in write to " + p.Copies.Names(), Timeout: promoteTimeout,
		Do: func(ctx context.Context) (string, error) {
			if err := p.Copies.Release(ctx, true); err != nil {
				return "", err
			}
			return p.Copies.Names() + " can be written to", nil
		},
		Undo: func(ctx context.Context) error { return p.Copies.Release(ctx, false) },
	}
}

// promoteTimeout bounds the statement that opens a copy, or seals it.
const promoteTimeout = time.Minute

// probe is the last question before the address is assumed. The standby never
// holds an address that it knows another host to hold.
func (s Server) probe(p Parts) plan.Step {
	return plan.Step{
		Name: StepProbe, Title: "ask whether any host still holds " + s.addresses(),
		Timeout: 10 * time.Second,
		Check: func(ctx context.Context) plan.Finding {
			var found []string
			for _, a := range s.Addresses {
				if p.Holder.Holds(a.Addr()) {
					continue
				}
				_, err := p.Inquiry.Afresh(ctx, a.Addr(), checkSpacing)
				var held *HeldError
				switch {
				case errors.As(err, &held) && s.Seize:
					return plan.Finding{Will: "seize " + s.addresses(), Value: held.Error()}
				case errors.As(err, &held):
					return plan.Finding{Blocked: true, Will: "refuse", Value: held.Error(), Limit: "no answer by ARP", Accept: AddressInUse}
				case err != nil:
					return plan.Finding{Blocked: true, Will: "refuse", Value: err.Error(), Limit: "the question can be asked"}
				}
				found = append(found, a.Addr().String()+" is free")
			}
			return plan.Finding{Will: "go on", Value: strings.Join(found, ", ")}
		},
		Do: func(ctx context.Context) (string, error) {
			var notes []string
			for _, a := range s.Addresses {
				if f, ok := s.silent(p, a.Addr()); ok {
					notes = append(notes, fmt.Sprintf("%s: no answer to %d questions", a.Addr(), f.Asked))
					continue
				}
				if p.Holder.Holds(a.Addr()) {
					notes = append(notes, a.Addr().String()+" is held by the standby already")
					continue
				}
				f, err := s.free(ctx, p, a.Addr())
				var held *HeldError
				switch {
				case errors.As(err, &held) && s.Seize:
					notes = append(notes, held.Error()+", seized")
				case err != nil:
					return strings.Join(notes, "; "), err
				default:
					notes = append(notes, fmt.Sprintf("%s: no answer to %d questions", a.Addr(), f.Asked))
				}
			}
			return strings.Join(notes, "; "), nil
		},
	}
}

// checkSpacing is the time between the questions of a dry run, in which nobody
// has been asking since a first miss.
const checkSpacing = 150 * time.Millisecond

// fresh reports whether only fresh questions count: after a fence, and for an
// operator's order.
func (s Server) fresh() bool { return s.Fence != nil || s.Ordered }

// silent reports whether the questions since the first miss say already that the
// address is free.
func (s Server) silent(p Parts, ip netip.Addr) (Found, bool) {
	if s.fresh() {
		return Found{}, false
	}
	return p.Inquiry.Silent(ip, s.Spacing, s.Quiet)
}

// free asks whether an address is free.
func (s Server) free(ctx context.Context, p Parts, ip netip.Addr) (Found, error) {
	if s.fresh() {
		return p.Inquiry.Afresh(ctx, ip, max(s.Spacing, checkSpacing))
	}
	return p.Inquiry.Free(ctx, ip, s.Spacing, s.Quiet)
}

func (s Server) assume(p Parts) plan.Step {
	return plan.Step{
		Name: StepAssume, Title: fmt.Sprintf("assume %s on %s", s.addresses(), s.Link),
		Durable: true, Timeout: 10 * time.Second,
		Do: func(ctx context.Context) (string, error) {
			for _, a := range s.Addresses {
				if err := p.Holder.Assume(ctx, s.Link, a); err != nil {
					// All or none, also where a failed takeover is kept: an address
					// without the others is of no use to anybody.
					return "", errors.Join(err, s.dropAll(context.WithoutCancel(ctx), p))
				}
			}
			return s.addresses() + " held on " + s.Link, nil
		},
		Undo: func(ctx context.Context) error { return s.dropAll(ctx, p) },
	}
}

// dropAll drops every service address, whatever becomes of the others.
func (s Server) dropAll(ctx context.Context, p Parts) error {
	var errs []error
	for _, a := range s.Addresses {
		errs = append(errs, p.Holder.Drop(ctx, s.Link, a.Addr()))
	}
	return errors.Join(errs...)
}

// announce tells the neighbours first, of all addresses, and asks afterwards.
// An announcement that did not arrive is alerted but does not end the takeover:
// the address is held, and the neighbours are told again and again.
func (s Server) announce(p Parts) plan.Step {
	return plan.Step{
		Name: StepAnnounce, Title: "announce " + s.addresses() + " and verify that it arrived",
		Timeout: 10 * time.Second,
		Do: func(ctx context.Context) (string, error) {
			for _, a := range s.Addresses {
				if err := p.Announcer.Announce(a.Addr()); err != nil {
					return "", fmt.Errorf("announce %s: %w", a.Addr(), err)
				}
			}
			var notes []string
			for _, a := range s.Addresses {
				v := p.Announcer.Verify(ctx, a.Addr())
				if p.Announced != nil {
					p.Announced(a.Addr(), v)
				}
				notes = append(notes, fmt.Sprintf("%s %s: %s", a.Addr(), v.Result, v.Detail))
			}
			return strings.Join(notes, "; "), nil
		},
	}
}

func (s Server) start(p Parts) plan.Step {
	return plan.Step{
		Name: StepStart, Title: "start the stand-in", Durable: true, Timeout: s.Start,
		Check: func(ctx context.Context) plan.Finding {
			if running, evidence, err := p.StandIn.Running(ctx); err == nil && running {
				return plan.Finding{Will: "nothing: " + evidence}
			}
			return plan.Finding{Will: "start the stand-in"}
		},
		Do: func(ctx context.Context) (string, error) {
			if err := p.StandIn.Start(ctx); err != nil {
				return "", err
			}
			return "started", nil
		},
		Undo: p.StandIn.Stop,
	}
}

func (s Server) ready(p Parts) plan.Step {
	return plan.Step{
		Name: StepReady, Title: "wait until the stand-in is ready", Timeout: s.Ready + time.Second,
		Do: p.StandIn.Ready,
	}
}

// Release is the plan by which the standby gives the role back.
func Release(s Server, p Parts) plan.Plan {
	steps := []plan.Step{{
		Name: StepStop, Title: "stop the stand-in", Durable: true, Timeout: s.Start,
		Do: func(ctx context.Context) (string, error) {
			if err := p.StandIn.Stop(ctx); err != nil {
				return "", err
			}
			return "stopped", nil
		},
		// A release that cannot be completed leaves the users with the stand-in
		// that they had.
		Undo: p.StandIn.Start,
	}}
	if s.Assume {
		steps = append(steps, plan.Step{
			Name: StepDrop, Title: fmt.Sprintf("drop %s from %s", s.addresses(), s.Link),
			Durable: true, Timeout: 10 * time.Second,
			Do: func(ctx context.Context) (string, error) {
				if err := s.dropAll(ctx, p); err != nil {
					return "", err
				}
				return s.addresses() + " dropped", nil
			},
			Undo: func(ctx context.Context) error {
				for _, a := range s.Addresses {
					if err := p.Holder.Assume(ctx, s.Link, a); err != nil {
						return err
					}
				}
				return nil
			},
		})
	}
	if p.Copies != nil && p.Copies.Names() != "" {
		steps = append(steps, plan.Step{
			// The users have the primary by then: a copy that cannot be sealed is no reason to take that back.
			Name: StepSeal, Title: "let nobody write to " + p.Copies.Names(), Durable: true, Timeout: promoteTimeout, Optional: true,
			Do: func(ctx context.Context) (string, error) {
				if err := p.Copies.Release(ctx, false); err != nil {
					return "", err
				}
				return p.Copies.Names() + " are sealed", nil
			},
		})
	}
	out := plan.Plan{Kind: "release", Server: s.Name, Steps: steps}
	if s.Keep {
		out.OnFailure = plan.Keep
	}
	return out
}

// addresses lists the service addresses for people.
func (s Server) addresses() string {
	names := make([]string, 0, len(s.Addresses))
	for _, a := range s.Addresses {
		names = append(names, a.Addr().String())
	}
	return strings.Join(slices.Compact(names), ", ")
}

// firstLine is the first line of a command's output, which is what a record
// has room for.
func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
