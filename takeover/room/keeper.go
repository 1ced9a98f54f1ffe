package room

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"failoverd/takeover/standin"
)

// Trampoline turns this process into the keeper of a room, when it was started by Run, and returns otherwise. Programs
// that use Run call it first in main.
func Trampoline() {
	if len(os.Args) == 1 && os.Args[0] == keeperName {
		os.Exit(keeper(os.Stdin, os.Stdout, os.Stderr))
	}
}

// keeper keeps a room until its command has ended, or until whoever asked for it is gone. It is the first process of its
// namespace: with it, the kernel ends all others.
func keeper(in io.Reader, out, complaints io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintln(complaints, err)
		return 1
	}
	asked := bufio.NewReader(in)
	request, err := asked.ReadBytes('\n')
	if err != nil {
		return fail(fmt.Errorf("read what is wanted: %w", err))
	}
	var c Command
	if err := json.Unmarshal(request, &c); err != nil {
		return fail(fmt.Errorf("read what is wanted: %w", err))
	}
	go func() {
		_, _ = asked.ReadByte() // Nothing comes any more but the end, whichever way.
		os.Exit(1)
	}()
	var a answer
	if err := furnish(c); err != nil {
		a.Error = err.Error()
	} else {
		a.Made = true
		a.Output, err = standin.RunCommand(context.Background(), standin.Command{Args: c.Args, Env: c.Env, Timeout: c.Timeout})
		if err != nil {
			a.Error = err.Error()
		}
	}
	if err := json.NewEncoder(out).Encode(a); err != nil {
		return fail(err)
	}
	return 0
}

// doorsAt is the descriptor of the socket over which a keeper hands the doors out.
const doorsAt = 3

// furnish gives the loopback interface its addresses, and makes the doors. Whatever starts this program elsewhere than in a new namespace
// finds a loopback interface that is up, and changes nothing.
func furnish(c Command) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback interface: %w", err)
	}
	if os.Getpid() != 1 || lo.Attrs().Flags&net.FlagUp != 0 {
		return errors.New("this is no new namespace")
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set the loopback interface up: %w", err)
	}
	addresses := slices.Clone(c.Addresses)
	for _, door := range c.Doors {
		addresses = append(addresses, door.Addr())
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	for _, a := range slices.Compact(addresses) {
		if a.IsLoopback() {
			continue
		}
		own := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}}
		if a.Is6() {
			own.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(lo, own); err != nil {
			return fmt.Errorf("add %s: %w", a, err)
		}
	}
	return handOut(c.Doors, doorsAt)
}
