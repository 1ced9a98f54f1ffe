package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"failoverd/replicate/files"
)

// Look is how a tree is, for who wants to bring files back into it.
type Look struct {
	Scanned    bool   `json:"scanned"` // it was looked at whole; otherwise the numbers are less than there is
	Files      uint64 `json:"files"`   // that it has
	Bytes      uint64 `json:"bytes"`   // in them
	Alone      uint64 `json:"alone"`   // files that the standby has not confirmed to have
	AloneBytes uint64 `json:"alone_bytes"`
	Refused    string `json:"refused"` // why files may not be brought back, empty if they may

	Bringing bool            `json:"bringing"` // they are at the moment
	Listing  bool            `json:"listing"`  // and everything is being compared
	Missing  int             `json:"missing"`  // paths that were announced and are not there yet
	Failed   []files.Problem `json:"failed"`   // those for which there is a reason, the first of them
	Trouble  string          `json:"trouble"`  // how the last conversation ended, empty if well
}

const (
	// mostShown bounds how many paths with their reasons a Look has; it has to fit into a message.
	mostShown = 20
	// maxShown bounds each of their texts.
	maxShown = 500
	// lookPatience is how long it is waited for a tree to be looked at whole.
	lookPatience = 10 * time.Second
)

// look tells how the tree is.
func (t *tree) look(ctx context.Context, epoch uint64) Look {
	refused := t.mayBring(epoch)
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	for {
		t.mu.Lock()
		w, g, changed, trouble := t.watch, t.guest, t.changed, t.trouble
		var v Look
		if g != nil && g.sink != nil {
			v = lookOf(g.sink)
		}
		t.mu.Unlock()
		v.Bringing = g != nil
		if trouble != nil {
			v.Trouble = tame(trouble.Error(), maxShown)
		}
		if refused != nil && g == nil {
			v.Refused = tame(refused.Error(), maxShown)
		}
		if g != nil {
			return v
		}
		var told <-chan struct{}
		if w != nil {
			var s files.SourceStatus
			s, told = w.source.Status()
			v.Scanned, v.Files, v.Bytes = s.Scanned, s.Files, s.Bytes
			v.Alone, v.AloneBytes = w.source.Alone()
		}
		if v.Scanned {
			return v
		}
		select {
		case <-changed:
		case <-told:
		case <-ctx.Done():
			return v
		}
	}
}

// lookOf is how far a sink is.
func lookOf(sink *files.Sink) Look {
	s, _ := sink.Status()
	v := Look{Files: s.Files, Listing: s.Listing, Missing: s.Missing}
	for _, p := range s.Failed {
		if len(v.Failed) == mostShown {
			break
		}
		v.Failed = append(v.Failed, files.Problem{Path: tame(p.Path, maxShown), Reason: tame(p.Reason, maxShown)})
	}
	return v
}

// Aside is something that was set aside, as it travels.
type Aside struct {
	Path []byte `json:"path"` // need not be UTF-8
	files.Rescued
	More bool `json:"more"` // of the last one, which is none: there are others
	End  bool `json:"end"`
}

// MostAside is how much of what was set aside is told at a time.
const MostAside = 1000

// Services are what the standby may ask about the trees by name, besides their conversations from live.
func (t *Trees) Services() map[string]Service {
	return map[string]Service{
		serviceLook: treeService{t, t.beginLook}, serviceBring: treeService{t, t.beginBring},
		serviceAside: treeService{t, t.beginAside}, serviceRestore: treeService{t, t.beginRestore}, serviceRest: treeService{t, t.beginRest},
	}
}

// talk is what a service does once its request was taken.
type talk = func(context.Context, io.ReadWriteCloser) error

// treeService is a service about one of the trees.
type treeService struct {
	trees *Trees
	begin func(context.Context, *tree, Request) (talk, error)
}

// Begin finds the tree.
func (s treeService) Begin(ctx context.Context, r Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	one, err := s.trees.granted(r)
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, one, r)
}

func (t *Trees) beginLook(_ context.Context, one *tree, r Request) (talk, error) {
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		return errors.Join(writeFrame(stream, one.look(ctx, r.Epoch)), stream.Close())
	}, nil
}

func (t *Trees) beginBring(_ context.Context, one *tree, r Request) (talk, error) {
	rules, err := r.rules()
	if err != nil {
		return nil, err
	}
	if err := one.mayBring(r.Epoch); err != nil {
		return nil, err
	}
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		return one.bring(ctx, stream, rules, r.Epoch)
	}, nil
}

func (t *Trees) beginAside(_ context.Context, one *tree, r Request) (talk, error) {
	list, more, err := files.ListRescued(one.grant.Directory, files.RescuePlace{Set: r.Set, Path: string(r.Path)}, MostAside)
	if err != nil {
		return nil, one.unavailable(err)
	}
	return func(_ context.Context, stream io.ReadWriteCloser) error {
		for _, r := range list {
			a := Aside{Path: []byte(r.Path), Rescued: r}
			a.Rescued.Path = ""
			if err := writeFrame(stream, a); err != nil {
				return errors.Join(err, stream.Close())
			}
		}
		return errors.Join(writeFrame(stream, Aside{More: more, End: true}), stream.Close())
	}, nil
}

func (t *Trees) beginRestore(_ context.Context, one *tree, r Request) (talk, error) {
	if err := one.restore(r.Set, string(r.Path)); err != nil {
		return nil, err
	}
	return func(_ context.Context, stream io.ReadWriteCloser) error { return stream.Close() }, nil
}

// restore puts something that was set aside into its place again.
func (t *tree) restore(set, p string) error {
	if !t.grant.Writable {
		return &Problem{NotGranted, fmt.Sprintf("the agent's configuration lets nobody write in tree %s: write writable: true there, and restart the agent", t.grant.Name)}
	}
	t.mu.Lock()
	g := t.guest
	t.mu.Unlock()
	if g != nil {
		return t.unavailable(errBringing)
	}
	if err := t.mayWrite(); err != nil {
		return err
	}
	err := files.RestoreRescued(t.grant.Directory, set, p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Problem{BadRequest, fmt.Sprintf("nothing is set aside under %.64q as %.256q", set, p)}
	case err != nil:
		return &Problem{BadRequest, tame(err.Error(), maxShown)}
	}
	t.log.Warn("something that was set aside is in its place again", "set", set, "path", p)
	return nil
}

// Look asks an agent how a tree is.
func (c *Client) Look(ctx context.Context, to Place, epoch uint64) (v Look, err error) {
	stream, _, err := c.Open(ctx, to.Agent, Request{Service: serviceLook, Directory: to.Directory, Epoch: epoch})
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	if err := readFrame(stream, &v); err != nil {
		return v, unanswered(to.Agent, err)
	}
	v.Failed = v.Failed[:min(len(v.Failed), mostShown)]
	for i, p := range v.Failed {
		v.Failed[i] = files.Problem{Path: tame(p.Path, maxShown), Reason: tame(p.Reason, maxShown)}
	}
	v.Refused, v.Trouble = tame(v.Refused, maxShown), tame(v.Trouble, maxShown)
	return v, nil
}

// Bring begins a conversation in which the standby is the source, with these rules.
func (c *Client) Bring(ctx context.Context, to Place, rules Rules, epoch uint64) (io.ReadWriteCloser, error) {
	stream, _, err := c.Open(ctx, to.Agent, Request{Service: serviceBring, Directory: to.Directory, Rules: rules, Epoch: epoch})
	return stream, err
}

// SetAside asks an agent what was set aside in a tree, after a place in that list; more says that there is more than it tells
// at a time.
func (c *Client) SetAside(ctx context.Context, to Place, after files.RescuePlace) (list []files.Rescued, more bool, err error) {
	stream, _, err := c.Open(ctx, to.Agent, Request{Service: serviceAside, Directory: to.Directory, Set: after.Set, Path: []byte(after.Path)})
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	for len(list) <= MostAside {
		var a Aside
		if err := readFrame(stream, &a); err != nil {
			return nil, false, unanswered(to.Agent, err)
		}
		if a.End {
			return list, a.More, nil
		}
		if err := files.CheckPath(string(a.Path)); err != nil {
			return nil, false, fmt.Errorf("the agent at %s tells of a path that is none: %w", to.Agent, err)
		}
		if !after.Before(a.Set, string(a.Path)) {
			return nil, false, fmt.Errorf("the agent at %s tells only the first %d of what was set aside: it is of an earlier version", to.Agent, MostAside)
		}
		r := a.Rescued
		r.Path, r.Set, r.Reason = string(a.Path), tame(r.Set, maxWord), tame(r.Reason, maxShown)
		list = append(list, r)
	}
	return nil, false, fmt.Errorf("the agent at %s tells more than it was asked for", to.Agent)
}

// Restore has an agent put something that was set aside into its place again.
func (c *Client) Restore(ctx context.Context, to Place, set, path string) error {
	stream, _, err := c.Open(ctx, to.Agent, Request{Service: serviceRestore, Directory: to.Directory, Set: set, Path: []byte(path)})
	if err != nil {
		return err
	}
	return stream.Close()
}
