package files

import "time"

// Brake says how much may be deleted without asking: what is deleted within a while is held back when it is more than
// Least files and more than Share of them all. An unmounted source must not empty the copy.
type Brake struct {
	Share  float64       // of the files of the copy; 0.2 is a fifth
	Least  uint64        // so many files may always be deleted
	Window time.Duration // how long a deletion counts
}

// brake counts deletions.
type brake struct {
	limits Brake
	since  time.Time // when the window began
	count  uint64    // deleted within it
	files  uint64    // that there were when it began
}

// passes says whether n files more may be deleted, of a copy that has so many, and counts them if they may.
func (b *brake) passes(now time.Time, files, n uint64) bool {
	if now.Sub(b.since) >= b.limits.Window || now.Before(b.since) {
		b.since, b.count, b.files = now, 0, files
	}
	sum := b.count + n
	if sum > b.limits.Least && float64(sum) > b.limits.Share*float64(max(b.files, files)) {
		return false
	}
	b.count = sum
	return true
}
