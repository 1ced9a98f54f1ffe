package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Capture records the frames of a link from the moment it is returned.
type Capture struct {
	file *os.File
	done chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	frames  []Frame
	changed chan struct{} // closed at the next frame
	err     error         // why the reader ended
}

// Capture records every frame that the host sends and receives, until the
// world ends.
func (h *Host) Capture() *Capture {
	h.world.in.Helper()
	c, err := startCapture(h.ns, hostLink)
	if h.check(err) != nil {
		return nil
	}
	h.world.later(c.Close)
	return c
}

// startCapture opens the socket inside the namespace and reads from it.
func startCapture(ns *namespace, link string) (*Capture, error) {
	c := &Capture{done: make(chan struct{}), changed: make(chan struct{})}
	if err := ns.do(func() (err error) { c.file, err = listenAll(link); return err }); err != nil {
		return nil, fmt.Errorf("capture on %s: %w", link, err)
	}
	go func() {
		defer close(c.done)
		err := c.read()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = err
		close(c.changed)
	}()
	return c, nil
}

// listenAll opens a packet socket that sees everything on a link, with the
// kernel's times: those of a reader that is woken late would be wrong.
func listenAll(link string) (*os.File, error) {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return nil, err
	}
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // in network order
	// Protocol 0 hears nothing until bind, so that no frame of another link
	// gets in.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	set := func() error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			return err
		}
		// The default would lose frames of a busy test.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
			return err
		}
		mreq := &unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, mreq); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index})
	}
	if err := set(); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return os.NewFile(uintptr(fd), "capture "+link), nil
}

// read records frames until the socket is closed.
func (c *Capture) read() error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	data, control := make([]byte, 65536), make([]byte, 128)
	for {
		var n, oobn int
		var from unix.Sockaddr
		var recvErr error
		err := raw.Read(func(fd uintptr) bool {
			n, oobn, _, from, recvErr = unix.Recvmsg(int(fd), data, control, 0)
			return !errors.Is(recvErr, unix.EAGAIN)
		})
		switch {
		case err != nil:
			return nil // Closed.
		case errors.Is(recvErr, unix.ENETDOWN) || errors.Is(recvErr, unix.EINTR):
			continue // The link flapped; the socket goes on.
		case recvErr != nil:
			return recvErr
		}
		outgoing := false
		if ll, ok := from.(*unix.SockaddrLinklayer); ok {
			outgoing = ll.Pkttype == unix.PACKET_OUTGOING
		}
		c.record(parse(KernelTime(control[:oobn]), outgoing, append([]byte(nil), data[:n]...)))
	}
}

// KernelTime reads the time at which the kernel took a frame out of the control messages of a socket with SO_TIMESTAMPNS; now where
// there is none.
func KernelTime(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
			}
		}
	}
	return time.Now()
}

// record adds a frame and wakes those who wait.
func (c *Capture) record(f Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, f)
	close(c.changed)
	c.changed = make(chan struct{})
}

// Frames lists what was recorded so far.
func (c *Capture) Frames() []Frame {
	frames, _ := c.snapshot()
	return frames
}

// Matching lists what was recorded so far and satisfies pred.
func (c *Capture) Matching(pred func(Frame) bool) []Frame {
	var found []Frame
	for _, f := range c.Frames() {
		if pred(f) {
			found = append(found, f)
		}
	}
	return found
}

// Clear forgets what was recorded so far.
func (c *Capture) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = nil
}

// WaitFor waits for the first recorded frame that satisfies pred; it may have
// come before the call.
func (c *Capture) WaitFor(ctx context.Context, pred func(Frame) bool) (Frame, error) {
	frames, err := c.WaitForN(ctx, 1, pred)
	if err != nil {
		return Frame{}, err
	}
	return frames[0], nil
}

// WaitForN waits until n frames satisfy pred and returns these.
func (c *Capture) WaitForN(ctx context.Context, n int, pred func(Frame) bool) ([]Frame, error) {
	var found []Frame
	seen := 0
	for {
		frames, changed := c.snapshot()
		seen = min(seen, len(frames)) // Clear may have come between.
		for ; seen < len(frames); seen++ {
			if pred(frames[seen]) {
				if found = append(found, frames[seen]); len(found) == n {
					return found, nil
				}
			}
		}
		select {
		case <-changed:
		case <-c.done:
			return nil, fmt.Errorf("the capture ended with %d of %d frames: %w", len(found), n, c.failure())
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %d frames, saw %d among %d: %w", n, len(found), len(frames), ctx.Err())
		}
	}
}

// snapshot returns the frames and the channel that tells of the next one.
func (c *Capture) snapshot() ([]Frame, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[:len(c.frames):len(c.frames)], c.changed
}

// failure is why the reader ended.
func (c *Capture) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return net.ErrClosed
}

// Close ends the capture; what was recorded stays readable.
func (c *Capture) Close() error {
	err := c.file.Close()
	<-c.done
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
