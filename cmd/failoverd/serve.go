package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"failoverd"
	"failoverd/alerts"
	"failoverd/api"
	"failoverd/config"
	"failoverd/internal/netstate"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/replicate/agent"
	"failoverd/standby"
	"failoverd/status"
)

// serveCommand runs the standby.
func (p *program) serveCommand() *cobra.Command {
	var file, level, format string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the standby: watch, decide, take over, tell",
		Long: `Runs the standby until it is told to stop. Started by the system service.

On SIGHUP the configuration is read again, all of it or nothing. On SIGTERM it
stops; service addresses and stand-ins stay as they are, and the next start goes
on with them.`,
		Example: `  failoverd serve
  failoverd serve --config /tmp/failoverd.yaml --log-level debug`,
		Args: cobra.NoArgs,
		RunE: p.runner(func(ctx context.Context, _ []string) error {
			log, err := newLog(p.err, level, format)
			if err != nil {
				return err
			}
			return service{file: file, log: log, memory: func(j *journal.Journal) standby.Journal { return j }}.run(ctx)
		}),
	}
	cmd.Flags().StringVar(&file, "config", defaultConfig, "configuration `FILE`")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error (`LEVEL`)")
	cmd.Flags().StringVar(&format, "log-format", "text", "text or json (`FORMAT`)")
	return cmd
}

// newLog returns the daemon's log. Under systemd it goes to the journal, which
// adds the time.
func newLog(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: give debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("--log-format %q: give text or json", format)
}

// service is the daemon.
type service struct {
	file   string // of the configuration
	log    *slog.Logger
	memory func(*journal.Journal) standby.Journal // what the standby remembers with
}

// run makes everything, runs it until the context ends, and undoes it in
// reverse.
func (d service) run(ctx context.Context) (err error) {
	spreadOut()
	log := d.log
	c, err := config.Load(d.file)
	if err != nil {
		return err
	}
	if err := usable(c); err != nil {
		return err
	}
	for _, n := range c.Notices {
		log.Warn(n.String())
	}
	if err := os.MkdirAll(c.Standby.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	w := &world{config: c, log: log, started: time.Now()}
	w.current.Store(c)
	if w.net, err = netstate.New(log.With("component", "links")); err != nil {
		return err
	}
	defer w.net.Close()
	// An interface that has yet to come up after a boot is no reason not to
	// start: the readiness says so until it has.
	if err := fits(c, w.net.State()); err != nil {
		log.Warn("the configuration does not fit this host's interfaces", "err", err)
	}
	memory, err := openMemory(ctx, c, journal.Options{Log: log.With("component", "journal"), Recipients: w.recipients})
	if err != nil {
		return err
	}
	w.journal = memory.journal
	defer func() { err = errors.Join(err, memory.close()) }()
	if memory.unreadable != nil {
		log.Error("the journal cannot be read: the servers are watched, and nothing else is done", "err", memory.unreadable)
	}

	client, err := agent.OpenClient(c.Standby.DataDir, versionOf().Version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	w.link = link{client: client, config: w.current.Load}

	metrics := api.NewMetrics(versionOf().Version)
	w.metrics = metrics
	w.heart = alerts.NewHeartbeat(heartbeat(c), w.well, metrics.ObserveHeartbeat, w.journal, log.With("component", "heartbeat"))
	outbox := alerts.NewOutbox(w.journal, sender(ways(c, w.started)), w.composer(c), log.With("component", "alerts"))
	s, err := standby.New(ctx, w.deps(d.file, d.memory(w.journal), memory.unreadable, outbox))
	if err != nil {
		return err
	}
	w.standby.Store(s)
	server, err := api.New(api.Config{Standby: s, History: memory.history(), Agents: w.link, Log: log.With("component", "api"), Metrics: metrics, Version: versionOf().Version, Documents: failoverd.Documents})
	if err != nil {
		return err
	}
	listeners, late, err := listen(c, log)
	if err != nil {
		return err
	}
	w.late = late

	// The standby stops first, so that what its tasks bring is still written,
	// mailed and shown; the others end after it.
	g, running := errgroup.WithContext(context.WithoutCancel(ctx))
	others, end := context.WithCancel(running)
	defer end()
	g.Go(func() error {
		defer end()
		stop, cancel := context.WithCancel(running)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return goFirst(log, "the decision loop", func() error { return s.Run(stop) })
	})
	g.Go(func() error { return w.net.Run(others) })
	g.Go(func() error { return w.journal.Run(others) })
	g.Go(func() error { return outbox.Run(others) })
	g.Go(func() error {
		tick := time.NewTicker(tryAgain)
		defer tick.Stop()
		return memory.mended(others, tick.C)
	})
	g.Go(func() error {
		select {
		case <-s.Ready(): // before, nothing is watched
			return w.heart.Run(others)
		case <-others.Done():
			return nil
		}
	})
	g.Go(func() error { return server.Run(others, listeners...) })
	g.Go(func() error { return reloads(others, s, log) })
	g.Go(func() error { return notify(others, s, log) })
	return g.Wait()
}

// listen opens the API's listeners. The one for other hosts, nil if none is configured, may be open later.
func listen(c *config.Config, log *slog.Logger) (_ []net.Listener, late *api.Late, err error) {
	socket, err := api.ListenSocket(c.API.Socket, c.API.SocketGroup)
	if err != nil {
		return nil, nil, err
	}
	listeners := []net.Listener{socket}
	if !c.API.Listen.IsValid() {
		return listeners, nil, nil
	}
	late = listenTLS(c, log)
	return append(listeners, late), late, nil
}

// listenAgain is how long a port that cannot be listened on is left alone.
const listenAgain = 5 * time.Second

// listenTLS opens the listener for other hosts, or tries to until it can be opened: the servers are watched meanwhile.
func listenTLS(c *config.Config, log *slog.Logger) *api.Late {
	var cert tls.Certificate
	open := func() (l net.Listener, err error) {
		if c.API.CertFile != "" {
			cert, err = api.LoadCertificate(c.API.CertFile, c.API.KeyFile)
		} else {
			host, _ := os.Hostname() // a certificate without the name serves as well
			cert, err = api.OwnCertificate(c.Standby.DataDir, []string{c.Standby.Name, host, c.API.Listen.Addr().String()})
		}
		if err != nil {
			return nil, err
		}
		return api.ListenTLS(c.API.Listen, cert, 0)
	}
	return api.ListenLate(c.API.Listen, open, listenAgain, func(err error) {
		if err != nil {
			log.Error("the API does not listen for other hosts; it is tried again", "address", c.API.Listen, "err", err)
			return
		}
		log.Info("the API listens", "address", c.API.Listen, "fingerprint", api.Fingerprint(cert))
	})
}

// reloads reads the configuration again on SIGHUP.
func reloads(ctx context.Context, s *standby.Standby, log *slog.Logger) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			tell(log, reloading())
			_, err := s.Reload(ctx, status.Order{
				By: plan.Actor{Kind: "system", Name: "SIGHUP", Via: "signal"}, Reason: "SIGHUP",
			})
			if err != nil {
				log.Error("the new configuration was rejected; the old one is in force", "err", err)
			}
			tell(log, daemon.SdNotifyReady)
		}
	}
}

// reloading tells systemd since when, as Type=notify-reload wants it.
func reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return daemon.SdNotifyReloading
	}
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000)
}

// notify tells systemd that the standby watches its servers, how things stand,
// and that the decision loop runs: a loop that stands still does not feed the
// watchdog, and systemd starts the daemon again.
func notify(ctx context.Context, s *standby.Standby, log *slog.Logger) error {
	select {
	case <-s.Ready():
	case <-ctx.Done():
		return nil
	}
	tell(log, daemon.SdNotifyReady)
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog is not fed", "err", err)
	}
	beat := 10 * time.Second
	if every > 0 {
		beat = every / 3
	}
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		snapshot := s.Snapshot()
		tell(log, "STATUS="+statusText(snapshot))
		if every > 0 && s.LoopAge() < every/2 {
			tell(log, daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			tell(log, daemon.SdNotifyStopping)
			return nil
		case <-tick.C:
		}
	}
}

// tell sends one notification to systemd, if it runs the daemon.
func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Debug("systemd was not told", "err", err)
	}
}

// statusText is the line that `systemctl status` shows.
func statusText(s status.Snapshot) string {
	text := fmt.Sprintf("watching %d servers", len(s.Servers))
	if n := len(s.Standby.StandingIn); n > 0 {
		text += ", standing in for " + strings.Join(s.Standby.StandingIn, ", ")
	}
	if s.Standby.Isolated != nil {
		text += ", ISOLATED"
	}
	if n := len(s.Attention); n > 0 {
		text += fmt.Sprintf(", %d need attention", n)
	}
	return text
}

// bootID is the kernel's id of this boot: it tells a restart of the daemon from
// one of the host.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// bootTime is when the host was booted, as the monotonic clock has it.
func bootTime() time.Time {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return time.Time{}
	}
	first, _, _ := strings.Cut(string(b), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(seconds * float64(time.Second)))
}
