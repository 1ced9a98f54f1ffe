package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"failoverd/alerts"
	"failoverd/api"
	"failoverd/config"
	"failoverd/internal/netstate"
	"failoverd/journal"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/replicate/trees"
	"failoverd/standby"
	"failoverd/takeover"
	"failoverd/takeover/address"
	"failoverd/takeover/room"
	"failoverd/takeover/standin"
)

// This is the only file that knows every concrete type: it makes the things
// that the standby acts with out of the configuration.

// world is what the parts are made of.
type world struct {
	config  *config.Config
	journal *journal.Journal
	net     *netstate.Watcher
	metrics standby.Metrics
	link    link
	heart   *alerts.Heartbeat
	started time.Time
	log     *slog.Logger
	current atomic.Pointer[config.Config] // in force
	standby atomic.Pointer[standby.Standby]
	late    *api.Late // for other hosts; nil if none is configured
}

// deps joins everything.
func (w *world) deps(configFile string, memory standby.Journal, unreadable error, outbox *alerts.Outbox) standby.Deps {
	return standby.Deps{
		Version: versionOf().Version,
		Log:     w.log,
		Config:  w.config,
		Load:    func() (*config.Config, error) { return w.holds(config.Load(configFile)) },
		Files: serverFiles{main: configFile, load: func(c config.Change) (*config.Config, error) {
			return w.holds(config.LoadWith(configFile, c))
		}},
		Options: optionsFile{main: configFile, load: func(text []byte) (*config.Config, error) {
			return w.holds(config.LoadWithOptions(configFile, text))
		}},
		Try:     w.try,
		Journal: memory, Unreadable: unreadable,
		BootID: bootID(),
		BootAt: bootTime(),
		Net:    w.net,
		Pinger: func(net probe.NetState, deliver func([]probe.Result), stalled func(time.Duration)) standby.Pinger {
			return probe.NewPinger(probe.PingerConfig{Net: net, Deliver: deliver, Stalled: stalled, Log: w.log.With("component", "ping")})
		},
		Probers:  w.probers,
		Probing:  func(deliver func([]probe.Result)) standby.Probing { return probe.NewSchedule(deliver) },
		Holder:   address.NewHolder(w.log.With("component", "address")),
		Segment:  w.segment,
		Verify:   w.verify,
		StandIn:  w.standIn,
		Catalogs: w.catalogs, Application: w.application, Herald: w.herald,
		Fence:    w.fence,
		Rehearse: w.rehearse,
		Trees:    trees.NewSet(w.link, w.log.With("component", "files")),
		Next:     address.Announcements,
		TestAlert: func(ctx context.Context, to string) ([]string, string, error) {
			return w.testAlert(ctx, w.current.Load(), to)
		},
		TestMail: w.testAlert, Cry: w.cry,
		Recipients: func() []string {
			var list []string
			for _, r := range w.recipients("") {
				list = append(list, r.To)
			}
			return list
		},
		Loaded: func(c *config.Config) {
			w.current.Store(c)
			outbox.Use(sender(ways(c, w.started)), w.composer(c))
			w.heart.Use(heartbeat(c))
		},
		APIError: w.apiError,
		Metrics:  w.metrics,
	}
}

// apiError says why other hosts do not reach the API.
func (w *world) apiError() error {
	if w.late == nil {
		return nil
	}
	return w.late.Err()
}

// holds holds a configuration that was read against this host.
func (w *world) holds(c *config.Config, err error) (*config.Config, error) {
	if err != nil {
		return nil, err
	}
	if err := usable(c); err != nil {
		return nil, err
	}
	return c, fits(c, w.net.State())
}

// probers are the further probes of a server.
func (w *world) probers(c config.Server) []probe.Scheduled {
	var list []probe.Scheduled
	for _, p := range c.Probes {
		q := probe.Question{Server: c.Name, Name: p.Name, Addr: c.Address, Timeout: p.Timeout, Net: w.net}
		var prober probe.Prober
		switch p.Kind {
		case "tcp":
			prober = probe.TCP{Question: q, To: p.TCP}
		case "http":
			prober = probe.HTTP{Question: q, URL: p.HTTP.URL, Status: p.HTTP.Status, Body: p.HTTP.Body}
		case "agent":
			prober = probe.Agent{Question: q, At: c.Agent.Address, Hello: w.link.hello}
		default:
			prober = probe.Command{Question: q, Argv: p.Command}
		}
		list = append(list, probe.Scheduled{Key: c.Name + "/" + p.Name, Interval: p.Interval, Prober: prober})
	}
	return list
}

// neighbours is a segment as the standby asks it.
type neighbours struct{ *address.Segment }

// Known is the MAC address that the kernel has for a neighbour.
func (n neighbours) Known(ip netip.Addr) string { return n.Segment.Known(ip).String() }

// AnnounceFor tells the neighbours that the host with a MAC address has an address.
func (n neighbours) AnnounceFor(ip netip.Addr, mac string) error {
	holder, err := net.ParseMAC(mac)
	if err != nil {
		return err
	}
	return n.Segment.AnnounceFor(ip, holder)
}

func (w *world) segment(link string, hear func(address.Claim)) (standby.Segment, error) {
	s, err := address.Listen(link, hear, w.log.With("component", "segment"))
	if err != nil {
		return nil, err
	}
	if s.MAC() == nil {
		return nil, errors.New("it has no hardware address, so it has no neighbours to ask or to tell")
	}
	return neighbours{s}, nil
}

// verify asks neighbours from the service address whether they heard of it.
func (w *world) verify(ctx context.Context, seg standby.Segment, service netip.Addr, list []netip.Addr) takeover.Verified {
	ping := func(ctx context.Context, from, to netip.Addr, timeout time.Duration) (bool, string, error) {
		r := probe.Ping{Question: probe.Question{Addr: to, Timeout: timeout}, Source: from}.Probe(ctx)
		if r.Outcome == probe.Unknown {
			return false, r.Evidence, errors.New(r.Evidence)
		}
		evidence := r.Evidence
		if r.Outcome == probe.Answered && evidence == "" {
			evidence = "answered in " + r.RTT.Round(10*time.Microsecond).String()
		}
		return r.Outcome == probe.Answered, evidence, nil
	}
	v := address.Verify(ctx, seg.(neighbours).Segment, ping, service, list)
	if len(v.Answers) == 0 {
		return takeover.Verified{Result: v.Result.String(), Detail: "there is no neighbour to ask: no gateway on this segment, none in takeover.verify"}
	}
	var details []string
	for _, a := range v.Answers {
		details = append(details, a.Neighbour.String()+" "+a.Evidence)
	}
	return takeover.Verified{Result: v.Result.String(), Detail: strings.Join(details, ", ")}
}

// app is a stand-in together with the question whether it is ready.
type app struct {
	standin.App
	ready standin.Ready
}

func (a app) Ready(ctx context.Context) (string, error) { return a.ready.Wait(ctx) }

func (w *world) standIn(c config.Server) takeover.StandIn {
	spec := w.spec(c)
	a := app{App: standin.New(spec, w.log.With("component", "stand-in", "server", c.Name))}
	if r := c.Takeover.Ready; r != nil {
		a.ready = standin.Ready{TCP: r.TCP, Command: r.Command, Env: spec.Environ(), Timeout: r.Timeout}
		if r.HTTP != nil {
			a.ready.HTTP = &standin.HTTPCheck{URL: r.HTTP.URL, Status: r.HTTP.Status, Body: r.HTTP.Body}
		}
	}
	return a
}

// spec is a server's stand-in as the configuration describes it.
func (w *world) spec(c config.Server) standin.Spec {
	s := c.Takeover.Start
	env := standin.Environment{Server: c.Name, Catalogs: copiesFor(c)}
	for _, p := range c.Takeover.ServiceAddresses {
		env.Addresses = append(env.Addresses, p.Addr())
	}
	return standin.Spec{
		Units: s.Units, Start: s.Command, Stop: s.Stop, Check: s.Check, Timeout: s.Timeout,
		Dir: filepath.Join(w.config.Standby.DataDir, "servers", c.Name), Environment: env,
	}
}

func (w *world) fence(c config.Server) *takeover.Fence {
	f := c.Takeover.Fence
	if f == nil {
		return nil
	}
	environ := w.spec(c).Environ()
	return &takeover.Fence{
		Command: strings.Join(f.Command, " "), Timeout: f.Timeout, Continue: f.OnFailure == "continue",
		Run: func(ctx context.Context) (string, error) {
			return standin.RunCommand(ctx, standin.Command{Args: f.Command, Env: environ, Timeout: f.Timeout})
		},
	}
}

// rehearse is what a server's application is asked in a drill: as the ready command of its stand-in, but in a network of
// its own, and about the drill's copies.
func (w *world) rehearse(c config.Server) replicate.Check {
	if len(c.Drill.Check) == 0 {
		return replicate.Check{}
	}
	spec := w.spec(c)
	spec.Environment.Role, spec.Environment.Catalogs = standin.Drill, w.drillCopies(c)
	asked := room.Command{Addresses: spec.Environment.Addresses, Doors: doors(c), Args: c.Drill.Check, Env: spec.Environ(), Timeout: c.Drill.Timeout}
	return replicate.Check{
		Command: strings.Join(c.Drill.Check, " "), Timeout: c.Drill.Timeout,
		Run: func(ctx context.Context) (string, error) {
			said, err := room.Run(ctx, asked)
			if err != nil {
				return "", err
			}
			first, _, _ := strings.Cut(said, "\n")
			return strings.TrimSuffix("exit status 0: "+first, ": "), nil
		},
	}
}

// ways are the ways out for alerts that a configuration names. Started is when failoverd did.
func ways(c *config.Config, started time.Time) alerts.Ways {
	out := alerts.Ways{Channels: map[string]alerts.Way{}}
	if e := c.Alerts.Email; e != nil {
		out.Mail = alerts.NewSMTP(alerts.SMTPConfig{
			Host: e.Host, Port: e.Port, ServerName: e.ServerName, TLS: e.TLS, CAFile: e.CAFile, Username: e.Username, Password: e.Password.Reveal,
		})
	}
	for _, h := range c.Alerts.Webhooks {
		out.Channels[alerts.WebhookNamed(h.Name)] = alerts.NewWebhook(alerts.WebhookConfig{
			URL: h.URL, CAFile: h.CAFile, Secret: h.Secret.Reveal, Timeout: h.Timeout, Agent: "failoverd/" + versionOf().Version,
		})
	}
	for _, a := range c.Alerts.Commands {
		out.Channels[alerts.CommandNamed(a.Name)] = alerts.NewCommand(alerts.CommandConfig{Args: a.Command, Timeout: a.Timeout})
	}
	for _, r := range c.Alerts.SNMP {
		out.Channels[alerts.SNMPNamed(r.Name)] = alerts.NewSNMP(alerts.SNMPConfig{
			Address: r.Address, Version: r.Version, Community: r.Community.Reveal,
			Username: r.Username, Auth: r.Auth, AuthKey: r.AuthPassword.Reveal, Privacy: r.Privacy, PrivKey: r.PrivacyPassword.Reveal,
			Engine: config.EngineID(c.Standby.Name), Confirmed: r.Confirmed, Timeout: r.Timeout, Started: started,
		})
	}
	for _, r := range c.Alerts.Syslog {
		out.Channels[alerts.SyslogNamed(r.Name)] = alerts.NewSyslog(alerts.SyslogConfig{
			Address: r.Address.String(), Transport: r.Transport, ServerName: r.ServerName, CAFile: r.CAFile, Facility: r.FacilityCode(), Timeout: r.Timeout,
		})
	}
	return out
}

// heartbeat is what is asked while failoverd is well, nil for nothing.
func heartbeat(c *config.Config) *alerts.HeartbeatConfig {
	h := c.Alerts.Heartbeat
	if h == nil {
		return nil
	}
	return &alerts.HeartbeatConfig{URL: h.URL, Method: h.Method, Every: h.Every, Timeout: h.Timeout, CAFile: h.CAFile, Agent: "failoverd/" + versionOf().Version}
}

// well says why the heartbeat is held back: the servers are not watched.
func (w *world) well() error {
	s := w.standby.Load()
	if s == nil {
		return errors.New("failoverd has not started")
	}
	if age := s.LoopAge(); age > api.LoopLimit {
		return fmt.Errorf("the decision loop has not run for %s", age.Round(time.Second))
	}
	return nil
}

// sender is how alerts go out, nil if there is no way.
func sender(w alerts.Ways) alerts.Sender {
	if w.Empty() {
		return nil
	}
	return w
}

// composer is what mails need beside the journal.
func (w *world) composer(c *config.Config) alerts.Composer {
	out := alerts.Composer{
		Standby: c.Standby.Name, Version: versionOf().Version, Zone: time.Local, Runbooks: runbooks(c), Unprotected: w.unprotected, Copies: w.copies,
		Console: publicURL(c), WayBack: w.wayBack, Templates: templates(c),
	}
	if c.Alerts.Email != nil {
		out.From = c.Alerts.Email.From
	}
	return out
}

// runbooks is where a runbook is read by whoever gets an alert: in the documents that failoverd itself serves, where it
// listens on the network, or else in the file that the package installs.
func runbooks(c *config.Config) string {
	if base := publicURL(c); base != "" {
		return base + "/docs/alerts"
	}
	return "/usr/share/doc/failoverd/docs/alerts.md"
}

// publicURL is where a browser of another host reaches the console; empty where it cannot.
func publicURL(c *config.Config) string {
	at := c.API.Listen
	switch {
	case c.API.PublicURL != "":
		return c.API.PublicURL
	case !at.IsValid() || at.Addr().IsLoopback():
		return ""
	}
	host := at.Addr().String()
	if at.Addr().IsUnspecified() {
		host = c.Standby.Name
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(int(at.Port())))
}

// unprotected are the servers that could not be taken over now.
func (w *world) unprotected() []alerts.Unprotected {
	s := w.standby.Load()
	if s == nil {
		return nil
	}
	list := []alerts.Unprotected{}
	for _, v := range s.Snapshot().Servers {
		if why := v.Unprotected(); why != "" {
			list = append(list, alerts.Unprotected{Server: v.Name, Why: why})
		}
	}
	return list
}

// recipients is whom alerts go to, as configured now.
func (w *world) recipients(kind string) []journal.Recipient {
	var list []journal.Recipient
	c := w.current.Load().Alerts
	if c.Email != nil {
		for _, to := range c.Email.To {
			list = append(list, journal.Recipient{To: to, Least: c.Email.Severity})
		}
	}
	for _, h := range c.Webhooks {
		list = append(list, journal.Recipient{To: alerts.WebhookNamed(h.Name), Least: h.Severity})
	}
	for _, a := range c.Commands {
		list = append(list, journal.Recipient{To: alerts.CommandNamed(a.Name), Least: a.Severity})
	}
	for _, r := range c.SNMP {
		list = append(list, journal.Recipient{To: alerts.SNMPNamed(r.Name), Least: r.Severity})
	}
	for _, r := range c.Syslog {
		list = append(list, journal.Recipient{To: alerts.SyslogNamed(r.Name), Least: r.Severity})
	}
	if c.Escalation == nil {
		return list
	}
	for _, to := range c.Escalation.To {
		escalated := journal.Recipient{To: recipientNamed(c, to), Least: journal.None}
		if kind == "incident.escalated" {
			escalated.Least = "" // This one is for them.
		}
		i := slices.IndexFunc(list, func(r journal.Recipient) bool { return strings.EqualFold(r.To, escalated.To) })
		switch {
		case i < 0:
			list = append(list, escalated)
		case escalated.Least == "":
			list[i].Least = ""
		}
	}
	return list
}

// recipientNamed is what somebody means who writes a mail address, or the name of another way out.
func recipientNamed(c config.Alerts, name string) string {
	for _, h := range c.Webhooks {
		if strings.EqualFold(h.Name, name) {
			return alerts.WebhookNamed(h.Name)
		}
	}
	for _, a := range c.Commands {
		if strings.EqualFold(a.Name, name) {
			return alerts.CommandNamed(a.Name)
		}
	}
	for _, r := range c.SNMP {
		if strings.EqualFold(r.Name, name) {
			return alerts.SNMPNamed(r.Name)
		}
	}
	for _, r := range c.Syslog {
		if strings.EqualFold(r.Name, name) {
			return alerts.SyslogNamed(r.Name)
		}
	}
	return name
}

// testAlert sends one real alert the way that a configuration says and returns the dialogue.
func (w *world) testAlert(ctx context.Context, c *config.Config, to string) (transcript []string, likely string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	composer := w.composer(c)
	story := composer.Story(journal.Event{
		Time: time.Now(), Kind: "alert.test", Severity: "info", Message: "this is a test: nothing has happened",
		Reason: "somebody ran failoverd test-alert", Actor: journal.Actor{Kind: "system", Name: "failoverd"},
	})
	story.Mail.Recipient, story.Now = to, time.Now()
	mail, words := composer.Mail(story)
	transcript, err = ways(c, w.started).Dialogue(ctx, mail)
	if words != nil && strings.Contains(to, "@") {
		transcript = append([]string{"*: the template failed, the mail has failoverd's own words: " + words.Error()}, transcript...)
	}
	if n := len(transcript); err != nil && n > 0 {
		if cause, known := strings.CutPrefix(transcript[n-1], "*: likely cause: "); known {
			likely, transcript = cause, transcript[:n-1]
		}
	}
	return transcript, likely, err
}
