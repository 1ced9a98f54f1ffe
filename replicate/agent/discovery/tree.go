package discovery

import (
	"context"
	"io/fs"

	"golang.org/x/sys/unix"

	"failoverd/replicate/agent/agentconfig"
)

// measureTree counts the files of a tree, as far as the time reaches.
func (f *Found) measureTree(ctx context.Context, t agentconfig.Tree, l limits) {
	found := Tree{Name: t.Name, Directory: t.Directory, Writable: t.Writable}
	defer func() { f.Trees = append(f.Trees, found) }()
	// A tree is what the standby will copy: all of it, however deep.
	l.depth, l.entries = 1000, max(l.entries, 2*int(l.count))
	w, err := newWalk(t.Directory, l)
	if err != nil {
		f.miss("the size of the tree "+t.Directory, err)
		return
	}
	defer w.close()
	err = w.run(ctx, func(_ string, info fs.FileInfo) error {
		if found.Files == l.count {
			return errEnough
		}
		found.Files++
		found.Bytes += info.Size()
		return nil
	})
	if found.Complete = err == nil; err != nil {
		f.miss("the whole size of the tree "+t.Directory, err)
	}
}

// measureBackup looks how much room a directory for backups has.
func (f *Found) measureBackup(b agentconfig.Backup) {
	found := Backup{Name: b.Name, Directory: b.Directory, ServerDirectory: b.ServerDirectory}
	var st unix.Statfs_t
	if err := unix.Statfs(b.Directory, &st); err != nil {
		f.miss("the room in "+b.Directory, err)
	} else {
		found.Free = int64(st.Bavail) * st.Bsize
	}
	f.Backups = append(f.Backups, found)
}
