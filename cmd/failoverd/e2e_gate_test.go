package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"failoverd/internal/site"
	"failoverd/status"
)

// gated runs the gate on pbx, and says whether it is open, and what it says.
func (h *homestead) gated(args ...string) (open bool, said string) {
	h.t.Helper()
	cmd := h.PBX.Command(h.waiting(), h.Binary(), append([]string{"agent", "gate", "--config", h.o.config}, args...)...)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != exitRefused {
		h.t.Fatalf("the gate: %v: %s", err, out)
	}
	return err == nil, string(out)
}

// closed checks that the gate is closed, and why.
func (h *homestead) closed(when, why string) {
	h.t.Helper()
	if open, said := h.gated(site.PBXAddress, "--wait", "1s"); open || !strings.Contains(said, why) {
		h.t.Errorf("%s: open %v: %s", when, open, said)
	}
}

// TestAReturningPrimaryStaysDown: a primary that comes back while its standby stands in keeps its application and its service
// address down behind the gate: because the standby says so, also when it was said before and the agent is dead, and because
// somebody answers for the address. A failback opens the gate before the agent starts the application, and two never have the address.
func TestAReturningPrimaryStaysDown(t *testing.T) {
	h := newHomestead(t, newFiles)
	if open, said := h.gated(site.PBXAddress); !open || !strings.Contains(said, "does not stand in") {
		t.Errorf("while it serves: open %v: %s", open, said)
	}
	h.dies()
	h.returns()
	never := h.holding()
	h.eventually("pbx to be held", func() bool { _, yes := h.happened("pbx", "primary.held"); return yes })
	h.closed("it has come back", "the standby stands in since")
	start := filepath.Join(h.Dir, "own-start")
	text, err := os.ReadFile(start)
	ok(t, err)
	ok(t, os.WriteFile(start, []byte(strings.Replace(string(text), "\n", "\n"+h.Binary()+" agent gate "+site.PBXAddress+" --interface eth0 --config "+h.o.config+" || exit 1\n", 1)), 0o700))
	if out, err := h.PBX.Command(h.waiting(), start).CombinedOutput(); err == nil {
		t.Errorf("its application starts all the same: %s", out)
	}
	h.cli(exitDone, "failback", "pbx", "--yes")
	h.waitState("pbx", "OK", "standing by")
	// The next one, of which the agent has been told and then dies.
	h.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	h.stopOwn()
	ok(t, h.PBX.RemoveAddress(site.PBXAddress+"/24"))
	h.waitServer("pbx", "standing in once more", func(v status.Server) bool { return v.Role == "standing in" && v.Operation == "" })
	h.eventually("pbx to be held once more", func() bool { return len(h.eventsOf("primary.held")) > 1 })
	h.o.end(syscall.SIGKILL)
	h.closed("its agent has died", "the standby stands in since")
	if open, said := h.gated("--lift"); !open {
		t.Errorf("lifted: %s", said)
	}
	h.closed("the hold was lifted, and the standby has the address", "answers for "+site.PBXAddress)
	h.o.run()
	h.closed("under the same takeover", "answers for "+site.PBXAddress)
	h.cli(exitDone, "release", "pbx", "--yes")
	if open, said := h.gated(site.PBXAddress, "--interface", "eth0"); !open {
		t.Errorf("released: %s", said)
	}
	never()
}
