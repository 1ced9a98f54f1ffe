// Package room runs a command in a network of its own: a network namespace with the loopback interface and nothing else,
// which holds a server's service addresses. There is no way out of it, so the command may believe that the takeover has
// happened, and no neighbour hears of it.
//
// It is a room for the network and for processes, and for nothing else. Files, and sockets that are files, are those of
// the host: a database that is reached by its unix socket is reached from within, and a command that asks systemd over
// D-Bus is heard. What is reached by TCP is not, not even at 127.0.0.1, unless a door leads there. Whatever the command
// leaves running ends with it, also when failoverd is killed.
//
// The room is made by this program, which starts itself in new namespaces. Unless failoverd is root, that takes a user
// namespace, which a host may forbid.
package room

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"failoverd/takeover/standin"
)

const (
	// keeperName is the name under which this program keeps a room.
	keeperName = "failoverd-room"
	// answerLimit bounds what a keeper says, in bytes. A command's output is cut off by whoever runs it.
	answerLimit = 64 << 10
	// leaving is how long a keeper may take to end beyond its command's time, and its pipes after that.
	leaving = 5 * time.Second
)

// ImpossibleError is a host that has no room to give.
type ImpossibleError struct{ Err error }

func (e *ImpossibleError) Error() string {
	return "a network of its own cannot be had on this host: " + e.Err.Error()
}
func (e *ImpossibleError) Unwrap() error { return e.Err }

// Command is what is run in a room.
type Command struct {
	Addresses []netip.Addr     // the room's own, beside those of loopback
	Doors     []netip.AddrPort // where TCP leads out, to the same address; at most mostDoors
	Args      []string         // the program and its arguments; no shell is between
	Env       []string         // NAME=value; PATH is added, and nothing else is passed on
	Timeout   time.Duration    // 0 is standin.DefaultTimeout
}

// answer is what a keeper says at the end.
type answer struct {
	Made   bool // the room was made, so that the command was run
	Output string
	Error  string // empty if the command ended with status 0
}

// Run runs a command in a room that is made for it, and waits for its end. When ctx ends, everything in the room is
// killed. The output is as standin.RunCommand has it.
func Run(ctx context.Context, c Command) (output string, err error) {
	request, err := json.Marshal(c)
	if len(c.Doors) > mostDoors {
		err = fmt.Errorf("%d doors, there can be %d", len(c.Doors), mostDoors)
	}
	if err != nil {
		return "", fmt.Errorf("make a room: %w", err)
	}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = standin.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout+leaving)
	defer cancel()
	var impossible error
	// Root needs no user namespace, unless it is one that may do little.
	for _, user := range []bool{os.Geteuid() != 0, true} {
		got, err := keep(ctx, append(request, '\n'), c.Doors, user)
		var started *ImpossibleError
		switch {
		case errors.As(err, &started) && ctx.Err() == nil:
			impossible = err
			continue
		case err != nil:
			return "", err
		case !got.Made:
			return "", &ImpossibleError{errors.New(got.Error)}
		case got.Error != "":
			return got.Output, errors.New(got.Error)
		}
		return got.Output, nil
	}
	return "", impossible
}

// keep starts a keeper, and waits for its end. The pipe that brings the request stays open for as long as we live: its
// end is the end of the room.
func keep(ctx context.Context, request []byte, doors []netip.AddrPort, user bool) (got answer, err error) {
	keeper := exec.CommandContext(ctx, "/proc/self/exe")
	keeper.Args = []string{keeperName}
	keeper.Dir = "/"
	keeper.SysProcAttr = namespaces(user)
	keeper.WaitDelay = leaving
	said, complaint := &limited{room: answerLimit}, &limited{room: answerLimit}
	keeper.Stdout, keeper.Stderr = said, complaint
	line, err := keeper.StdinPipe()
	if err != nil {
		return got, fmt.Errorf("make a room: %w", err)
	}
	ours, theirs, err := couple()
	if err != nil {
		return got, fmt.Errorf("make a room: %w", err)
	}
	keeper.ExtraFiles = []*os.File{theirs} // doorsAt
	err = keeper.Start()
	if shut := theirs.Close(); err != nil {
		return got, &ImpossibleError{errors.Join(err, shut, ours.Close())}
	}
	open, shut := context.WithCancel(ctx)
	defer shut()
	var doorkeeper errgroup.Group
	doorkeeper.Go(func() error { return attend(open, ours, doors) })
	_, unasked := line.Write(request)
	err = keeper.Wait()
	shut()
	unattended := doorkeeper.Wait()
	if ctx.Err() != nil {
		return answer{}, context.Cause(ctx)
	}
	if err = errors.Join(unasked, unattended, err); err == nil {
		err = json.Unmarshal(said.Bytes(), &got)
	}
	if err != nil {
		return got, fmt.Errorf("keep a room: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return got, nil
}

// namespaces are the attributes of a keeper: the first process of its own, so that all others end with it.
func namespaces(user bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID}
	if user {
		// Who we are stays as it is, and with it what we may do with files.
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// limited keeps the beginning of what is written to it.
type limited struct {
	bytes.Buffer
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), l.room-l.Len())])
	return len(p), nil
}
