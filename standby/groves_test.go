package standby

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"failoverd/replicate/files"
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

	found    trees.Examined
	asked    trees.Order      // the last question about both ends
	silent   error            // the agent does not answer
	hold     chan struct{}    // bringing waits until it is closed
	begun    chan trees.Order // is told that bringing has begun
	lost     error            // bringing fails
	result   trees.Brought
	brought  []string
	ahead    []string
	levelled []string
	wait     chan struct{} // bringing ahead waits until it is closed
	restored []string
	recalled []string
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

func (g *groves) Recall(t trees.Tree) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.recalled = append(g.recalled, t.Server+"/"+t.Name)
	return nil
}

func (g *groves) Confirm(server, tree string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.confirmed = append(g.confirmed, server+"/"+tree)
	return g.status[server+"/"+tree].Held > 0
}

func (g *groves) Examine(_ context.Context, o trees.Order) (trees.Examined, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = o
	return g.found, g.silent
}

// Ahead notes which tree was brought while the stand-in worked.
func (g *groves) Ahead(ctx context.Context, o trees.Order, watch func(trees.Progress)) (trees.Brought, error) {
	watch(trees.Progress{Phase: "transfer", Sent: 1 << 20})
	if g.wait != nil {
		select {
		case <-g.wait:
		case <-ctx.Done():
			return trees.Brought{}, context.Cause(ctx)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ahead = append(g.ahead, o.Tree.Name)
	return g.result, nil
}

// Near waits as Ahead does.
func (g *groves) Near(ctx context.Context, _ trees.Tree, watch func(trees.Progress)) error {
	watch(trees.Progress{Phase: "transfer", Sent: 1 << 20})
	if g.wait != nil {
		select {
		case <-g.wait:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Level notes which copy was made as its source, as long as it is followed. It waits as Bring does.
func (g *groves) Level(ctx context.Context, o trees.Order, watch func(trees.Progress)) (trees.Brought, error) {
	watch(trees.Progress{Phase: "look"})
	g.mu.Lock()
	hold := g.hold
	g.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return trees.Brought{}, context.Cause(ctx)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.orders[o.Tree.Server]
	i := slices.IndexFunc(now, func(f trees.Order) bool { return f.Tree.Name == o.Tree.Name })
	if i < 0 || now[i].Epoch != o.Epoch {
		return trees.Brought{}, errors.New("it is not followed as it was")
	}
	if g.lost != nil {
		return trees.Brought{}, g.lost
	}
	g.levelled = append(g.levelled, o.Tree.Name)
	return g.result, nil
}

func (g *groves) Bring(ctx context.Context, o trees.Order, watch func(trees.Progress)) (trees.Brought, error) {
	watch(trees.Progress{Phase: "transfer", Sent: 1 << 20, Missing: 3})
	g.mu.Lock()
	hold, begun := g.hold, g.begun
	g.mu.Unlock()
	if begun != nil {
		begun <- o
	}
	for waiting := hold != nil; waiting; {
		select {
		case <-hold:
			waiting = false
		case <-time.After(time.Second): // it tells how far it is again and again
			watch(trees.Progress{Phase: "transfer", Sent: 1 << 20, Missing: 3})
		case <-ctx.Done():
			return trees.Brought{}, context.Cause(ctx)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lost != nil {
		return trees.Brought{}, g.lost
	}
	g.brought = append(g.brought, o.Tree.Name)
	return g.result, nil
}

func (g *groves) SetAside(_ context.Context, t trees.Tree, after files.RescuePlace) ([]files.Rescued, bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := []files.Rescued{
		{Set: "then", Path: t.Name + ".wav", Kind: files.File, Reason: "it came late"}, {Set: "then", Path: "x\xff.wav", Kind: files.File}, {Set: "before", Path: "y.wav", Kind: files.File},
	}
	return slices.DeleteFunc(all, func(r files.Rescued) bool { return !after.Before(r.Set, r.Path) }), false, g.silent
}

func (g *groves) Restore(_ context.Context, t trees.Tree, set, path string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.silent == nil {
		g.restored = append(g.restored, t.Name+"/"+set+"/"+path)
	}
	return g.silent
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
