package files

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// beat is how often the source shows that it is there, and ackEvery how often the sink does at least.
	beatEvery = time.Second
	ackEvery  = 5 * time.Second
	// silence is after how long without a frame the other side is given up.
	silence = 30 * time.Second
)

// errSilent says that the other side has said nothing for too long.
var errSilent = errors.New("the other side has been silent for too long")

// converse reads frames while talk, which gets them, writes its own. It closes the stream when either of them, or ctx,
// ends, and returns when both have: what talk says, or why the stream ended.
func converse(ctx context.Context, w *wire, stream io.Closer, patience time.Duration, talk func(<-chan frame) error) error {
	defer w.close()
	ctx, cancel := context.WithCancelCause(ctx)
	// However it ends, the stream is closed by whoever comes first: that wakes up both who reads and who writes.
	closed := sync.OnceValue(stream.Close)
	stop := context.AfterFunc(ctx, func() { _ = closed() })
	silent := time.AfterFunc(patience, func() { cancel(errSilent) })
	frames := make(chan frame, 16)
	done := make(chan struct{})
	var readErr error
	go func() {
		defer close(done)
		defer close(frames)
		for {
			f, err := w.read()
			if err != nil {
				readErr = err
				return
			}
			silent.Reset(patience)
			if bye, ok := f.(*byeFrame); ok {
				readErr = bye
				return
			}
			select {
			case frames <- f:
			case <-ctx.Done():
				return
			}
		}
	}()
	err := talk(frames)
	cancel(err)
	silent.Stop()
	_ = closed()
	<-done
	stop()
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSilent):
		return errSilent
	case readErr != nil && (err == nil || errors.Is(err, io.ErrClosedPipe) || isBye(readErr)):
		// What the other side said last explains more than that writing to it failed.
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		return readErr
	}
	return err
}

// isBye says whether the other side told why it ended.
func isBye(err error) bool {
	var bye *byeFrame
	return errors.As(err, &bye)
}
