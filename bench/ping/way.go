package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"failoverd/internal/lab"
)

// used is what one run of one way took.
type used struct {
	tally
	cpu time.Duration
	rss int // KiB, the most
}

// find looks a program up; its Debian package has the same name.
func find(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s: not installed: Debian package %s", program, program)
	}
	return nil
}

// ask runs one way once.
func ask(ctx context.Context, asker *lab.Host, way string, n, dead int, duration time.Duration) (used, error) {
	switch way {
	case "fping":
		return fping(ctx, asker, n, dead, duration)
	case "smokeping_prober":
		return smokeping(ctx, asker, n, dead, duration)
	default:
		return own(ctx, asker, way, n, dead, duration)
	}
}

// own runs this program's own child.
func own(ctx context.Context, asker *lab.Host, way string, n, dead int, duration time.Duration) (used, error) {
	self, err := os.Executable()
	if err != nil {
		return used{}, err
	}
	cmd := asker.Command(ctx, self, "child", way, strconv.Itoa(n), strconv.Itoa(dead), duration.String())
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := cmd.Run(); err != nil {
		return used{}, fmt.Errorf("%s: %w: %s", way, err, failed.String())
	}
	u := used{cpu: spent(cmd)}
	if err := json.Unmarshal(out.Bytes(), &u.tally); err != nil {
		return used{}, fmt.Errorf("%s: %w", way, err)
	}
	u.rss = u.RSS
	return u, nil
}

// spent is the processor time that the kernel charged an ended process.
func spent(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// fping pings in its spread mode: the time between two packets, whoever they go
// to, is a second divided by the number of targets.
func fping(ctx context.Context, asker *lab.Host, n, dead int, duration time.Duration) (used, error) {
	if err := find("fping"); err != nil {
		return used{}, err
	}
	list := filepath.Join(asker.Dir, "targets")
	var b strings.Builder
	for _, a := range addresses(n, dead) {
		fmt.Fprintln(&b, a)
	}
	if err := os.WriteFile(list, []byte(b.String()), 0o600); err != nil {
		return used{}, err
	}
	gap := strconv.FormatFloat(1000/float64(n), 'f', 3, 64)
	// Its endless mode (-l) prints a line for each answer; counting mode has the
	// same loop and prints sums only.
	count := strconv.Itoa(int(duration / time.Second))
	cmd := asker.Command(ctx, "fping", "-c", count, "-q", "-p", "1000", "-t", "1000", "-i", gap, "-f", list)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return used{}, fmt.Errorf("fping: %w", err)
	}
	// Its memory is read while it runs: what the kernel tells of an ended
	// process includes the program that it was before it became fping.
	waitErr := wait(ctx, duration-duration/10)
	before, _ := running(cmd.Process.Pid) // Where it has failed, Wait says so.
	if waitErr != nil {
		_ = cmd.Process.Kill()
	}
	// It exits with 1 where some targets are dead.
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return used{}, fmt.Errorf("fping: %w: %s", err, out.String())
	}
	u := used{cpu: spent(cmd), rss: before.rss}
	for _, line := range strings.Split(out.String(), "\n") {
		// 10.64.0.1 : xmt/rcv/%loss = 60/60/0%, min/avg/max = 0.05/0.06/0.09
		host, rest, ok := strings.Cut(line, ":")
		a, err := netip.ParseAddr(strings.TrimSpace(host))
		if !ok || err != nil {
			continue
		}
		var sent, received int
		if _, err := fmt.Sscanf(strings.TrimSpace(rest), "xmt/rcv/%%loss = %d/%d/", &sent, &received); err != nil {
			return used{}, fmt.Errorf("fping printed %q: %w", line, err)
		}
		u.add(a, sent, received)
	}
	if u.Sent == 0 {
		return used{}, fmt.Errorf("fping printed no sums: %s", out.String())
	}
	return u, nil
}

// add counts a target's sums. The last ping may still be out at the end.
func (u *used) add(a netip.Addr, sent, received int) {
	u.Sent += sent
	switch {
	case !alive(a):
		u.Wrong += received
	case sent-received > 1:
		u.Lost += sent - received - 1
	}
}

// smokeping runs the Prometheus exporter and reads what it counted.
func smokeping(ctx context.Context, asker *lab.Host, n, dead int, duration time.Duration) (used, error) {
	const program, listen = "prometheus-smokeping-prober", "127.0.0.1:9374"
	if err := find(program); err != nil {
		return used{}, err
	}
	args := []string{"--web.listen-address=" + listen, "--ping.interval=1s", "--privileged"}
	for _, a := range addresses(n, dead) {
		args = append(args, a.String())
	}
	cmd := asker.Command(ctx, program, args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return used{}, fmt.Errorf("%s: %w", program, err)
	}
	end := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // It was killed.
	}
	defer end()
	if err := wait(ctx, duration); err != nil {
		return used{}, err
	}
	// Answering costs it more than a second of pings, so that its time is read
	// before it is asked for its counts.
	u, err := running(cmd.Process.Pid)
	if err != nil {
		return used{}, fmt.Errorf("%s: %w: %.2000s", program, err, log.String())
	}
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return asker.Dial(ctx, network, addr)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+"/metrics", nil)
	if err != nil {
		return used{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return used{}, fmt.Errorf("%s: %w: %.2000s", program, err, log.String())
	}
	defer func() { _ = response.Body.Close() }()
	sent, received := map[string]int{}, map[string]int{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), "{")
		labels, value, _ := strings.Cut(rest, "} ")
		_, host, _ := strings.Cut(labels, `host="`)
		host, _, _ = strings.Cut(host, `"`)
		number, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "smokeping_requests_total":
			sent[host] = int(number)
		case "smokeping_response_duration_seconds_count":
			received[host] = int(number)
		}
	}
	if err := lines.Err(); err != nil {
		return used{}, fmt.Errorf("%s: %w", program, err)
	}
	for host, count := range sent {
		if a, err := netip.ParseAddr(host); err == nil {
			u.add(a, count, received[host])
		}
	}
	if u.Sent == 0 {
		return used{}, fmt.Errorf("%s counted nothing: %.2000s", program, log.String())
	}
	return u, nil
}

// running is what the kernel has charged a process that still runs.
func running(pid int) (used, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return used{}, err
	}
	// The fields after the name in brackets; utime and stime are the 14th and
	// 15th of all, in hundredths of a second.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return used{}, fmt.Errorf("unexpected /proc/%d/stat", pid)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return used{}, err
	}
	u := used{cpu: time.Duration(user+system) * 10 * time.Millisecond}
	for _, line := range strings.Split(string(status), "\n") {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscan(value, &u.rss); err != nil {
				return used{}, fmt.Errorf("%s: %w", line, err)
			}
		}
	}
	return u, nil
}

// wait waits, or says that it was interrupted.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
