package lab

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"
)

// faults is what a host's firewall drops, and what is lost on its cable.
type faults struct {
	mu    sync.Mutex
	icmp  bool
	arp   bool
	share float64 // percent of the frames lost, each way
	deaf  bool    // nothing comes to it
	mute  bool    // nothing that it sends leaves the switch
}

// DropICMP lets the host's firewall drop echo requests, IPv4 and IPv6; it still
// answers ARP and serves everything else.
func (h *Host) DropICMP(drop bool) error {
	h.world.in.Helper()
	return h.check(h.fault(func(f *faults) { f.icmp = drop }))
}

// DropARP lets the host's firewall drop every ARP packet it receives.
func (h *Host) DropARP(drop bool) error {
	h.world.in.Helper()
	return h.check(h.fault(func(f *faults) { f.arp = drop }))
}

// RandomLoss loses the given percentage of the frames on the host's cable, each
// way, whatever they carry; the sender does not notice. Zero ends it.
func (h *Host) RandomLoss(percent float64) error {
	h.world.in.Helper()
	return h.check(h.fault(func(f *faults) { f.share = percent }))
}

// Deafen loses every frame to the host on its cable; what it sends arrives. The sender does not notice.
func (h *Host) Deafen(on bool) error {
	h.world.in.Helper()
	return h.check(h.fault(func(f *faults) { f.deaf = on }))
}

// Mute loses every frame of the host on its cable; what is sent to it arrives. The host does not notice.
func (h *Host) Mute(on bool) error {
	h.world.in.Helper()
	return h.check(h.fault(func(f *faults) { f.mute = on }))
}

// fault changes the faults and loads the rules for all of them.
func (h *Host) fault(change func(*faults)) error {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	change(&h.faults)
	if err := nft(h.ns, h.faults.firewall()); err != nil {
		return err
	}
	return nft(h.world.Switch.ns, h.faults.cable(h.port))
}

// firewall is the rule set of the host itself.
func (f *faults) firewall() string {
	var b strings.Builder
	replaceTable(&b, "inet", "lab")
	replaceTable(&b, "arp", "lab")
	if f.icmp {
		b.WriteString("table inet lab { chain input { type filter hook input priority 0;" +
			" icmp type echo-request drop; icmpv6 type echo-request drop; }; }\n")
	}
	if f.arp {
		b.WriteString("table arp lab { chain input { type filter hook input priority 0; drop; }; }\n")
	}
	return b.String()
}

// cable is the rule set of the switch for the host's port. Loss belongs there:
// a firewall that drops on the way out tells the sending program so.
func (f *faults) cable(port string) string {
	var b strings.Builder
	table := "lab_" + port
	replaceTable(&b, "bridge", table)
	var lost strings.Builder
	for _, way := range []struct {
		direction string
		all       bool
	}{{"iifname", f.mute}, {"oifname", f.deaf}} {
		switch {
		case way.all || f.share >= 100: // nft refuses a comparison that is always true.
			fmt.Fprintf(&lost, "%s %q drop; ", way.direction, port)
		case f.share > 0:
			fmt.Fprintf(&lost, "%s %q numgen random mod 100000 < %d drop; ", way.direction, port, int(f.share*1000))
		}
	}
	if lost.Len() > 0 {
		fmt.Fprintf(&b, "table bridge %s { chain forward { type filter hook forward priority 0; %s}; }\n", table, lost.String())
	}
	return b.String()
}

// replaceTable removes a table whether or not it exists.
func replaceTable(b *strings.Builder, family, table string) {
	fmt.Fprintf(b, "table %s %s\ndelete table %s %s\n", family, table, family, table)
}

// nft loads rules into a namespace.
func nft(ns *namespace, rules string) error {
	path, err := lookNFT()
	if err != nil {
		return fmt.Errorf("nft (Debian package nftables): %w", err)
	}
	cmd := exec.Command(path, "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := ns.do(cmd.Start); err != nil {
		return fmt.Errorf("nft: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out.String())
	}
	return nil
}

// lookNFT finds nft also for users whose path has no sbin.
func lookNFT() (string, error) {
	path, err := exec.LookPath("nft")
	if err == nil {
		return path, nil
	}
	for _, known := range []string{"/usr/sbin/nft", "/sbin/nft"} {
		if p, err := exec.LookPath(known); err == nil {
			return p, nil
		}
	}
	return "", err
}
