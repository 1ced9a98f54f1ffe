package enginetest

import (
	"testing"

	"failoverd/replicate/database"
)

// neighbours proves that two pairs on one target do not touch each other.
func neighbours(t *testing.T, f Fixture) {
	t.Run("copies of two servers stand side by side", func(t *testing.T) {
		a, b := open(t, f), open(t, f)
		b.move(b.Source, b.Source.Catalog)
		heldA, heldB := a.books(a.Source, a.Source.Catalog), b.books(b.Source, b.Source.Catalog)
		a.newRun()
		b.newRun()
		// Both at once: only the same target name is ever given to one call at a time.
		var snapshot database.Snapshot
		done := make(chan error, 1)
		go func() {
			ctx, cancel := b.patient()
			defer cancel()
			var err error
			snapshot, err = f.Engine.Copy(ctx, b.Pair, nil)
			done <- err
		}()
		ctx, cancel := a.patient()
		defer cancel()
		_, err := f.Engine.Copy(ctx, a.Pair, nil)
		if errB := <-done; err != nil || errB != nil {
			t.Fatalf("copy: %v, and at once: %v", err, errB)
		}
		a.clean()
		b.clean()
		if _, err := b.verify(snapshot); err != nil {
			t.Errorf("verify: %v", err)
		}
		a.swap()
		b.swap()
		a.holds(a.Target, a.Names.Live, heldA)
		b.holds(b.Target, b.Names.Live, heldB)

		a.replicate()
		a.rollback()
		a.copy()
		a.discard()
		a.release(a.Target, false)
		b.stand(b.Names.Live)
		b.holds(b.Target, b.Names.Live, heldB)
		b.exec(b.Target, b.Names.Live, f.Dialect.Write)
		a.stand(a.Names.Live)
		a.holds(a.Target, a.Names.Live, heldA)
	})
}
