package files

import (
	"path"
	"sync"
	"time"
)

const (
	// maxDirty is how many paths that changed are remembered one by one; for more, everything is looked at.
	maxDirty = 100_000
	// firstBackoff and lastBackoff bound how long a scan waits after events were lost; twice as long each time.
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	// otherHalf is how long what has gone is waited with. A rename is told in two parts, and the second one, from which it is
	// seen as a rename, comes late where the processors are busy: until then the file looks deleted.
	otherHalf = 50 * time.Millisecond
)

// dirt is a path that changed and was not looked at since.
type dirt struct {
	unrest
	due     time.Time // when it is to be looked at
	written bool      // its content may have changed
	left    bool      // what was there went away, at least for a moment, or something new came
	force   bool      // it is announced even if nothing seems to have changed
	size    int64     // as it was at the last look
	modTime int64
}

// dirty is the set of paths that changed, and the time of the next scan.
type dirty struct {
	wake chan struct{} // somebody added something

	mu      sync.Mutex
	quiet   time.Duration
	paths   map[string]*dirt
	inHand  int       // taken, and being looked at
	untold  int       // of these, those that were not announced as open
	oldest  time.Time // when the first change of one of them was seen
	scan    time.Time // when everything is to be looked at
	doubt   bool      // something was lost: a watch may have ended, and nobody was told
	next    time.Time // nothing is due before
	taken   time.Time // when the paths were gone through last
	backoff time.Duration
	lostAt  time.Time
}

func newDirty(quiet time.Duration) *dirty {
	return &dirty{wake: make(chan struct{}, 1), paths: map[string]*dirt{}, quiet: quiet}
}

// add notes that a path changed, and says whether it is the first. Of one that came or went, the directory that it lies
// in changed too.
func (d *dirty) add(p string, written, came, left bool) (first bool) {
	now := time.Now()
	d.mu.Lock()
	first = len(d.paths) == 0
	rest := d.quiet
	if left && !came {
		rest = max(rest, otherHalf)
	}
	one := d.note(p, now, rest)
	one.written = one.written || written
	// What came is new under its name, even if its inode has the number of the one that was there before.
	one.left = one.left || left || came
	if parent := path.Dir(p); (came || left) && parent != "." {
		d.note(parent, now, d.quiet)
	}
	d.mu.Unlock()
	d.nudge()
	return first
}

// note finds or makes the dirt of a path that has changed just now, and is due when it has rested so long. The lock is held.
func (d *dirty) note(p string, now time.Time, rest time.Duration) *dirt {
	one := d.paths[p]
	if one == nil {
		if len(d.paths) >= maxDirty {
			// Too many to remember one by one.
			clear(d.paths)
			d.scan, d.doubt = now, true
		}
		one = &dirt{unrest: unrest{first: now}}
		d.paths[p] = one
	}
	one.last, one.due = now, now.Add(rest)
	d.sooner(one.due)
	if one.told {
		one.told, one.first = false, now
	}
	return one
}

// sooner remembers that something is due at a time. In a burst the paths are gone through once in a while, not for each
// event: there are many then. The lock is held.
func (d *dirty) sooner(due time.Time) {
	if floor := d.taken.Add(d.quiet); due.Before(floor) {
		due = floor
	}
	if d.next.IsZero() || due.Before(d.next) {
		d.next = due
	}
}

// again has a path looked at and announced, whatever it looks like.
func (d *dirty) again(p string) {
	d.mu.Lock()
	one := d.note(p, time.Now(), d.quiet)
	one.force, one.written = true, true
	d.mu.Unlock()
	d.nudge()
}

// nudge wakes the source up.
func (d *dirty) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take takes the paths that are due, with what is known of them.
func (d *dirty) take(now time.Time) map[string]dirt {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next.IsZero() || d.next.After(now) {
		return nil
	}
	var out map[string]dirt
	d.next, d.taken = time.Time{}, now
	for p, one := range d.paths {
		if one.due.After(now) {
			d.sooner(one.due)
		}
		if !one.due.After(now) {
			if out == nil {
				out = map[string]dirt{}
			}
			out[p] = *one
			delete(d.paths, p)
		}
	}
	d.inHand, d.untold, d.oldest = len(out), 0, now
	for _, one := range out {
		if !one.told {
			d.untold++
			if one.first.Before(d.oldest) {
				d.oldest = one.first
			}
		}
	}
	return out
}

// done notes that what was taken has been looked at.
func (d *dirty) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inHand, d.untold = 0, 0
}

// none says whether nothing waits to be looked at or is being looked at, not even a file that was announced while somebody
// has it open.
func (d *dirty) none() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.paths) == 0 && d.inHand == 0
}

// unsettled lists the paths that wait to be looked at, and were not announced as open.
func (d *dirty) unsettled() (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, one := range d.paths {
		if !one.told {
			list = append(list, p)
		}
	}
	return list
}

// waits says whether a path waits to be looked at, or may be being looked at.
func (d *dirty) waits(p string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.paths[p]
	return d.inHand > 0 || one != nil && !one.told
}

// putBack keeps a path for a later look, unless it has changed again meanwhile.
func (d *dirty) putBack(p string, one dirt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if newer := d.paths[p]; newer != nil {
		if one.first.Before(newer.first) && !one.told {
			newer.first = one.first
		}
		newer.written = newer.written || one.written
		newer.force = newer.force || one.force
		newer.left = newer.left || one.left
		return
	}
	d.paths[p] = &one
	d.sooner(one.due)
}

// has says whether a path is known to have changed.
func (d *dirty) has(p string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.paths[p] != nil
}

// wait is how long nothing is due.
func (d *dirty) wait(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.scan
	if !d.next.IsZero() && d.next.Before(next) {
		next = d.next
	}
	return max(0, next.Sub(now))
}

// count tells how many paths wait to be looked at or are being looked at, and for how long the first has.
func (d *dirty) count(now time.Time) (n int, oldest time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.paths {
		if one.told {
			continue
		}
		n++
		oldest = max(oldest, now.Sub(one.first))
	}
	if d.untold > 0 {
		// What is being looked at may be put back meanwhile, and is not counted twice then.
		n, oldest = max(n, d.untold), max(oldest, now.Sub(d.oldest))
	}
	return n, oldest
}

// takeScan says whether everything is to be looked at now; it is not again before scanAgain.
func (d *dirty) takeScan(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.scan.After(now) {
		return false
	}
	d.scan = now.Add(24 * 365 * time.Hour)
	return true
}

// takeDoubt says whether something was lost since it was asked last.
func (d *dirty) takeDoubt() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	doubt := d.doubt
	d.doubt = false
	return doubt
}

// scanAgain has everything looked at at a time, or before if that was asked for already.
func (d *dirty) scanAgain(at time.Time) {
	d.mu.Lock()
	if at.Before(d.scan) {
		d.scan = at
	}
	d.mu.Unlock()
	d.nudge()
}

// lost has everything looked at soon; later and later if that happens again and again.
func (d *dirty) lost(now time.Time) {
	d.mu.Lock()
	if now.Sub(d.lostAt) > 2*lastBackoff {
		d.backoff = firstBackoff / 2
	}
	d.backoff = min(2*d.backoff, lastBackoff)
	d.lostAt, d.doubt = now, true
	at := now.Add(d.backoff)
	d.mu.Unlock()
	d.scanAgain(at)
}
