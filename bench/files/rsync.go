package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/freeport"
)

// rsyncDaemon serves the working directory, as root of whatever is copied into it.
func (b *bench) rsyncDaemon(ctx context.Context) (stop func() error, err error) {
	port, err := freeport.Find(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(b.work, "rsyncd.conf")
	text := fmt.Sprintf("use chroot = no\nuid = %d\ngid = %d\nlog file = /dev/null\n[work]\npath = %s\nread only = no\n",
		os.Getuid(), os.Getgid(), b.work)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := start("rsync", "--daemon", "--no-detach", "--config="+config, "--port="+strconv.Itoa(port), "--address=127.0.0.1")
	if err != nil {
		return nil, err
	}
	b.rsyncURL = fmt.Sprintf("rsync://127.0.0.1:%d/work/", port)
	return p.kill, listens(port)
}

// sshDaemon accepts one key, in a directory of its own.
func (b *bench) sshDaemon(ctx context.Context) (stop func() error, err error) {
	port, err := freeport.Find(ctx)
	if err != nil {
		return nil, err
	}
	key := filepath.Join(b.work, "ssh-key")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	args := []string{"-D", "-e", "-f", "/dev/null", "-h", key, "-p", strconv.Itoa(port)}
	for _, o := range []string{
		"ListenAddress=127.0.0.1", "AuthorizedKeysFile=" + key + ".pub", "StrictModes=no", "PermitRootLogin=yes",
		"UsePAM=no", "PidFile=none",
	} {
		args = append(args, "-o", o)
	}
	sshd, err := lookup("sshd")
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where it locks itself up
			return nil, err
		}
	}
	p, err := start(sshd, args...)
	if err != nil {
		return nil, err
	}
	b.ssh = fmt.Sprintf("ssh -i %s -p %d -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
		key, port)
	return p.kill, listens(port)
}

// travelled finds in what rsync says how many bytes it has sent and received.
var travelled = regexp.MustCompile(`(?m)^Total bytes (?:sent|received): ([0-9,]+)`)

// rsync brings a copy up to date and waits for the disk.
func (b *bench) rsync(ctx context.Context, way, src, dst string) (sample, error) {
	args := []string{"-a", "--delete", "--stats", "--exclude=/.failoverd", src + "/"}
	if way == "ssh" {
		args = append(args, "-e", b.ssh, "127.0.0.1:"+dst+"/")
	} else {
		args = append(args, b.rsyncURL+filepath.Base(dst)+"/")
	}
	cmd := exec.CommandContext(ctx, "rsync", args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("rsync: %w: %s", err, problems.String())
	}
	said := time.Since(begun)
	if err := syncDisk(dst); err != nil {
		return sample{}, err
	}
	s := sample{time: time.Since(begun), early: said}
	for _, m := range travelled.FindAllStringSubmatch(out.String(), -1) {
		n, _ := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
		s.bytes += n
	}
	return s, nil
}

// equal asks rsync whether two trees are, by their content.
func equal(ctx context.Context, src, dst string) error {
	cmd := exec.CommandContext(ctx, "rsync", "-nac", "--delete", "--itemize-changes", "--exclude=/.failoverd",
		"--exclude=/.stfolder", src+"/", dst+"/")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("rsync: %w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, ".d..t") { // the times of directories are not what is measured
			return fmt.Errorf("the copy is not equal: %.300s", out)
		}
	}
	return nil
}

// syncDisk waits until everything of a file system is on the disk.
func syncDisk(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}

// listens waits until somebody listens on a port.
func listens(port int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_, _ = io.WriteString(c, "\n")
			return c.Close()
		}
	}
	return fmt.Errorf("nobody listens on port %d", port)
}

// lookup finds a program, also where the path has no sbin.
func lookup(name string) (string, error) {
	found, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err != nil {
			found, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	return found, err
}
