package standby

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/status"
)

// ServerFiles are the files of servers.d, one a server. Errors that an operator should read are *status.Refusal.
type ServerFiles interface {
	// Read gives fs.ErrNotExist if a server has no file.
	Read(server string) ([]byte, error)
	// Write and Remove are durable when they return; after an error the file is as it was.
	Write(server string, text []byte) error
	Remove(server string) error
	// With is the configuration that would be in force after a change.
	With(config.Change) (*config.Config, error)
}

// revision names a text.
func revision(text []byte) string {
	if text == nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:24]
}

// ServerConfiguration is the file that says how a server is watched, and whether it may be changed from here.
func (s *Standby) ServerConfiguration(ctx context.Context, name string) (status.ServerConfiguration, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	return s.serverConfiguration(ctx, name)
}

// serverConfiguration is for whoever has locked reloading.
func (s *Standby) serverConfiguration(ctx context.Context, name string) (status.ServerConfiguration, error) {
	out := status.ServerConfiguration{Server: name}
	main, err := consult(ctx, s, func(*turn) (string, error) {
		v, err := s.find(name)
		if err != nil {
			return "", err
		}
		out.File = v.config.Where[:max(0, strings.LastIndex(v.config.Where, ":"))]
		return s.config.File, nil
	})
	if err != nil {
		return out, err
	}
	own := config.ServerFile(main, name)
	if filepath.Clean(out.File) != own {
		out.WhyNot = fmt.Sprintf("it stands in %s among others: change it there, then failoverd reload; or move it to %s", out.File, own)
		return out, nil
	}
	text, err := s.deps.Files.Read(name)
	switch {
	case err != nil:
		out.WhyNot = fmt.Sprintf("its file cannot be read: %v", err)
	case config.HoldsPassword(own, text):
		out.WhyNot = "its file holds a password in clear text, or cannot be understood: change it on the standby, and write passwords as {file: PATH}"
	default:
		out.Text, out.Editable, out.Revision = string(text), true, revision(text)
	}
	return out, nil
}

// Configure adds, changes or removes a server by its file in servers.d: all of it is checked first, it is written whole, and
// it is in force when Configure returns. After an error nothing has changed.
func (s *Standby) Configure(ctx context.Context, c status.ServerChange, o status.Order) (status.Configured, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	out := status.Configured{
		Server: c.Server, Revision: revision(c.Text), Problems: []status.ConfigProblem{}, Changed: []string{}, Notices: []string{}, Trials: []status.Trial{},
	}
	before, err := s.mayConfigure(ctx, c)
	if err != nil {
		return out, err
	}
	next, err := s.deps.Files.With(config.Change{Server: c.Server, Text: c.Text})
	if wrong := config.Errors(nil); errors.As(err, &wrong) {
		for _, p := range wrong {
			out.Problems = append(out.Problems, status.ConfigProblem(p))
		}
		if c.DryRun {
			return out, nil
		}
		return out, &status.Refusal{Code: status.InvalidConfig, Detail: wrong.Error(), Try: "failoverd config reference"}
	}
	if err != nil {
		return out, err
	}
	for _, n := range next.Notices {
		out.Notices = append(out.Notices, n.String())
	}
	refusal, err := consult(ctx, s, func(*turn) (error, error) { return s.mayBecome(next, c, o, &out), nil })
	if err != nil {
		return out, err
	}
	if refusal != nil {
		if !c.DryRun {
			return out, refusal
		}
		out.Problems = append(out.Problems, status.ConfigProblem{File: config.ServerFile(next.File, c.Server), Line: 1, Column: 1, Problem: refusal.Error()})
		return out, nil
	}
	out.Valid = true
	if c.DryRun {
		if i := slices.IndexFunc(next.Servers, func(v config.Server) bool { return v.Name == c.Server }); i >= 0 {
			out.Trials = s.deps.Try(ctx, next.Servers[i])
		}
		return out, nil
	}
	if err := s.writeServer(c.Server, c.Text); err != nil {
		return out, err
	}
	// From here on it is done or taken back, whoever has hung up.
	err = s.inForce(context.WithoutCancel(ctx), next, c, o, out.Changed)
	if err != nil {
		// What is in force and what the next start would read must not differ.
		return out, errors.Join(err, s.writeServer(c.Server, before))
	}
	out.Saved = true
	return out, nil
}

// mayConfigure refuses a change of what is not there, or of what was looked at before somebody changed it. It returns the
// file's text as it is, nil for no file.
func (s *Standby) mayConfigure(ctx context.Context, c status.ServerChange) ([]byte, error) {
	if c.New {
		known, err := consult(ctx, s, func(*turn) (bool, error) { _, ok := s.servers[c.Server]; return ok, nil })
		if err != nil {
			return nil, err
		}
		if _, err := s.deps.Files.Read(c.Server); known || err == nil {
			return nil, &status.Refusal{Code: status.NameTaken, Detail: fmt.Sprintf("there is a server %q, or a file of it, already", c.Server), Try: "failoverd edit " + c.Server}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, nil
	}
	now, err := s.serverConfiguration(ctx, c.Server)
	switch {
	case err != nil:
		return nil, err
	case !now.Editable:
		return nil, &status.Refusal{Code: status.NotAvailable, Detail: fmt.Sprintf("the configuration of %s cannot be changed from here: %s", c.Server, now.WhyNot)}
	case now.Revision != c.Revision:
		return nil, &status.Refusal{Code: status.StateChanged, Detail: fmt.Sprintf("the configuration of %s has changed since you looked; nothing was done", c.Server), Try: "failoverd edit " + c.Server}
	}
	return []byte(now.Text), nil
}

// mayBecome refuses a configuration that would change more than the one server, that would run something which nobody on the
// standby has written, or that the standby's role does not allow. It tells what changes.
func (s *Standby) mayBecome(next *config.Config, c status.ServerChange, o status.Order, out *status.Configured) error {
	changed, _ := s.config.Diff(next)
	out.Changed = nonNil(changed)
	own := "servers[" + c.Server + "]"
	for _, key := range changed {
		if s.waits(key) {
			continue
		}
		if key != own && !strings.HasPrefix(key, own+".") && !strings.HasPrefix(key, own+" ") {
			return &status.Refusal{Code: status.WrongState, Detail: "other files of the configuration have changed and were not read yet: " + key, Try: "failoverd reload"}
		}
	}
	if keys := s.foreign(next, c.Server); len(keys) > 0 && o.By.Via != "socket" {
		return &status.Refusal{
			Code:   status.HostOnly,
			Detail: "only root on the standby writes what failoverd runs, reads and writes there, and where it sends passwords: " + strings.Join(keys, ", "),
			Try:    "failoverd edit " + c.Server + ", on the standby",
		}
	}
	if c.Text == nil {
		if v := s.servers[c.Server]; v != nil && (v.facts.Role != monitor.StandingBy || v.task != nil) {
			return &status.Refusal{Code: status.WrongState, Detail: fmt.Sprintf("%s cannot be removed while the standby is %s for it: release it first", c.Server, v.facts.Role), Try: "failoverd release " + c.Server}
		}
	}
	if err := s.mayReplace(next); err != nil {
		return refuse(status.WrongState, err.Error())
	}
	return nil
}

// foreign are the keys of the server in next that only somebody on the standby may write, and that differ from now.
func (s *Standby) foreign(next *config.Config, server string) []string {
	i := slices.IndexFunc(next.Servers, func(c config.Server) bool { return c.Name == server })
	if i < 0 {
		return nil
	}
	var now *config.Server
	if v := s.servers[server]; v != nil {
		now = v.config
	}
	return config.HostOnly(s.config.Standby.DataDir, now, next.Servers[i])
}

// writeServer writes a server's file, or takes it away.
func (s *Standby) writeServer(server string, text []byte) error {
	if text == nil {
		return s.deps.Files.Remove(server)
	}
	return s.deps.Files.Write(server, text)
}

// inForce puts what is on the disk in force, and writes down who wanted it.
func (s *Standby) inForce(ctx context.Context, next *config.Config, c status.ServerChange, o status.Order, changed []string) error {
	what := "changed"
	switch {
	case c.New:
		what = "added"
	case c.Text == nil:
		what = "removed"
	}
	_, err := order(ctx, s, func(t *turn) (none, error) {
		var again status.Configured
		if err := s.mayBecome(next, c, o, &again); err != nil {
			return none{}, err
		}
		restart := s.reload.needsRestart
		t.replace(next)
		s.reload = reload{loaded: t.now, needsRestart: restart}
		t.note(journal.Event{
			Kind: "config.server_" + what, Severity: "info", Server: c.Server, Actor: actor(o.By), Reason: o.Reason,
			Message:  fmt.Sprintf("%s was %s by %s", c.Server, what, o.By.Name),
			Evidence: map[string]any{"changed": changed, "revision": revision(c.Text)},
		}, false)
		return none{}, nil
	})
	return err
}
