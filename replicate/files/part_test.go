package files

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// What of a large file the disk did not take is not counted as durable, and is not put into its place: the kernel tells an error
// of the disk once, to the first who asks, which is the sync beside the writing.
func TestPartThatTheDiskDidNotTake(t *testing.T) {
	e := Entry{Seq: 1, Path: "big", Kind: File, Size: 3 * blockSize, ModTime: 2, Change: 3, Inode: 4, Mode: 0o600}
	for name, next := range map[string]func(p *part) error{
		"goes on":  func(p *part) error { return p.reach(&e, 0) },
		"complete": func(p *part) error { _, err := p.complete(&e); return err },
		"hung up":  func(p *part) error { return p.settle(&e) },
	} {
		t.Run(name, func(t *testing.T) {
			target := openCopy(t, nil).target
			p, err := target.openPart(&e)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.write(0, noise("big", blockSize)); err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 1)
			failed <- unix.EIO
			p.come, p.bound, p.syncing = blockSize, blockSize, failed
			if err := next(p); !errors.Is(err, unix.EIO) {
				t.Errorf("%v, want EIO", err)
			}
			if err := p.close(); err != nil {
				t.Fatal(err)
			}
			if done := target.readNote(p.name, &e); p.done != 0 || done != 0 {
				t.Errorf("%d bytes count as durable, %d are noted", p.done, done)
			}
		})
	}
}
