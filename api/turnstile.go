package api

import (
	"context"
	"sync"
	"time"
)

// turnstile lets few streams at a time have the processor. A hundred of them that wait for the same event would stand in
// the scheduler's queue before the decision loop, each with its encryption and its system calls: so they queue here.
type turnstile struct {
	places chan struct{}
}

// turnstileTime is how long a stream keeps its place at most: one whose client does not read waits in no other's way.
const turnstileTime = 2 * time.Millisecond

func newTurnstile(places int) turnstile { return turnstile{places: make(chan struct{}, places)} }

// enter waits for a place; ok is false if ctx ends before there is one. The stream calls leave when it has written.
func (t turnstile) enter(ctx context.Context) (leave func(), ok bool) {
	select {
	case t.places <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	var once sync.Once
	give := func() { once.Do(func() { <-t.places }) }
	late := time.AfterFunc(turnstileTime, give)
	return func() {
		late.Stop()
		give()
	}, true
}
