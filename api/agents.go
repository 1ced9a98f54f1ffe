package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
	"failoverd/replicate/agent/discovery"
	"failoverd/status"
)

// Agents are the agents on the primaries. Errors of Pair that an operator should read are *status.Refusal.
type Agents interface {
	// Pair proves to the agent at an address that somebody knows its code, and remembers it.
	Pair(ctx context.Context, at netip.AddrPort, code string) (status.Agent, error)
	// Agents are those that are paired, and those that the configuration wants.
	Agents() ([]status.Agent, error)
	// Discover asks a paired agent what there is on its host.
	Discover(ctx context.Context, at netip.AddrPort) (discovery.Found, error)
	// Propose is the name and the file of servers.d for a primary that was discovered at an address.
	Propose(f discovery.Found, at netip.Addr) (name, text string)
	// Fingerprint is of this standby's own key.
	Fingerprint() string
}

// noAgents are the agents of a daemon that has none.
type noAgents struct{}

func (noAgents) Pair(context.Context, netip.AddrPort, string) (status.Agent, error) {
	return status.Agent{}, &status.Refusal{Code: status.NotAvailable, Detail: "this daemon pairs with no agents"}
}

func (noAgents) Discover(context.Context, netip.AddrPort) (discovery.Found, error) {
	return discovery.Found{}, &status.Refusal{Code: status.NotAvailable, Detail: "this daemon asks no agents"}
}

func (noAgents) Propose(discovery.Found, netip.Addr) (name, text string) { return "", "" }

func (noAgents) Agents() ([]status.Agent, error) { return nil, nil }
func (noAgents) Fingerprint() string             { return "" }

// endpointPattern matches the text of an IP address and a port: 192.168.11.21:7443, [fe80::1%eth0]:7443.
const (
	endpointPattern = "^(" + ipv4 + `|\[(` + ipv6 + `)(%[0-9A-Za-z._-]{1,15})?\]):` + port + "$"

	octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
	ipv4  = "(" + octet + "[.]){3}" + octet
	group = "[0-9A-Fa-f]{1,4}"
	ipv6  = "(" + group + ":){7}" + group +
		"|(" + group + ":){1,7}:" +
		"|(" + group + ":){1,6}:" + group +
		"|(" + group + ":){1,5}(:" + group + "){2}" +
		"|(" + group + ":){1,4}(:" + group + "){3}" +
		"|(" + group + ":){1,3}(:" + group + "){4}" +
		"|(" + group + ":){1,2}(:" + group + "){5}" +
		"|" + group + ":(:" + group + "){6}" +
		"|:((:" + group + "){1,7}|:)" +
		"|::[Ff]{4}:" + ipv4
	port = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

	anEndpoint = "an IP address and a port: 192.168.11.21:7443"
)

// AgentList is all agents.
type AgentList struct {
	Fingerprint string         `json:"standby_fingerprint" doc:"SHA-256 of this standby's key, as the agents log it"`
	Agents      []status.Agent `json:"agents" nullable:"false"`
}

// NewPairing is an agent to be paired.
type NewPairing struct {
	Address string `json:"address" minLength:"3" maxLength:"64" doc:"IP address and port of the agent" example:"192.168.11.21:7443"`
	Code    string `json:"code" minLength:"16" maxLength:"64" doc:"What failoverd agent pair shows on the primary"`
	Reason  string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// Discovery is a question to an agent.
type Discovery struct {
	Address string `json:"address" minLength:"3" maxLength:"64" doc:"IP address and port of the agent" example:"192.168.11.21:7443"`
}

// Discovered is what there is on a primary, and how it could be configured.
type Discovered struct {
	discovery.Found
	Server   string `json:"server" doc:"What the server would be called"`
	Proposal string `json:"proposal" doc:"A file of servers.d for it, to be read and completed"`
}

// agentRoutes are the agents on the primaries.
func (s *Server) agentRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodGet, path: "/agents", id: "list-agents", tag: "agents", role: Viewer, wide: true,
		summary: "The agents on the primaries", detail: "Those that are paired, and those that the configuration wants.",
	},
		func(context.Context, *struct{}) (*document[AgentList], error) {
			list, err := s.agents.Agents()
			return &document[AgentList]{AgentList{Fingerprint: s.agents.Fingerprint(), Agents: orEmpty(list)}}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/agents/pair", id: "pair-agent", tag: "agents", role: Admin, wide: true, changes: true, slow: true,
		errors: []int{409, 503}, summary: "Pair with the agent on a primary",
		detail: "Both sides prove that they know the code that `failoverd agent pair` has shown there, and remember each other's key. The standby that the agent served before is not served any more.",
	},
		func(ctx context.Context, in *struct{ Body NewPairing }) (*document[status.Agent], error) {
			a, err := s.pairAgent(ctx, in.Body)
			return &document[status.Agent]{a}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/agents/discover", id: "discover-primary", tag: "agents", role: Admin, wide: true, slow: true,
		errors: []int{409, 503}, summary: "What there is on a primary",
		detail: "The paired agent at the address tells its host's name, addresses, gateways, database servers, SQLite files, trees and directories of backups, which of them it grants, and what it could not learn. It is asked without a password and nothing is changed. With it comes a file of servers.d, to be completed.",
	},
		func(ctx context.Context, in *struct{ Body Discovery }) (*document[Discovered], error) {
			at, err := netip.ParseAddrPort(in.Body.Address)
			if err != nil {
				return nil, invalid("body.address", anEndpoint)
			}
			found, err := s.agents.Discover(ctx, at)
			if err != nil {
				return nil, err
			}
			d := Discovered{Found: found}
			d.Server, d.Proposal = s.agents.Propose(found, at.Addr())
			return &document[Discovered]{d}, nil
		})
}

// pairAgent pairs with an agent and writes down who ordered it.
func (s *Server) pairAgent(ctx context.Context, n NewPairing) (status.Agent, error) {
	o, err := order(ctx, n.Reason, nil, nil)
	if err != nil {
		return status.Agent{}, err
	}
	at, err := netip.ParseAddrPort(n.Address)
	if err != nil {
		return status.Agent{}, invalid("body.address", anEndpoint)
	}
	a, err := s.agents.Pair(ctx, at, n.Code)
	if err != nil {
		return status.Agent{}, err
	}
	_, err = s.history.Commit(ctx, journal.Batch{Events: []journal.Event{{
		Kind: "audit.agent_paired", Severity: journal.Info, Server: a.Server, Actor: journal.Actor(o.By), Reason: o.Reason,
		Message:  fmt.Sprintf("paired with the agent at %s (%q)", a.Address, a.Name),
		Evidence: map[string]any{"address": a.Address, "name": a.Name, "fingerprint": a.Fingerprint, "version": a.Version, "request_id": requestID(ctx)},
	}}})
	if err != nil {
		return status.Agent{}, fmt.Errorf("write down that the agent at %s is paired: %w", a.Address, err)
	}
	return a, nil
}
