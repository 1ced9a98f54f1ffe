package config

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What holds for a tree unless it is written otherwise.
const (
	defaultScan      = 10 * time.Minute
	defaultMaxLag    = 15 * time.Minute
	defaultRetention = 7 * 24 * time.Hour
	defaultReserve   = 1 << 30
	defaultShare     = 0.2
	defaultLeast     = 100
)

func (v *validator) files(raw list[rawFileTree], server string) []FileTree {
	var all []FileTree
	var names []string
	for _, item := range raw.items {
		if item.bad {
			continue
		}
		f := FileTree{
			Name: v.name(item.Name), Source: v.fileSource(item),
			Include: v.inclusions(item.Include), Exclude: v.inclusions(item.Exclude), IgnoreCase: v.truth(item.IgnoreCase, false),
			MaxLag:    v.lasting(item.MaxLag, defaultMaxLag, 10*time.Second, 8760*time.Hour),
			Retention: v.lasting(item.Retention, defaultRetention, 0, 8760*time.Hour),
			Reserve:   v.size(item.Reserve, defaultReserve, 0),
			Brake:     Brake{Share: v.share(item.Brake.Share, defaultShare), Least: v.within(item.Brake.Least, defaultLeast, 0, 1_000_000_000)},
			Bandwidth: v.windows(item.Bandwidth),
		}
		v.required(item.Name.spot, item.spot, "name", "write a name for the tree, such as name: vm")
		f.Directory = v.absolute(item.Directory, filepath.Join(v.dataDir, "files", server, f.Name))
		v.scanInterval(&f, item)
		v.apart(f, item)
		if item.Name.good() && slices.Contains(names, f.Name) {
			v.r.errorf(item.Name.spot, "give each tree of a server a name of its own", "two trees are called %s", show(f.Name))
		}
		names = append(names, f.Name)
		all = append(all, f)
	}
	return all
}

// scanInterval is the standby's business where the standby looks at the source itself.
func (v *validator) scanInterval(f *FileTree, item rawFileTree) {
	if f.Source.Agent != "" && item.ScanInterval.set() {
		v.r.error(item.ScanInterval.spot, "scan_interval means nothing for a source that an agent serves", "take it out: the agent's own configuration says how often it looks")
		return
	}
	interval := v.lasting(item.ScanInterval, defaultScan, time.Second, 24*time.Hour)
	if f.Source.Path != "" {
		f.ScanInterval = interval
	}
}

// apart refuses a tree whose copy lies in its own source, or around it: each would be copied into the other.
func (v *validator) apart(f FileTree, item rawFileTree) {
	from, to := f.Source.Path, f.Directory
	if from == "" || to == "" {
		return
	}
	if within(from, to) || within(to, from) {
		v.r.error(where(item.Directory.spot, item.Source.Path.spot), "the copy in "+to+" and its source "+from+" lie in one another", "give the copy a directory of its own")
	}
}

// within says whether a clean absolute path is another one or lies below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func (v *validator) fileSource(item rawFileTree) FileSource {
	raw := item.Source
	if raw.bad || !v.required(raw.spot, item.spot, "source", "write {agent: DIRECTORY} or {path: /DIRECTORY}") {
		return FileSource{}
	}
	switch {
	case raw.Agent.set() && raw.Path.set():
		v.r.error(raw.spot, "agent and path exclude each other", "write one of the two")
	case !raw.Agent.set() && !raw.Path.set():
		v.r.error(raw.spot, "the source is empty", "write {agent: DIRECTORY} or {path: /DIRECTORY}")
	}
	if a := raw.Agent; a.good() && !filepath.IsAbs(a.value) && !windowsPath.MatchString(a.value) {
		v.r.error(a.spot, show(a.value)+" is not an absolute path", `write the whole path on the primary, such as /srv/vm or D:\VM`)
	}
	return FileSource{Agent: raw.Agent.value, Path: v.absolute(raw.Path, "")}
}

// windowsPath matches an absolute path of a primary that runs Windows.
var windowsPath = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// inclusions takes the rules for what belongs to a tree, or does not.
func (v *validator) inclusions(raw list[rawInclusion]) []Inclusion {
	var all []Inclusion
	for _, i := range raw.items {
		if !i.bad {
			all = append(all, v.inclusion(i))
		}
	}
	return all
}

func (v *validator) inclusion(raw rawInclusion) Inclusion {
	i := Inclusion{Dir: v.relative(raw.Dir), Recursive: v.truth(raw.Recursive, false)}
	for _, p := range raw.Patterns.items {
		if _, err := path.Match(p.value, ""); p.good() && err != nil {
			v.r.error(p.spot, show(p.value)+" is no pattern", "write one such as *.wav, with each [ closed")
		} else if p.good() && strings.Contains(p.value, "/") {
			v.r.error(p.spot, show(p.value)+" is a pattern for a path", "write the directory as dir, and a pattern for names alone")
		}
		i.Patterns = append(i.Patterns, p.value)
	}
	return i
}

// windows takes the times of day at which the bandwidth is limited.
func (v *validator) windows(raw list[rawWindow]) []Window {
	var all []Window
	for _, item := range raw.items {
		if item.bad {
			continue
		}
		w := Window{From: v.clock(item.From), To: v.clock(item.To), Limit: v.size(item.Limit, 0, 1024)}
		v.required(item.From.spot, item.spot, "from", `write the time of day at which it begins, such as from: "08:00"`)
		v.required(item.To.spot, item.spot, "to", `write the time of day at which it ends, such as to: "18:00"`)
		v.required(item.Limit.spot, item.spot, "limit", "write bytes a second, such as limit: 10MiB")
		if w.From != "" && w.From == w.To {
			v.r.errorf(item.To.spot, `write two different times; for the whole day two windows, "00:00" to "12:00" and "12:00" to "00:00"`, "the window from %s to %s is empty", w.From, w.To)
		}
		all = append(all, w)
	}
	return all
}
