package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"failoverd/api"
	"failoverd/internal/site"
	"failoverd/replicate/agent"
	filetree "failoverd/replicate/files"
	"failoverd/status"
)

// outpost is the real agent on the primary pbx.
type outpost struct {
	*company
	tree, config, log string
	cmd               *exec.Cmd
}

// newOutpost writes the agent's configuration; it does not run yet. more are further lines of it.
func newOutpost(c *company, more ...string) *outpost {
	c.t.Helper()
	o := &outpost{company: c, tree: filepath.Join(c.Dir, "tree"), config: filepath.Join(c.Dir, "agent.yaml"), log: filepath.Join(c.Dir, "agent.log")}
	ok(c.t, os.Mkdir(o.tree, 0o755))
	o.configure("", more...)
	c.t.Cleanup(func() {
		o.end(syscall.SIGTERM)
		if b, err := os.ReadFile(o.log); err == nil && c.t.Failed() {
			c.t.Logf("the agent's log:\n%s", b)
		}
	})
	return o
}

// configure writes the agent's configuration, with further keys of its tree, and further lines.
func (o *outpost) configure(keys string, more ...string) {
	o.t.Helper()
	ok(o.t, os.WriteFile(o.config, []byte(fmt.Sprintf("name: pbx\nlisten: %s:7443\ndata_dir: %s\ntrees: [{name: vm, directory: %s%s}]\n%s",
		site.PBXAddress, filepath.Join(o.Dir, "agent"), o.tree, keys, strings.Join(more, ""))), 0o600))
}

// run starts the agent and waits until it listens.
func (o *outpost) run() {
	o.t.Helper()
	log, err := os.Create(o.log)
	ok(o.t, err)
	o.cmd = o.PBX.Command(context.Background(), o.Binary(), "agent", "--config", o.config)
	o.cmd.Stdout, o.cmd.Stderr = log, log
	ok(o.t, o.cmd.Start())
	ok(o.t, log.Close())
	o.eventually("the agent to listen", func() bool { return strings.Contains(o.said(), "the agent listens") })
}

// said is the agent's log since its last start.
func (o *outpost) said() string {
	o.t.Helper()
	b, err := os.ReadFile(o.log)
	ok(o.t, err)
	return string(b)
}

// end ends the agent.
func (o *outpost) end(signal syscall.Signal) {
	if o.cmd == nil {
		return
	}
	_ = o.cmd.Process.Signal(signal)
	err := o.cmd.Wait()
	if signal == syscall.SIGTERM && err != nil {
		o.t.Errorf("the agent ended with %v", err)
	}
	o.cmd = nil
}

// invite has the agent's command line make a code.
func (o *outpost) invite() string {
	o.t.Helper()
	var v invited
	ok(o.t, json.Unmarshal([]byte(o.cli(0, "agent", "pair", "--config", o.config, "--json")), &v))
	return v.Code
}

// pair gives a code to `failoverd pair`.
func (o *outpost) pair(code string) (string, error) {
	o.t.Helper()
	return o.pairAt(site.PBXAddress, code)
}

// pairAt is pair for an agent that is reached by another address.
func (o *outpost) pairAt(address, code string) (string, error) {
	o.t.Helper()
	cmd := exec.CommandContext(o.waiting(), o.Binary(), "--socket", o.Socket(), "pair", address, "--reason", "new agent")
	cmd.Stdin = strings.NewReader(code + "\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// open begins a conversation about a directory as the daemon does: from the standby, with its key and pins.
func (o *outpost) open(directory string) (stream io.ReadWriteCloser, err error) {
	o.t.Helper()
	client, err := agent.OpenClient(o.DataDir(), "test")
	ok(o.t, err)
	defer client.Close()
	at := netip.AddrPortFrom(netip.MustParseAddr(site.PBXAddress), 7443)
	err = o.Standby.Do(func() error {
		stream, err = client.Files(o.waiting(), at, directory, agent.Rules{}, 0)
		return err
	})
	return stream, err
}

// receive keeps a copy until it holds a file with a text.
func (o *outpost) receive(dst, name, text string) {
	o.t.Helper()
	rules, err := filetree.NewRules(nil, nil, false)
	ok(o.t, err)
	sink, err := filetree.OpenSink(filetree.SinkOptions{Directory: dst, Rules: rules, Log: slog.New(slog.DiscardHandler)})
	ok(o.t, err)
	stream, err := o.open(o.tree)
	ok(o.t, err)
	ctx, cancel := context.WithCancel(o.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sink.Receive(ctx, stream) }()
	late := time.After(patience)
	for {
		_, changed := sink.Status()
		if got, err := os.ReadFile(filepath.Join(dst, name)); err == nil && string(got) == text {
			break
		}
		select {
		case <-changed:
		case err := <-ended:
			o.t.Fatalf("the conversation ended: %v", err)
		case <-late:
			o.t.Fatalf("%s has not come", name)
		}
	}
	cancel()
	ok(o.t, <-ended)
	ok(o.t, sink.Close())
}

// agents asks the daemon for its agents.
func (o *outpost) agents() api.AgentList {
	o.t.Helper()
	client, err := o.API()
	ok(o.t, err)
	list, err := client.Agents(o.waiting())
	ok(o.t, err)
	return list
}

// TestAgent pairs the real agent with the real daemon, has a tree travel, kills the agent, and puts another one in its
// place.
func TestAgent(t *testing.T) {
	c := newCompany(t, site.Options{PBX: `probes: [{kind: agent, interval: 2s, timeout: 1900ms, failure: info}]`})
	o := newOutpost(c)
	c.start()
	if list := o.agents(); len(list.Agents) != 1 || list.Agents[0].Paired || list.Agents[0].Server != "pbx" {
		t.Errorf("agents before the pairing: %+v", list)
	}
	contains(t, c.cli(0, "agents"), "not paired: failoverd pair "+site.PBXAddress+":7443")
	contains(t, o.cli(0, "agent", "config", "check", o.config), "Tree vm: the standby may copy "+o.tree)

	o.run()
	contains(t, o.said(), "no standby is paired yet")
	if out, err := o.pair("0000-0000-0000-0000"); err == nil || !strings.Contains(out, "no code waits") || !strings.Contains(out, "sudo failoverd agent pair") {
		t.Errorf("without a code: %v, %s", err, out)
	}
	code := o.invite()
	if out, err := o.pair("0000-0000-0000-0000"); err == nil || !strings.Contains(out, "the code is wrong; it may be tried 4 more times") {
		t.Errorf("a wrong code: %v, %s", err, out)
	}
	out, err := o.pair(code)
	if err != nil || !strings.Contains(out, "Paired with the agent on pbx at "+site.PBXAddress+":7443") {
		t.Fatalf("the right code: %v, %s", err, out)
	}
	contains(t, c.cli(0, "audit"), "paired with the agent", "new agent")
	list := o.agents()
	if len(list.Agents) != 1 || !list.Agents[0].Paired || list.Agents[0].HeardAt == nil || list.Agents[0].VersionDiffers {
		t.Fatalf("agents after the pairing: %+v", list)
	}
	first := *list.Agents[0].HeardAt
	o.eventually("the agent to be heard again, by its probe", func() bool { return o.agents().Agents[0].HeardAt.After(first) })
	c.waitServer("pbx", "asked at its agent", func(v status.Server) bool { return probed(v, "answered") })

	contains(t, c.cli(0, "discover", site.PBXAddress), site.PBXAddress, o.tree, "servers.d/pbx.yaml")

	dst := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(o.tree, "hello.txt"), []byte("hello"), 0o644))
	o.receive(dst, "hello.txt", "hello")
	if _, err := o.open("/etc"); err == nil || !strings.Contains(err.Error(), "has no tree") {
		t.Errorf("a directory that is not granted: %v", err)
	}

	// A crash: the agent comes back with its key and its pin.
	o.end(syscall.SIGKILL)
	c.waitServer("pbx", "without an answer of its agent", func(v status.Server) bool { return probed(v, "missed") })
	o.run()
	if strings.Contains(o.said(), "no standby is paired") {
		t.Error("the agent has forgotten its standby")
	}
	ok(t, os.WriteFile(filepath.Join(o.tree, "more.txt"), []byte("more"), 0o644))
	o.receive(dst, "more.txt", "more")
	c.waitServer("pbx", "asked at its agent again", func(v status.Server) bool { return probed(v, "answered") })

	// Another agent at the same address is not the one that was paired, which says nothing of the primary.
	o.end(syscall.SIGTERM)
	ok(t, os.RemoveAll(filepath.Join(c.Dir, "agent")))
	o.run()
	if _, err := o.open(o.tree); err == nil || !strings.Contains(err.Error(), "is not the agent that was paired") {
		t.Errorf("another key: %v", err)
	}
	c.waitServer("pbx", "not asked by another agent", func(v status.Server) bool { return probed(v, "unknown") })
}

// probed says whether a server's agent was found in a way.
func probed(v status.Server, outcome string) bool {
	return len(v.Probes) == 1 && v.Probes[0].Outcome == outcome
}

// newFileOutpost is a company whose pbx has a tree of files by its agent, vm, with further keys. Nothing runs yet.
func newFileOutpost(t *testing.T, keys string) (*company, *outpost, mount) {
	t.Helper()
	c := newCompany(t, site.Options{StandIn: true})
	o := newOutpost(c)
	m := mount{o.tree, filepath.Join(c.Dir, "copy-vm")}
	ok(t, c.Configure(site.Options{
		Binary: c.Binary(), Interval: 100 * time.Millisecond, StandIn: true, PBX: fmt.Sprintf(`files:
  - name: vm
    source: {agent: %q}
    directory: %q
    exclude: [{patterns: ["*.part"], recursive: true}]
    reserve: 1MiB
    %s
`, m.src, m.dst, keys),
	}))
	return c, o, m
}

// TestFilesByTheAgent has the daemon keep a copy of what the agent serves: over a kill of the agent, and over a takeover,
// after which the primary's files come again once somebody has said so.
func TestFilesByTheAgent(t *testing.T) {
	c, o, m := newFileOutpost(t, `bandwidth: [{from: "00:00", to: "23:59", limit: 8MiB}]`)
	for i := range 20 {
		m.write(t, fmt.Sprintf("greetings/%d.wav", i), "by the primary")
	}
	m.write(t, "not.part", "half")
	c.start()
	v := c.waitTree("without a pairing", func(v status.Tree) bool { return strings.Contains(v.Problem, "no agent is paired") })
	if v.Connected || v.State == "current" {
		t.Errorf("before the pairing: %+v", v)
	}
	o.run()
	if out, err := o.pair(o.invite()); err != nil {
		t.Fatalf("pair: %v, %s", err, out)
	}
	c.same(m)
	m.write(t, "new.wav", "a call")
	c.eventually("a new file to be in the copy", func() bool { return m.there("new.wav", "a call") })

	o.end(syscall.SIGKILL)
	m.write(t, "meanwhile.wav", "nobody looked")
	c.waitTree("not connected", func(v status.Tree) bool { return !v.Connected })
	o.run()
	c.same(m)

	o.end(syscall.SIGKILL)
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	ok(t, os.WriteFile(filepath.Join(m.dst, "taken.wav"), []byte("by the stand-in"), 0o644))
	c.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
	ok(t, c.PBX.Return())
	o.run()
	c.waitState("pbx", "OK", "standing by")
	c.waitTree("diverged", func(v status.Tree) bool { return v.State == "diverged" && v.Diverged })
	m.write(t, "after.wav", "by the primary again")
	c.never("the primary's files come before somebody has said so", 3*time.Second, func() bool {
		return m.there("after.wav", "by the primary again") || !m.there("taken.wav", "by the stand-in")
	})
	c.cli(exitDone, "files", "discard-diverged", "pbx", "vm", "--yes", "--reason", "brought back by hand")
	c.same(m)
	if !m.there("after.wav", "by the primary again") {
		t.Error("the copy is not what the primary has")
	}
}
