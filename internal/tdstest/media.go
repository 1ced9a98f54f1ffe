package tdstest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// mediaOptions are what stands in a BACKUP or a RESTORE.
type mediaOptions struct {
	disk  string
	from  bool // a file is named
	set   int  // FILE = n
	stats int
	moves map[string]string // by logical names in lower case
	name  string
	words map[string]bool // options without a value: CHECKSUM, REPLACE, NORECOVERY, ...
}

// media reads TO DISK = ... or FROM DISK = ..., and WITH.
func (x *execution) media(p *parser, to string, allowed ...string) (mediaOptions, error) {
	o := mediaOptions{set: 1, moves: map[string]string{}, words: map[string]bool{}}
	if p.accept(to, "DISK", "=") {
		o.from, o.disk = true, p.text(x.variables)
	}
	if !p.accept("WITH") {
		return o, p.finished()
	}
	for {
		switch {
		case p.accept("FILE", "="):
			o.set = p.number(x)
		case p.accept("STATS", "="):
			o.stats = p.number(x)
		case p.accept("NAME", "="):
			o.name = p.text(x.variables)
		case p.accept("MOVE"):
			logical := lower(p.text(x.variables))
			p.expect("TO")
			o.moves[logical] = p.text(x.variables)
		default:
			option := strings.ToUpper(p.name())
			o.words[option] = true
			known := false
			for _, a := range allowed {
				known = known || a == option
			}
			if !known && p.err == nil {
				p.err = fault(155, 15, "'%s' is not a recognized option.", option)
			}
			if option == "STATS" {
				o.stats = 10
			}
		}
		if p.err != nil || !p.accept(",") {
			return o, p.finished()
		}
	}
}

func (p *parser) number(x *execution) int {
	n, err := strconv.Atoi(p.text(x.variables))
	if err != nil {
		p.fail()
	}
	return n
}

// cannotOpen says why the server cannot open a file.
func cannotOpen(path string, err error) *Error {
	reason := "5(Access is denied.)"
	switch {
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrNotExist):
		reason = "2(The system cannot find the file specified.)"
	case errors.Is(err, syscall.ENOSPC):
		reason = "112(There is not enough space on the disk.)"
	}
	return fault(3201, 16, "Cannot open backup device '%s'. Operating system error %s.", path, reason)
}

func incorrectlyFormed(path string) *Error {
	return fault(3241, 16, "The media family on device '%s' is incorrectly formed. SQL Server cannot process this media family.", path)
}

// backupSet is an open set of a file.
type backupSet struct {
	*setReader
	file *os.File
	path string
}

func (s *backupSet) close() { _ = s.file.Close() }

// openBackup opens a set of a file.
func (x *execution) openBackup(o mediaOptions) (*backupSet, error) {
	path := x.server.backupPath(o.disk)
	file, err := os.Open(path)
	if err != nil {
		return nil, cannotOpen(o.disk, err)
	}
	r := bufio.NewReaderSize(file, backupPart)
	for n := 1; ; n++ {
		set, err := openSet(r)
		switch {
		case err != nil && (n == 1 || !errors.Is(err, io.EOF)):
			_ = file.Close()
			return nil, incorrectlyFormed(o.disk)
		case err != nil:
			_ = file.Close()
			return nil, fault(3250, 16, "The value '%d' is not within range for the FILE parameter.", o.set)
		case n == o.set:
			return &backupSet{set, file, o.disk}, nil
		}
		if err := set.skip(); err != nil {
			_ = file.Close()
			return nil, readFailed(o.disk, err)
		}
	}
}

// readFailed says why a set cannot be read to its end.
func readFailed(path string, err error) *Error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(3203, 16, "Read on \"%s\" failed: 38(Reached the end of the file.)", path)
	}
	return fault(3189, 16, "Damage to the backup set was detected.")
}

// reporter tells how far a statement has come: 3211 by STATS, and percent_complete to whoever asks.
type reporter struct {
	x           *execution
	stats       int
	total, done int64
	told        int
}

func (r *reporter) add(n int) {
	r.done += int64(n)
	percent := 100 * float64(r.done) / float64(max(r.total, 1))
	r.x.server.mu.Lock()
	r.x.session.request.percent = min(percent, 100)
	r.x.server.mu.Unlock()
	if r.stats > 0 && int(percent) >= r.told+r.stats {
		r.told = int(percent) / r.stats * r.stats
		r.x.reply.infoText(3211, 1, fmt.Sprintf("%d percent processed.", r.told))
		r.x.reply.flush()
	}
}
