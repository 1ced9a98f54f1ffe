package standby

import (
	"context"
	"fmt"
	"maps"
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
	s.reloading.Lock()
	defer s.reloading.Unlock()
	next, err := s.deps.Load()
	return order(ctx, s, func(t *turn) (status.Reloaded, error) {
		if err == nil {
			err = s.mayReplace(next)
		}
		if err != nil {
			s.reload.err = err.Error()
			e := journal.Event{
				Time: t.now, Kind: "config.rejected", Severity: "warning", Actor: actor(o.By),
				Message: "the new configuration was rejected; the old one is in force", Reason: err.Error(),
			}
			t.note(e, true)
			t.again(func(t *turn) { t.note(e, true) })
			return status.Reloaded{}, &status.Refusal{Code: status.InvalidConfig, Detail: err.Error(), Try: "failoverd config check"}
		}
		changed, restart := s.config.Diff(next)
		out := status.Reloaded{Changed: nonNil(changed), NeedsRestart: nonNil(restart), Notices: []string{}}
		for _, n := range next.Notices {
			out.Notices = append(out.Notices, n.String())
		}
		t.replace(next)
		out.Uncopied = s.uncopied()
		s.reload = reload{loaded: t.now, needsRestart: restart}
		t.note(journal.Event{
			Kind: "config.reloaded", Severity: "info", Actor: actor(o.By),
			Message: fmt.Sprintf("the configuration was read again: %d settings changed", len(changed)), Reason: strings.Join(changed, ", "),
		}, false)
		return out, nil
	})
}

// mayReplace refuses a configuration that lacks a server whose role the standby
// has, or an interface that it works on.
func (s *Standby) mayReplace(next *config.Config) error {
	for name, v := range s.servers {
		i := slices.IndexFunc(next.Servers, func(c config.Server) bool { return c.Name == name })
		if v.job != nil && i < 0 {
			return fmt.Errorf("server %q cannot be removed while %s runs or waits: cancel it first", name, v.job.id)
		}
		if v.drill != nil && i < 0 {
			return fmt.Errorf("server %q cannot be removed while %s runs: cancel it first", name, v.drill.id)
		}
		if v.task != nil && i < 0 {
			return fmt.Errorf("server %q cannot be removed while %s runs: cancel it first", name, v.task.id)
		}
		if v.facts.Role == monitor.StandingBy {
			continue
		}
		if i < 0 {
			return fmt.Errorf("server %q cannot be removed while the standby is %s for it: release it first", name, v.facts.Role)
		}
		if !slices.Equal(held(next.Servers[i]), held(*v.config)) {
			return fmt.Errorf("the service addresses of %q cannot change while the standby is %s for it: release it first", name, v.facts.Role)
		}
		if now, then := v.config.Takeover.Interface, next.Servers[i].Takeover.Interface; now != then && then != v.link {
			return fmt.Errorf("the takeover interface of %q cannot change while the standby is %s for it: release it first", name, v.facts.Role)
		}
	}
	return nil
}

// waits tells whether another value of a key was read, and waits for a restart.
func (s *Standby) waits(key string) bool { return slices.Contains(s.reload.needsRestart, key) }

// replace puts the new configuration in force, or has everything put back if
// that cannot be written down.
func (t *turn) replace(next *config.Config) {
	s := t.s
	t.restore()
	// What needs a restart keeps its old value until then.
	standby := next.Standby
	standby.Name, standby.DataDir, standby.Interface = s.config.Standby.Name, s.config.Standby.DataDir, s.config.Standby.Interface
	merged := *next
	merged.Standby, merged.API = standby, s.config.API
	s.config = &merged
	old := maps.Clone(s.servers)
	s.servers, s.order, s.absent = map[string]*server{}, nil, maps.Clone(s.absent)
	for _, c := range merged.Servers {
		v, ok := old[c.Name]
		if !ok {
			t.join(c)
			continue
		}
		delete(old, c.Name)
		moved := !slices.Equal(v.config.Addresses, c.Addresses)
		s.configure(v, c)
		s.relink(v)
		s.servers[c.Name] = v
		s.order = append(s.order, c.Name)
		if moved {
			// What was counted is not said of the new addresses.
			t.step(v, monitor.Event{Kind: monitor.Started}, automatic("reload"))
		}
	}
	for name, v := range old {
		s.absent[name], s.recalled[name] = v.kept(), v.copies
	}
	s.index()
	t.aim = true
	t.after(func() {
		for name, v := range old {
			s.stopAsking(v)
			s.deps.Trees.Follow(name, nil)
		}
		for _, v := range s.servers {
			s.follow(v)
			if v.asking != nil {
				s.beginAsking(v) // of the addresses that it has now
			}
		}
		s.findWitnesses()
		s.openSegments()
		s.deps.Loaded(s.config)
	})
}

// join takes a server in that was not configured until now. One that was, some
// time ago, is where it was then.
func (t *turn) join(c config.Server) {
	v := t.s.add(c)
	k, known := t.s.absent[c.Name]
	if !known {
		return
	}
	delete(t.s.absent, c.Name)
	v.facts.Kept, v.copies, v.treeFacts, v.drills = k.Kept, t.s.recalled[c.Name], k.Trees, k.Drills
	t.idle(v)
	t.step(v, monitor.Event{Kind: monitor.Started}, automatic("reload"))
}

// restore has the configuration that is in force put back if the turn cannot be
// written down.
func (t *turn) restore() {
	s := t.s
	was, servers, order, absent, loaded := s.config, s.servers, s.order, s.absent, s.reload
	former := map[*server]server{}
	for _, v := range servers {
		former[v] = *v
	}
	t.fails = append(t.fails, func(error) {
		s.config, s.servers, s.order, s.absent, s.reload = was, servers, order, absent, loaded
		for v, f := range former {
			v.config, v.policy, v.link, v.standIn, v.fence, v.catalogs, v.herald = f.config, f.policy, f.link, f.standIn, f.fence, f.catalogs, f.herald
			v.trees = f.trees
		}
		s.index()
	})
}

// nonNil is the list as the API has it.
func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
