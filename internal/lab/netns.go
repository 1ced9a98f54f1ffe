package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespace is one network namespace with a name that `ip netns` understands.
type namespace struct {
	name   string
	handle netns.NsHandle
}

// newNamespace makes a network namespace and binds it to its name.
func newNamespace(name string) (*namespace, error) {
	ns := &namespace{name: name, handle: netns.None()}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("new network namespace: %w", err)
		}
		handle, err := netns.Get()
		if err != nil {
			return fmt.Errorf("open new network namespace: %w", err)
		}
		ns.handle = handle
		f, err := os.Create(ns.path())
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if err := unix.Mount("/proc/thread-self/ns/net", ns.path(), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind network namespace to %s: %w", ns.path(), err)
		}
		return nil
	})
	if err != nil {
		_ = ns.close()
		return nil, err
	}
	return ns, nil
}

// path is the file that the namespace is bound to.
func (ns *namespace) path() string { return filepath.Join(netnsDir, ns.name) }

// do runs f on a thread of its own inside the namespace.
func (ns *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(ns.handle); err != nil {
			return fmt.Errorf("enter namespace %s: %w", ns.name, err)
		}
		return f()
	})
}

// close gives the namespace up; it vanishes with its links when nobody is in it.
func (ns *namespace) close() error {
	if ns.handle.IsOpen() {
		_ = ns.handle.Close()
	}
	_ = unix.Unmount(ns.path(), unix.MNT_DETACH) // Not mounted if it was never bound.
	if err := os.Remove(ns.path()); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// onThread runs f on an operating system thread that is thrown away afterwards,
// since the namespace of a thread cannot be given back to the runtime.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("the function ended its goroutine")
		defer func() { done <- err }() // Also when f calls runtime.Goexit, as t.Fatal does.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The process's first thread cannot be thrown away, and what it is in is
			// what /proc/self shows. While it is locked here, f gets another one.
			defer runtime.UnlockOSThread()
			err = onThread(f)
			return
		}
		err = f()
	}()
	return <-done
}
