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
	journal                                                   *prometheus.Desc

	incidents *prometheus.Desc

	copyAge, copyLimit, copied, copyBytes, copyRows, copyLate, copyFailed, copyDiverged, replicating, copyNeed, copyFree *prometheus.Desc

	drillAge, drillLimit, drilled, drillFailed, drillRunning *prometheus.Desc

	treeConnected, treeFiles, treeBytes, treeReceived, treeLag, treeMaxLag, treeSynced, treeMissing, treeHeld, treeFailed, treeAilment *prometheus.Desc
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
		journal:   d("journal_works", "1 if the journal can be read and written; without it nothing is taken over."),
		config:    d("config_last_reload_successful", "1 if the newest configuration is in force."),
		witness:   d("witness_answering", "1 if the witness answers.", "address", "kind"),
		build:     d("build_info", "Always 1; the labels say what runs.", "version", "goversion"),
		incidents: d("incidents_open", "Incidents that are not over.", "acknowledged"),
		standing:  d("standing_in", "How many servers the standby stands in for."),

		copyAge:      d("replication_age_seconds", "How old the data of the last complete copy is; none if there never was one.", "server", "catalog"),
		copyLimit:    d("replication_max_age_seconds", "An older copy refuses a takeover; none if there is no limit.", "server", "catalog"),
		copied:       d("replication_last_success_timestamp_seconds", "When the last complete copy was verified, 0 if there never was one.", "server", "catalog"),
		copyBytes:    d("replication_bytes", "How much travelled for the last complete copy.", "server", "catalog"),
		copyRows:     d("replication_rows", "Rows in the last complete copy.", "server", "catalog"),
		copyLate:     d("replication_late", "1 if the copy is older than its schedule or max_age wants it.", "server", "catalog"),
		copyFailed:   d("replication_failed", "1 if the last attempt failed.", "server", "catalog"),
		copyDiverged: d("diverged", "1 if the standby's data is newer than the primary's.", "server"),
		copyNeed:     d("replication_space_needed_bytes", "What one more copy wants of the standby's disk, with a reserve; none if both hosts have not been asked.", "server", "catalog"),
		copyFree:     d("replication_space_free_bytes", "What the standby's disk has for one more copy; none if that is not known.", "server", "catalog"),
		replicating:  d("replication_running", "1 if a replication runs or waits for its turn.", "server"),

		drillAge:     d("drill_age_seconds", "How long ago the last drill ended in which nothing failed; none if there never was one.", "server"),
		drillLimit:   d("drill_max_age_seconds", "An older one is overdue; none if there is no limit.", "server"),
		drilled:      d("drill_last_success_timestamp_seconds", "When the last drill ended in which nothing failed, 0 if there never was one.", "server"),
		drillFailed:  d("drill_failed", "1 if something failed in the last drill.", "server"),
		drillRunning: d("drill_running", "1 if a drill runs.", "server"),

		treeConnected: d("files_connected", "1 if a conversation with the source goes on.", "server", "tree"),
		treeFiles:     d("files_count", "Files of the copy.", "server", "tree"),
		treeBytes:     d("files_source_bytes", "Size of the source; none if that is not known here.", "server", "tree"),
		treeReceived:  d("files_received_bytes_total", "What has travelled since failoverd has started.", "server", "tree"),
		treeLag:       d("files_lag_seconds", "Age of the oldest change that the copy has not; none if it was never complete.", "server", "tree"),
		treeMaxLag:    d("files_max_lag_seconds", "A copy that is further behind is out of date.", "server", "tree"),
		treeSynced:    d("files_last_synced_timestamp_seconds", "When the copy was last known to be as its source, 0 if it never was.", "server", "tree"),
		treeMissing:   d("files_missing", "Paths that the source has and the copy has not.", "server", "tree"),
		treeHeld:      d("files_held_deletions", "Deletions that wait to be confirmed.", "server", "tree"),
		treeFailed:    d("files_failed", "Paths that are not copied for a reason, the first hundred.", "server", "tree"),
		treeAilment:   d("files_ailment", "1 for what needs a person, 0 for the rest.", "server", "tree", "ailment"),
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
		s.pending, s.loop, s.isolated, s.journal, s.config, s.witness, s.build, s.standing, s.incidents,
		s.copyAge, s.copyLimit, s.copied, s.copyBytes, s.copyRows, s.copyLate, s.copyFailed, s.copyDiverged, s.replicating, s.copyNeed, s.copyFree,
		s.drillAge, s.drillLimit, s.drilled, s.drillFailed, s.drillRunning,
		s.treeConnected, s.treeFiles, s.treeBytes, s.treeReceived, s.treeLag, s.treeMaxLag, s.treeSynced, s.treeMissing, s.treeHeld, s.treeFailed, s.treeAilment,
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
		kind := prometheus.GaugeValue
		if d == c.series.treeReceived {
			kind = prometheus.CounterValue // it grows until failoverd is started again
		}
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
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
	taken := 0
	for _, i := range now.Incidents {
		if i.Taken != nil {
			taken++
		}
	}
	send(c.series.incidents, float64(taken), "true")
	send(c.series.incidents, float64(len(now.Incidents)-taken), "false")
	send(c.series.pending, float64(now.Standby.Mail.Pending))
	send(c.series.loop, float64(time.Now().Add(-c.standby.LoopAge()).UnixMilli())/1000)
	send(c.series.isolated, number01(now.Standby.Isolated != nil))
	send(c.series.journal, number01(now.Standby.Journal.OK))
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
	send(c.series.copyDiverged, number01(s.Diverged), s.Name)
	if len(s.Copies) > 0 {
		send(c.series.replicating, number01(s.Replication != ""), s.Name)
	}
	for _, v := range s.Copies {
		c.copy(send, s.Name, v)
	}
	for _, v := range s.Trees {
		c.tree(send, s.Name, v)
	}
	if s.Drills != nil {
		c.drills(send, s.Name, *s.Drills)
	}
}

// drills sends the numbers of a server's drills.
func (c *snapshotCollector) drills(send func(*prometheus.Desc, float64, ...string), server string, v status.Drills) {
	s := c.series
	if v.Age != nil {
		send(s.drillAge, *v.Age, server)
	}
	if v.MaxAge != nil {
		send(s.drillLimit, *v.MaxAge, server)
	}
	var proved float64 // Zero, so that a rule about its age fires where there never was one.
	if v.Proved != nil {
		proved = float64(v.Proved.UnixMilli()) / 1000
	}
	send(s.drilled, proved, server)
	send(s.drillFailed, number01(v.Last != nil && !v.Last.OK), server)
	send(s.drillRunning, number01(v.Operation != ""), server)
}

// ailments are what may need a person about a copy of files.
func ailments() []string { return []string{"root", "full", "held", "late"} }

// tree sends the numbers of the copy of one tree.
func (c *snapshotCollector) tree(send func(*prometheus.Desc, float64, ...string), server string, v status.Tree) {
	s := c.series
	send(s.treeConnected, number01(v.Connected), server, v.Name)
	send(s.treeFiles, float64(v.Files), server, v.Name)
	if v.Bytes > 0 {
		send(s.treeBytes, float64(v.Bytes), server, v.Name)
	}
	send(s.treeReceived, float64(v.Received), server, v.Name)
	send(s.treeMaxLag, v.MaxLag, server, v.Name)
	var synced float64 // Zero, so that a rule about its age fires for a copy that was never complete.
	if v.Synced != nil {
		synced = float64(v.Synced.UnixMilli()) / 1000
	}
	if v.Lag != nil {
		send(s.treeLag, *v.Lag, server, v.Name)
	}
	send(s.treeSynced, synced, server, v.Name)
	send(s.treeMissing, float64(v.Missing), server, v.Name)
	send(s.treeHeld, float64(v.Held), server, v.Name)
	send(s.treeFailed, float64(len(v.Failed)), server, v.Name)
	for _, a := range ailments() {
		send(s.treeAilment, number01(v.Ailment == a), server, v.Name, a)
	}
}

// copy sends the numbers of the copy of one catalog.
func (c *snapshotCollector) copy(send func(*prometheus.Desc, float64, ...string), server string, v status.Copy) {
	known := func(d *prometheus.Desc, value *float64) {
		if value != nil {
			send(d, *value, server, v.Catalog)
		}
	}
	known(c.series.copyAge, v.Age)
	known(c.series.copyLimit, v.MaxAge)
	var verified float64 // Zero, so that a rule about its age fires for a copy that was never completed.
	if v.Verified != nil {
		verified = float64(v.Verified.UnixMilli()) / 1000
	}
	send(c.series.copied, verified, server, v.Catalog)
	send(c.series.copyBytes, float64(v.Bytes), server, v.Catalog)
	send(c.series.copyRows, float64(v.Rows), server, v.Catalog)
	send(c.series.copyLate, number01(v.Late), server, v.Catalog)
	send(c.series.copyFailed, number01(v.Attempt != nil && !v.Attempt.OK), server, v.Catalog)
	if v.Space != nil {
		send(c.series.copyNeed, float64(v.Space.Need), server, v.Catalog)
		if v.Space.Free != nil {
			send(c.series.copyFree, float64(*v.Space.Free), server, v.Catalog)
		}
	}
}

// number01 is 1 for true.
func number01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
