package dbserver

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// unprivileged is the first of the accounts that exists: database servers refuse to run as root.
func unprivileged(names ...string) (*syscall.Credential, error) {
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("none of the accounts %s exists", strings.Join(names, ", "))
}

// giveDirectory makes a directory, gives it to an account, and makes the directories above it passable that are not,
// as those of tests are. Without an account it only makes the directory.
func giveDirectory(dir string, account *syscall.Credential) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if account == nil {
		return nil
	}
	for above := filepath.Dir(dir); ; above = filepath.Dir(above) {
		info, err := os.Stat(above)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(above, info.Mode().Perm()|0o011); err != nil {
				return err
			}
		}
		if above == filepath.Dir(above) {
			break
		}
	}
	return os.Chown(dir, int(account.Uid), int(account.Gid))
}
