package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"failoverd/internal/lab"
	"failoverd/internal/site"
	"failoverd/status"
)

// restServers is how many servers are watched while nothing happens.
const restServers = 10

// settling is how long a daemon may be busy with having been started.
const settling = 10 * time.Second

// cost is what watching takes.
type cost struct {
	processes int
	rss, pss  int // KiB
	cpu       time.Duration
}

// rest measures what it costs to watch ten servers while nothing happens, at
// each one's default interval.
func (b *bench) rest(ctx context.Context) error {
	fmt.Fprintf(b.out, "\nAt rest: %d servers are watched at each one's default interval for %s\n\n", restServers, b.restFor)
	fmt.Fprintln(b.out, "| who | interval | processes | memory, resident (MiB) | of it its own (PSS, MiB) | processor time | of one core |")
	fmt.Fprintln(b.out, "| --- | --- | --- | --- | --- | --- | --- |")
	for _, p := range []struct {
		name, interval string
		start          func(context.Context, *world, *lab.Host) (*background, error)
	}{{"failoverd", "2 s", restFailoverd}, {"keepalived", "1 s", restKeepalived}} {
		if !b.wants(p.name) {
			continue
		}
		c, err := b.atRest(ctx, p.start)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(b.out, "| %s | %s | %d | %.1f | %.1f | %.0f ms | %.2f %% |\n", p.name, p.interval, c.processes,
			float64(c.rss)/1024, float64(c.pss)/1024, ms(c.cpu), 100*c.cpu.Seconds()/b.restFor.Seconds())
	}
	return nil
}

// atRest starts one of them and looks at it after a while.
func (b *bench) atRest(ctx context.Context, start func(context.Context, *world, *lab.Host) (*background, error)) (c cost, err error) {
	w, err := b.newWorld()
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, w.close(b.keepLogs)) }()
	var addresses []lab.Option
	for i := range restServers {
		addresses = append(addresses, lab.Address(restAddress(i)+"/24"))
	}
	primaries, err := w.lab.AddHost("primaries", "", addresses...)
	if err != nil {
		return c, err
	}
	p, err := start(ctx, w, primaries)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := wait(ctx, settling); err != nil {
		return c, err
	}
	before, err := used(w.Standby)
	if err != nil {
		return c, err
	}
	if err := wait(ctx, b.restFor); err != nil {
		return c, err
	}
	c, err = used(w.Standby)
	c.cpu -= before.cpu
	return c, err
}

func restAddress(i int) string { return fmt.Sprintf("10.99.0.%d", 101+i) }

// restFailoverd starts the daemon with ten servers and otherwise its defaults.
func restFailoverd(ctx context.Context, w *world, _ *lab.Host) (*background, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "standby: {name: standby-1, data_dir: %s, interface: eth0, settle: 0s}\n", w.DataDir())
	fmt.Fprintf(&text, "alerts: {email: {host: %s, port: 25, tls: none, from: a@example.com, to: [b@example.com]}}\n", site.MailAddress)
	fmt.Fprintf(&text, "api: {socket: %s}\nservers:\n", w.Socket())
	for i := range restServers {
		fmt.Fprintf(&text, "  - {name: server-%d, address: %s, takeover: {service_addresses: [%s/24]}}\n", i, restAddress(i), restAddress(i))
	}
	if err := os.WriteFile(w.ConfigFile(), []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	d, err := startBackground(ctx, w.Standby, w.Log(), w.binary, "serve", "--config", w.ConfigFile())
	if err != nil {
		return nil, err
	}
	for i := range restServers {
		_, err := w.WaitServer(ctx, fmt.Sprintf("server-%d", i), "answering", func(v status.Server) bool { return v.LastAnswer != nil })
		if err != nil {
			return nil, errors.Join(err, d.stop())
		}
	}
	return d, nil
}

// restKeepalived starts keepalived as the backup of ten virtual routers, whose
// master is the host of the primaries.
func restKeepalived(ctx context.Context, w *world, primaries *lab.Host) (*background, error) {
	configuration := func(state string, priority int) string {
		text := "global_defs {\n    vrrp_version 3\n}\n"
		for i := range restServers {
			text += fmt.Sprintf("vrrp_instance service%d {\n    state %s\n    interface eth0\n    virtual_router_id %d\n"+
				"    priority %d\n    virtual_ipaddress {\n        10.99.0.%d/24\n    }\n}\n", i, state, 51+i, priority, 151+i)
		}
		return text
	}
	// It ends with the world.
	if _, err := keepalived(ctx, w, primaries, configuration("MASTER", 200)); err != nil {
		return nil, err
	}
	return keepalived(ctx, w, w.Standby, configuration("BACKUP", backupPriority))
}

// used adds up what the processes of a host have taken so far.
func used(h *lab.Host) (c cost, err error) {
	pids, err := h.Processes()
	if err != nil {
		return c, err
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return c, err
		}
		// The name, in brackets, may have spaces in it: what follows is counted
		// from its end (proc_pid_stat(5): utime and stime are 14 and 15).
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, ticks := range fields[11:13] {
			n, err := strconv.Atoi(ticks)
			if err != nil {
				return c, err
			}
			c.cpu += time.Duration(n) * time.Second / 100
		}
		memory, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
		if err != nil {
			return c, err
		}
		c.rss += kibibytes(string(memory), "Rss:")
		c.pss += kibibytes(string(memory), "Pss:")
		c.processes++
	}
	return c, nil
}

// kibibytes reads one line of a memory map.
func kibibytes(text, name string) int {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == name {
			n, _ := strconv.Atoi(fields[1])
			return n
		}
	}
	return 0
}
