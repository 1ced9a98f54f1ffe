package files

// freed tries again what could not be held beside a name that is gone now.
func (r *receiver) freed(p string) {
	if r.folded == nil {
		return
	}
	key := FoldCase(p)
	if r.folded[key] != p {
		return
	}
	delete(r.folded, key)
	for _, m := range r.missing {
		if m.final && FoldCase(m.entry.Path) == key {
			m.final, m.reason = false, ""
			r.add(change{does: doEntry, entry: m.entry})
		}
	}
}

// foldNames learns the names that the copy has.
func (r *receiver) foldNames() error {
	r.folded = map[string]string{}
	return r.target.walk(".", func(p string, isDir bool) bool {
		r.folded[FoldCase(p)] = p
		return true
	})
}
