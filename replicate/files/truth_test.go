package files

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTruth does to a tree whatever comes, cuts the connection and restarts both sides at random, and asks rsync
// whether the copy is equal.
func TestTruth(t *testing.T) {
	for seed := range *truths {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.sink.Brake = Brake{Share: 1, Least: 1 << 40, Window: time.Minute}
			b.source.Settle.Unknown = 50 * time.Millisecond
			b.start()
			u := &unruly{bed: b, r: rand.New(rand.NewPCG(seed, 1))}
			for range 12 {
				for range u.r.IntN(80) {
					u.step()
					if u.r.IntN(25) == 0 {
						u.trouble()
					}
				}
				if b.stop == nil {
					b.connect()
				}
				b.waitForCopy(adorned...)
			}
		})
	}
}

// unruly is somebody who works in a tree without any order.
type unruly struct {
	*bed
	r     *rand.Rand
	files int
}

// any picks a path of a kind; "" if there is none.
func (u *unruly) any(dirs bool) string {
	var list []string
	u.must(filepath.WalkDir(u.src, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p == u.in(".failoverd") {
			return filepath.SkipDir
		}
		if dirs && d.IsDir() || !dirs && d.Type().IsRegular() {
			list = append(list, p)
		}
		return nil
	}))
	if len(list) == 0 {
		return ""
	}
	return list[u.r.IntN(len(list))]
}

// fresh is a name in some directory that nobody has, or now and then one that somebody has.
func (u *unruly) fresh() string {
	u.files++
	n := u.files
	if u.r.IntN(8) == 0 {
		n = u.r.IntN(n)
	}
	return filepath.Join(u.any(true), fmt.Sprintf("n%d", n))
}

// some is content: mostly small, now and then large.
func (u *unruly) some() []byte {
	n := u.r.IntN(5000)
	if u.r.IntN(6) == 0 {
		n = u.r.IntN(600_000)
	}
	return noise(fmt.Sprint(u.r.Uint64()), n)
}

// open writes into a file by what do does with it.
func (u *unruly) open(p string, flags int, do func(f *os.File)) {
	f, err := os.OpenFile(p, os.O_RDWR|flags, 0o644)
	if err != nil {
		return // a directory may have the name
	}
	do(f)
	u.must(f.Close())
}

// step does something.
func (u *unruly) step() {
	file, dir := u.any(false), u.any(true)
	if file == "" {
		file = u.fresh()
		u.open(file, os.O_CREATE, func(*os.File) {})
	}
	inside := dir != u.src
	switch u.r.IntN(22) {
	case 0, 1, 2, 3:
		u.open(u.fresh(), os.O_CREATE|os.O_TRUNC, func(f *os.File) { _, _ = f.Write(u.some()) })
	case 4:
		u.open(file, os.O_APPEND, func(f *os.File) { _, _ = f.Write(u.some()) })
	case 5:
		_ = os.Truncate(file, int64(u.r.IntN(100_000)))
	case 6:
		u.open(file, 0, func(f *os.File) { _, _ = f.WriteAt(u.some(), int64(u.r.IntN(300_000))) })
	case 7:
		temp := file + ".tmp"
		u.open(temp, os.O_CREATE, func(f *os.File) { _, _ = f.Write(u.some()) })
		u.lose(file, func() error { return os.Rename(temp, file) })
	case 8, 9:
		to := u.fresh()
		u.lose(to, func() error { return os.Rename(file, to) })
	case 10, 11:
		if inside {
			_ = os.Rename(dir, u.fresh())
		}
	case 12:
		u.lose(file, func() error { return os.Remove(file) })
	case 13:
		if inside && u.r.IntN(3) == 0 {
			u.lose(dir, func() error { return os.RemoveAll(dir) })
		}
	case 14:
		_ = os.Chmod(file, os.FileMode(0o600+u.r.IntN(64)))
		if inside {
			_ = os.Chmod(dir, os.FileMode(0o700+u.r.IntN(64)))
		}
	case 15:
		_ = os.Symlink(fmt.Sprint("to", u.r.IntN(9)), u.fresh())
	case 16:
		_ = os.Link(file, u.fresh())
	case 17:
		_ = os.MkdirAll(filepath.Join(u.fresh(), "x"), 0o755)
	case 18:
		u.open(file, 0, func(f *os.File) {
			info, err := f.Stat()
			u.must(err)
			if info.Size() == 0 {
				return
			}
			m, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			u.must(err)
			m[u.r.IntN(len(m))]++
			u.must(unix.Msync(m, unix.MS_SYNC))
			u.must(unix.Munmap(m))
		})
		u.scan()
	case 20, 21:
		u.adorn(file)
		if inside {
			u.adorn(dir)
		}
	case 19:
		if other := u.any(true); inside && other != u.src && !strings.HasPrefix(dir+"/", other+"/") &&
			!strings.HasPrefix(other+"/", dir+"/") {
			_ = unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
		}
	}
}

// adorn changes the attributes of a path.
func (u *unruly) adorn(p string) {
	name := fmt.Sprint("user.n", u.r.IntN(3))
	value := string(noise(name, u.r.IntN(200)))
	if u.r.IntN(3) == 0 {
		name, value = accessList, listFor(u.r.Uint32N(9)+1000)
	}
	if u.r.IntN(3) == 0 {
		_ = unix.Lremovexattr(p, name)
	} else {
		_ = unix.Lsetxattr(p, name, []byte(value), 0)
	}
}

// lose takes a path away. A file that was written through it may have another name, of which no event tells.
func (u *unruly) lose(p string, take func() error) {
	others := false
	_ = filepath.WalkDir(p, func(_ string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		others = others || err == nil && info.Sys().(*syscall.Stat_t).Nlink > 1
		return err
	})
	_ = take() // a directory may have the name
	if others {
		u.scan()
	}
}

// scan has the source look at everything, after something that nothing else finds.
func (u *unruly) scan() {
	if u.from != nil {
		u.from.Scan()
	}
}

// trouble is what happens to the two sides and to the connection.
func (u *unruly) trouble() {
	switch u.r.IntN(6) {
	case 0, 1:
		u.cutConnection()
	case 2:
		u.disconnect() // until the next time that somebody looks
	case 3:
		was := u.stop != nil
		u.disconnect()
		u.closeSource()
		u.openSource()
		if was {
			u.connect()
		}
	case 4: // the source crashes: nothing of its index is left
		was := u.stop != nil
		u.disconnect()
		u.must(u.stopRun())
		u.must(u.from.close())
		u.openSource()
		if was {
			u.connect()
		}
	case 5:
		was := u.stop != nil
		u.disconnect()
		u.closeSink()
		u.openSink()
		if was {
			u.connect()
		}
	}
}
