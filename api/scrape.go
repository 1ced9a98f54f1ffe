package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"failoverd/status"
)

// series are the descriptions of what is read from a snapshot.
type series struct {
	state, role, ready, lastRTT, misses, suspended, epoch     *prometheus.Desc
	pending, loop, isolated, config, witness, build, standing *prometheus.Desc
}

// newSeries names them, in one place.
func newSeries() series {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("failoverd_"+name, help, labels, nil)
	}
	return series{
		state:     d("server_state", "1 for the state that the server is in, 0 for the others.", "server", "state"),
		role:      d("server_role", "1 for what the standby is to the server, 0 for the rest.", "server", "role"),
		ready:     d("takeover_ready", "1 if a takeover would succeed now.", "server"),
		lastRTT:   d("ping_last_rtt_seconds", "Round-trip time of the last answered ping.", "server", "address"),
		misses:    d("misses_consecutive", "Pings in a row without an answer on every path.", "server"),
		suspended: d("server_suspended", "1 if an operator has suspended or stopped the server.", "server"),
		epoch:     d("epoch", "Raised by every takeover of the server.", "server"),
		pending:   d("outbox_pending", "Alerts that wait to be sent."),
		loop:      d("loop_last_run_timestamp_seconds", "When the decision loop last ran."),
		isolated:  d("standby_isolated", "1 if the standby does not trust what it sees."),
		config:    d("config_last_reload_successful", "1 if the newest configuration is in force."),
		witness:   d("witness_answering", "1 if the witness answers.", "address", "kind"),
		build:     d("build_info", "Always 1; the labels say what runs.", "version", "goversion"),
		standing:  d("standing_in", "How many servers the standby stands in for."),
	}
}

// snapshotCollector reads one snapshot per scrape, so that the numbers of one
// scrape belong together. What was observed goes through it, too: the registry
// asks its collectors all at once, and the series of a server that is gone must
// be dropped first.
type snapshotCollector struct {
	standby Standby
	metrics *Metrics
	series  series
}

// Describe sends what may come.
func (c *snapshotCollector) Describe(ch chan<- *prometheus.Desc) {
	s := c.series
	for _, d := range []*prometheus.Desc{
		s.state, s.role, s.ready, s.lastRTT, s.misses, s.suspended, s.epoch,
		s.pending, s.loop, s.isolated, s.config, s.witness, s.build, s.standing,
	} {
		ch <- d
	}
	for _, o := range c.metrics.observed() {
		o.Describe(ch)
	}
}

// Collect sends the numbers of now.
func (c *snapshotCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	now := c.standby.Snapshot()
	c.metrics.forget(now.Servers)
	for _, o := range c.metrics.observed() {
		o.Collect(ch)
	}
	for _, s := range now.Servers {
		c.server(send, s)
	}
	seen := map[string]bool{}
	for _, w := range now.Standby.Witnesses {
		if key := w.Address + " " + w.Kind; !seen[key] {
			seen[key] = true // Two series of one name would spoil the whole scrape.
			send(c.series.witness, number01(w.Answering), w.Address, w.Kind)
		}
	}
	send(c.series.pending, float64(now.Standby.Mail.Pending))
	send(c.series.loop, float64(time.Now().Add(-c.standby.LoopAge()).UnixMilli())/1000)
	send(c.series.isolated, number01(now.Standby.Isolated != nil))
	send(c.series.config, number01(now.Standby.Config.Error == ""))
	send(c.series.standing, float64(len(now.Standby.StandingIn)))
	send(c.series.build, 1, c.metrics.buildLabels()...)
}

// server sends the numbers of one server.
func (c *snapshotCollector) server(send func(*prometheus.Desc, float64, ...string), s status.Server) {
	for _, state := range []string{"OK", "Suspect", "Failure", "Suspended", "Stopped", "Replicating"} {
		send(c.series.state, number01(s.State == state), s.Name, state)
	}
	for _, role := range []string{"standing by", "taking over", "standing in", "releasing"} {
		send(c.series.role, number01(s.Role == role), s.Name, role)
	}
	seen := map[string]bool{}
	for _, p := range s.Paths {
		if p.RTT != nil && !seen[p.Address] {
			seen[p.Address] = true
			send(c.series.lastRTT, *p.RTT, s.Name, p.Address)
		}
	}
	send(c.series.ready, number01(ready(s)), s.Name)
	send(c.series.misses, float64(s.Misses), s.Name)
	send(c.series.suspended, number01(s.Suspension != nil), s.Name)
	send(c.series.epoch, float64(s.Epoch), s.Name)
}

// number01 is 1 for true.
func number01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
