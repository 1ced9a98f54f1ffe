package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"failoverd/replicate/database"
)

// Sessions lists the processes that have the catalog's file open, as far as the kernel shows them to failoverd, or hold
// a lock on it, which it shows of everybody.
func (Engine) Sessions(ctx context.Context, end database.End) ([]database.Session, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	path, err := fileOf(end)
	if err != nil {
		return nil, at(end, "look for who uses "+end.Catalog, err)
	}
	list, err := holders(path)
	return list, at(end, "look for who uses "+end.Catalog, err)
}

// holders lists the other processes that use a database's file.
func holders(path string) ([]database.Session, error) {
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil, err
	}
	writing := map[int]bool{} // by the process
	for _, file := range []struct {
		path   string
		writes func(lock) bool
	}{{path, lock.writesFile}, {path + "-shm", lock.writesLog}} {
		info, err := os.Stat(file.path)
		if err != nil {
			if gone(err) == nil {
				continue
			}
			return nil, err
		}
		stat, known := info.Sys().(*syscall.Stat_t)
		if !known {
			continue
		}
		for line := range strings.Lines(string(text)) {
			l, ok := parseLock(line)
			if ok && l.inode == stat.Ino && l.device == device(stat.Dev) {
				writing[l.process] = writing[l.process] || file.writes(l)
			}
		}
		for _, process := range openers(info) {
			if _, known := writing[process]; !known {
				writing[process] = false
			}
		}
	}
	delete(writing, os.Getpid())
	var list []database.Session
	for _, process := range slices.Sorted(maps.Keys(writing)) {
		list = append(list, database.Session{Who: name(process), Writing: writing[process]})
	}
	return list, nil
}

// name is a process as people know it. That of another host or container has no number here.
func name(process int) string {
	if process <= 0 {
		return "a process that is not seen from here"
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", process))
	if err != nil {
		return fmt.Sprintf("process %d", process)
	}
	return fmt.Sprintf("%s (process %d)", strings.TrimSpace(string(text)), process)
}

// lock is a line of /proc/locks: a range of bytes of a file.
type lock struct {
	write       bool
	process     int
	device      string
	inode       uint64
	first, last uint64
}

// The bytes that SQLite locks (https://www.sqlite.org/src/file/src/os.h and wal.c).
const (
	pendingByte = 0x40000000 // and those after it, of a file: whoever locks one for writing writes, or is about to
	logWriter   = 120        // of the index of a log: whoever locks it for writing writes to the log
)

func (l lock) writesFile() bool { return l.write && l.last >= pendingByte }
func (l lock) writesLog() bool  { return l.write && l.first <= logWriter && l.last >= logWriter }

// parseLock reads a line such as "1: POSIX  ADVISORY  WRITE 812 fd:00:2883593 1073741825 1073741825".
func parseLock(line string) (l lock, ok bool) {
	words := strings.Fields(line)
	if len(words) != 8 || words[1] != "POSIX" && words[1] != "OFDLCK" {
		return l, false // Of another kind, or one that is only waited for.
	}
	cut := strings.LastIndexByte(words[5], ':')
	if cut < 0 {
		return l, false
	}
	l.write, l.device = words[3] == "WRITE", words[5][:cut]
	var errs [4]error
	l.process, errs[0] = strconv.Atoi(words[4])
	l.inode, errs[1] = strconv.ParseUint(words[5][cut+1:], 10, 64)
	l.first, errs[2] = strconv.ParseUint(words[6], 10, 64)
	if l.last, errs[3] = strconv.ParseUint(words[7], 10, 64); words[7] == "EOF" {
		l.last, errs[3] = 1<<63, nil
	}
	return l, errs == [4]error{}
}

// device is a device as /proc/locks names it.
func device(dev uint64) string {
	major := (dev>>8)&0xfff | (dev>>32)&^uint64(0xfff)
	minor := dev&0xff | (dev>>12)&0xffffff00
	return fmt.Sprintf("%02x:%02x", major, minor)
}

// openers lists the processes that have a file open, as far as we may look.
func openers(file fs.FileInfo) []int {
	var list []int
	seen, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil
	}
	for _, path := range seen {
		info, err := os.Stat(path)
		if err != nil || !os.SameFile(info, file) {
			continue // Closed meanwhile, or not ours to see.
		}
		if process, err := strconv.Atoi(strings.Split(path, "/")[2]); err == nil {
			list = append(list, process)
		}
	}
	return list
}
