package main

import (
	"slices"

	"failoverd/alerts"
	"failoverd/status"
)

// copies are the catalogs and trees of files that a takeover of the server works on, for its mail.
func (w *world) copies(server string) []alerts.Copy {
	s := w.standby.Load()
	if s == nil {
		return nil
	}
	servers := s.Snapshot().Servers
	i := slices.IndexFunc(servers, func(v status.Server) bool { return v.Name == server })
	if i < 0 {
		return nil
	}
	var list []alerts.Copy
	for _, c := range servers[i].Copies {
		out := alerts.Copy{Catalog: c.Catalog}
		if c.Snapshot != nil {
			out.At = *c.Snapshot
		}
		list = append(list, out)
	}
	for _, t := range servers[i].Trees {
		out := alerts.Copy{Catalog: "files " + t.Name}
		if t.Synced != nil {
			out.At = *t.Synced
		}
		list = append(list, out)
	}
	return list
}
