package standby

import (
	"net/netip"
	"time"

	"failoverd/config"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/status"
	"failoverd/takeover"
)

// server is one primary as the loop owns it.
type server struct {
	config config.Server
	policy monitor.Policy
	facts  monitor.Facts
	link   string // the takeover interface

	standIn takeover.StandIn
	fence   *takeover.Fence

	decision  *monitor.Decision // the last one
	decided   time.Time
	evidence  []status.Fact
	operation string // the last takeover or release
	task      *task  // the operation that runs, nil if none
	watch     *task  // the watch while standing in, nil if not
	asked     bool   // the inquiry asks for its addresses
	defended  time.Time
	claimedAt time.Time
	beats     beats
	outcomes  []probe.Result // the last result of each path
	detail    map[string]probe.Result
	due       bool // a decision is wanted in this turn
}

// beats is a ring of the last pings, over all paths.
type beats struct {
	ring [40]beat
	next int
	full bool
}

type beat struct {
	at      int64 // unix nanoseconds
	rtt     int32 // microseconds
	outcome probe.Outcome
}

func (b *beats) add(r probe.Result) {
	b.ring[b.next] = beat{at: r.At.UnixNano(), rtt: int32(min(r.RTT.Microseconds(), 1<<31-1)), outcome: r.Outcome}
	b.next++
	if b.next == len(b.ring) {
		b.next, b.full = 0, true
	}
}

// list returns the pings, oldest first.
func (b *beats) list() []status.Beat {
	list := make([]status.Beat, 0, len(b.ring))
	add := func(part []beat) {
		for _, one := range part {
			s := status.Beat{At: time.Unix(0, one.at), Outcome: one.outcome.String()}
			if one.outcome == probe.Answered {
				rtt := float64(one.rtt) / 1e6
				s.RTT = &rtt
			}
			list = append(list, s)
		}
	}
	if b.full {
		add(b.ring[b.next:])
	}
	add(b.ring[:b.next])
	return list
}

// policyOf is what the configuration of a server means to the machine.
func policyOf(c config.Server) monitor.Policy {
	return monitor.Policy{
		Server:          c.Name,
		Interval:        c.Ping.Interval,
		Timeout:         c.Ping.Timeout,
		WarnAfter:       c.Ping.WarnAfter,
		FailAfter:       c.Ping.FailAfter,
		FailAfterReboot: c.Ping.FailAfterReboot,
		Priority:        c.Priority,
		Automatic:       c.Takeover.Mode == "automatic",
		AssumeAddress:   c.Takeover.AssumeAddress,
		Seize:           c.Takeover.OnConflict == "seize",
		Fenced:          c.Takeover.Fence != nil,
		OnClaim:         map[string]monitor.Claiming{"defend": monitor.Defend, "yield": monitor.Yield, "alert": monitor.AlertOnly}[c.Takeover.OnClaim],
		AutoRelease:     c.Takeover.AutoRelease,
		ReleaseAfter:    c.Takeover.ReleaseAfter,
		MaxAge:          c.Takeover.MaxAge,
	}
}

// severity is what the failure of a further probe means.
func severity(failure string) monitor.Severity {
	switch failure {
	case "failure":
		return monitor.Fatal
	case "degraded":
		return monitor.Degraded
	}
	return monitor.Info
}

// spacing is the time between two questions for an address of this server:
// eight in an interval, but at most 66 a second, at least one a second.
func (s *server) spacing() time.Duration {
	return min(max(s.policy.Interval/8, 15*time.Millisecond), time.Second)
}

// quiet is how long an address that answered has to be silent before it counts
// as free: as long as pings have to be missed.
func (s *server) quiet() time.Duration {
	return time.Duration(max(s.facts.Limit(s.policy)-1, 1)) * s.policy.Interval
}

// service lists the service addresses.
func (s *server) service() []netip.Addr {
	if !s.config.Takeover.AssumeAddress {
		return nil
	}
	var list []netip.Addr
	for _, p := range s.config.Takeover.ServiceAddresses {
		list = append(list, p.Addr())
	}
	return list
}

// questioned lists the addresses that are asked for by ARP: the one that is
// pinged, and those that would be assumed.
func (s *server) questioned() []netip.Addr {
	list := []netip.Addr{s.config.Address}
	for _, a := range s.service() {
		if a != s.config.Address {
			list = append(list, a)
		}
	}
	return list
}

// paths lists the addresses that are pinged now. While the standby has the
// server's role, its address may be the standby's own, and the management
// address is asked instead.
func (s *server) paths() []netip.Addr {
	list := append([]netip.Addr{}, s.config.Addresses...)
	if s.facts.Role != monitor.StandingBy && s.config.ManagementAddress.IsValid() {
		list = append(list, s.config.ManagementAddress)
	}
	return list
}

// plans returns what the takeover package needs to know.
func (s *server) plans(o status.Order, ordered bool) takeover.Server {
	t := s.config.Takeover
	ready := time.Duration(0)
	if t.Ready != nil {
		ready = t.Ready.Timeout
	}
	return takeover.Server{
		Name:      s.config.Name,
		Link:      s.link,
		Assume:    t.AssumeAddress,
		Addresses: t.ServiceAddresses,
		Seize:     s.policy.Seize || o.Accepts(takeover.AddressInUse),
		Ordered:   ordered,
		Spacing:   s.spacing(),
		Quiet:     s.quiet(),
		First:     t.AddressOrder == "first",
		Keep:      t.OnFailure == "keep",
		Fence:     s.fence,
		Data:      s.copies(),
		Ready:     ready,
		Start:     t.Start.Timeout,
	}
}

// copies says what becomes of the server's copies in a takeover; empty where
// there are none.
func (s *server) copies() string {
	if len(s.config.Databases)+len(s.config.Files) == 0 {
		return ""
	}
	return "replication is not available in this version: the stand-in works on the data that is there"
}

// dataNote is what the decision says about the data.
func (s *server) dataNote() string {
	if note := s.copies(); note != "" {
		return note
	}
	return "nothing is replicated for this server"
}

// order is the record of who asked, for a decision that failoverd took itself.
func ownOrder(part, reason string) status.Order {
	return status.Order{By: automatic(part), Reason: reason}
}
