package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// part is a large file on its way: what of it has come, and was verified, lies on the stage and outlives interruptions.
// Beside it there is a note that says which version of which file it is and how far it is complete.
type part struct {
	target *target
	name   string
	f      *os.File
	done   int64 // so many bytes from the beginning are there and durable
	noted  bool  // whether the note is worth writing: a file that is being written has no version

	come  int64 // so many bytes from the beginning are there, and are those of the announced version
	begun int64 // up to here the disk has been told to write

	syncing <-chan error // what is being made durable; nil if nothing is
	bound   int64        // so many bytes are durable when that is over
	reached time.Time    // when the last one began
}

const (
	partPrefix = "part-"
	noteSuffix = ".note"
	// keepParts is how long a part waits for the rest of it.
	keepParts = 7 * 24 * time.Hour
	// reachEvery is how often what has come of a part is made durable: to wait for the disk more often costs more.
	reachEvery = time.Second
	// ahead is after how many bytes the disk is told to begin, so that there is little to wait for in the end.
	ahead = 8 << 20
)

// partName is the name on the stage for a path.
func partName(p string) string {
	sum := sha256.Sum256([]byte(p))
	return partPrefix + hex.EncodeToString(sum[:16])
}

// isPart says whether a name on the stage may be that of a part, or of its note.
func isPart(name string) bool { return strings.HasPrefix(name, partPrefix) }

// openPart opens what has come of the version that an entry says, or begins it.
func (t *target) openPart(e *Entry) (_ *part, err error) {
	p := &part{target: t, name: partName(e.Path), noted: !e.Open}
	if p.noted {
		p.done = t.readNote(p.name, e)
	}
	flags := os.O_RDWR | os.O_CREATE
	if p.done == 0 {
		if err := t.dropPart(p.name); err != nil {
			return nil, err
		}
		flags |= os.O_EXCL
	}
	if p.f, err = t.stage.OpenFile(p.name, flags|unix.O_NOFOLLOW, 0o600); err != nil {
		return nil, err
	}
	// What came after the last note is cut off, so that everything behind done is zero: a hole has nothing to write.
	if err := errors.Join(p.f.Truncate(p.done), p.f.Truncate(e.Size)); err != nil {
		return nil, errors.Join(err, p.f.Close())
	}
	p.come, p.begun, p.reached = p.done, p.done, time.Now()
	return p, nil
}

// write puts bytes into the part; zeros are left out, and become a hole. They come in the order of their offsets.
func (p *part) write(at int64, b []byte) error {
	if allZero(b) {
		return nil
	}
	if _, err := p.f.WriteAt(b, at); err != nil {
		return err
	}
	if n := at + int64(len(b)) - p.begun; n >= ahead {
		// Only a beginning: what is durable is what fdatasync says. A file system that cannot do it has nothing to begin.
		_ = unix.SyncFileRange(int(p.f.Fd()), p.begun, n, unix.SYNC_FILE_RANGE_WRITE)
		p.begun += n
	}
	return nil
}

// readNote says how much of the version that an entry says has come; zero if the note is of another one, or damaged.
func (t *target) readNote(name string, e *Entry) int64 {
	b, err := t.stage.ReadFile(name + noteSuffix)
	if err != nil {
		return 0
	}
	if b, err = unsealed(b); err != nil {
		return 0
	}
	var noted Entry
	d := decoder{b: b}
	d.entry(&noted)
	done := d.length()
	info, err := t.stage.Lstat(name)
	if d.err != nil || err != nil || !info.Mode().IsRegular() || info.Size() < done || done > e.Size || !sameVersion(&noted, e) {
		return 0
	}
	// Of what is complete the last block is asked for again: that the file is the announced one is the source's to say.
	return min(done, (e.Size-1)/blockSize*blockSize)
}

// sameVersion says whether two entries announce the same content of the same file.
func sameVersion(a, b *Entry) bool {
	return a.Path == b.Path && a.Size == b.Size && a.ModTime == b.ModTime && a.Change == b.Change &&
		a.Inode == b.Inode && !a.Open && !b.Open
}

// reach has what has come made durable, at most every so often, and notes it when it is. What comes meanwhile does not
// wait for the disk.
func (p *part) reach(e *Entry, every time.Duration) error {
	select {
	case err := <-p.syncing:
		if err := p.reachedDisk(e, err); err != nil {
			return err
		}
	default:
	}
	if p.syncing != nil || p.done == p.come || time.Since(p.reached) < every {
		return nil
	}
	p.bound, p.reached = p.come, time.Now()
	synced := make(chan error, 1)
	p.syncing = synced
	go func() { synced <- unix.Fdatasync(int(p.f.Fd())) }()
	return nil
}

// settle makes what has come durable and notes it.
func (p *part) settle(e *Entry) error {
	if p.syncing != nil {
		if err := p.reachedDisk(e, <-p.syncing); err != nil {
			return err
		}
	}
	if p.done == p.come {
		return nil
	}
	p.bound = p.come
	return p.reachedDisk(e, unix.Fdatasync(int(p.f.Fd())))
}

// reachedDisk notes what is durable now.
func (p *part) reachedDisk(e *Entry, err error) error {
	p.syncing = nil
	if err != nil {
		return fmt.Errorf("sync a part: %w", err)
	}
	p.done = p.bound
	if !p.noted {
		return nil
	}
	var enc encoder
	enc.entry(e)
	enc.int(p.done)
	// The note need not be durable: one that a crash takes away costs bytes. It must not be torn, which its hash shows.
	f, err := p.target.stage.OpenFile(p.name+noteSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(sealed(enc.b))
	return errors.Join(err, f.Close())
}

// complete takes the part off: under a new name on the stage it is a staged file like others.
func (p *part) complete(e *Entry) (staged, error) {
	if p.syncing != nil {
		// The kernel tells an error of the disk once, to the first who asks.
		err := <-p.syncing
		p.syncing = nil
		if err != nil {
			return staged{}, fmt.Errorf("sync a part: %w", err)
		}
	}
	problem, err := p.target.dress(int(p.f.Fd()), e)
	if err != nil {
		return staged{}, err
	}
	if err := p.close(); err != nil {
		return staged{}, err
	}
	p.target.last++
	s := staged{name: fmt.Sprintf("n%d", p.target.last), problem: problem}
	if err := p.target.stage.Rename(p.name, s.name); err != nil {
		return staged{}, err
	}
	return s, p.target.dropPart(p.name)
}

// owned is how many bytes of the disk the part of a path has already.
func (t *target) owned(p string) int64 {
	info, err := t.stage.Lstat(partName(p))
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

// close leaves the part where it is.
func (p *part) close() error {
	if p.syncing != nil {
		<-p.syncing // it has the file; what did not reach the disk is not noted
		p.syncing = nil
	}
	return p.f.Close()
}

// dropPart removes a part and its note.
func (t *target) dropPart(name string) error {
	for _, n := range []string{name, name + noteSuffix} {
		if err := t.stage.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
