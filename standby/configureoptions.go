package standby

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/status"
)

// OptionsFile is the file of options, which stands over failoverd.yaml. Errors that an operator should read are *status.Refusal.
type OptionsFile interface {
	// Name is where it is, whether it is there or not.
	Name() string
	// Read gives each option as it is written there or in failoverd.yaml, and the file's text: nil if it is not there.
	Read() ([]config.Option, []byte, error)
	// Writable says why failoverd may not write it, and how that is allowed.
	Writable() error
	// Write is durable when it returns; after an error the file is as it was. A nil text takes the file away.
	Write(text []byte) error
	// With is the configuration that would be in force if text were in the file; nil for none.
	With(text []byte) (*config.Config, error)
}

// Options are the keys that may be set from here, as they are written now, and whether they may.
func (s *Standby) Options(ctx context.Context) (status.Options, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	now, err := consult(ctx, s, func(*turn) (*config.Config, error) { return s.config, nil })
	if err != nil {
		return status.Options{}, err
	}
	out, _, err := s.options(now)
	return out, err
}

// options is for whoever has locked reloading. now is the configuration in force.
func (s *Standby) options(now *config.Config) (status.Options, []byte, error) {
	out := status.Options{File: s.deps.Options.Name(), Options: []status.Option{}}
	list, text, err := s.deps.Options.Read()
	if wrong := config.Errors(nil); errors.As(err, &wrong) {
		out.WhyNot, out.Try = "the files have errors: "+wrong[0].String(), "failoverd config check"
	} else if err != nil {
		return out, nil, err
	}
	for _, o := range list {
		out.Options = append(out.Options, status.Option{
			Key: o.Key, Kind: o.Kind, Choices: nonNil(o.Choices), Meaning: o.Meaning, Default: o.Default, Restart: o.Restart,
			HostOnly: config.OnHostOnly(now, o.Key), Values: nonNil(o.Values), Where: o.Where, Own: o.Own, Beneath: o.Beneath,
		})
	}
	var closed *status.Refusal
	if err := s.deps.Options.Writable(); errors.As(err, &closed) && out.WhyNot == "" {
		out.WhyNot, out.Try = closed.Detail, closed.Try
	} else if err != nil && out.WhyNot == "" {
		out.WhyNot = err.Error()
	}
	out.Editable, out.Revision = out.WhyNot == "", revision(append([]byte{}, text...))
	return out, text, nil
}

// ConfigureOptions changes options: all of them are checked first, with every other file, the file is written whole, and it is
// in force when ConfigureOptions returns. After an error nothing has changed.
func (s *Standby) ConfigureOptions(ctx context.Context, c status.OptionsChange, o status.Order) (status.OptionsConfigured, error) {
	out, next, err := s.configureOptions(ctx, c, o)
	if err == nil && out.Valid && c.DryRun && c.TestMail {
		out.Mails = s.testMails(ctx, next, o) // It may take its time: nobody else's change waits for it.
	}
	return out, err
}

func (s *Standby) configureOptions(ctx context.Context, c status.OptionsChange, o status.Order) (status.OptionsConfigured, *config.Config, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	out := status.OptionsConfigured{
		Problems: []status.ConfigProblem{}, Changed: []string{}, NeedsRestart: []string{}, Notices: []string{}, Mails: []status.TestMail{},
	}
	before, err := s.optionsSeen(ctx, c)
	if err != nil {
		return out, nil, err
	}
	text, next, err := s.withOptions(before, c.Changes)
	if wrong := config.Errors(nil); errors.As(err, &wrong) {
		for _, p := range wrong {
			out.Problems = append(out.Problems, status.ConfigProblem(p))
		}
		if c.DryRun {
			return out, nil, nil
		}
		return out, nil, &status.Refusal{Code: status.InvalidConfig, Detail: wrong.Error(), Try: "failoverd config options"}
	}
	if err != nil {
		return out, nil, err
	}
	out.Revision = revision(text)
	for _, n := range next.Notices {
		out.Notices = append(out.Notices, n.String())
	}
	refusal, err := consult(ctx, s, func(*turn) (error, error) { return s.mayTakeOptions(next, o, &out), nil })
	if err != nil {
		return out, nil, err
	}
	if refusal != nil {
		if !c.DryRun {
			return out, nil, refusal
		}
		out.Problems = append(out.Problems, refusedOptions(s.deps.Options.Name(), refusal))
		return out, nil, nil
	}
	out.Valid = true
	if c.DryRun {
		return out, next, nil
	}
	if err := s.deps.Options.Write(text); err != nil {
		return out, nil, err
	}
	// From here on it is done or taken back, whoever has hung up.
	if err := s.optionsInForce(context.WithoutCancel(ctx), next, o, out); err != nil {
		// What is in force and what the next start would read must not differ.
		return out, nil, errors.Join(err, s.deps.Options.Write(before))
	}
	out.Saved = true
	return out, next, nil
}

// optionsSeen refuses a change of a text that somebody has changed since it was looked at, of a file that may not be written,
// and where the files on the disk are not those in force: a change would bring what nobody has asked for now. It returns the
// text of the file, nil for none.
func (s *Standby) optionsSeen(ctx context.Context, c status.OptionsChange) ([]byte, error) {
	inForce, err := consult(ctx, s, func(*turn) (*config.Config, error) { return s.config, nil })
	if err != nil {
		return nil, err
	}
	now, text, err := s.options(inForce)
	switch {
	case err != nil:
		return nil, err
	case !now.Editable:
		return nil, &status.Refusal{Code: status.NotAvailable, Detail: "the options cannot be changed from here: " + now.WhyNot, Try: now.Try}
	case now.Revision != c.Revision:
		return nil, &status.Refusal{Code: status.StateChanged, Detail: "the options have changed since you looked; nothing was done", Try: "failoverd config options"}
	}
	onDisk, err := s.deps.Options.With(text)
	if err != nil {
		return nil, &status.Refusal{Code: status.WrongState, Detail: "the files of the configuration have errors, which have to be mended first: " + err.Error(), Try: "failoverd config check"}
	}
	changed, err := consult(ctx, s, func(*turn) ([]string, error) { return s.unread(onDisk), nil })
	if err != nil {
		return nil, err
	}
	if len(changed) > 0 {
		return nil, &status.Refusal{Code: status.WrongState, Detail: "files of the configuration have changed and were not read yet: " + strings.Join(changed, ", "), Try: "failoverd reload"}
	}
	return text, nil
}

// unread are the keys of a configuration that was read from the disk which differ from those in force, and do not wait for a
// restart.
func (s *Standby) unread(onDisk *config.Config) []string {
	changed, _ := s.config.Diff(onDisk)
	var out []string
	for _, key := range changed {
		if !s.waits(key) {
			out = append(out, key)
		}
	}
	return out
}

// withOptions is the text that the changes make of one, and the configuration that it means.
func (s *Standby) withOptions(text []byte, changes []status.OptionChange) ([]byte, *config.Config, error) {
	list := make([]config.OptionChange, len(changes))
	for i, c := range changes {
		list[i] = config.OptionChange(c)
	}
	edited, err := config.EditOptions(s.deps.Options.Name(), text, list)
	if err != nil {
		return nil, nil, err
	}
	next, err := s.deps.Options.With(edited)
	return edited, next, err
}

// mayTakeOptions refuses options that send a password somewhere, by somebody who is not on the standby, and those that the
// standby's role does not allow. It tells what changes.
func (s *Standby) mayTakeOptions(next *config.Config, o status.Order, out *status.OptionsConfigured) error {
	changed, restart := s.config.Diff(next)
	out.Changed, out.NeedsRestart = nonNil(changed), nonNil(restart)
	if keys := config.HostOnlyOptions(s.config, next); len(keys) > 0 && o.By.Via != "socket" {
		return &status.Refusal{
			Code:   status.HostOnly,
			Detail: "only root on the standby says where a password is sent, and which files are read: " + strings.Join(keys, ", "),
			Try:    "failoverd config set " + keys[0] + "=…, on the standby",
		}
	}
	if err := s.mayReplace(next); err != nil {
		return refuse(status.WrongState, err.Error())
	}
	return nil
}

// refusedOptions is a refusal as a problem of the file of options.
func refusedOptions(file string, refusal error) status.ConfigProblem {
	p := status.ConfigProblem{File: file, Line: 1, Column: 1, Problem: refusal.Error()}
	var known *status.Refusal
	if errors.As(refusal, &known) {
		p.Expect = known.Try
	}
	return p
}

// testMails sends a test mail to each recipient of next, one after the other, and writes down who wanted it.
func (s *Standby) testMails(ctx context.Context, next *config.Config, o status.Order) []status.TestMail {
	results := []status.TestMail{}
	if next.Alerts.Email == nil {
		return results
	}
	failed := 0
	for _, to := range next.Alerts.Email.To {
		m := tested(to, func() ([]string, string, error) { return s.deps.TestMail(ctx, next, to) })
		if !m.OK {
			failed++
		}
		results = append(results, m)
	}
	s.box.put(func(t *turn) {
		e := journal.Event{
			Time: t.now, Kind: "alert.test", Severity: "info", Actor: actor(o.By), Reason: o.Reason,
			Message: fmt.Sprintf("a test mail was sent to %d recipients by options that are not in force yet, %d failed", len(results), failed),
		}
		t.note(e, false)
		t.again(func(t *turn) { t.note(e, false) })
	})
	return results
}

// optionsInForce puts what is on the disk in force, and writes down who wanted it.
func (s *Standby) optionsInForce(ctx context.Context, next *config.Config, o status.Order, done status.OptionsConfigured) error {
	_, err := order(ctx, s, func(t *turn) (none, error) {
		var again status.OptionsConfigured
		if err := s.mayTakeOptions(next, o, &again); err != nil {
			return none{}, err
		}
		t.replace(next)
		s.reload = reload{loaded: t.now, needsRestart: done.NeedsRestart}
		t.note(journal.Event{
			Kind: "config.options_changed", Severity: "info", Actor: actor(o.By), Reason: o.Reason,
			Message:  "options were changed by " + o.By.Name,
			Evidence: map[string]any{"changed": done.Changed, "revision": done.Revision},
		}, false)
		return none{}, nil
	})
	return err
}
