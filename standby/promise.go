package standby

import "sync"

// promise is something that will have been done, or will not.
type promise struct {
	once    sync.Once
	settled chan struct{}
	done    bool
}

func newPromise() *promise { return &promise{settled: make(chan struct{})} }

// settle says which. Only the first time counts.
func (p *promise) settle(done bool) {
	p.once.Do(func() {
		p.done = done
		close(p.settled)
	})
}

// kept waits until it is settled, and says whether it was done. Nothing that was promised is nothing to wait for.
func (p *promise) kept() bool {
	if p == nil {
		return true
	}
	<-p.settled
	return p.done
}
