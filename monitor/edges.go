package monitor

import (
	"fmt"
	"time"
)

// edges says what changed beside the state: a path that died while another
// answers, a probe that failed or passed again, pings that cannot be sent, an
// answer that came late. Each is said once, when it begins and when it ends.
func edges(before Facts, after *Facts, e Event, p Policy) []Effect {
	switch e.Kind {
	case Answered:
		return pathEdges(after, e, p)
	case Missed:
		return append(pathEdges(after, e, p), unknownEdge(after, e, p)...)
	case CannotAsk:
		return unknownEdge(after, e, p)
	case Late:
		if after.LateNoted || after.Misses == 0 {
			return nil
		}
		after.LateNoted = true
		return []Effect{note("server.late_answers", p.Server+" answers late",
			fmt.Sprintf("an answer came after %s (timeout %s)", e.RTT.Round(time.Millisecond), p.Timeout))}
	case ProbeFailed, ProbePassed:
		return probeEdge(after, e, p)
	}
	return nil
}

// pathEdges looks at every path, because a path is dead only beside another
// one that answers.
func pathEdges(after *Facts, e Event, p Policy) []Effect {
	var effects []Effect
	for i := range after.Paths {
		c := &after.Paths[i]
		switch {
		case !c.Dead && after.Misses == 0 && after.Unknowns == 0 && c.Misses >= p.WarnAfter:
			c.Dead = true
			effects = append(effects, alert("server.path_down", "warning",
				fmt.Sprintf("%s does not answer over path %d", p.Server, i+1),
				fmt.Sprintf("%d pings missed over this path while another answers", c.Misses)))
		case c.Dead && c.Misses == 0 && e.Kind == Answered && e.Path == i:
			c.Dead = false
			effects = append(effects, alert("server.path_up", "info",
				fmt.Sprintf("%s answers over path %d again", p.Server, i+1), ""))
		}
	}
	return effects
}

// unknownEdge alerts once when nobody answered for as long as a warning takes
// and a path could not be asked. It counts toward no failure. It opens an
// incident, so that the next answer is told like the end of one.
func unknownEdge(after *Facts, e Event, p Policy) []Effect {
	if after.UnknownAlerted || after.Frozen || after.Role != StandingBy || after.Unknowns < p.WarnAfter*max(len(after.Paths), 1) {
		return nil
	}
	after.UnknownAlerted = true
	openIncident(after, e, p)
	reason := e.Evidence
	for i, c := range after.Paths {
		if c.Misses > 0 {
			reason = joined(reason, fmt.Sprintf("%d pings missed over path %d", c.Misses, i+1))
		}
	}
	return []Effect{alert("server.unknown", "warning", p.Server+" cannot be asked: nothing is decided about it", reason)}
}

// probeEdge alerts when a further probe has failed as often as it takes, and
// when it passes again. A probe that is only for information is noted.
func probeEdge(after *Facts, e Event, p Policy) []Effect {
	if e.Kind == ProbeFailed && after.Frozen {
		return nil
	}
	is := after.probe(e.Probe)
	say := func(kind, severity, message, reason string) []Effect {
		if is.Severity == Info {
			return []Effect{note(kind, message, reason)}
		}
		return []Effect{alert(kind, severity, message, reason)}
	}
	switch {
	case is.Failed && !is.Told:
		is.Told = true
		return say("server.probe_failed", "warning", fmt.Sprintf("probe %s of %s fails", e.Probe, p.Server), e.Evidence)
	case e.Kind == ProbePassed && is.Told:
		is.Told = false
		return say("server.probe_ok", "info", fmt.Sprintf("probe %s of %s passes again", e.Probe, p.Server), e.Evidence)
	}
	return nil
}

// asking begins and ends the questions by ARP, from the counters alone: they
// are asked while pings are missed, by a standby that is not in the server's
// place already. They are asked for again when the health gets worse and when a
// failure finds that none was asked, because an effect may have been lost with
// a write that failed.
func asking(before, after Facts, e Event) []Effect {
	was, is := before.asks(), after.asks()
	switch {
	case is && (!was || after.Health > before.Health || e.Kind == Missed && after.Health == Failure && after.Neighbour.Asked == 0):
		return []Effect{{Do: AskNeighbour}}
	case was && !is:
		return []Effect{{Do: StopAsking}}
	}
	return nil
}

// asks reports whether the primary is to be asked by ARP. During a takeover it
// is, whatever the pings say, because the plan asks as well.
func (f Facts) asks() bool {
	return f.Mode == Active && (f.Role == TakingOver || f.Role == StandingBy && f.Misses > 0 && !f.Frozen)
}

// joined joins two parts of a reason, of which the first may be empty.
func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
