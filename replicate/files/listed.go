package files

import (
	"cmp"
	"fmt"
	"slices"
)

// listed takes away what the copy has and the source has not announced.
func (r *receiver) listed() error {
	if !r.listing {
		return fmt.Errorf("%w: listed without listing", errWire)
	}
	if err := r.commit(); err != nil {
		return err
	}
	var extra []string
	files := uint64(0)
	err := r.target.walk(".", func(p string, isDir bool) bool {
		if !r.options.Rules.Match(p, isDir) {
			return false
		}
		if !isDir {
			files++
		}
		if !r.announced[p] {
			extra = append(extra, p)
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("look through the copy: %w", err)
	}
	r.state.files = files
	r.listing, r.announced = false, nil
	r.show(func(v *SinkStatus) { v.Listing = false })
	deepestFirst(extra)
	for _, p := range extra {
		r.void(p)
		r.add(change{does: doGone, path: p})
	}
	return r.commit()
}

// deepestFirst puts children before parents.
func deepestFirst(paths []string) {
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(depth(b), depth(a)), cmp.Compare(a, b))
	})
}
