package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// HostOnly names the keys of next that only somebody on the standby itself may write, and that differ from those of old;
// old is nil for a server that is new. They are what failoverd would do to its own host: the programs and scripts that it
// runs, the files that it reads and writes, and where it sends a password. Somebody who has only stolen a token must not win
// the host with it. Units are not among them: which ones failoverd may start is said by the host's polkit rule. dataDir is
// standby.data_dir.
func HostOnly(dataDir string, old *Server, next Server) []string {
	before := map[string]string{}
	if old != nil {
		before = hostKeys(dataDir, *old)
	}
	var out []string
	now := hostKeys(dataDir, next)
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if before[key] != now[key] {
			out = append(out, key)
		}
	}
	return out
}

// hostKeys are the keys of a server that HostOnly speaks of, with texts that differ where the values do.
func hostKeys(dataDir string, s Server) map[string]string {
	out := map[string]string{}
	put := func(key string, words ...string) {
		if len(words) > 0 {
			out["servers["+s.Name+"]."+key] = fmt.Sprintf("%q", words)
		}
	}
	if f := s.Takeover.Fence; f != nil {
		put("takeover.fence.command", f.Command...)
	}
	put("takeover.start.command", s.Takeover.Start.Command...)
	put("takeover.start.stop", s.Takeover.Start.Stop...)
	put("takeover.start.check", s.Takeover.Start.Check...)
	if r := s.Takeover.Ready; r != nil {
		put("takeover.ready.command", r.Command...)
	}
	put("drill.check", s.Drill.Check...)
	for _, p := range s.Probes {
		put("probes["+p.Name+"].command", p.Command...)
	}
	for _, d := range s.Databases {
		at := "databases[" + d.Name + "]."
		put(at+"fixups", d.Fixups...)
		for end, source := range map[string]DataSource{"primary": d.Primary, "standby": d.Standby} {
			// A password goes to whatever the DSN names, and a DSN of SQLite is a file of this host.
			if !source.Password.IsZero() || d.Engine == "sqlite" && source.DSN != "" {
				put(at+end, source.DSN, source.Password.Source())
			}
			if b := source.Backups; b != nil && b.Path != "" {
				put(at+end+".backups.path", b.Path)
			}
		}
	}
	for _, f := range s.Files {
		at := "files[" + f.Name + "]."
		if f.Source.Path != "" {
			put(at+"source.path", f.Source.Path)
		}
		if own := filepath.Join(dataDir, "files", s.Name, f.Name); f.Directory != own && !strings.HasPrefix(f.Directory, own+"/") {
			put(at+"directory", f.Directory)
		}
	}
	return out
}
