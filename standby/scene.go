package standby

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"failoverd/alerts/incident"
	"failoverd/config"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// scene is what the loop knows at one instant, copied so that a snapshot can be
// made of it elsewhere. The loop has servers to watch; it does not write
// sentences for people.
type scene struct {
	now        time.Time
	seq        int64
	standby    status.Standby
	servers    []sight
	outcomes   []probe.Result // of all paths
	capacity   int
	used       int // of the capacity
	settledAt  time.Time
	unsettled  string
	unchecked  bool      // the witnesses are turned off
	witness    time.Time // the last answer of any
	answering  [2]answering
	dataDir    string
	recipients int
	incidents  map[string]incident.Incident
}

// answering is a server that answered, and when: the two that answered last are
// enough to find for each server whether another one did.
type answering struct {
	name string
	at   time.Time
}

// sight is one server as the loop has it.
type sight struct {
	config    *config.Server
	policy    monitor.Policy
	facts     monitor.Facts
	link      string
	operation string
	busy      bool // the operation runs
	beats     beats
	asked     []netip.Addr
	outcomes  []probe.Result
	detail    map[string]probe.Result

	catalogs    []replicate.Catalog
	copies      map[string]replicate.Copy
	probed      map[string]replicate.Probed
	replication string // that runs or waits, empty if none
	drills      replicate.Drills
	drill       string // that runs, empty if none

	trees     []trees.Tree
	treeFacts map[string]treeFacts
}

// scene copies what is known about these servers, and about the standby. It is
// copied into the room of an old scene that nobody looks at any more.
func (s *Standby) scene(now time.Time, servers []*server, old scene) scene {
	out := scene{
		now: now, seq: s.seq.Load(), standby: s.ourselves(now),
		servers: slices.Grow(old.servers[:0], len(servers)), outcomes: old.outcomes[:0],
		capacity: s.config.Standby.Capacity, settledAt: s.self.settledAt, unsettled: s.self.unsettled,
		unchecked: s.witnessesOff(), dataDir: s.config.Standby.DataDir,
	}
	out.incidents = s.self.incidents
	out.recipients = len(s.deps.Recipients())
	for _, w := range s.witnesses {
		out.witness = later(out.witness, w.lastAnswer)
	}
	paths := 0
	for _, v := range s.all {
		if v.facts.Role != monitor.StandingBy {
			out.used++
		}
		if v.facts.Mode == monitor.Active {
			out.answered(v.config.Name, v.facts.LastAnswer)
		}
		paths += len(v.outcomes)
	}
	out.outcomes = slices.Grow(out.outcomes, paths) // it must not move: the sights point into it
	for _, v := range servers {
		first := len(out.outcomes)
		out.outcomes = append(out.outcomes, v.outcomes...)
		out.servers = append(out.servers, sight{
			config: v.config, policy: v.policy, facts: v.facts, link: v.link, operation: v.operation, busy: v.task != nil,
			beats: v.beats, asked: v.asked, outcomes: out.outcomes[first:],
			catalogs: v.catalogs, copies: v.copies, probed: v.probed, trees: v.trees, treeFacts: v.treeFacts, drills: v.drills,
		})
		if v.job != nil {
			out.servers[len(out.servers)-1].replication = v.job.id
		}
		if v.drill != nil {
			out.servers[len(out.servers)-1].drill = v.drill.id
		}
		if len(v.detail) > 0 {
			out.servers[len(out.servers)-1].detail = maps.Clone(v.detail)
		}
	}
	return out
}

// answered notes a server that answered, if it is among the last two.
func (s *scene) answered(name string, at time.Time) {
	switch {
	case at.After(s.answering[0].at):
		s.answering[0], s.answering[1] = answering{name, at}, s.answering[0]
	case at.After(s.answering[1].at):
		s.answering[1] = answering{name, at}
	}
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ourselves is the standby itself.
func (s *Standby) ourselves(now time.Time) status.Standby {
	up, mac := s.own.Link(s.self.link)
	state := s.deps.Net.State()
	gateway := ""
	if state.Gateway4.IsValid() {
		gateway = state.Gateway4.String()
	} else if state.Gateway6.IsValid() {
		gateway = state.Gateway6.String()
	}
	c := s.config.Standby
	out := status.Standby{
		Name: c.Name, Version: s.deps.Version, StartedAt: s.started, Capacity: c.Capacity,
		StandingIn: []string{}, Waiting: []string{}, Witnesses: []status.Witness{},
		Interface: status.Interface{Name: s.self.link, Up: up, MAC: mac, Gateway: gateway},
		Journal:   s.remembers(),
		API:       status.Health{OK: true},
		Mail:      status.Mail{Configured: s.config.Alerts.Anybody()},
		Config:    s.reload.view(s.config),
		LoopAge:   s.LoopAge().Seconds(),
	}
	if s.deps.APIError != nil {
		if err := s.deps.APIError(); err != nil {
			out.API = status.Health{Error: err.Error()}
		}
	}
	if s.self.isolated {
		out.Isolated = &status.Isolated{Since: s.self.since, Reason: s.self.reason}
	}
	if now.Before(s.self.settledAt) {
		out.Inhibited = &status.Inhibit{Until: s.self.settledAt, Reason: s.self.unsettled}
	}
	for _, w := range s.witnesses {
		one := status.Witness{Address: w.addr.String(), Kind: w.kind, Answering: w.last == probe.Answered}
		if !w.lastAnswer.IsZero() {
			at := w.lastAnswer
			one.LastAnswer = &at
		}
		out.Witnesses = append(out.Witnesses, one)
	}
	slices.SortFunc(out.Witnesses, func(a, b status.Witness) int {
		if a.Address < b.Address {
			return -1
		}
		return 1
	})
	return out
}
