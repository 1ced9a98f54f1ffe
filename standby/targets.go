package standby

import (
	"net/netip"
	"slices"
	"time"

	"failoverd/monitor"
	"failoverd/monitor/probe"
)

// retarget tells the probes whom to ask from now on: every server that is
// monitored, over every path, and the witnesses. It runs in the loop.
func (s *Standby) retarget() {
	var targets []probe.Target
	var further []probe.Scheduled
	beat, timeout := 2*time.Second, time.Second
	for _, name := range s.order {
		v := s.servers[name]
		paths := v.paths()
		if !slices.Equal(paths, v.asked) {
			v.repath(paths)
		}
		if !v.facts.Monitored() {
			continue
		}
		for i, a := range paths {
			targets = append(targets, probe.Target{
				Server: name, Path: i, Addr: a, Interval: v.policy.Interval, Timeout: v.policy.Timeout,
			})
		}
		if v.policy.Interval < beat {
			beat, timeout = v.policy.Interval, v.policy.Timeout
		}
		further = append(further, s.deps.Probers(*v.config)...)
	}
	for a := range s.witnesses {
		targets = append(targets, probe.Target{Server: witnessServer, Addr: a, Interval: beat, Timeout: timeout})
	}
	s.pinger.Set(targets)
	s.probing.Set(further)
}

// repath has the server asked over these paths from now on. What was counted
// over a path that stays is kept.
func (s *server) repath(paths []netip.Addr) {
	counts, outcomes := make([]monitor.PathCount, len(paths)), make([]probe.Result, len(paths))
	for i, a := range paths {
		if was := slices.Index(s.asked, a); was >= 0 {
			counts[i], outcomes[i] = s.facts.Paths[was], s.outcomes[was]
			outcomes[i].Path = i
		}
	}
	s.facts.Paths, s.outcomes, s.asked = counts, outcomes, paths
}
