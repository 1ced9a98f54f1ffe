package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"failoverd/config"
	"failoverd/monitor/probe"
	"failoverd/replicate/agent"
	"failoverd/replicate/agent/discovery"
	"failoverd/replicate/files"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// link is the standby's way to the agents, as the API and the probes use it.
type link struct {
	client *agent.Client
	config func() *config.Config // in force
}

// Pair pairs with an agent.
func (l link) Pair(ctx context.Context, at netip.AddrPort, text string) (status.Agent, error) {
	refuse := func(err error, try string) error {
		return &status.Refusal{Code: status.PairingFailed, Detail: err.Error(), Try: try}
	}
	code, err := agent.ParseCode(text)
	if err != nil {
		return status.Agent{}, refuse(err, "")
	}
	k, err := l.client.Pair(ctx, at, code)
	if err != nil {
		try := "on the primary: systemctl status failoverd-agent"
		if r, ok := errors.AsType[*agent.RefusedError](err); ok && (r.Problem.Code == agent.NoCode || r.Problem.Code == agent.WrongCode) {
			try = "on the primary: sudo failoverd agent pair"
		}
		return status.Agent{}, refuse(err, try)
	}
	return l.shown(k), nil
}

// Fingerprint is of the standby's key.
func (l link) Fingerprint() string { return l.client.Key().Fingerprint() }

// Agents are those that are paired, and those that the configuration wants.
func (l link) Agents() ([]status.Agent, error) {
	known, err := l.client.Known()
	if err != nil {
		return nil, err
	}
	var list []status.Agent
	for _, k := range known {
		list = append(list, l.shown(k))
	}
	for _, s := range l.config().Servers {
		at := s.Agent.Address
		if wantsAgent(s) && !slices.ContainsFunc(known, func(k agent.Known) bool { return k.Address == at }) {
			list = append(list, status.Agent{Server: s.Name, Address: at.String()})
		}
	}
	return list, nil
}

// wantsAgent says whether something is configured that a server's agent is needed for.
func wantsAgent(s config.Server) bool {
	return slices.ContainsFunc(s.Probes, func(p config.Probe) bool { return p.Kind == "agent" }) ||
		slices.ContainsFunc(s.Databases, func(d config.Database) bool {
			return d.Primary.Agent != "" || d.Primary.Backups != nil && d.Primary.Backups.Agent != ""
		}) ||
		slices.ContainsFunc(s.Files, func(f config.FileTree) bool { return f.Source.Agent != "" })
}

// shown is an agent as the API shows it.
func (l link) shown(k agent.Known) status.Agent {
	v := status.Agent{
		Address: k.Address.String(), Paired: true, Name: k.Name, Fingerprint: k.Key.Fingerprint(), Version: k.Version,
		VersionDiffers: k.Version != versionOf().Version, PairedAt: moment(k.Paired), HeardAt: moment(k.Heard),
	}
	for _, s := range l.config().Servers {
		if s.Agent.Address == k.Address {
			v.Server = s.Name
			break
		}
	}
	return v
}

// moment is a time, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// hello asks an agent for a sign of life, for a probe. That nobody has paired it, or that another one answers, says
// nothing of the primary.
func (l link) hello(ctx context.Context, at netip.AddrPort) (evidence string, err error) {
	h, err := l.client.Hello(ctx, at)
	switch {
	case err == nil:
		return fmt.Sprintf("failoverd %.40s on %.60s", h.Version, h.Name), nil
	case isType[*agent.NotPairedError](err), isType[*agent.WrongKeyError](err), isType[*agent.RefusedError](err):
		return "", nobody{err}
	}
	return "", err
}

// Open begins a conversation about a tree with a server's agent.
func (l link) Open(ctx context.Context, w trees.Wanted) (io.ReadWriteCloser, error) {
	at, err := l.place(w)
	if err != nil {
		return nil, err
	}
	return l.client.Files(ctx, at.Agent, at.Directory, rulesOf(w), w.Epoch)
}

// Bring begins one in which the copy is the source.
func (l link) Bring(ctx context.Context, w trees.Wanted) (io.ReadWriteCloser, error) {
	at, err := l.place(w)
	if err != nil {
		return nil, err
	}
	return l.client.Bring(ctx, at, rulesOf(w), w.Epoch)
}

// Look asks a server's agent how a tree is.
func (l link) Look(ctx context.Context, w trees.Wanted) (trees.Far, error) {
	at, err := l.place(w)
	if err != nil {
		return trees.Far{}, err
	}
	v, err := l.client.Look(ctx, at, w.Epoch)
	return trees.Far{
		Scanned: v.Scanned, Files: v.Files, Bytes: v.Bytes, Alone: v.Alone, AloneBytes: v.AloneBytes, Refused: v.Refused,
		Bringing: v.Bringing, Listing: v.Listing, Missing: v.Missing, Failed: v.Failed, Trouble: v.Trouble,
	}, err
}

// Rest has a server's agent look at a tree once more, and returns its last change once it has come to rest.
func (l link) Rest(ctx context.Context, w trees.Wanted) (head uint64, err error) {
	at, err := l.place(w)
	if err != nil {
		return 0, err
	}
	return l.client.Rest(ctx, at, rulesOf(w))
}

// SetAside lists what was set aside in a tree of a server when files were brought back.
func (l link) SetAside(ctx context.Context, w trees.Wanted, after files.RescuePlace) ([]files.Rescued, bool, error) {
	at, err := l.place(w)
	if err != nil {
		return nil, false, err
	}
	return l.client.SetAside(ctx, at, after)
}

// Restore puts something that was set aside into its place again.
func (l link) Restore(ctx context.Context, w trees.Wanted, set, path string) error {
	at, err := l.place(w)
	if err != nil {
		return err
	}
	err = l.client.Restore(ctx, at, set, path)
	if r, ok := errors.AsType[*agent.RefusedError](err); ok && r.Problem.Code == agent.BadRequest {
		return &status.Refusal{Code: status.NotFound, Detail: err.Error(), Try: "failoverd files " + w.Server}
	}
	return err
}

// place is where a server's agent has a tree.
func (l link) place(w trees.Wanted) (agent.Place, error) {
	servers := l.config().Servers
	i := slices.IndexFunc(servers, func(s config.Server) bool { return s.Name == w.Server })
	if i < 0 {
		return agent.Place{}, fmt.Errorf("%s is not configured any more", w.Server)
	}
	return agent.Place{Agent: servers[i].Agent.Address, Directory: w.Directory}, nil
}

// rulesOf are the rules of a tree as they are sent to an agent.
func rulesOf(w trees.Wanted) agent.Rules {
	return agent.Rules{Include: travelling(w.Include), Exclude: travelling(w.Exclude), FoldCase: w.FoldCase}
}

// Discover asks a paired agent what there is on its host.
func (l link) Discover(ctx context.Context, at netip.AddrPort) (discovery.Found, error) {
	refuse := func(err error, try string) (discovery.Found, error) {
		return discovery.Found{}, &status.Refusal{Code: status.AgentSilent, Detail: err.Error(), Try: try}
	}
	stream, _, err := l.client.Open(ctx, at, agent.Request{Service: discoverService})
	if isType[*agent.NotPairedError](err) {
		return refuse(err, "failoverd pair "+at.String())
	}
	if err != nil {
		return refuse(err, "on the primary: systemctl status failoverd-agent")
	}
	found, err := discovery.Ask(ctx, stream)
	if err != nil {
		return refuse(err, "on the primary: journalctl -u failoverd-agent")
	}
	return found, nil
}

// Propose is the file of servers.d for a primary that was discovered.
func (l link) Propose(f discovery.Found, at netip.Addr) (name, text string) {
	return serverName(f), proposal(f, at)
}

// travelling are rules as they are sent to an agent.
func travelling(list []files.Rule) []agent.Rule {
	var out []agent.Rule
	for _, r := range list {
		out = append(out, agent.Rule{Directory: r.Directory, Patterns: r.Patterns, Recursive: r.Recursive})
	}
	return out
}

// isType says whether an error is of a type.
func isType[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// nobody is the error of an agent of which nothing is known.
type nobody struct{ error }

func (nobody) Is(target error) bool { return target == probe.ErrNobody }
