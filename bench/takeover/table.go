package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// raceTable prints the deaths in Markdown.
func (b *bench) raceTable(w *world, results map[string][]death) {
	fmt.Fprintf(b.out, "\nThe primary dies %d times under the eyes of each, interleaved; ms, minimum / median / maximum\n\n", b.runs)
	fmt.Fprintln(b.out, "| who | inevitable | excess | outage seen by the client | announcement to first answer | who answered |")
	fmt.Fprintln(b.out, "| --- | --- | --- | --- | --- | --- |")
	macs := map[string]string{w.Standby.MAC().String(): "the standby's", w.PBX.MAC().String(): "the primary's"}
	for _, p := range everybody() {
		all := results[p.name]
		if len(all) == 0 {
			continue
		}
		answered := map[string]int{}
		for _, d := range all {
			answered[d.mac]++
		}
		who := ""
		for mac, n := range answered {
			if who != "" {
				who += ", "
			}
			who += fmt.Sprintf("%s (%s), %d of %d", mac, macs[mac], n, len(all))
		}
		fmt.Fprintf(b.out, "| %s | %.0f (%s) | %s | %s | %s | %s |\n", p.name, ms(p.inevitable), p.why,
			spread(all, 1, func(d death) time.Duration { return d.excess }),
			spread(all, 0, func(d death) time.Duration { return d.outage }),
			spread(all, 1, func(d death) time.Duration { return d.served }), who)
	}
}

// ms is a duration in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// spread is the minimum, the median and the maximum.
func spread[T any](all []T, decimals int, value func(T) time.Duration) string {
	values := make([]time.Duration, 0, len(all))
	for _, one := range all {
		values = append(values, value(one))
	}
	slices.SortFunc(values, cmp.Compare)
	median := values[len(values)/2]
	if len(values)%2 == 0 {
		median = (median + values[len(values)/2-1]) / 2
	}
	return fmt.Sprintf("%.*f / %.*f / %.*f", decimals, ms(values[0]), decimals, ms(median), decimals, ms(values[len(values)-1]))
}
