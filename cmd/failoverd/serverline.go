package main

import (
	"fmt"

	"failoverd/status"
)

// markOf is a server's state as a shape and a colour. The shape alone says it,
// the colour is for the hurried.
func markOf(s status.Server) (string, colour) {
	switch {
	case s.Role == "standing in":
		return ">", violet
	case nobodyServes(s):
		return "x", red
	case s.Mode == "suspended":
		return "=", grey
	case s.Mode == "stopped":
		return "-", grey
	case s.State == "OK" && s.Readiness.Verdict == "ready":
		return "v", green
	}
	return "!", yellow
}

// stateOf is the state with what belongs to it.
func (p *program) stateOf(s status.Server) string {
	switch s.State {
	case "OK":
		return s.State
	case "Suspect":
		return fmt.Sprintf("Suspect, %d of %d missed", s.Misses, s.FailAfter)
	case "Suspended", "Stopped":
		if s.Suspension != nil && s.Suspension.Until != nil {
			return s.State + " until " + p.clock(*s.Suspension.Until)
		}
	case "Replicating":
		return s.State + " (" + s.Activity + ")"
	}
	return s.State + " since " + p.clock(s.StateSince)
}

// servedBy says who serves the server's users now.
func (p *program) servedBy(s status.Server) string {
	switch s.Role {
	case "standing in":
		return "standby since " + p.maybe(s.RoleSince, "?")
	case "taking over", "releasing":
		return s.Role
	}
	switch {
	case nobodyServes(s):
		return "NOBODY"
	case s.Mode != "active":
		return "not watched"
	}
	return "primary"
}

// pings sums the last pings up: round-trip time and losses.
func pings(s status.Server) string {
	if len(s.Beats) == 0 {
		return "none yet"
	}
	missed, unknown := 0, 0
	for _, b := range s.Beats {
		switch b.Outcome {
		case "missed":
			missed++
		case "unknown":
			unknown++
		}
	}
	text := fmt.Sprintf("%d of %d lost", missed, len(s.Beats))
	if s.RTT != nil {
		text = rtt(s.RTT) + ", " + text
	}
	if unknown > 0 {
		text += fmt.Sprintf(", %d unknown", unknown)
	}
	return text
}

// readinessOf is the readiness with the number of checks that are not in order.
func readinessOf(s status.Server) string {
	critical, warnings := 0, 0
	for _, c := range s.Readiness.Checks {
		switch c.Result {
		case "critical":
			critical++
		case "warning":
			warnings++
		}
	}
	text := s.Readiness.Verdict
	if critical > 0 {
		text += fmt.Sprintf(", %d critical", critical)
	}
	if warnings > 0 {
		text += ", " + count(warnings, "warning", "warnings")
	}
	return text
}
