package probe

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waiter sleeps until a moment, a ring of the bell or an answer.
//
// It parks the goroutine in the runtime's own poller, on an epoll instance that
// holds a timerfd, the bell and the sockets. Both ways that are nearer cost or
// miss more: a Go timer is rounded to the millisecond of epoll_wait, and a
// thread that sleeps in ppoll keeps a processor of the scheduler, which the
// runtime's monitor then looks at some hundred times a second; that was half of
// all the time a ping took. For the same reason the system calls of a pass,
// which never wait, are made without telling the scheduler (RawSyscall).
type waiter struct {
	file  *os.File // the epoll instance
	conn  syscall.RawConn
	ep    int
	timer int
	bell  int
}

// newWaiter makes a waiter; the bell stays the caller's.
func newWaiter(bell int) (*waiter, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(ep)
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	w := &waiter{ep: ep, timer: timer, bell: bell}
	for _, fd := range []int{timer, bell} {
		if err = w.watch(fd); err != nil {
			break
		}
	}
	if err == nil {
		// Only what does not block is given to the poller by NewFile.
		err = unix.SetNonblock(ep, true)
	}
	if err != nil {
		_, _ = unix.Close(ep), unix.Close(timer)
		return nil, err
	}
	w.file = os.NewFile(uintptr(ep), "pings")
	if w.conn, err = w.file.SyscallConn(); err != nil {
		w.close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return w, nil
}

func (w *waiter) close() {
	_ = w.file.Close()
	_ = unix.Close(w.timer)
}

// watch lets a descriptor end the sleep when it can be read. Closing the
// descriptor undoes it.
func (w *waiter) watch(fd int) error {
	if err := unix.EpollCtl(w.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("watch descriptor: %w", err)
	}
	return nil
}

// ignore undoes watch.
func (w *waiter) ignore(fd int) error {
	if err := unix.EpollCtl(w.ep, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return fmt.Errorf("ignore descriptor: %w", err)
	}
	return nil
}

// wait sleeps for a time or until something else ends the sleep, and says what
// did: the bell, or any socket.
func (w *waiter) wait(d time.Duration) (rung, readable bool, err error) {
	// Setting the timer also takes back that it has run out. Zero would stop it.
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))}
	if _, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(w.timer), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); errno != 0 {
		return false, false, fmt.Errorf("set timer: %w", errno)
	}
	var events [2 + 2*identifiers]unix.EpollEvent
	var n int
	var failed error
	err = w.conn.Read(func(uintptr) bool {
		n, failed = w.ready(events[:])
		return n > 0 || failed != nil
	})
	if err = errors.Join(err, failed); err != nil {
		return false, false, fmt.Errorf("wait: %w", err)
	}
	for _, e := range events[:n] {
		switch int(e.Fd) {
		case w.timer:
		case w.bell:
			rung = true
		default:
			readable = true
		}
	}
	return rung, readable, nil
}

// ready says what can be read now.
func (w *waiter) ready(events []unix.EpollEvent) (int, error) {
	// epoll_pwait without a mask is epoll_wait, which newer machines lack.
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.ep),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno == unix.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
