package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
)

// Application is what does the work on a primary. It is the agent's configuration that says what is run.
type Application interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Running(ctx context.Context) (running bool, evidence string, err error)
}

// ServiceApplication is the name of the service that starts and stops the application.
const ServiceApplication = "application"

// What the standby may have done with the application.
const (
	OrderLook  = "look"
	OrderStart = "start"
	OrderStop  = "stop"
)

// ApplicationState is how the application is.
type ApplicationState struct {
	What     string `json:"what"` // for people; empty: the agent's configuration names none
	Running  bool   `json:"running"`
	Evidence string `json:"evidence"`
	Error    string `json:"error"` // why it could not be told, or not be started or stopped
}

// applications is the service.
type applications struct {
	app  Application
	what string
	lift func() error  // before it is started
	turn chan struct{} // one order at a time
	log  *slog.Logger
}

// NewApplication serves an application, which people know as what; app is nil where there is none. lift forgets that the standby
// stands in: when it has the application started, it does not.
func NewApplication(app Application, what string, lift func() error, log *slog.Logger) Service {
	return &applications{app: app, what: tame(what, maxShown), lift: lift, turn: make(chan struct{}, 1), log: log}
}

// Begin takes one order.
func (a *applications) Begin(_ context.Context, r Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	if r.Order != OrderLook && r.Order != OrderStart && r.Order != OrderStop {
		return nil, &Problem{BadRequest, fmt.Sprintf("the application cannot be told to %.64q", r.Order)}
	}
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		select {
		case a.turn <- struct{}{}:
		case <-ctx.Done():
			return stream.Close()
		}
		defer func() { <-a.turn }()
		return errors.Join(writeFrame(stream, a.obey(ctx, r.Order)), stream.Close())
	}, nil
}

// obey looks how the application is, and starts it if it does not run and is to, or stops it.
func (a *applications) obey(ctx context.Context, order string) ApplicationState {
	if order == OrderStart {
		if err := a.lift(); err != nil {
			a.log.Error("the hold could not be lifted", "err", err)
			return ApplicationState{What: a.what, Error: tame("lift the hold: "+err.Error(), maxShown)}
		}
	}
	if a.app == nil {
		return ApplicationState{}
	}
	state := a.look(ctx)
	switch {
	case order == OrderStop:
		return a.stop(ctx, state)
	case order == OrderLook || state.Running:
		return state
	}
	a.log.Warn("the application is started: the standby has brought its data and its role back", "what", a.what)
	if err := a.app.Start(ctx); err != nil {
		a.log.Error("the application could not be started", "what", a.what, "err", err)
		state.Error = tame(err.Error(), maxShown)
		return state
	}
	if state = a.look(ctx); !state.Running && state.Error == "" {
		state.Error = "it was started, and does not run: " + state.Evidence
	}
	return state
}

// stop stops the application. What cannot say whether it runs is stopped all the same.
func (a *applications) stop(ctx context.Context, state ApplicationState) ApplicationState {
	if !state.Running && state.Error == "" {
		return state
	}
	a.log.Warn("the application is stopped: the standby takes its role over", "what", a.what)
	if err := a.app.Stop(ctx); err != nil {
		a.log.Error("the application could not be stopped", "what", a.what, "err", err)
		return ApplicationState{What: a.what, Error: tame(err.Error(), maxShown)}
	}
	if state = a.look(ctx); state.Running {
		state.Error = "it was stopped, and runs: " + state.Evidence
	}
	return state
}

func (a *applications) look(ctx context.Context) ApplicationState {
	s := ApplicationState{What: a.what}
	running, evidence, err := a.app.Running(ctx)
	s.Running, s.Evidence = running, tame(evidence, maxShown)
	if err != nil {
		s.Error = tame(err.Error(), maxShown)
	}
	return s
}

// Application has an agent look at the application of its host, start it or stop it.
func (c *Client) Application(ctx context.Context, to netip.AddrPort, order string) (s ApplicationState, err error) {
	stream, _, err := c.Open(ctx, to, Request{Service: ServiceApplication, Order: order})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	if err := readFrame(stream, &s); err != nil {
		return s, unanswered(to, err)
	}
	s.What, s.Evidence, s.Error = tame(s.What, maxShown), tame(s.Evidence, maxShown), tame(s.Error, maxShown)
	return s, nil
}
