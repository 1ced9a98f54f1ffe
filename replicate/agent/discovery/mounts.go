package discovery

import (
	"bufio"
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// sharesOf finds the mount points of file systems that are on another host or made up by a program: to look at one may
// take for ever. The table is asked, not the file systems.
func sharesOf(table string) (map[string]string, error) {
	text, err := readFile(table, 4<<20)
	if err != nil {
		return nil, err
	}
	return shares(text), nil
}

// shares reads the table, as proc_pid_mountinfo(5) describes it: the fifth field is the mount point, and the one after
// the dash is the type.
func shares(table []byte) map[string]string {
	found := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		dash := slices.Index(fields, "-")
		if len(fields) < 5 || dash < 0 || dash+1 >= len(fields) {
			continue
		}
		at, kind := unescape(fields[4]), fields[dash+1]
		if remote(kind) {
			found[at] = kind
		} else {
			delete(found, at) // mounted over it
		}
	}
	return found
}

// remote says whether a type of file system is one that may hang, or that has no files of this host. autofs mounts
// what is looked at.
func remote(kind string) bool {
	return strings.HasPrefix(kind, "nfs") || strings.HasPrefix(kind, "fuse.") ||
		slices.Contains([]string{
			"cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "ncpfs", "lustre", "glusterfs", "gfs2", "ocfs2", "virtiofs", "fuse", "autofs",
		}, kind)
}

// unescape turns \040 into a space, as the kernel writes what would split a field.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
