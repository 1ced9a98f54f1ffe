package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"failoverd/replicate/files"
)

// Rest is a tree that has come to rest.
type Rest struct {
	Head  uint64 `json:"head"`  // the number of its last change
	Error string `json:"error"` // why it has not, empty if it has
}

// restTime is how long an agent waits for a tree to come to rest. Nobody serves meanwhile.
const restTime = 2 * time.Minute

// beginRest has a tree looked at whole once more, and tells how far it is when nothing changes in it any more.
func (t *Trees) beginRest(ctx context.Context, one *tree, r Request) (talk, error) {
	rules, err := r.rules()
	if err != nil {
		return nil, err
	}
	if err := one.use(ctx, r.Rules, rules); err != nil {
		return nil, err
	}
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		return errors.Join(writeFrame(stream, one.rest(ctx, rules)), stream.Close())
	}, nil
}

// rest waits until nothing changes in the tree any more.
func (t *tree) rest(ctx context.Context, rules *files.Rules) (v Rest) {
	t.mu.Lock()
	w := t.watch
	if w == nil || w.rules.Hash() != rules.Hash() {
		t.mu.Unlock()
		return Rest{Error: t.unavailable(errOpening).Error()}
	}
	w.talks.Add(1)
	t.mu.Unlock()
	defer w.talks.Done()
	ctx, cancel := context.WithTimeoutCause(ctx, restTime, fmt.Errorf("somebody still writes in the tree %s after %s", t.grant.Name, restTime))
	defer cancel()
	defer context.AfterFunc(w.ctx, cancel)()
	var err error
	if v.Head, err = w.source.Rest(ctx); err != nil {
		v.Error = tame(err.Error(), maxShown)
	}
	return v
}

// Rest has an agent look at a tree whole once more, and returns the number of its last change once it has come to rest.
func (c *Client) Rest(ctx context.Context, to Place, rules Rules) (head uint64, err error) {
	stream, _, err := c.Open(ctx, to.Agent, Request{Service: serviceRest, Directory: to.Directory, Rules: rules})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	var v Rest
	if err := readFrame(stream, &v); err != nil {
		return 0, unanswered(to.Agent, err)
	}
	if v.Error != "" {
		return 0, fmt.Errorf("the agent at %s: %s", to.Agent, tame(v.Error, maxShown))
	}
	return v.Head, nil
}
