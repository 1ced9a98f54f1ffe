package trees

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"failoverd/replicate/files"
)

// settle is when a file of a mounted source is read: a share does not tell who has it open.
func settle() files.Settle {
	return files.Settle{Quiet: 250 * time.Millisecond, Unknown: 3 * time.Second, MaxWait: 30 * time.Second}
}

// mounted is a source that is a directory of this host: it is watched here, and speaks to the copy within the process.
type mounted struct {
	source *files.Source
	ctx    context.Context // ends with the source
	cancel context.CancelCauseFunc
	parts  sync.WaitGroup
}

// openMounted opens the source of a tree and has it watch.
// marking is held meanwhile: of two trees with one source that is seen for the first time, one gives it its identity and
// the other finds it.
func openMounted(ctx context.Context, o Order, rules *files.Rules, marking *sync.Mutex, log *slog.Logger) (*mounted, error) {
	marking.Lock()
	defer marking.Unlock()
	t := o.Tree
	dir := filepath.Join(t.StateDir, "source")
	if o.Accept {
		// Which directory it was is forgotten, together with what was known of its files.
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("forget the source that it was: %w", err)
		}
	}
	source, err := files.OpenSource(files.SourceOptions{
		Directory: t.Path, StateDir: dir, Rules: rules, Epoch: o.Epoch, Settle: settle(), ScanInterval: t.ScanInterval, Log: log,
	})
	if err != nil {
		return nil, err
	}
	m := &mounted{source: source}
	m.ctx, m.cancel = context.WithCancelCause(ctx)
	m.parts.Go(func() {
		if err := source.Run(m.ctx); err != nil {
			m.cancel(err)
		}
	})
	return m, nil
}

// converse has a copy brought up to date until ctx or the source ends, and says why it did.
func (m *mounted) converse(sink *files.Sink) error {
	here, there, err := pair()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(m.ctx)
	defer cancel(nil)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := m.source.Serve(ctx, there); err != nil {
			cancel(err)
		}
	})
	err = sink.Receive(ctx, here)
	cancel(err)
	serving.Wait()
	if why := context.Cause(ctx); err == nil && !errors.Is(why, context.Canceled) {
		return why
	}
	return err
}

// close ends the watching and has the source remember its tree.
func (m *mounted) close() error {
	m.cancel(nil)
	m.parts.Wait()
	return m.source.Close()
}
