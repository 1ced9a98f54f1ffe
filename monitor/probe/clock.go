package probe

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clock turns the system's time into moments. All arithmetic is monotonic; the
// wall clock is only used to read the kernel's time stamps, which are in it.
type clock struct {
	base time.Time
	boot time.Duration // CLOCK_BOOTTIME less CLOCK_MONOTONIC when last looked at
}

// reading is one look at the clock.
type reading struct {
	now    moment
	at     time.Time
	offset int64 // wall clock less moment, in ns
}

func newClock() *clock {
	c := &clock{base: time.Now()}
	c.boot, _ = asleep()
	return c
}

func (c *clock) read() reading {
	t := time.Now()
	now := t.Sub(c.base)
	return reading{now: now, at: t, offset: t.UnixNano() - int64(now)}
}

// time is a moment in a form for people: right by the wall clock of the reading,
// with a monotonic reading inside.
func (r reading) time(m moment) time.Time { return r.at.Add(m - r.now) }

// suspended says for how long the host slept since the last call: the monotonic
// clock stands still then, the boot-time clock does not.
func (c *clock) suspended() time.Duration {
	boot, err := asleep()
	if err != nil {
		return 0
	}
	slept := boot - c.boot
	c.boot = boot
	return slept
}

// asleep is how long the host has slept since it booted.
func asleep() (time.Duration, error) {
	mono, err := raw(unix.CLOCK_MONOTONIC)
	if err != nil {
		return 0, err
	}
	boot, err := raw(unix.CLOCK_BOOTTIME)
	return boot - mono, err
}

// raw reads one of the kernel's clocks.
func raw(id uintptr) (time.Duration, error) {
	var at unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&at)), 0); errno != 0 {
		return 0, errno
	}
	return time.Duration(at.Nano()), nil
}

// received tells when the kernel received a packet, from its stamp in wall-clock
// ns. Where the wall clock was set between the stamp and this reading, the
// offset of the reading before fits instead; where nothing fits, the packet came
// now.
func (r reading) received(stamp int64, before int64, sent moment) moment {
	const slack = time.Millisecond
	if stamp == 0 {
		return r.now
	}
	for _, offset := range [...]int64{r.offset, before} {
		m := moment(stamp - offset)
		if m >= sent-slack && m <= r.now+slack {
			return max(m, sent)
		}
	}
	return r.now
}
