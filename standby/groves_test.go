package standby

import (
	"context"
	"slices"
	"sync"

	"failoverd/replicate/trees"
)

// groves are the copies of files of a world: what is followed is written down, and how it fares is what the test says.
type groves struct {
	mu        sync.Mutex
	orders    map[string][]trees.Order
	status    map[string]trees.Status // by server/tree, without Following
	quiesced  []string
	confirmed []string
	stuck     error // quiescing fails
}

func newGroves() *groves {
	return &groves{orders: map[string][]trees.Order{}, status: map[string]trees.Status{}}
}

func (g *groves) Follow(server string, orders []trees.Order) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.orders[server] = orders
}

func (g *groves) Quiesce(_ context.Context, server string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stuck == nil {
		g.quiesced = append(g.quiesced, server)
		delete(g.orders, server)
	}
	return g.stuck
}

func (g *groves) Status(server, tree string) trees.Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.status[server+"/"+tree]
	s.Following = slices.ContainsFunc(g.orders[server], func(o trees.Order) bool { return o.Tree.Name == tree })
	return s
}

func (g *groves) Confirm(server, tree string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.confirmed = append(g.confirmed, server+"/"+tree)
	return g.status[server+"/"+tree].Held > 0
}

func (g *groves) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.orders)
}

// fare says how a copy fares from now on.
func (g *groves) fare(server, tree string, s trees.Status) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status[server+"/"+tree] = s
}

// followed are the orders for a server's trees.
func (g *groves) followed(server string) []trees.Order {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.orders[server])
}
