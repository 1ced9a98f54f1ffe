package standin

import (
	"fmt"

	"github.com/godbus/dbus/v5"
)

// state is what systemd says about a unit (org.freedesktop.systemd1(5)).
type state struct {
	load   string // loaded, not-found, masked, bad-setting, error
	active string // active, reloading, inactive, failed, activating, deactivating
	sub    string // running, exited, dead, auto-restart, …
	job    bool   // a job is waiting or running
	reason string // of a service that failed
}

// newState reads the properties of the interface org.freedesktop.systemd1.Unit.
func newState(p map[string]any) state {
	text := func(name string) string {
		s, _ := p[name].(string)
		return s
	}
	st := state{load: text("LoadState"), active: text("ActiveState"), sub: text("SubState")}
	// The job is a pair of number and path; no job is 0 and "/".
	if job, ok := p["Job"].([]any); ok && len(job) == 2 {
		id, _ := job[0].(uint32)
		path, _ := job[1].(dbus.ObjectPath)
		st.job = id != 0 && path != "/"
	}
	return st
}

// explain adds why a service failed, from the interface org.freedesktop.systemd1.Service.
func (s *state) explain(p map[string]any) {
	result, _ := p["Result"].(string)
	status, _ := p["ExecMainStatus"].(int32)
	switch {
	case result == "exit-code":
		s.reason = fmt.Sprintf("exit status %d", status)
	case result == "signal" || result == "core-dump":
		s.reason = fmt.Sprintf("signal %d", status)
	case result != "" && result != "success":
		s.reason = result
	}
}

// up says whether the unit does its work.
func (s state) up() bool { return s.active == "active" || s.active == "reloading" }

// down says whether nothing of the unit runs.
func (s state) down() bool { return s.active == "inactive" || s.active == "failed" }

// String returns the state as systemctl words it: active (running).
func (s state) String() string {
	out := fmt.Sprintf("%s (%s)", s.active, s.sub)
	if s.load != "loaded" {
		out = s.load + ", " + out
	}
	if s.reason != "" {
		out += ", " + s.reason
	}
	if s.job {
		out += ", with a job under way"
	}
	return out
}
