package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
)

// defaultSocket is where the service of a package listens.
const defaultSocket = "/run/failoverd/failoverd.sock"

// globalFlags are the flags that every command has.
type globalFlags struct {
	json        bool
	socket      string
	url         string
	tokenFile   string
	caFile      string
	fingerprint string
}

// add declares the flags.
func (g *globalFlags) add(root *cobra.Command) {
	f := root.PersistentFlags()
	f.BoolVar(&g.json, "json", false, "print one JSON document, or JSON lines; errors too, on standard error")
	f.StringVar(&g.socket, "socket", "", "unix socket of the daemon at this `PATH` (FAILOVERD_SOCKET; default "+defaultSocket+")")
	f.StringVar(&g.url, "url", "", "`ADDRESS` of a remote daemon, https://HOST:PORT (FAILOVERD_URL)")
	f.StringVar(&g.tokenFile, "token-file", "", "`FILE` that holds the token for --url (or the token itself in FAILOVERD_TOKEN)")
	f.StringVar(&g.caFile, "ca", "", "`FILE` of the authorities that may vouch for the remote daemon, PEM")
	f.StringVar(&g.fingerprint, "fingerprint", "", "SHA-256 `FINGERPRINT` of the remote daemon's certificate, in place of an authority")
	root.MarkFlagsMutuallyExclusive("socket", "url")
	root.MarkFlagsMutuallyExclusive("ca", "fingerprint")
}

// place says where the daemon is: a flag before the environment, and the
// environment's URL before its socket.
func (p *program) place() (socket, url string) {
	switch g := p.global; {
	case g.socket != "":
		return g.socket, ""
	case g.url != "":
		return "", g.url
	case p.env("FAILOVERD_URL") != "":
		return "", p.env("FAILOVERD_URL")
	}
	return or(p.env("FAILOVERD_SOCKET"), defaultSocket), ""
}

// connect makes the client for the daemon that flags and environment name. No
// connection is made yet.
func (p *program) connect() (*api.Client, error) {
	socket, url := p.place()
	if url == "" {
		for flag, value := range map[string]string{"--token-file": p.global.tokenFile, "--ca": p.global.caFile, "--fingerprint": p.global.fingerprint} {
			if value != "" {
				return nil, usagef("%s is for a remote daemon: give its --url too; on the socket the kernel says who you are", flag)
			}
		}
		return api.NewClient(api.ClientConfig{Socket: socket})
	}
	token := p.env("FAILOVERD_TOKEN")
	if file := p.global.tokenFile; file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the token: %w", err)
		}
		if token = strings.TrimSpace(string(data)); token == "" {
			return nil, fmt.Errorf("read the token: %s is empty", file)
		}
	}
	client, err := api.NewClient(api.ClientConfig{URL: url, Token: token, CAFile: p.global.caFile, Pin: p.global.fingerprint})
	if err != nil {
		return nil, usagef("%s", err)
	}
	return client, nil
}

// unreachable says what to do when no daemon answers.
func (p *program) unreachable(err error) *failure {
	socket, url := p.place()
	f := &failure{code: codeNoDaemon, cause: err}
	switch {
	case url != "":
		f.detail = fmt.Sprintf("no daemon answers at %s: %v", url, rootCause(err))
		f.try = "on the standby: systemctl status failoverd; and is api.listen set in its configuration?"
	case errors.Is(err, fs.ErrPermission):
		f.detail = fmt.Sprintf("the socket %s is not readable for you: it belongs to the group failoverd", socket)
		f.try = "sudo usermod -aG failoverd " + or(p.env("USER"), "YOU") + ", then log in again; or use sudo"
	default:
		f.detail = fmt.Sprintf("no daemon answers on %s: %v", socket, rootCause(err))
		f.try = "systemctl status failoverd; and is the socket readable for you? it belongs to the group failoverd"
	}
	return f
}

// rootCause is the innermost error: what the kernel said, without the layers
// of HTTP around it.
func rootCause(err error) error {
	for {
		var inner error
		switch wrapped := err.(type) {
		case interface{ Unwrap() error }:
			inner = wrapped.Unwrap()
		case interface{ Unwrap() []error }:
			if all := wrapped.Unwrap(); len(all) > 0 {
				inner = all[len(all)-1]
			}
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}
