package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
)

// pairedAgent runs an agent with a directory of backups, which the standby of a data directory is paired with.
func pairedAgent(t *testing.T, directory, dataDir string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	at := l.Addr().(*net.TCPAddr).AddrPort()
	dir := t.TempDir()
	file := filepath.Join(dir, "agent.yaml")
	ok(t, os.WriteFile(file, []byte("name: pbx\nlisten: "+at.String()+"\ndata_dir: "+filepath.Join(dir, "data")+"\nbackups: [{name: mssql, directory: "+directory+"}]\n"), 0o600))
	c, err := agentconfig.Load(file)
	ok(t, err)
	data, err := agentData(c)
	ok(t, err)
	identity, err := agent.OpenIdentity(data)
	ok(t, err)
	server, err := agent.NewServer(agent.ServerConfig{
		Data: data, Identity: identity, Name: c.Name, Version: "test", Log: slog.New(slog.DiscardHandler),
		Services: map[string]agent.Service{backupsService: backups{c}},
	})
	ok(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Run(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		ok(t, data.Close())
	})
	text, _, _ := strings.Cut(strings.TrimPrefix(invokeAt(t, "", "agent", "pair", "--config", file).stdout, "Code: "), "\n")
	code, err := agent.ParseCode(text)
	ok(t, err)
	client, err := agent.OpenClient(dataDir, "test")
	ok(t, err)
	_, err = client.Pair(t.Context(), at, code)
	ok(t, err)
	ok(t, client.Close())
	return at
}

// The source's backups come by its agent, with the key of the standby.
func TestSelftestSQLServerByTheAgent(t *testing.T) {
	t.Parallel()
	source, target, dataDir := trialServer(t, "PBX"), trialServer(t, "STANDBY"), t.TempDir()
	// The server calls its directory "safe", which is no path of anybody's.
	safe := filepath.Join(source.BackupDir, "safe")
	ok(t, os.Mkdir(safe, 0o700))
	words := func(agent string) []string {
		return []string{
			"selftest", "sqlserver", "--data-dir", dataDir, "--source-agent", agent,
			"--source", source.DSN("fo"), "--source-backups", "safe", "--source-password-file", secretFile(t, trialPassword),
			"--target", target.DSN("fo"), "--target-backups", target.BackupDir, "--target-password-file", secretFile(t, trialPassword),
		}
	}
	got := invokeAt(t, "", words("127.0.0.1:1/mssql")...)
	if got.exit != exitFailed || !strings.Contains(got.stderr, "the standby's key") {
		t.Errorf("without a key: exit %d\n%s%s", got.exit, got.stdout, got.stderr)
	}
	if left, err := os.ReadDir(dataDir); err != nil || len(left) > 0 {
		t.Errorf("a key was made: %v, %v", left, err)
	}
	at := pairedAgent(t, safe, dataDir).String()
	for _, bad := range []string{at, at + "/", "pbx/mssql"} {
		if got := invokeAt(t, "", words(bad)...); got.exit != exitUsage {
			t.Errorf("--source-agent %s: exit %d\n%s%s", bad, got.exit, got.stdout, got.stderr)
		}
	}
	if got := invokeAt(t, "", words(at+"/other")...); got.exit != exitFailed || !strings.Contains(got.stderr, `no directory "other" under backups`) {
		t.Errorf("another directory: exit %d\n%s%s", got.exit, got.stdout, got.stderr)
	}
	got = invokeAt(t, "", words(at+"/mssql")...)
	if got.exit != exitDone || !strings.Contains(got.stdout, "ok      copy back") {
		t.Errorf("exit %d\n%s%s", got.exit, got.stdout, got.stderr)
	}
	if left, err := os.ReadDir(safe); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
