package config

import "net/netip"

// validator turns raw values into meant ones, section by section, and reports
// every rule that is broken on the way. A value that was refused is replaced by
// its default, so that one mistake is not reported as several.
type validator struct {
	r        *report
	loopback bool // the interface in force is lo: loopback addresses may be used
	dataDir  string
	spots    map[string]spot
}

// where is the place of a cross-check: the first of the spots that was written.
func where(spots ...spot) spot {
	for _, s := range spots {
		if s.good() {
			return s
		}
	}
	return spots[len(spots)-1]
}

// serviceKey is the key of a service address in Config.spots.
func serviceKey(server string, p netip.Prefix) string { return server + " " + p.String() }
