package standby

import "testing"

// TestAnUnmarkedAddressIsAskedAnew: who keeps how an address goes out, for a generation of the network's state, does not
// keep that it was the standby's.
func TestAnUnmarkedAddressIsAskedAnew(t *testing.T) {
	w := newWorld(t, primary("pbx", pbx))
	own := &ownNet{Net: w}
	seen := map[uint64]string{own.State().Generation: "at first"}
	for _, step := range []struct {
		what string
		do   func()
		anew bool
	}{
		{"marked", func() { own.mark(pbx) }, true},
		{"marked again", func() { own.mark(pbx) }, false},
		{"unmarked", func() { own.unmark(pbx) }, true},
		{"unmarked again", func() { own.unmark(pbx) }, false},
	} {
		step.do()
		g := own.State().Generation
		if was, known := seen[g]; known == step.anew {
			t.Errorf("%s: generation %d was %q", step.what, g, was)
		}
		seen[g] = step.what
	}
}
