package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"failoverd/internal/freeport"
)

// follow has a way follow a tree from now on.
func (b *bench) follow(ctx context.Context, way, src, dst string) (stop func() error, err error) {
	switch way {
	case "lsyncd":
		return b.lsyncd(src, dst)
	case "syncthing":
		return b.syncthing(ctx, src, dst)
	}
	p, err := b.newPair(ctx, src)
	if err != nil {
		return nil, err
	}
	b.pair = p
	if err := p.receive(dst); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p.close, nil
}

// lsyncd follows through rsync's daemon, with the shortest delay that it has.
func (b *bench) lsyncd(src, dst string) (stop func() error, err error) {
	config := filepath.Join(b.work, "lsyncd.conf")
	text := fmt.Sprintf("settings { nodaemon = true }\nsync { default.rsync, source = %q, target = %q, delay = 0,\n"+
		"  rsync = { archive = true } }\n", src, b.rsyncURL+filepath.Base(dst)+"/")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := start("lsyncd", config)
	if err != nil {
		return nil, err
	}
	return p.kill, nil
}

// syncthing follows between two processes with the shortest delay that it has.
func (b *bench) syncthing(ctx context.Context, src, dst string) (stop func() error, err error) {
	type node struct {
		home, id, folder, kind string
		port                   int
		p                      *process
	}
	nodes := []*node{{folder: src, kind: "sendonly"}, {folder: dst, kind: "receiveonly"}}
	stop = func() error {
		var errs []error
		for _, n := range nodes {
			if n.p != nil {
				errs = append(errs, n.p.kill())
			}
			errs = append(errs, os.RemoveAll(n.home))
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	for _, n := range nodes {
		if n.home, err = os.MkdirTemp(b.work, "syncthing"); err != nil {
			return nil, err
		}
		if out, err := exec.CommandContext(ctx, "syncthing", "generate", "--home="+n.home, "--no-default-folder").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("syncthing generate: %w: %s", err, out)
		}
		id, err := exec.CommandContext(ctx, "syncthing", "--home="+n.home, "--device-id").Output()
		if err != nil {
			return nil, fmt.Errorf("syncthing --device-id: %w", err)
		}
		n.id = strings.TrimSpace(string(id))
		if n.port, err = freeport.Find(ctx); err != nil {
			return nil, err
		}
		for _, dir := range []string{n.folder, filepath.Join(n.folder, ".stfolder")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return nil, err
			}
		}
	}
	for i, n := range nodes {
		other := nodes[1-i]
		text := fmt.Sprintf(`<configuration version="35">
<folder id="bench" path="%s" type="%s" rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="1">
<device id="%s"/><device id="%s"/></folder>
<device id="%s" name="a"><address>tcp://127.0.0.1:%d</address></device>
<device id="%s" name="b"><address>tcp://127.0.0.1:%d</address></device>
<gui enabled="false"/>
<options><listenAddress>tcp://127.0.0.1:%d</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled>
<localAnnounceEnabled>false</localAnnounceEnabled><relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
<reconnectionIntervalS>1</reconnectionIntervalS><urAccepted>-1</urAccepted><crashReportingEnabled>false</crashReportingEnabled>
<autoUpgradeIntervalH>0</autoUpgradeIntervalH></options></configuration>`,
			escaped(n.folder), n.kind, n.id, other.id, n.id, n.port, other.id, other.port, n.port)
		if err := os.WriteFile(filepath.Join(n.home, "config.xml"), []byte(text), 0o600); err != nil {
			return nil, err
		}
		if n.p, err = start("syncthing", "serve", "--home="+n.home, "--no-browser", "--no-restart"); err != nil {
			return nil, err
		}
	}
	return stop, nil
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return b.String()
}
