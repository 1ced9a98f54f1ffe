package database

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// Need is how much room one more copy wants: what the catalog takes, and a reserve for the server's own log and for
// what is written while it is copied. The copy in service and the one before it stay where they are meanwhile.
func Need(bytes int64) int64 {
	const least = 64 << 20
	return bytes + max(bytes/10, least)
}

// Room compares what one more copy takes with what is free for it at the target; freed is what goes before the copy
// begins, as what an earlier run has left does. A catalog that does not fit blocks. Where it cannot be told how much is
// free, nothing is said.
func (r Report) Room(p Pair, freed int64) []Problem {
	free := r.Target.Free
	if free < 0 || free+freed >= Need(r.Bytes) {
		return nil
	}
	free += freed
	place := "for its data"
	if r.Target.Data != "" {
		place = "in " + r.Target.Data
	}
	problem := Problem{
		Code: "no-space", Blocks: free < r.Bytes,
		Text: fmt.Sprintf("%s has %s free %s, and one more copy of %s takes %s, beside the one in service and the one before", p.Target.Host,
			size(free), place, p.Source.Catalog, size(r.Bytes)),
		Remedy: fmt.Sprintf("make room for %s more at %s", size(Need(r.Bytes)-free), p.Target.Host),
	}
	if strings.HasPrefix(r.Target.Data, "/") {
		problem.Remedy += ": df -h '" + r.Target.Data + "'"
	}
	return []Problem{problem}
}

// size is a number of bytes for people.
func size(bytes int64) string { return humanize.IBytes(uint64(max(bytes, 0))) }

// LocalRoom is how many bytes are free in the directory in which the server at the other end of a connection keeps its
// data. It is known only of a server that runs on this host and sees the directory under the name that it has here: the
// account that our connection leads to must be the one that the directory belongs to. Of several names of a directory the
// first one that can be looked at counts. The error says why it is not known.
func LocalRoom(conn net.Conn, directories ...string) (free int64, err error) {
	account, err := accountBehind(conn)
	if err != nil {
		return -1, err
	}
	for _, directory := range directories {
		if free, err = roomOf(directory, account); err == nil || !errors.Is(err, unix.EACCES) {
			break
		}
	}
	return free, err
}

// roomOf is how many bytes an account has free in its directory.
func roomOf(directory string, account uint32) (int64, error) {
	var is unix.Stat_t
	if err := unix.Stat(directory, &is); err != nil {
		return -1, fmt.Errorf("the server keeps its data in %s, which failoverd does not see: %w", directory, err)
	}
	if is.Uid != account {
		return -1, fmt.Errorf("the server keeps its data in %s, which here belongs to another account: it runs in a container, or behind a tunnel", directory)
	}
	var has unix.Statfs_t
	if err := unix.Statfs(directory, &has); err != nil {
		return -1, fmt.Errorf("ask for the room in %s: %w", directory, err)
	}
	return int64(has.Bavail) * has.Bsize, nil
}

// accountBehind is the account that the process at the other end of a connection runs as, if that is on this host.
func accountBehind(conn net.Conn) (uint32, error) {
	if secured, is := conn.(*tls.Conn); is {
		conn = secured.NetConn()
	}
	if socket, is := conn.(*net.UnixConn); is {
		return accountOfSocket(socket)
	}
	local, remote, err := ends(conn)
	if err != nil {
		return 0, err
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		account, found, err := lookUpSocket(table, remote, local)
		if err != nil || found {
			return account, err
		}
	}
	return 0, fmt.Errorf("no process of this host answers at %s, so the server runs elsewhere", remote)
}

// accountOfSocket asks the kernel who listens at a socket of this host.
func accountOfSocket(socket *net.UnixConn) (uint32, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who listens at the socket: %w", err)
	}
	var peer *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, asked); err != nil {
		return 0, fmt.Errorf("ask who listens at the socket: %w", err)
	}
	return peer.Uid, nil
}

// ends are the addresses of a connection by TCP.
func ends(conn net.Conn) (local, remote netip.AddrPort, err error) {
	here, isHere := conn.LocalAddr().(*net.TCPAddr)
	there, isThere := conn.RemoteAddr().(*net.TCPAddr)
	if !isHere || !isThere {
		return local, remote, errors.New("the server is reached by neither TCP nor a socket")
	}
	bare := func(a *net.TCPAddr) netip.AddrPort {
		at := a.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	}
	return bare(here), bare(there), nil
}

// tableLimit bounds how much of the kernel's table of sockets is read.
const tableLimit = 64 << 20

// lookUpSocket finds the account of the process that has a connection, in a table of the kernel.
func lookUpSocket(path string, local, remote netip.AddrPort) (account uint32, found bool, err error) {
	table, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil // a kernel without this family
	}
	if err != nil {
		return 0, false, err
	}
	defer table.Close()
	account, found, err = readSockets(io.LimitReader(table, tableLimit), local, remote)
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", path, err)
	}
	return account, found, nil
}

// readSockets finds a connection in a table as proc(5) describes it.
func readSockets(table io.Reader, local, remote netip.AddrPort) (account uint32, found bool, err error) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		// sl local rem st queues timer retransmits uid ...
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || !isAddress(fields[1], local) || !isAddress(fields[2], remote) {
			continue
		}
		uid, err := strconv.ParseUint(fields[7], 10, 32)
		return uint32(uid), err == nil, err
	}
	return 0, false, lines.Err()
}

// isAddress reads 0100007F:1538: the address in words of four bytes, each as this machine keeps it, and the port.
func isAddress(text string, want netip.AddrPort) bool {
	words, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil || uint16(number) != want.Port() {
		return false
	}
	raw, err := hex.DecodeString(words)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, is := netip.AddrFromSlice(raw)
	return is && ip.Unmap() == want.Addr()
}
