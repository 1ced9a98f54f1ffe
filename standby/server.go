package standby

import (
	"net/netip"
	"slices"
	"time"

	"failoverd/config"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/replicate/trees"
	"failoverd/status"
	"failoverd/takeover"
)

// server is one primary as the loop owns it.
type server struct {
	config *config.Server // never changed, only replaced
	policy monitor.Policy
	facts  monitor.Facts
	link   string // the takeover interface

	standIn takeover.StandIn
	fence   *takeover.Fence
	herald  Herald // to the agent, nil without one

	catalogs    []replicate.Catalog
	copies      map[string]replicate.Copy   // what is remembered, by catalog; never changed, only replaced
	probed      map[string]replicate.Probed // what was last found at both ends, by catalog; never changed, only replaced
	trees       []trees.Tree                // as configured
	treeFacts   map[string]treeFacts        // what is remembered, by tree; never changed, only replaced
	probing     bool                        // both ends are being asked
	job         *job                        // the replication that runs or waits, nil if none; never changed, only replaced
	replication string                      // the last one
	drill       *drill                      // the rehearsal that runs, nil if none; never changed, only replaced
	drills      replicate.Drills            // what is remembered of them

	decision  *monitor.Decision // the last one
	decided   time.Time
	evidence  []status.Fact
	operation string // the last takeover or release
	task      *task  // the operation that runs, nil if none
	watch     *task  // the watch while standing in, nil if not
	unwatched string // why what is held is not watched
	asking    *asking
	asked     []netip.Addr // who is pinged, by path
	defended  time.Time
	claimedAt time.Time
	beats     beats
	outcomes  []probe.Result // the last result of each path
	detail    map[string]probe.Result
	due       bool // a decision is wanted
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

// silence is how long an address that answered has to be silent before it counts
// as free: as long as pings have to be missed.
func (s *server) silence() time.Duration {
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

// paths lists the addresses that are pinged now. While the standby stands in,
// the server's address is the standby's own, and the management address is
// asked instead. It is not asked before: one that answers while the service
// address is silent is no reason to take a takeover back.
func (s *server) paths() []netip.Addr {
	list := slices.Clone(s.config.Addresses)
	away := s.facts.Role == monitor.StandingIn || s.facts.Role == monitor.Releasing
	if away && s.config.ManagementAddress.IsValid() && !slices.Contains(list, s.config.ManagementAddress) {
		list = append(list, s.config.ManagementAddress)
	}
	return list
}

// kept is what the journal keeps about a server.
type kept struct {
	monitor.Kept

	// What is held, and where, unless the standby stands by: a configuration
	// that says otherwise at the next start does not describe it.
	Link      string         `json:"link,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`

	Trees  map[string]treeFacts `json:"trees,omitempty"`
	Drills replicate.Drills     `json:"drills,omitzero"`
}

// kept returns what the journal is to keep about the server.
func (s *server) kept() kept {
	k := kept{Kept: s.facts.Kept, Trees: s.treeFacts, Drills: s.drills}
	if s.facts.Role != monitor.StandingBy {
		k.Link, k.Addresses = s.link, held(*s.config)
	}
	return k
}

// held lists the addresses that a takeover with this configuration assumes.
func held(c config.Server) []netip.Prefix {
	if !c.Takeover.AssumeAddress {
		return nil
	}
	return c.Takeover.ServiceAddresses
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
		Quiet:     s.silence(),
		First:     t.AddressOrder == "first",
		Keep:      t.OnFailure == "keep",
		Fence:     s.fence,
		Ready:     ready,
		Start:     t.Start.Timeout,
	}
}

// ownOrder is the record of who asked, for what failoverd decided itself.
func ownOrder(part, reason string) status.Order {
	return status.Order{By: automatic(part), Reason: reason}
}
