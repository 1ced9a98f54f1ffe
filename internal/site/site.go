// Package site builds a whole company in the lab: a switch, a gateway, a client,
// a mail host, two primaries with a small service, and a standby on which the
// real daemon runs on a real configuration file. The demo, the end-to-end tests
// and the takeover benchmark play in it.
package site

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"failoverd/internal/lab"
)

// The addresses of a site.
const (
	GatewayAddress = "10.99.0.1"
	StandbyAddress = "10.99.0.2"
	MailAddress    = "10.99.0.25"
	ClientAddress  = "10.99.0.50"
	PBXAddress     = "10.99.0.11"
	CRMAddress     = "10.99.0.12"
	prefix         = "/24"
)

// ServicePort is where a primary's service, and its stand-in, answer.
const ServicePort = 7000

// Site is the company.
type Site struct {
	World   *lab.World
	Gateway *lab.Host
	Standby *lab.Host
	Mail    *lab.Host
	Client  *lab.Host
	PBX     *Primary
	CRM     *Primary
	Inbox   *Inbox

	Dir    string // of configuration, data and logs
	binary string
	bootID string // of the standby's kernel, once it was rebooted
}

// Options are what differs from site to site.
type Options struct {
	Binary   string        // the failoverd program
	Interval time.Duration // of the pings; the time-out is nine tenths of it
	Fail     int           // fail_after; the warning comes one miss before
	Settle   time.Duration
	StandIn  bool // a stand-in is started during a takeover

	// Per server, lines of YAML for its takeover section, or for the server.
	PBXTakeover, PBX string
	CRMTakeover, CRM string
	Standby_         string // further lines of the standby section
	Alerts           string // further lines of the alerts section
}

// New builds the site in a world. The daemon does not run yet.
func New(w *lab.World, dir string, o Options) (*Site, error) {
	s := &Site{World: w, Dir: dir, binary: o.Binary}
	gateway := lab.Gateway(GatewayAddress)
	hosts := []struct {
		host **lab.Host
		name string
		addr string
	}{
		{&s.Gateway, "gateway", GatewayAddress},
		{&s.Standby, "standby", StandbyAddress},
		{&s.Mail, "mail", MailAddress},
		{&s.Client, "client", ClientAddress},
	}
	for _, h := range hosts {
		var err error
		options := []lab.Option{gateway}
		if h.name == "gateway" {
			options = nil
		}
		if *h.host, err = w.AddHost(h.name, h.addr+prefix, options...); err != nil {
			return nil, err
		}
	}
	var err error
	if s.PBX, err = newPrimary(w, "pbx", PBXAddress); err != nil {
		return nil, err
	}
	if s.CRM, err = newPrimary(w, "crm", CRMAddress); err != nil {
		return nil, err
	}
	if s.Inbox, err = newInbox(s.Mail); err != nil {
		return nil, err
	}
	for _, d := range []string{s.DataDir(), s.path("run")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	return s, s.Configure(o)
}

// Close ends what runs in this process. The world is the caller's.
func (s *Site) Close() error {
	return errors.Join(s.PBX.stop(), s.CRM.stop(), s.Inbox.close())
}

func (s *Site) path(name string) string { return filepath.Join(s.Dir, name) }

// DataDir is the daemon's data directory.
func (s *Site) DataDir() string { return s.path("data") }

// ConfigFile is the daemon's configuration.
func (s *Site) ConfigFile() string { return s.path("failoverd.yaml") }

// Socket is where the daemon's API listens. It is short, because the path of a
// unix socket is.
func (s *Site) Socket() string { return s.path("run/api.sock") }

// Log is what the daemon said.
func (s *Site) Log() string { return s.path("failoverd.log") }

var configuration = template.Must(template.New("failoverd.yaml").Parse(`# The standby of a small company: one standby, two primaries.
standby:
  name: standby-1
  data_dir: {{.Data}}
  interface: eth0
  capacity: 1
  settle: {{.Settle}}
{{- range .StandbyLines}}
  {{.}}{{end}}
alerts:
  email:
    host: {{.Mail}}
    port: 25
    tls: none
    from: failover@example.com
    to: [operator@example.com]
{{- range .AlertLines}}
  {{.}}{{end}}
api:
  socket: {{.Socket}}
  listen: {{.Standby}}:8443
defaults:
  ping: {interval: {{.Interval}}, timeout: {{.Timeout}}, warn_after: {{.Warn}}, fail_after: {{.Fail}}, fail_after_reboot: {{.FailReboot}}}
servers:
{{- range .Servers}}
  - name: {{.Name}}
    address: {{.Address}}
    priority: {{.Priority}}
{{- range .Lines}}
    {{.}}{{end}}
    takeover:
      service_addresses: [{{.Address}}/24]
{{- if .Start}}
      start:
        command: [{{.Start}}]
        stop: [{{.Stop}}]
        check: [{{.Check}}]
        timeout: 10s
      ready: {tcp: "{{.Address}}:{{.Port}}", timeout: 10s}
{{- end}}
{{- range .TakeoverLines}}
      {{.}}{{end}}
{{- end}}
`)) //nolint:gochecknoglobals // a template

type serverValues struct {
	Name, Address, Start, Stop, Check string
	Priority, Port                    int
	Lines, TakeoverLines              []string
}

// Configure writes the configuration file.
func (s *Site) Configure(o Options) error {
	interval := orDuration(o.Interval, 200*time.Millisecond)
	fail := o.Fail
	if fail == 0 {
		fail = 5
	}
	values := map[string]any{
		"Data": s.DataDir(), "Socket": s.Socket(), "Settle": o.Settle, "Mail": MailAddress, "Standby": StandbyAddress,
		"Interval": interval, "Timeout": interval * 9 / 10, "Warn": fail - 1, "Fail": fail, "FailReboot": 2 * fail,
		"StandbyLines": lines(o.Standby_), "AlertLines": lines(o.Alerts),
	}
	servers := []serverValues{
		{Name: "pbx", Address: PBXAddress, Priority: 20, Lines: lines(o.PBX), TakeoverLines: lines(o.PBXTakeover), Port: ServicePort},
		{Name: "crm", Address: CRMAddress, Priority: 10, Lines: lines(o.CRM), TakeoverLines: lines(o.CRMTakeover), Port: ServicePort},
	}
	if o.StandIn {
		for i := range servers {
			v := &servers[i]
			var err error
			if v.Check, err = s.script(v.Name+"-check", checkScript, v); err != nil {
				return err
			}
			if v.Start, err = s.script(v.Name+"-start", startScript, v); err != nil {
				return err
			}
			if v.Stop, err = s.script(v.Name+"-stop", stopScript, v); err != nil {
				return err
			}
		}
	}
	values["Servers"] = servers
	var out strings.Builder
	if err := configuration.Execute(&out, values); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return os.WriteFile(s.ConfigFile(), []byte(out.String()), 0o600)
}

// The stand-in is an ordinary program in the background, started by a script as
// an administrator would write it.
const (
	startScript = `#!/bin/sh
# Starts the stand-in of {{.Name}} in the background.
{{.Check}} && exit 0
setsid {{.Binary}} lab-service --listen {{.Address}}:{{.Port}} --answer "stand-in of {{.Name}} on the standby" </dev/null >>{{.Log}} 2>&1 &
echo $! > {{.Pid}}
`
	stopScript = `#!/bin/sh
# Stops the stand-in of {{.Name}} and waits until it is gone.
[ -f {{.Pid}} ] || exit 0
pid=$(cat {{.Pid}})
kill "$pid" 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do {{.Check}} || break; sleep 0.1; done
{{.Check}} && kill -9 "$pid" 2>/dev/null
rm -f {{.Pid}}
exit 0
`
	checkScript = `#!/bin/sh
# Exit status 0 while the stand-in of {{.Name}} runs. One that is dead but not
# waited for by anybody does not.
[ -f {{.Pid}} ] && grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$(cat {{.Pid}})/status" 2>/dev/null
`
)

// script writes one of the scripts and returns its path.
func (s *Site) script(name, text string, v *serverValues) (string, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, map[string]any{
		"Name": v.Name, "Address": v.Address, "Port": v.Port, "Binary": s.binary, "Check": v.Check,
		"Pid": s.path(v.Name + ".pid"), "Log": s.path(v.Name + "-standin.log"),
	})
	if err != nil {
		return "", err
	}
	path := s.path(name)
	return path, os.WriteFile(path, []byte(out.String()), 0o700)
}

// lines splits further YAML into lines.
func lines(text string) []string {
	text = strings.Trim(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func orDuration(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}

// Binary is the program that the site runs.
func (s *Site) Binary() string { return s.binary }

// Holders lists the hosts that hold an address: the answer to "never two".
func (s *Site) Holders(a string) []string {
	ip := netip.MustParseAddr(a)
	var names []string
	for _, h := range s.World.Hosts() {
		for _, p := range h.Addresses() {
			if p.Addr() == ip {
				names = append(names, h.Name)
			}
		}
	}
	return names
}

// until polls a condition that only the outside of a process can see, until it
// holds or the context ends.
func until(ctx context.Context, what string, cond func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := cond()
		if ok {
			return nil
		}
		if err != nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waited in vain for %s", what), last)
		case <-tick.C:
		}
	}
}
