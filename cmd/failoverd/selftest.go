package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/replicate/agent"
	"failoverd/replicate/database"
	"failoverd/replicate/database/sqlserver"
)

// selftestCommand is `failoverd selftest`.
func (p *program) selftestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Try on your own servers what failoverd does with them",
		Long: `Tries on your own servers, with data of its own, what failoverd does with them.
No daemon is needed.`,
		Example: `  failoverd selftest sqlserver --source sqlserver://sa@127.0.0.1 --source-backups /var/opt/mssql/backup`,
	}
	return group(cmd, p.selftestSQLServerCommand())
}

// selftestResult is what `selftest --json` prints.
type selftestResult struct {
	OK    bool           `json:"ok"`
	Steps []selftestStep `json:"steps"`
}

// selftestStep is one step of it.
type selftestStep struct {
	Name   string  `json:"name"`
	OK     bool    `json:"ok"`
	Detail string  `json:"detail"`
	Took   float64 `json:"took_s"`
	Error  string  `json:"error"`
}

// trialEnd is one server, as the flags name it.
type trialEnd struct{ name, dsn, passwordFile, backups, agent string }

// flags adds the flags of the end.
func (e *trialEnd) flags(cmd *cobra.Command, role, otherwise string) {
	f := cmd.Flags()
	f.StringVar(&e.dsn, e.name, "", "`DSN` of the server that "+role+": sqlserver://USER@HOST:PORT, without a password"+otherwise)
	f.StringVar(&e.passwordFile, e.name+"-password-file", "", "`FILE` that holds its password (or the password itself in FAILOVERD_"+strings.ToUpper(e.name)+"_PASSWORD)")
	f.StringVar(&e.backups, e.name+"-backups", "", "its backup `DIRECTORY` as it names it itself, and =PATH if failoverd sees it under another one")
	_ = cmd.RegisterFlagCompletionFunc(e.name, cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc(e.name+"-backups", cobra.NoFileCompletions)
}

// selftestSQLServerCommand is `failoverd selftest sqlserver`.
func (p *program) selftestSQLServerCommand() *cobra.Command {
	source, target, dataDir := trialEnd{name: "source"}, trialEnd{name: "target"}, ""
	cmd := &cobra.Command{
		Use:   "sqlserver --source DSN --source-backups DIRECTORY",
		Short: "Copy a scratch database there and back between SQL Servers",
		Long: `Makes a scratch database at the source, with a name that no other has, and does
with it all that failoverd does with yours: looks at both ends, copies it to the
target, verifies it, puts it in service, copies it again with a script, takes that
back, seals and opens the copy, works on it, and copies it back to the source. The
source and the target may be one server. Whatever happens, it drops what it made.

Nothing else at the servers is touched. The accounts need what failoverd needs,
and CREATE ANY DATABASE at the source too. Exit code 1 if a step failed.`,
		Example: `  failoverd selftest sqlserver --source sqlserver://sa@127.0.0.1 --source-backups /var/opt/mssql/backup
  failoverd selftest sqlserver --source sqlserver://fo@192.168.11.1 --source-backups 'D:\Backup=/mnt/pbx-backup' --source-password-file pbx.secret --target sqlserver://fo@127.0.0.1 --target-backups /var/opt/mssql/backup --target-password-file own.secret
  failoverd selftest sqlserver --source sqlserver://fo@192.168.11.1 --source-backups /var/opt/mssql/failoverd --source-agent 192.168.11.21/mssql --source-password-file pbx.secret --target sqlserver://fo@127.0.0.1 --target-backups /var/opt/mssql/backup --target-password-file own.secret`,
		Args: names("", 0, 0),
	}
	source.flags(cmd, "plays the primary", "")
	cmd.Flags().StringVar(&source.agent, "source-agent", "", "its agent and what that calls the directory, as `ADDRESS/NAME`, if the agent brings the backups; asked with the standby's key")
	cmd.Flags().StringVar(&dataDir, "data-dir", "/var/lib/failoverd", "`DIRECTORY` of the standby's key")
	_ = cmd.RegisterFlagCompletionFunc("source-agent", cobra.NoFileCompletions)
	target.flags(cmd, "plays the standby's", "; the source if it is left out")
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) (err error) {
		if target.dsn == "" {
			if target.passwordFile != "" || target.backups != "" {
				return usagef("--target is missing")
			}
		}
		from, err := p.trialEnd(source)
		if err != nil {
			return err
		}
		to := from
		to.Host = "the target"
		if target.dsn != "" {
			if to, err = p.trialEnd(target); err != nil {
				return err
			}
		}
		if source.agent != "" {
			if target.dsn == "" {
				return usagef("--target is missing: one server needs no agent")
			}
			done, err := source.byAgent(&from, dataDir)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
		}
		return p.selftest(func(tell func(sqlserver.Step)) error { return sqlserver.New().Selftest(ctx, from, to, tell) })
	})
	return cmd
}

// selftest runs a self-test and tells of it.
func (p *program) selftest(run func(tell func(sqlserver.Step)) error) error {
	result := selftestResult{Steps: []selftestStep{}}
	err := run(func(s sqlserver.Step) {
		step := selftestStep{Name: s.Name, OK: s.Err == nil, Detail: s.Detail, Took: s.Took.Seconds()}
		mark, detail := "ok    ", s.Detail
		if s.Err != nil {
			mark, detail = "FAILED", s.Err.Error()
			step.Error = detail
		}
		result.Steps = append(result.Steps, step)
		if !p.global.json {
			line(p.out, "%s  %s, %s", mark, s.Name, duration(s.Took))
			if detail != "" {
				line(p.out, "        %s", detail)
			}
		}
	})
	result.OK = err == nil
	if p.global.json {
		if err := p.document(result); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return &failure{code: codeFailed, detail: "the self-test failed: " + err.Error(), cause: err}
	case !p.global.json:
		line(p.out, "Everything works, and nothing is left at the servers.")
	}
	return nil
}

// trialEnd makes an end of what the flags say.
func (p *program) trialEnd(e trialEnd) (database.End, error) {
	switch {
	case e.dsn == "":
		return database.End{}, usagef("--%s is missing", e.name)
	case e.backups == "":
		return database.End{}, usagef("--%s-backups is missing", e.name)
	}
	// A directory of Windows has no = in it as a rule, and a path of failoverd's begins with a slash.
	shelf := database.Directory{Server: e.backups, Path: e.backups}
	if i := strings.LastIndex(e.backups, "=/"); i >= 0 {
		shelf = database.Directory{Server: e.backups[:i], Path: e.backups[i+1:]}
	}
	if e.agent == "" && !filepath.IsAbs(shelf.Path) {
		return database.End{}, usagef("--%s-backups %s: how does failoverd see it? Write %s=/PATH", e.name, e.backups, e.backups)
	}
	end := database.End{Host: "the " + e.name, DSN: e.dsn, Shelf: shelf}
	secret := p.env("FAILOVERD_" + strings.ToUpper(e.name) + "_PASSWORD")
	if e.passwordFile != "" {
		text, err := readSecret(e.passwordFile)
		if err != nil {
			return database.End{}, &failure{code: codeClient, detail: fmt.Sprintf("the password of %s: %v", end.Host, err), cause: err}
		}
		secret = text
	}
	end.Password = func() (string, error) { return secret, nil }
	return end, nil
}

// byAgent has an end's backups brought by its agent, until what it returns is called. The agent was paired with the
// standby, so it is asked with the standby's key.
func (e trialEnd) byAgent(end *database.End, dataDir string) (done func() error, err error) {
	address, name, ok := strings.Cut(e.agent, "/")
	if !ok || name == "" {
		return nil, usagef("--%s-agent %s: write its address and the name of the directory, such as 192.168.11.21/mssql", e.name, e.agent)
	}
	at, err := agentAddress(address)
	if err != nil {
		return nil, err
	}
	// A key that is made anew would be no agent's standby, and root's would lock the daemon out.
	if _, err := os.Stat(filepath.Join(dataDir, "agents", "identity.key")); err != nil {
		return nil, &failure{code: codeClient, detail: fmt.Sprintf("the standby's key: %v; run this on the standby, as failoverd or root, after failoverd pair %s", err, address), cause: err}
	}
	client, err := agent.OpenClient(dataDir, versionOf().Version)
	if err != nil {
		return nil, err
	}
	cache, err := os.MkdirTemp("", "failoverd-selftest-")
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	end.Shelf = link{client: client}.shelf(at, name, e.backups, cache)
	return func() error { return errors.Join(client.Close(), os.RemoveAll(cache)) }, nil
}

// longestSecret bounds a file that holds a password.
const longestSecret = 4 << 10

// readSecret reads the password in a file; a line end after it is none of it.
func readSecret(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longestSecret+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > longestSecret:
		return "", fmt.Errorf("%s is longer than a password", file)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return secret, nil
}
