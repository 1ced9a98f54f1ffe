package main

import (
	"context"
	"io"

	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
	"failoverd/replicate/agent/discovery"
)

// discoverService is the name of the agent's service that tells what there is on its host.
const discoverService = "discover"

// discoverer tells what there is on this host, to one at a time: a question that the kernel does not answer must not be
// asked over and over again.
type discoverer struct {
	config *agentconfig.Config
	turn   chan struct{}
}

func newDiscoverer(c *agentconfig.Config) *discoverer {
	return &discoverer{config: c, turn: make(chan struct{}, 1)}
}

// Begin is the service discover.
func (d *discoverer) Begin(context.Context, agent.Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		select {
		case d.turn <- struct{}{}:
		case <-ctx.Done():
			return stream.Close()
		}
		defer func() { <-d.turn }()
		return discovery.Serve(ctx, stream, d.config)
	}, nil
}
