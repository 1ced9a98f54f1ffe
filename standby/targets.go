package standby

import (
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
		for len(v.facts.Paths) < len(paths) {
			v.facts.Paths = append(v.facts.Paths, monitor.PathCount{})
			v.outcomes = append(v.outcomes, probe.Result{})
		}
		v.facts.Paths, v.outcomes = v.facts.Paths[:len(paths)], v.outcomes[:len(paths)]
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
		further = append(further, s.deps.Probers(v.config)...)
	}
	for a := range s.witnesses {
		targets = append(targets, probe.Target{Server: witnessServer, Addr: a, Interval: beat, Timeout: timeout})
	}
	s.pinger.Set(targets)
	s.probing.Set(further)
}
