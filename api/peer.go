package api

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"failoverd/plan"
)

// peer is the process at the other end of the unix socket, as the kernel names
// it.
type peer struct {
	uid   uint32
	pid   int32
	name  string // of the user
	login string // who logged in before becoming that user, empty if not known
}

// peerOf asks the kernel who has connected.
func peerOf(c *net.UnixConn) (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("ask who has connected: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return peer{}, fmt.Errorf("ask who has connected: %w", err)
	}
	if credErr != nil {
		return peer{}, fmt.Errorf("ask who has connected: %w", credErr)
	}
	p := peer{uid: cred.Uid, pid: cred.Pid, name: userName(cred.Uid)}
	if login, ok := loginOf(cred.Pid); ok && login != cred.Uid {
		p.login = userName(login)
	}
	return p, nil
}

// caller is what the peer may do. Whoever may open the socket is let in by its
// mode; root and the daemon's own user may do everything.
func (p peer) caller() *caller {
	c := &caller{
		role:   Operator,
		client: "uid " + strconv.FormatUint(uint64(p.uid), 10),
		actor:  plan.Actor{Kind: "user", Name: p.name, Via: "socket", From: fmt.Sprintf("process %d", p.pid)},
	}
	if p.uid == 0 || int(p.uid) == os.Geteuid() {
		c.role = Admin
	}
	if p.login != "" {
		c.actor.From += ", logged in as " + p.login
	}
	return c
}

// userName is the name of a user, or "uid N". It reads the local file only: a
// directory service may be part of the outage and must not delay an order.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return "uid " + id
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.SplitN(lines.Text(), ":", 4); len(fields) == 4 && fields[2] == id {
			return fields[0]
		}
	}
	return "uid " + id
}

// loginOf is the user that logged in at the start of the process's session,
// which sudo and su do not change.
func loginOf(pid int32) (uint32, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/loginuid", pid))
	if err != nil {
		return 0, false
	}
	uid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	const unset = 1<<32 - 1
	return uint32(uid), err == nil && uid != unset
}
