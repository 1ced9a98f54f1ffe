package agent

import (
	"io/fs"
	"syscall"
)

// ownership is whom a file belongs to.
type ownership struct{ user, group int }

// owner is whom a file belongs to, if the system tells.
func owner(info fs.FileInfo) (ownership, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ownership{}, false
	}
	return ownership{user: int(stat.Uid), group: int(stat.Gid)}, true
}
