package standby

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/status"
)

// reload is what is known about the configuration files.
type reload struct {
	loaded       time.Time
	err          string // why the newest files were not taken
	needsRestart []string
}

// view is what people see of it.
func (r reload) view(c *config.Config) status.Config {
	v := status.Config{File: c.File, LoadedAt: r.loaded, Error: r.err, NeedsRestart: append([]string{}, r.needsRestart...), Notices: []string{}}
	for _, n := range c.Notices {
		v.Notices = append(v.Notices, n.String())
	}
	return v
}

// Reload reads the configuration again: all of it, or nothing. What was wrong
// is in an alert, and the old configuration stays.
func (s *Standby) Reload(ctx context.Context, o status.Order) (status.Reloaded, error) {
	next, err := s.deps.Load()
	var out status.Reloaded
	var refused error
	asked := s.ask(ctx, func(t *turn) {
		if err == nil {
			err = s.mayReplace(next)
		}
		if err != nil {
			s.reload.err = err.Error()
			t.note(journal.Event{
				Kind: "config.rejected", Severity: "warning", Actor: actor(o.By),
				Message: "the new configuration was rejected; the old one is in force", Reason: err.Error(),
			}, true)
			refused = &status.Refusal{Code: status.InvalidConfig, Detail: err.Error(), Try: "failoverd config check"}
			return
		}
		changed, restart := s.config.Diff(next)
		out = status.Reloaded{Changed: nonNil(changed), NeedsRestart: nonNil(restart), Notices: []string{}}
		for _, n := range next.Notices {
			out.Notices = append(out.Notices, n.String())
		}
		s.reload = reload{loaded: t.now, needsRestart: restart}
		t.replace(next)
		t.note(journal.Event{
			Kind: "config.reloaded", Severity: "info", Actor: actor(o.By),
			Message: fmt.Sprintf("the configuration was read again: %d settings changed", len(changed)), Reason: strings.Join(changed, ", "),
		}, false)
	})
	if asked != nil {
		return out, asked
	}
	return out, refused
}

// mayReplace refuses a configuration that lacks a server whose role the standby
// has, or an interface that it works on.
func (s *Standby) mayReplace(next *config.Config) error {
	for name, v := range s.servers {
		if v.facts.Role == monitor.StandingBy {
			continue
		}
		i := slices.IndexFunc(next.Servers, func(c config.Server) bool { return c.Name == name })
		if i < 0 {
			return fmt.Errorf("server %q cannot be removed while the standby is %s for it: release it first", name, v.facts.Role)
		}
		if !slices.Equal(next.Servers[i].Takeover.ServiceAddresses, v.config.Takeover.ServiceAddresses) ||
			next.Servers[i].Takeover.AssumeAddress != v.config.Takeover.AssumeAddress {
			return fmt.Errorf("the service addresses of %q cannot change while the standby is %s for it: release it first", name, v.facts.Role)
		}
	}
	return nil
}

// replace puts the new configuration in force.
func (t *turn) replace(next *config.Config) {
	s := t.s
	// What needs a restart keeps its old value until then.
	standby := next.Standby
	standby.Name, standby.DataDir, standby.Interface = s.config.Standby.Name, s.config.Standby.DataDir, s.config.Standby.Interface
	merged := *next
	merged.Standby, merged.API = standby, s.config.API
	s.config = &merged
	old := s.servers
	s.servers, s.order = map[string]*server{}, nil
	for _, c := range merged.Servers {
		v, ok := old[c.Name]
		if !ok {
			s.add(c)
			continue
		}
		delete(old, c.Name)
		if !slices.Equal(v.config.Addresses, c.Addresses) {
			v.facts.Paths = make([]monitor.PathCount, len(c.Addresses))
		}
		v.config, v.policy, v.link = c, policyOf(c), s.linkOf(c)
		v.standIn, v.fence = s.deps.StandIn(c), s.deps.Fence(c)
		s.servers[c.Name] = v
		s.order = append(s.order, c.Name)
	}
	t.after(func() {
		for _, v := range old {
			s.stopAsking(v)
		}
		s.findWitnesses()
		s.openSegments()
		s.retarget()
		s.deps.Loaded(s.config)
	})
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
