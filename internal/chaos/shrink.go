package chaos

import "slices"

// Shrink finds a shorter story that still goes wrong, by telling it again with steps left out (delta debugging: half of
// them, a quarter, and so on to single ones). wrong tells a story and says whether it goes wrong in the same way; it is
// asked at most tries times. The waits of steps that are left out are left out with them, since a story that was
// shortened by its steps alone would be as long to tell as before.
func Shrink(s Story, tries int, wrong func(Story) bool) Story {
	for pieces := 2; len(s.Steps) > 1; {
		shorter, found := false, 0
		size := (len(s.Steps) + pieces - 1) / pieces
		for from := 0; from < len(s.Steps) && tries > 0; {
			without := Story{Seed: s.Seed, Steps: slices.Concat(s.Steps[:from], s.Steps[min(from+size, len(s.Steps)):])}
			if len(without.Steps) == 0 {
				break
			}
			tries--
			if wrong(without) {
				s, shorter = without, true
				found++
				continue // what is at from now has not been tried
			}
			from += size
		}
		switch {
		case tries <= 0:
			return s
		case shorter:
			pieces = max(pieces-found, 2)
		case size == 1:
			return s
		default:
			pieces = min(pieces*2, len(s.Steps))
		}
	}
	return s
}
