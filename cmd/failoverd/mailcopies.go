package main

import (
	"slices"

	"failoverd/alerts"
	"failoverd/status"
)

// sight is a server as the present snapshot has it.
func (w *world) sight(server string) (status.Server, bool) {
	s := w.standby.Load()
	if s == nil {
		return status.Server{}, false
	}
	servers := s.Snapshot().Servers
	i := slices.IndexFunc(servers, func(v status.Server) bool { return v.Name == server })
	if i < 0 {
		return status.Server{}, false
	}
	return servers[i], true
}

// wayBack is the command that gives a server's role back, for its mails; empty when that is not known.
func (w *world) wayBack(server string) string {
	v, _ := w.sight(server)
	return v.WayBack
}

// copies are the catalogs and trees of files that a takeover of the server works on, for its mail.
func (w *world) copies(server string) []alerts.Copy {
	v, known := w.sight(server)
	if !known {
		return nil
	}
	var list []alerts.Copy
	for _, c := range v.Copies {
		out := alerts.Copy{Catalog: c.Catalog}
		if c.Snapshot != nil {
			out.At = *c.Snapshot
		}
		list = append(list, out)
	}
	for _, t := range v.Trees {
		out := alerts.Copy{Catalog: "files " + t.Name}
		if t.Synced != nil {
			out.At = *t.Synced
		}
		list = append(list, out)
	}
	return list
}
