package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"

	"failoverd/config"
	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
	"failoverd/standby"
	"failoverd/takeover"
	"failoverd/takeover/standin"
)

// applicationOf is the service by which the standby has the application of this host started.
func applicationOf(c *agentconfig.Config, lift func() error, log *slog.Logger) agent.Service {
	a := c.Application
	if a == nil {
		return agent.NewApplication(nil, "", lift, log)
	}
	spec := standin.Spec{
		What: "the application", Units: a.Units, Start: a.Start, Stop: a.Stop, Check: a.Check, Timeout: a.Timeout,
		Dir: filepath.Join(c.DataDir, "application"), Environment: standin.Environment{Server: c.Name, Role: standin.Primary},
	}
	return agent.NewApplication(standin.New(spec, log), nameOf(a), lift, log)
}

// nameOf is an application, for people.
func nameOf(a *agentconfig.Application) string {
	if len(a.Units) > 0 {
		return strings.Join(a.Units, ", ")
	}
	return strings.Join(a.Start, " ")
}

// primaryApplication is the application of a primary, as its agent starts and stops it.
type primaryApplication struct {
	link   link
	at     netip.AddrPort
	server string
}

// application is the application of a server's primary, nil where nothing is configured that needs its agent.
func (w *world) application(c config.Server) takeover.Application {
	if !wantsAgent(c) {
		return nil
	}
	return primaryApplication{link: w.link, at: c.Agent.Address, server: c.Name}
}

// herald tells the agent of a server whether the standby stands in, nil where nothing is configured that needs its agent. An agent
// that is not paired, or too old to know of it, holds nothing.
func (w *world) herald(c config.Server) standby.Herald {
	if !wantsAgent(c) {
		return nil
	}
	return func(ctx context.Context, held bool, epoch uint64) (bool, error) {
		h, err := w.link.client.Hold(ctx, c.Agent.Address, held, epoch)
		return h.Held, err
	}
}

// Running asks the agent how the application is.
func (p primaryApplication) Running(ctx context.Context) (what string, running bool, err error) {
	s, err := p.ask(ctx, agent.OrderLook)
	if err == nil && s.Error != "" {
		err = errors.New(s.Error)
	}
	return s.What, s.Running, err
}

// Start has the agent start it.
func (p primaryApplication) Start(ctx context.Context) (note string, err error) {
	s, err := p.ask(ctx, agent.OrderStart)
	switch {
	case err != nil:
		return "", err
	case s.Error != "":
		return "", errors.New(s.Error)
	case s.What == "":
		return "start the application of " + p.server + " by hand: its agent's configuration names none", nil
	}
	return s.What + " runs: " + s.Evidence, nil
}

// Stop has the agent stop it.
func (p primaryApplication) Stop(ctx context.Context) (note string, err error) {
	s, err := p.ask(ctx, agent.OrderStop)
	switch {
	case err != nil:
		return "", err
	case s.What == "":
		return "stop the application of " + p.server + " by hand: its agent's configuration names none", nil
	case s.Running:
		return "", errors.New(s.Error)
	case s.Error != "" && !strings.Contains(s.Error, standin.ErrCannotTell.Error()):
		return "", errors.New(s.Error)
	}
	return s.What + " is stopped", nil
}

// ask gives an order. An agent that is not paired, or too old to know of applications, starts none.
func (p primaryApplication) ask(ctx context.Context, order string) (agent.ApplicationState, error) {
	s, err := p.link.client.Application(ctx, p.at, order)
	if r, ok := errors.AsType[*agent.RefusedError](err); ok && r.Problem.Code == agent.UnknownService {
		return agent.ApplicationState{}, nil
	}
	if isType[*agent.NotPairedError](err) {
		return agent.ApplicationState{}, nil
	}
	return s, err
}
