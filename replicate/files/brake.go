package files

import "time"

// Brake says how much may be deleted without asking: what is deleted within a while is held back when it is more than
// Least files and more than Share of them all. An unmounted source must not empty the copy.
type Brake struct {
	Share  float64       // of the files of the copy; 0.2 is a fifth
	Least  uint64        // so many files may always be deleted
	Window time.Duration // how long a deletion counts
}

// deletions are what was deleted within the brake's window. They are remembered with the cursor, so that a restart in between
// lets no more be deleted.
type deletions struct {
	since int64  // when the window began, in nanoseconds of Unix time; zero: no window
	count uint64 // deleted within it
	files uint64 // that there were when it began
}

// passes says whether n files more may be deleted, of a copy that has so many, and counts them if they may.
func (b *Brake) passes(d *deletions, now time.Time, files, n uint64) bool {
	began := time.Unix(0, d.since)
	if d.since == 0 || now.Sub(began) >= b.Window || now.Before(began) {
		*d = deletions{since: now.UnixNano(), files: files}
	}
	sum := d.count + n
	if sum > b.Least && float64(sum) > b.Share*float64(max(d.files, files)) {
		return false
	}
	d.count = sum
	return true
}
