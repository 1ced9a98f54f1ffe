package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"failoverd/internal/site"
)

// Programs that nobody here wrote look at the same wire and at the same API.

// tshark reads what tcpdump captured at the client: the announcements are
// gratuitous ARP in its words too, and nothing on the wire is malformed.
func TestCaptureReadByOthers(t *testing.T) {
	c := newCompany(t, site.Options{})
	need(t, "tcpdump", "tshark")
	c.start()
	file := filepath.Join(c.Dir, "wire.pcap")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	dump := c.Client.Command(ctx, "tcpdump", "-i", "eth0", "-U", "-Z", "root", "-w", file, "arp")
	var said bytes.Buffer
	listening := &waitFor{text: "listening on", found: make(chan struct{}), copy: &said}
	dump.Stderr = listening
	ok(t, c.Client.Start(dump))
	select {
	case <-listening.found:
	case <-c.waiting().Done():
		t.Fatalf("tcpdump does not listen: %s", said.String())
	}
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	c.eventually("two bursts in the capture", func() bool {
		return strings.Count(c.tshark(file, "arp.isgratuitous == 1 && arp.src.proto_ipv4 == "+site.PBXAddress), "\n") >= 4
	})
	ok(t, dump.Process.Signal(syscall.SIGTERM))
	_ = dump.Wait() // tcpdump's exit status after a signal says nothing

	announced := strings.Split(strings.TrimSpace(c.tshark(file, "arp.isgratuitous == 1 && arp.src.proto_ipv4 == "+site.PBXAddress)), "\n")
	mac := c.Standby.MAC().String()
	for i, line := range announced[:4] {
		f := strings.Split(line, "\t")
		if want := []string{"1", "2"}[i%2]; f[0] != want || f[1] != mac || f[2] != "ff:ff:ff:ff:ff:ff" {
			t.Errorf("announcement %d is %q, want opcode %s from %s to all", i, line, want, mac)
		}
	}
	asked := "arp.opcode == 1 && arp.dst.proto_ipv4 == " + site.PBXAddress + " && eth.src == " + mac
	if questions := c.tshark(file, asked+" && arp.src.proto_ipv4 == "+site.StandbyAddress); strings.Count(questions, "\n") < 3 {
		t.Errorf("tshark sees these questions:\n%s", questions)
	}
	if probes := c.tshark(file, asked+" && arp.src.proto_ipv4 == 0.0.0.0"); probes != "" {
		t.Errorf("tshark sees probes, which a primary that boots would take for a conflict:\n%s", probes)
	}
	if bad := c.tshark(file, "_ws.malformed || arp.packet-storm-detected"); bad != "" {
		t.Errorf("tshark finds malformed frames:\n%s", bad)
	}
}

// tshark reads a capture through a filter: opcode, source, destination.
func (c *company) tshark(file, filter string) string {
	c.t.Helper()
	cmd := exec.Command("tshark", "-n", "-r", file, "-Y", filter, "-T", "fields", "-e", "arp.opcode", "-e", "eth.src", "-e", "eth.dst")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && !strings.Contains(said.String(), "cut short") {
		c.t.Fatalf("tshark: %v: %s", err, said.String())
	}
	return out.String()
}

// gate is what docs/operations.md puts before a primary's application, so that it stays quiet while the standby stands in.
const gate = "arping -D -q -c 3 -I eth0 "

// arping asks from the client who has the address: before, during and after. The gate is shut while the standby stands in, and
// open when nobody holds the address.
func TestArpingAsks(t *testing.T) {
	c := newCompany(t, site.Options{})
	need(t, "arping")
	c.start()
	who := func() string {
		out, err := c.Client.Command(c.waiting(), "arping", "-c", "1", "-w", "3", "-I", "eth0", site.PBXAddress).CombinedOutput()
		if err != nil {
			t.Fatalf("arping: %v: %s", err, out)
		}
		return strings.ToLower(string(out))
	}
	document, err := os.ReadFile("../../docs/operations.md")
	ok(t, err)
	contains(t, string(document), "\n"+gate+"192.168.11.1\n")
	open := func() bool {
		args := strings.Fields(gate + site.PBXAddress)
		err := c.Client.Command(c.waiting(), args[0], args[1:]...).Run()
		if _, said := errors.AsType[*exec.ExitError](err); err != nil && !said {
			t.Fatalf("%v: %v", args, err)
		}
		return err == nil
	}
	contains(t, who(), c.PBX.MAC().String())
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	contains(t, who(), c.Standby.MAC().String())
	if open() {
		t.Error("the gate lets a primary start while the standby stands in")
	}
	c.cli(exitDone, "release", "pbx", "--yes")
	if !open() {
		t.Error("the gate is shut although nobody holds the address")
	}
	ok(t, c.PBX.Return())
	c.waitState("pbx", "OK", "standing by")
	contains(t, who(), c.PBX.MAC().String())
}

// curl reads the metrics over the socket, and promtool finds nothing to say.
func TestMetricsReadByOthers(t *testing.T) {
	c := newCompany(t, site.Options{})
	need(t, "curl", "promtool")
	c.start()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	metrics, err := exec.Command("curl", "-sSf", "--unix-socket", c.Socket(), "http://localhost/metrics").Output()
	ok(t, err)
	contains(t, string(metrics), `failoverd_server_state{server="pbx",state="Failure"} 1`, `failoverd_server_state{server="crm",state="OK"} 1`)
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = bytes.NewReader(metrics)
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// need looks for programs that scripts/test-deps installs.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%s is not here: scripts/test-deps installs it", p)
		}
	}
}

// waitFor is told what a program says and notices a word.
type waitFor struct {
	text  string
	found chan struct{}
	copy  *bytes.Buffer
	done  bool
}

func (w *waitFor) Write(b []byte) (int, error) {
	w.copy.Write(b)
	if !w.done && strings.Contains(w.copy.String(), w.text) {
		w.done = true
		close(w.found)
	}
	return len(b), nil
}
