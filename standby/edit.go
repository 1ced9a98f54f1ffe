package standby

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/status"
)

// ServerFile is the file of a server's configuration, to be looked at and changed.
func (s *Standby) ServerFile(_ context.Context, name string) (status.ServerFile, error) {
	f, err := s.deps.ServerFile(name)
	if err != nil {
		return status.ServerFile{}, s.notShown(name, err)
	}
	return status.ServerFile{Server: name, File: f.Path, Text: string(f.Text), ETag: f.Tag()}, nil
}

// notShown says why a server's file is not shown.
func (s *Standby) notShown(name string, err error) error {
	if !errors.Is(err, config.ErrNoServerFile) {
		return refuse(status.NotAvailable, fmt.Sprintf("the configuration of %s: %v", name, err))
	}
	for _, v := range s.Snapshot().Servers {
		if v.Name == name {
			return s.elsewhere(name)
		}
	}
	return &status.Refusal{Code: status.NotFound, Detail: "there is no server " + name, Try: "failoverd status"}
}

// elsewhere refuses a change to a server that stands in the main file.
func (s *Standby) elsewhere(name string) error {
	return &status.Refusal{
		Code:   status.NotAvailable,
		Detail: fmt.Sprintf("%s stands in %s among other things: change it there, then read it again; or move it into %s.yaml in servers.d first", name, s.Snapshot().Standby.Config.File, name),
		Try:    "failoverd reload",
	}
}

// AddServer makes the file of a new server and puts it in force. With dry, it is only checked.
func (s *Standby) AddServer(ctx context.Context, name, text string, dry bool, o status.Order) (status.Edited, error) {
	return s.edit(ctx, config.Edit{Server: name, Text: []byte(text)}, "", dry, o)
}

// EditServer changes the file of a server and puts it in force. The tag is that of the file as it was looked at.
func (s *Standby) EditServer(ctx context.Context, name, text, tag string, dry bool, o status.Order) (status.Edited, error) {
	return s.edit(ctx, config.Edit{Server: name, Text: []byte(text)}, tag, dry, o)
}

// RemoveServer takes a server out of the configuration. Its copies and its history stay where they are.
func (s *Standby) RemoveServer(ctx context.Context, name, tag string, dry bool, o status.Order) (status.Edited, error) {
	return s.edit(ctx, config.Edit{Server: name}, tag, dry, o)
}

// edit changes one server's file: all of it or nothing, and not while another change is on its way. An empty tag is for a
// server that there is not yet.
func (s *Standby) edit(ctx context.Context, e config.Edit, tag string, dry bool, o status.Order) (status.Edited, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if err := s.mayEdit(e, tag); err != nil {
		return status.Edited{}, err
	}
	d, err := s.deps.Draft(e)
	if err != nil {
		return status.Edited{}, &status.Refusal{Code: status.InvalidConfig, Detail: err.Error()}
	}
	if d.Before.Tag() != tag {
		return status.Edited{}, &status.Refusal{
			Code: status.StateChanged, Detail: "the configuration of " + e.Server + " was changed by somebody else since you looked; nothing was done",
			Try: "failoverd edit " + e.Server,
		}
	}
	out := status.Edited{Server: e.Server, File: d.Before.Path, ETag: d.Tag, Means: means(d.Config, e.Server), DryRun: dry}
	out.Reloaded, err = consult(ctx, s, func(*turn) (status.Reloaded, error) {
		if err := s.mayReplace(d.Config); err != nil {
			return status.Reloaded{}, &status.Refusal{Code: status.WrongState, Detail: err.Error(), Try: "failoverd status " + e.Server}
		}
		return s.differs(d.Config), s.foreign(d.Config, e.Server, o)
	})
	if err != nil || dry {
		return out, err
	}
	// The file is written first: after a crash, the next start finds what the operator wanted.
	if err := d.Save(); err != nil {
		return status.Edited{}, errors.Join(refuse(status.NotAvailable, err.Error()), d.Undo())
	}
	out.Reloaded, err = order(ctx, s, func(t *turn) (status.Reloaded, error) {
		if err := s.mayReplace(d.Config); err != nil {
			return status.Reloaded{}, refuse(status.WrongState, err.Error())
		}
		done := t.adopt(d.Config)
		t.note(journal.Event{
			Kind: "config.edited", Severity: "info", Server: e.Server, Actor: actor(o.By),
			Message: edited(e, tag), Reason: cmp.Or(strings.Join(done.Changed, ", "), "nothing that counts") + inBrackets(o.Reason),
		}, false)
		return done, nil
	})
	if refusal, ok := errors.AsType[*status.Refusal](err); ok {
		if undone := d.Undo(); undone != nil {
			refusal.Detail += fmt.Sprintf("; and %s could not be put back: %v", d.Before.Path, undone)
			refusal.Changed = true
		}
		return status.Edited{}, refusal
	}
	if err != nil {
		return status.Edited{}, &status.Refusal{
			Code: status.NotAvailable, Changed: true, Try: "failoverd reload",
			Detail: fmt.Sprintf("%s is written, but it is not known whether it is in force: %v", d.Before.Path, err),
		}
	}
	return out, nil
}

// mayEdit refuses to change a server that has no file, and to add one that is there already.
func (s *Standby) mayEdit(e config.Edit, tag string) error {
	f, err := s.deps.ServerFile(e.Server)
	switch {
	case err == nil && tag == "":
		return &status.Refusal{Code: status.WrongState, Detail: "there is a server " + e.Server + " already: " + f.Path, Try: "failoverd edit " + e.Server}
	case err == nil:
		return nil
	case tag != "" || !errors.Is(err, config.ErrNoServerFile):
		return s.notShown(e.Server, err)
	}
	if slices.ContainsFunc(s.Snapshot().Servers, func(v status.Server) bool { return v.Name == e.Server }) {
		return s.elsewhere(e.Server)
	}
	return nil
}

// foreign refuses what only somebody on the standby itself may write.
func (s *Standby) foreign(next *config.Config, server string, o status.Order) error {
	if o.OnHost {
		return nil
	}
	i := slices.IndexFunc(next.Servers, func(c config.Server) bool { return c.Name == server })
	if i < 0 {
		return nil
	}
	var old *config.Server
	if v := s.servers[server]; v != nil {
		old = v.config
	}
	keys := config.HostOnly(s.config.Standby.DataDir, old, next.Servers[i])
	if len(keys) == 0 {
		return nil
	}
	return &status.Refusal{
		Code: status.HostOnly, Try: "on the standby: sudo failoverd edit " + server,
		Detail: "only root on the standby may write what failoverd runs, reads and writes there, and where it sends passwords: " + strings.Join(keys, ", "),
	}
}

// means says in plain words what a server's configuration means.
func means(c *config.Config, server string) string {
	var b strings.Builder
	for _, v := range c.Servers {
		if v.Name == server {
			c.DescribeServer(&b, v)
		}
	}
	return b.String()
}

// edited is the message of an edit.
func edited(e config.Edit, tag string) string {
	switch {
	case e.Text == nil:
		return e.Server + " was removed from the configuration; its copies and its history are still there"
	case tag == "":
		return e.Server + " was added to the configuration"
	}
	return "the configuration of " + e.Server + " was changed"
}

// inBrackets is an operator's reason, behind another text.
func inBrackets(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}
